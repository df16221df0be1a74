"""pytest as PTF's runner: ``pytest ptf_tests --target p4soft|p4soft-veth|bmv2``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import ptf
import pytest

from ptf_tests.harness import Harness
from ptf_tests.targets import TARGETS, TargetUnavailable
from ptf_tests.tofino import BY_CONTROLLER


def pytest_addoption(parser: pytest.Parser) -> None:
    # The end-to-end tests have the same option; in a run of both, the first one wins.
    with contextlib.suppress(ValueError):
        parser.addoption("--target", default="p4soft", help=f"the switch to test on: {', '.join(sorted(TARGETS))}")


def pytest_configure(config: pytest.Config) -> None:
    if (name := config.getoption("--target")) not in TARGETS:
        raise pytest.UsageError(f"--target {name}: no such target; there are {', '.join(sorted(TARGETS))}")


def pytest_report_header(config: pytest.Config) -> str:
    return f"PTF target: {config.getoption('--target')}"


@pytest.fixture(scope="session", autouse=True)
def harness(request: pytest.FixtureRequest) -> Iterator[Harness]:
    """The target, started once and loaded once. Reset is by undoing what each test wrote."""
    # PTF's tests open a log file each and take over the root logger; pytest captures logs itself.
    ptf.open_logfile = lambda _name: None
    ptf.config.update({"relax": False, "log_dir": None, "test_params": None})
    target = TARGETS[request.config.getoption("--target")]()
    try:
        target.start()
    except TargetUnavailable as reason:
        pytest.skip(f"target {target.name}: {reason}")
    try:
        Harness.current = Harness(target)
        yield Harness.current
        Harness.current.close()
        unknown = ", ".join(sorted(Harness.current.through_controller - BY_CONTROLLER))
        assert not unknown, f"BY_CONTROLLER of ptf_tests/tofino.py lacks {unknown}"
    finally:
        Harness.current = None
        target.stop()
