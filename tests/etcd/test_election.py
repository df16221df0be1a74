"""Who leads: leases, confirmation, and what is done without etcd, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import Any

import pytest
from fullnat.etcd.election import Election
from p4rt.waiting import until

from etcd.machines import Machine
from etcd.store import Store
from etcd.virtual import now, run

KEY = b"/fullnat/x/leader"


class Rig:
    def __init__(self, slow: float = 0.005) -> None:
        self.store = Store(now)
        self.random = Random(1)
        self.machines: dict[str, Machine] = {}
        self.holds = True
        """Every switch has the leader as primary."""
        self.slow = slow

    def election(self, name: str) -> Election:
        machine = self.machines[name] = Machine(name, self.store, self.random, self.slow)
        holds = lambda: self.holds  # noqa: E731
        return Election(machine, KEY, name, f"{name}:1", silence=1, holds=holds, clock=machine.clock)


def simulated(test: Callable[[Rig], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """As a test, on a rig, in virtual time."""

    def body() -> None:
        async def whole() -> None:
            await test(Rig())

        run(whole())

    body.__name__, body.__doc__ = test.__name__, test.__doc__
    return body


async def within(seconds: float, work: Awaitable[Any]) -> tuple[Any, float]:
    """The result, and the seconds that it took."""
    began = now()
    return await asyncio.wait_for(work, seconds), now() - began


@simulated
async def test_the_first_leads_and_says_who_it_is(rig: Rig) -> None:
    election = rig.election("a")
    term, took = await within(1, election.lead())
    assert took < 0.1
    assert election.confirmed
    held = rig.store.get(KEY)
    assert held is not None
    assert held.created == term == election.term
    assert json.loads(held.value) == {"name": "a", "address": "a:1", "since": pytest.approx(now(), abs=0.1)}
    assert election.leader is not None
    assert election.leader.term == term
    assert str(election.leader) == "a (a:1)"


@simulated
async def test_a_leader_leads_on_for_as_long_as_it_renews(rig: Rig) -> None:
    election = rig.election("a")
    await election.lead()
    other = rig.election("b")
    waiting = asyncio.create_task(other.lead())
    lost = asyncio.create_task(election.lost())
    for _ in range(600):
        await asyncio.sleep(0.1)
        assert election.confirmed
    assert not lost.done()
    assert not waiting.done()
    assert other.leader is not None
    assert other.leader.name == "a"
    assert rig.machines["a"].calls.count("keep_alive") <= 60 * 3 + 1
    lost.cancel()
    waiting.cancel()


@simulated
async def test_who_dies_is_replaced_in_little_more_than_a_second(rig: Rig) -> None:
    """Earlier than etcd ends the lease, which it has made one of 2 s."""
    election, other = rig.election("a"), rig.election("b")
    first = await election.lead()
    lost = asyncio.create_task(election.lost())
    waiting = asyncio.create_task(other.lead())
    await asyncio.sleep(10)
    rig.machines["a"].pause()
    second, took = await within(5, waiting)
    assert 0.6 < took < 1.2
    assert second > first
    lost.cancel()


@simulated
async def test_who_resigns_is_replaced_at_once(rig: Rig) -> None:
    election, other = rig.election("a"), rig.election("b")
    await election.lead()
    waiting = asyncio.create_task(other.lead())
    await asyncio.sleep(1)
    await election.resign()
    _, took = await within(5, waiting)
    assert took < 0.2
    assert not election.term


@simulated
async def test_a_change_of_the_key_is_seen_at_once(rig: Rig) -> None:
    election = rig.election("a")
    await election.lead()
    lost = asyncio.create_task(election.lost())
    await asyncio.sleep(0.05)
    held = rig.store.get(KEY)
    assert held is not None
    rig.store.revoke(held.lease)
    rig.store.create(KEY, b'{"name": "b", "address": "", "since": 1}')
    election.changed()
    reason, took = await within(5, lost)
    assert reason == "b leads"
    assert took < 0.05


@simulated
async def test_confirmation_counts_from_before_the_request_was_sent(rig: Rig) -> None:
    """An answer that takes long confirms what was so when the question was asked, and no more."""
    rig.slow = 0.15
    election, machine = rig.election("a"), rig.machines["a"]
    sent: list[float] = []
    await election.lead()
    keep_alive = machine.keep_alive

    async def asked(lease: int, seconds: float = 0.5) -> bool:
        sent.append(now())
        return await keep_alive(lease, seconds)

    machine.keep_alive = asked  # type: ignore[method-assign]
    lost = asyncio.create_task(election.lost())
    await asyncio.sleep(5)
    assert election.confirmed
    machine.reaches_etcd = False
    before = sent[-1]
    await until(lambda: not election.confirmed)
    assert len(sent) > 10
    assert now() <= before + 0.9 + 0.006
    lost.cancel()


@simulated
async def test_a_confirmation_that_comes_too_late_is_told_as_such(rig: Rig) -> None:
    election, machine = rig.election("a"), rig.machines["a"]
    await election.lead()
    keep_alive = machine.keep_alive

    async def late(lease: int, seconds: float = 0.5) -> bool:
        await asyncio.sleep(1.5)
        return await keep_alive(lease, seconds)

    machine.keep_alive = late  # type: ignore[method-assign]
    rig.holds = False
    reason, _ = await within(5, asyncio.create_task(election.lost()))
    assert reason == "etcd does not confirm it, and not every switch is ours: its answer came too late"


@simulated
async def test_without_etcd_a_leader_keeps_what_it_has_and_begins_nothing(rig: Rig) -> None:
    election = rig.election("a")
    term = await election.lead()
    lost = asyncio.create_task(election.lost())
    rig.machines["a"].reaches_etcd = False
    await asyncio.sleep(1)
    assert not election.confirmed
    assert election.term == term
    await asyncio.sleep(60)
    assert not lost.done()
    assert election.unconfirmed_for == pytest.approx(60, abs=1)
    rig.holds = False
    reason, took = await within(3, lost)
    assert reason == "etcd does not confirm it, and not every switch is ours: a does not reach etcd"
    assert took < 1.5
    assert not election.term
    assert not election.confirmed


@simulated
async def test_a_leader_that_etcd_confirms_may_have_lost_a_switch(rig: Rig) -> None:
    election = rig.election("a")
    await election.lead()
    lost = asyncio.create_task(election.lost())
    rig.holds = False
    await asyncio.sleep(30)
    assert not lost.done()
    assert election.confirmed
    lost.cancel()


@simulated
async def test_when_etcd_comes_back_it_is_over(rig: Rig) -> None:
    """Nothing tells whether another one has led and gone meanwhile: what that one has written is to be read."""
    election = rig.election("a")
    first = await election.lead()
    lost = asyncio.create_task(election.lost())
    rig.machines["a"].reaches_etcd = False
    await asyncio.sleep(10)
    assert rig.store.get(KEY) is None
    assert not lost.done()
    rig.machines["a"].reaches_etcd = True
    assert await lost == "the lease had ended: etcd could not be reached for longer than that"
    assert await election.lead() > first


@simulated
async def test_when_another_has_led_meanwhile_it_is_over(rig: Rig) -> None:
    election, other = rig.election("a"), rig.election("b")
    await election.lead()
    lost = asyncio.create_task(election.lost())
    waiting = asyncio.create_task(other.lead())
    await asyncio.sleep(1)
    rig.machines["a"].reaches_etcd = False
    term, _ = await within(5, waiting)
    leading = asyncio.create_task(other.lost())
    assert not lost.done()
    rig.machines["a"].reaches_etcd = True
    reason, _ = await within(3, lost)
    assert reason == "b (b:1) leads"
    assert election.leader is not None
    assert election.leader[:2] == ("b", "b:1")
    assert election.leader.term == term
    leading.cancel()


@simulated
async def test_a_key_that_was_made_though_the_answer_was_lost_is_ours(rig: Rig) -> None:
    rig.slow = 0.1
    election = rig.election("a")
    machine = rig.machines["a"]
    task = asyncio.create_task(election.lead())
    await until(lambda: rig.store.get(KEY))
    machine.reaches_etcd = False
    await asyncio.sleep(0.7)
    assert not task.done()
    machine.reaches_etcd = True
    term, _ = await within(3, task)
    held = rig.store.get(KEY)
    assert held is not None
    assert term == held.created


@simulated
async def test_a_key_without_a_lease_is_nobodys(rig: Rig) -> None:
    """Somebody has put it there by hand, or in vain."""
    rig.store.create(KEY, b"\xff not JSON")
    election = rig.election("a")
    task = asyncio.create_task(election.lead())
    await within(3, task)
    assert election.leader is not None
    assert election.leader.name == "a"


@simulated
async def test_of_many_that_stand_by_one_leads(rig: Rig) -> None:
    elections = [rig.election(name) for name in "abcdef"]
    terms: list[int] = []

    async def serve(election: Election) -> None:
        terms.append(await election.lead())
        await election.lost()

    tasks = [asyncio.create_task(serve(each)) for each in elections]
    for _ in elections:
        await asyncio.sleep(3)
        (leading,) = [each for each in elections if each.term]
        assert leading.confirmed
        tasks[elections.index(leading)].cancel()
        await leading.resign()
    assert len(terms) == len(elections)
    assert terms == sorted(set(terms))
