"""Switches join and leave a group that forwards."""

from __future__ import annotations

import asyncio
import logging

import pytest
from fullnat.app.group.shown import NotNow
from fullnat.config.servers import SwitchSettings
from p4rt.waiting import until

from .conftest import Cluster, MakeCluster
from .memory_switch import MemorySwitch


def settings(cluster: Cluster, *names: str) -> list[SwitchSettings]:
    """Those that are there as they are."""
    known = {each.name: each for each in cluster.owner.switches}
    return [known.get(name, SwitchSettings(name=name, grpc_addr=f"{name}:1")) for name in names]


def built(cluster: Cluster, name: str) -> MemorySwitch:
    cluster.switches[name] = MemorySwitch(cluster.rng)
    cluster.switches[name].gate_tables = cluster.switches["a"].gate_tables
    return cluster.switches[name]


async def test_one_joins(make: MakeCluster) -> None:
    """It is filled and stands by; the connections of the others are as they were."""
    cluster = make()
    await cluster.full()
    await cluster.connect(20)
    built(cluster, "c")
    sessions = [cluster.member(name).session for name in "ab"]
    assert await cluster.owner.change(settings(cluster, "a", "b", "c")) == ["switch c joins the group"]
    await cluster.full()
    await cluster.settled()
    cluster.assert_agreed()
    assert cluster.roles() == {"a": "active", "b": "standby", "c": "standby"}
    assert [cluster.member(name).session for name in "ab"] == sessions
    assert cluster.member("a").takeovers == cluster.member("b").takeovers == 0


async def test_a_standby_leaves(make: MakeCluster) -> None:
    cluster = make("abc")
    await cluster.full()
    await cluster.connect(10)
    session = cluster.member("a").session
    assert await cluster.owner.change(settings(cluster, "a", "c")) == ["switch b leaves the group"]
    await cluster.connect(10)
    await cluster.settled()
    cluster.assert_agreed("a", "c")
    assert cluster.member("a").session is session
    assert len(cluster.switches["b"].held()) < len(cluster.switches["a"].held())
    assert not cluster.switches["b"].gate_entries()
    assert cluster.owner.counts.connects == 3


async def test_the_active_one_leaves(make: MakeCluster) -> None:
    """Another one forwards first, with everything, and the one that went does nothing."""
    cluster = make("abc")
    await cluster.full()
    await cluster.connect(20)
    assert await cluster.owner.change(settings(cluster, "b", "c")) == ["switch a leaves the group"]
    assert cluster.roles() == {"b": "active", "c": "standby"}
    assert not cluster.switches["a"].gate_entries()
    await cluster.connect(5)
    await cluster.settled()
    cluster.assert_agreed("b", "c")
    assert len(cluster.core.session_ids()) == 25
    assert cluster.runner.errors == 0


async def test_it_stays_while_no_other_one_could_go_on(make: MakeCluster) -> None:
    cluster = make()
    await cluster.full()
    cluster.switches["b"].kill()
    await until(lambda: cluster.roles()["b"] == "away")
    session = cluster.member("a").session
    with pytest.raises(NotNow, match="switch a forwards, and no other one that stays could go on in its place"):
        await cluster.owner.change(settings(cluster, "b"))
    assert cluster.roles() == {"a": "active", "b": "away"}
    assert cluster.member("a").session is session
    assert [each.name for each in cluster.owner.switches] == ["a", "b"]


async def test_one_is_somewhere_else(make: MakeCluster) -> None:
    """The same name at another address is another switch: the one before leaves, and it joins."""
    cluster = make()
    await cluster.full()
    await cluster.connect(5)
    elsewhere = [settings(cluster, "a")[0], SwitchSettings(name="b", grpc_addr="b:2")]
    changes = await cluster.owner.change(elsewhere)
    assert changes == ["switch b leaves the group", "switch b joins the group"]
    await cluster.full()
    await cluster.settled()
    cluster.assert_agreed()


async def test_all_the_while_connections_begin(make: MakeCluster) -> None:
    cluster = make("ab")
    await cluster.full()
    built(cluster, "c")
    load = asyncio.ensure_future(cluster.connect(200))
    for names in ("abc", "bc", "abc", "ac", "c"):
        await cluster.owner.change(settings(cluster, *names))
        await cluster.full(*names)
    await load
    await cluster.settled("c")
    cluster.assert_agreed("c")
    assert len(cluster.core.session_ids()) >= 200
    assert cluster.runner.errors == 0


async def test_lines_of_the_log_say_which_switch_they_are_about(
    make: MakeCluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    cluster = make()
    await cluster.full()
    cluster.switches["a"].kill()
    await cluster.full("b")
    of = ("fullnat.app.session", "fullnat.app.arbitration", "fullnat.app.switch", "fullnat.p4rt.client")
    told = [record for record in caplog.records if record.name in of]
    lines = [record.getMessage() for record in told]
    for name in "ab":
        assert any(line.startswith(f"switch {name}: primary with election id ") for line in lines), lines
    assert any(line.startswith("switch a: not connected: ") for line in lines), lines
    for record, line in zip(told, lines, strict=True):
        assert line.startswith(f"switch {getattr(record, 'fields', {})['switch']}: ")
