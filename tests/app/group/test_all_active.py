"""Switches that all forward: what is common and what is each one's own, whoever dies."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from random import Random
from typing import cast

import pytest
from core import builders
from fullnat.app.bgp import announcements
from fullnat.app.group import all_active
from fullnat.app.group.shown import NotNow
from fullnat.core.interface import PacketIn, Probe, ProbeResult
from fullnat.p4constants import PacketOutAction, PuntReason
from p4rt.waiting import until

from app.bgp.test_announcements import BGP, Told

from .conftest import Cluster, MakeCluster
from .several import Several
from .test_random import Fate, assert_nothing_leaks

SEEDS = range(200) if os.environ.get("FULLNAT_E2E") == "full" else range(12)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is."""
    monkeypatch.setattr(all_active, "PATIENCE", 10.0)


async def started(make: MakeCluster, names: str = "ab", seed: int = 1) -> Several:
    cluster = cast(Several, make(names, seed, kind=Several))
    await cluster.full()
    return cluster


def requests(cluster: Several, name: str) -> list[tuple[int, int]]:
    """What was asked of packets given to the switch, and the port of each."""
    fields = (packet.metadata for packet in cluster.switches[name].packet_outs)
    values = [[int.from_bytes(field.value, "big") for field in each] for each in fields]
    return [(request, port) for request, _, port, _ in values]


async def test_all_forward_with_the_same_sessions(make: MakeCluster) -> None:
    cluster = await started(make, "abc")
    await cluster.connect(60)
    await cluster.settled()
    assert len(cluster.core.session_ids()) == 60
    cluster.assert_agreed()
    assert {name: each["role"] for name, each in _shown(cluster).items()} == dict.fromkeys("abc", "active")
    begun = [requests(cluster, name).count((PacketOutAction.INJECT, 1)) for name in "abc"]
    assert sum(begun) >= 60
    assert min(begun) > 0


async def test_a_syn_goes_on_by_the_switch_that_it_came_by(make: MakeCluster) -> None:
    cluster = await started(make)
    for name in "ab":
        for switch in cluster.switches.values():
            switch.packet_outs.clear()
        cluster.switches[name].punt(builders.syn(next(cluster._ports), 7, vip=cluster.vip))
        await until(lambda name=name: (PacketOutAction.INJECT, 1) in requests(cluster, name))  # type: ignore[misc]
        (other,) = {"a", "b"} - {name}
        assert (PacketOutAction.INJECT, 1) not in requests(cluster, other)


async def test_a_syn_that_comes_again_by_another_switch_is_of_the_same_session(make: MakeCluster) -> None:
    cluster = await started(make)
    syn = builders.syn(next(cluster._ports), 7, vip=cluster.vip)
    for switch in cluster.switches.values():
        switch.punt(syn)
    await until(lambda: cluster.core.stats()["sessions_created"] == 1)
    number = cluster.core.session_ids()[0]
    cluster.switches["b"].punt(syn._replace(reason=PuntReason.SESSION_SYN, session_id=number))
    await until(lambda: cluster.core.stats()["syn_retransmitted"] >= 2)
    await cluster.settled()
    assert cluster.core.session_ids() == [number]
    cluster.assert_agreed()


