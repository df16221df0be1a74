"""``make demo-cluster``: all of it with FRR and etcd, and its beginning without."""

from __future__ import annotations

import io
from typing import cast

import pytest
from rich.console import Console

from demo import cluster
from demo.steps import Step
from demo.traffic import Seen
from topo import frr, namespaces
from topo.cluster import missing
from topo.world import World

pytestmark = [pytest.mark.alone, pytest.mark.timeout(300)]
ETCD, FRR = "apt-get install etcd-server", "FRR is not installed"
STEPS = (
    "kill -9 of a switch",
    "kill -9 of a switch's FRR",
    "a switch drained by command",
    "kill -9 of the leading controller",
    "kill -9 of etcd's leader",
)


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    if reason := namespaces.unavailable():
        pytest.skip(reason)
    monkeypatch.setattr(cluster, "SECONDS", 4)
    monkeypatch.setattr(cluster, "BEFORE", 0.5)
    monkeypatch.setattr(cluster, "AFTER", 0.5)
    return Console(file=io.StringIO(), width=80)


def said(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def row(console: Console, step: str) -> str:
    """That of the table."""
    (found,) = [line for line in said(console) if line.startswith(f" {step}  ")]
    return found


def test_everything_is_killed_in_turn(console: Console) -> None:
    if reason := missing() or frr.unavailable():
        pytest.skip(reason)
    assert cluster.run(console), "\n".join(said(console))
    for step in STEPS:
        assert row(console, step).endswith(" nothing ")
    for line in ("the switch left is killed", "both routers send to right alone", "the other controller serves"):
        assert any(told.endswith(f" s  {line}") for told in said(console))
    assert "  ✓ no session is left on any switch (left: 0, right: 0)" in said(console)


def test_without_frr_one_switch_stands_by(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    if reason := missing():
        pytest.skip(reason)
    monkeypatch.setattr(frr, "unavailable", lambda: FRR)
    assert cluster.run(console, members=1, most=2), "\n".join(said(console))
    assert f"more is shown after `make peers` as root: {FRR}" in said(console)
    assert row(console, "kill -9 of the active switch").endswith(" nothing ")
    assert row(console, "kill -9 of the leading controller").endswith(" nothing ")


def test_without_etcd_it_does_what_it_can(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("topo.cluster.missing", lambda: ETCD)
    assert cluster.run(console), "\n".join(said(console))
    assert f"more is shown after `make peers` as root: {ETCD}" in said(console)
    assert row(console, "kill -9 of the controller").endswith(" nothing ")


class Undisturbed:
    """A world in which all is well."""

    def drained(self) -> None: ...

    def errors(self) -> dict[str, dict[str, int]]:
        return {}


def test_what_is_lost_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), width=80)
    seen = Seen(0.21, 0.0, 1.02, 420, 2, ["2 idle: timed out"])
    monkeypatch.setattr(cluster, "tried", lambda *_: seen)
    step = Step("kill -9 of a switch", str, "", bool, lambda: None)
    stage = cluster.Stage(cast(World, Undisturbed()), lambda: None, iter([step]), lambda: None, lambda: {"left": 1})
    assert not cluster.show(stage, None, console)
    assert row(console, step.what).split() == [*step.what.split(), "0.21", "s", "0.00", "s", "1.02", "s", "2"]
    assert "  ✗ no connection and no byte was lost (2 idle: timed out)" in said(console)
    assert "  ✗ no session is left on any switch (left: 1)" in said(console)
    assert "  ✓ no checksum errors in any network stack" in said(console)
