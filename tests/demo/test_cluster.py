"""``make demo-cluster``: its beginning, with etcd and without."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from demo import cluster
from topo import namespaces
from topo.cluster import missing

pytestmark = pytest.mark.alone
ETCD = "apt-get install etcd-server"


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    if reason := namespaces.unavailable():
        pytest.skip(reason)
    monkeypatch.setattr(cluster, "SECONDS", 3)
    monkeypatch.setattr(cluster, "BEFORE", 0.5)
    monkeypatch.setattr(cluster, "ESTABLISHED", 6.0)
    return Console(file=io.StringIO(), width=160)


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_switch_and_a_controller_are_killed(console: Console) -> None:
    if reason := missing():
        pytest.skip(reason)
    assert cluster.run(console, members=1, most=2), said(console)
    text = said(console)
    for what in ("kill -9 of the active switch (", "kill -9 of the leading controller ("):
        (row,) = [line for line in text.splitlines() if what in line]
        assert "nothing" in row


def test_without_etcd_it_does_what_it_can(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("topo.cluster.missing", lambda: ETCD)
    assert cluster.run(console, most=1), said(console)
    assert f"{ETCD}: two switches and one controller without it" in said(console)
