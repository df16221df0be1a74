"""End-to-end tests: kernel TCP in network namespaces, the switch and the controller as processes of their own.

``--target p4soft|bmv2``; FULLNAT_E2E=full for the sizes that the project promises, smaller ones otherwise.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from topo import namespaces, stack
from topo.model import Impairment
from topo.world import World, world


def pytest_addoption(parser: pytest.Parser) -> None:
    # The packet tests have the same option; in a run of both, the first one wins.
    with contextlib.suppress(ValueError):
        parser.addoption("--target", default="p4soft", help=f"the switch to test on: {', '.join(stack.TARGETS)}")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much the tests do."""

    connections: int
    """Short connections, in sequence and in parallel."""
    parallel: int
    transfer: int
    """Bytes each way of a large transfer."""
    rate: int
    """New connections per second to sustain."""
    seconds: int
    """For how long."""


FULL = Sizes(connections=10_000, parallel=200, transfer=1 << 30, rate=2000, seconds=30)
QUICK = Sizes(connections=1_000, parallel=200, transfer=64 << 20, rate=2000, seconds=5)
BMV2 = Sizes(connections=100, parallel=50, transfer=2 << 20, rate=50, seconds=5)


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> str:
    name = str(request.config.getoption("--target", default="p4soft"))
    if name not in stack.TARGETS:
        pytest.skip(f"target {name} is for packet tests")
    if reason := namespaces.unavailable() or stack.unavailable(name):
        pytest.skip(reason)
    return name


@pytest.fixture(scope="module", params=[4, 6], ids=["ipv4", "ipv6"])
def family(request: pytest.FixtureRequest, target: str) -> int:
    """Of the service, its clients and its servers."""
    version = int(request.param)
    if version == 6 and target == "asic":
        pytest.skip("the ASIC's program has no IPv6")
    return version


@pytest.fixture(scope="session")
def sizes(target: str) -> Sizes:
    if target == "bmv2":
        return BMV2
    return FULL if os.environ.get("FULLNAT_E2E") == "full" else QUICK


MakeWorld = Callable[..., World]


@pytest.fixture(scope="module")
def make_world(target: str) -> Iterator[MakeWorld]:
    """Brings up worlds that live until the module's tests are through."""
    with contextlib.ExitStack() as alive:

        def make(config: str | None = None, impairment: Impairment | None = None, family: int = 4) -> World:
            return alive.enter_context(world(config, target=target, impairment=impairment, family=family))

        yield make