async def test_nothing_waits_long_for_one_that_hangs(make: MakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(all_active, "PATIENCE", 0.1)
    cluster = await started(make)
    cluster.switches["b"].gate = asyncio.Event()
    began = asyncio.get_running_loop().time()
    cluster.switches["a"].punt(builders.syn(next(cluster._ports), 7, vip=cluster.vip))
    await until(lambda: (PacketOutAction.INJECT, 1) in requests(cluster, "a"))
    assert asyncio.get_running_loop().time() - began < 1.0
    cluster.early.clear()
    cluster.switches["b"].gate.set()
    cluster.switches["b"].gate = None
    await cluster.settled()
    cluster.assert_agreed()


async def test_nothing_moves_when_one_dies(make: MakeCluster) -> None:
    cluster = await started(make, "abc")
    await cluster.connect(30)
    await cluster.settled()
    for name in "ab":
        cluster.switches[name].kill()
        await until(lambda name=name: not cluster.forwards(name))  # type: ignore[misc]
        await cluster.connect(5)
    await cluster.settled("c")
    assert len(cluster.core.session_ids()) == 40
    cluster.assert_agreed("c")
    cluster.switches["a"].revive(emptied=True)
    cluster.switches["b"].revive(emptied=False)
    await cluster.full()
    await cluster.settled()
    cluster.assert_agreed()


async def test_the_next_controller_has_them_forward_all_the_while(make: MakeCluster) -> None:
    cluster = await started(make)
    await cluster.connect(20)
    await cluster.settled()
    await cluster.stop()
    gates: list[int] = []

    def watch(update: object) -> None:
        gates.append(min(len(switch.gate_entries()) for switch in cluster.switches.values()))

    for switch in cluster.switches.values():
        switch.refuse = watch
    cluster.start()
    cluster.run()
    await cluster.full()
    await until(lambda: len(cluster.core.session_ids()) == 20)
    await cluster.settled()
    assert set(gates) <= {2}
    cluster.assert_agreed()


class Announced(Several):
    """Each by a speaker that does as it is told."""

    def start(self) -> None:
        self.settings = [replace(each, bgp=BGP) for each in self.settings]
        super().start()

    def announced(self) -> dict[str, str]:
        assert self.owner.announcements is not None
        return {name: str(self.owner.announcements.shown(name)["announced"]) for name in self.switches}


async def test_who_stops_withdraws_nothing_and_says_so_of_none(
    make: MakeCluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(announcements, "speaker", Told)
    cluster = cast(Announced, make("ab", 1, kind=Announced))
    await until(lambda: set(cluster.announced().values()) == {"announcing"})
    caplog.clear()
    await cluster.stop()
    assert cluster.announced() == dict.fromkeys("ab", "announcing")
    assert [record for record in caplog.records if "withdrawn" in record.getMessage()] == []


async def test_those_that_forwarded_last_go_on_while_none_is_ours(make: MakeCluster) -> None:
    """The controller was cut off from all of them."""
    cluster = await started(make)
    await cluster.connect(10)
    await cluster.settled()
    gates: list[int] = []

    def watch(update: object) -> None:
        gates.append(max(len(switch.gate_entries()) for switch in cluster.switches.values()))

    for switch in cluster.switches.values():
        switch.refuse = watch
        switch.kill()
    await until(lambda: cluster.group.active is None)
    for switch in cluster.switches.values():
        switch.revive(emptied=False)
    await cluster.full()
    await cluster.settled()
    assert set(gates) <= {2}
    assert len(cluster.core.session_ids()) == 10
    cluster.assert_agreed()


async def test_one_out_of_step_is_closed_and_filled(make: MakeCluster) -> None:
    cluster = await started(make)
    await cluster.connect(5)
    await cluster.settled()
    name = next(each for each in "ab" if cluster.several.active is not cluster.member(each))
    cluster.switches[name].refuse = lambda update: (8, "full") if update.entity.HasField("table_entry") else None
    (other,) = {"a", "b"} - {name}
    cluster.switches[other].punt(builders.syn(next(cluster._ports), 7, vip=cluster.vip))
    await until(lambda: bool(cluster.member(name).trouble))
    assert not cluster.forwards(name)
    cluster.switches[name].refuse = lambda _update: None
    await cluster.full()
    await cluster.settled()
    cluster.assert_agreed()


@pytest.mark.interpreted
async def test_a_session_is_as_idle_as_on_the_switch_that_saw_it_last(make: MakeCluster) -> None:
    """And what all have counted is added up."""
    cluster = await started(make)
    await cluster.connect(1)
    await cluster.settled()
    (number,) = cluster.core.session_ids()
    entry = cluster.core.standing(number)
    told = {"a": ProbeResult(40.0, 3, 300, 2, 200, 40.0), "b": ProbeResult(2.0, 5, 500, 0, 0, 2.0)}
    for name, result in told.items():
        client = cluster.member(name).owner.client
        assert client is not None

        async def probe(sessions: object, result: ProbeResult = result) -> tuple[tuple[int, ProbeResult], ...]:
            return ((number, result),)

        client.probe = probe  # type: ignore[method-assign]
    outgoing = cluster.several.outgoing
    assert outgoing is not None
    outgoing.carry_out([Probe((entry,))])  # type: ignore[arg-type]
    heard: list[object] = []
    cluster.runner.post = heard.extend  # type: ignore[method-assign,assignment]
    outgoing.flush()
    await until(lambda: bool(heard))
    (probed,) = heard
    assert probed.sessions == ((number, ProbeResult(2.0, 8, 800, 2, 200, 2.0)),)  # type: ignore[attr-defined]


async def test_one_that_lacks_something_says_nothing_of_what_is_missing(make: MakeCluster) -> None:
    """A segment that it finds no session for is reset by nobody: the session may be under way there."""
    cluster = await started(make)
    cluster.switches["b"].gate = asyncio.Event()
    follower = next(each for each in "ab" if cluster.several.active is not cluster.member(each))
    if follower == "a":
        pytest.skip("a follows, this once")
    cluster.switches["a"].punt(builders.syn(next(cluster._ports), 7, vip=cluster.vip))
    await until(lambda: cluster.member("b").behind > 0)
    late = builders.tcp_frame(builders.ip("10.9.0.11"), 8080, builders.ip("10.8.0.100"), 5000, 1, 1, 16)
    before = len(cluster.switches["b"].packet_outs)
    cluster.switches["b"].punt(PacketIn(PuntReason.LATE_ANSWER, 0, 2, 0, late))
    await cluster.connect(0)
    await asyncio.sleep(0.02)
    assert [each for each in requests(cluster, "b")[before:] if each[0] == PacketOutAction.FORWARD] == []
    cluster.switches["b"].gate.set()
    cluster.switches["b"].gate = None
    cluster.early.clear()
    await cluster.settled()
    cluster.switches["b"].punt(PacketIn(PuntReason.LATE_ANSWER, 0, 2, 0, late))
    await until(lambda: (PacketOutAction.FORWARD, 2) in requests(cluster, "b")[before:])


async def test_one_that_is_mute_is_sent_nothing(make: MakeCluster) -> None:
    """And if effects were written there first, another one is in its place."""
    cluster = await started(make)
    await until(lambda: all(cluster.member(name).lives for name in "ab"))
    lead = cluster.several.active
    assert lead is not None
    (other,) = {"a", "b"} - {lead.name}
    cluster.switches[lead.name].hangs = True
    await until(lambda: cluster.several.active is cluster.member(other))
    await until(lambda: not cluster.forwards(lead.name) and cluster.forwards(other))
    cluster.switches[other].punt(builders.syn(next(cluster._ports), 7, vip=cluster.vip))
    await until(lambda: len(cluster.core.session_ids()) == 1)
    cluster.switches[lead.name].hangs = False
    await cluster.full()
    await cluster.settled()
    cluster.assert_agreed()


async def test_none_is_made_active_and_none_joins(make: MakeCluster) -> None:
    cluster = await started(make)
    with pytest.raises(NotNow, match="drain the others"):
        await cluster.owner.activate("b")
    with pytest.raises(NotNow, match="has started with"):
        await cluster.owner.change(cluster.settings[:1])
    with pytest.raises(NotNow, match=r"no switch has a section \[switch.bgp\]"):
        cluster.owner.drain("b", drains=True)


class FateOfAll(Fate):
    """None of them is made active by command."""

    def look(self) -> None:
        """None that is told that it does nothing has a gate; none has one before it has all."""
        cluster = cast(Several, self.cluster)
        assert cluster.early == []

    def connect(self) -> None:
        if self.cluster.group.active is not None:
            self.cluster.syns(self.rng.randrange(1, 20))

    def activate(self) -> None:
        """One hangs for a moment."""
        switch = self.rng.choice(list(self.cluster.switches.values()))
        if switch.gate is None:
            gate = switch.gate = asyncio.Event()

            def goes_on() -> None:
                gate.set()
                if switch.gate is gate:
                    switch.gate = None

            asyncio.get_running_loop().call_later(0.03, goes_on)


@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_leaks_and_all_forward(make: MakeCluster, seed: int) -> None:
    rng = Random(seed)
    cluster: Cluster = await started(make, "abc" if seed % 2 else "ab", seed)
    await assert_nothing_leaks(cluster, FateOfAll(cluster, rng), rng)


def _shown(cluster: Several) -> dict[str, dict[str, object]]:
    return {each["name"]: each for each in cluster.owner.shown(len(cluster.core.session_ids()))}
