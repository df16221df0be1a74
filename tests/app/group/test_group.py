"""A group of switches: who is active, what the others hold, and what is lost with one: nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from finsy.proto import p4r
from fullnat.app.group import group as group_module
from fullnat.app.group.shown import NotNow
from fullnat.core.interface import Probed
from p4rt.waiting import until

from .conftest import Cluster, MakeCluster, program_schema


async def test_all_hold_the_same_and_one_forwards(make: MakeCluster) -> None:
    cluster = make("abc")
    await cluster.full()
    await cluster.connect(50)
    await cluster.settled()
    assert len(cluster.core.session_ids()) == 50
    cluster.assert_agreed()
    assert cluster.roles() == {"a": "active", "b": "standby", "c": "standby"}


async def test_another_one_takes_over_with_everything(make: MakeCluster) -> None:
    cluster = make()
    await cluster.full()
    await cluster.connect(50)
    cluster.syns(30)
    cluster.switches["a"].kill()
    await cluster.full("b")
    assert cluster.member("b").takeovers == 1
    await cluster.connect(5)
    await cluster.settled("b")
    cluster.assert_agreed("b")
    assert len(cluster.core.session_ids()) >= 55
    assert cluster.runner.errors == 0


@pytest.mark.parametrize("turns", range(5))
async def test_who_waits_for_a_change_ends_when_it_is_told_to(make: MakeCluster, turns: int) -> None:
    """Also where the change comes at that moment: a controller that led no more hung for ever, and so did its end."""
    cluster = make()

    async def wait() -> None:
        while True:
            await cluster.group._change()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    cluster.group._tell()
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task}, timeout=1)
    assert task.cancelled()


async def test_one_that_comes_back_is_filled_before_it_counts(make: MakeCluster) -> None:
    cluster = make()
    await cluster.full()
    await cluster.connect(50)
    cluster.switches["a"].kill()
    await cluster.full("b")
    for number in cluster.core.session_ids()[:20]:
        cluster.end(number)
    await until(lambda: len(cluster.core.session_ids()) == 30)
    await cluster.connect(10)
    cluster.switches["a"].revive(emptied=False)
    assert cluster.switches["a"].gate_entries()
    await until(lambda: cluster.roles() == {"a": "standby", "b": "active"})
    await cluster.settled()
    cluster.assert_agreed()
    progress = cluster.member("a").progress
    assert (progress.deleted, progress.inserted) == (20, 10)


async def test_it_is_made_active_by_command(make: MakeCluster) -> None:
    cluster = make()
    await cluster.full()
    await cluster.connect(20)
    assert await cluster.owner.activate("b") == "a"
    await until(lambda: cluster.roles() == {"a": "standby", "b": "active"})
    await cluster.connect(20)
    await cluster.settled()
    cluster.assert_agreed()
    assert cluster.member("a").fills == 0
    assert cluster.owner.counts.connects == 2


async def test_the_next_controller_believes_those_that_were_full(make: MakeCluster) -> None:
    cluster = make()
    await cluster.full()
    await cluster.connect(20)
    await cluster.settled()
    cluster.switches["a"].kill()
    await cluster.full("b")
    await cluster.stop()
    cluster.switches["a"].revive(emptied=True)
    cluster.start()
    cluster.run()
    await until(lambda: cluster.roles() == {"a": "standby", "b": "active"})
    await until(lambda: len(cluster.core.session_ids()) == 20)
    await cluster.settled()
    cluster.assert_agreed()


async def test_a_refusal_puts_one_out_of_step(make: MakeCluster) -> None:
    cluster = make()
    await cluster.full()
    await cluster.connect(5)
    await cluster.settled()
    cluster.switches["b"].refuse = lambda update: (8, "full") if update.entity.HasField("table_entry") else None
    await cluster.connect(5)
    await until(lambda: cluster.member("b").trouble)
    assert "RESOURCE_EXHAUSTED full" in cluster.member("b").trouble
    assert cluster.roles()["b"] == "filling"
    cluster.switches["b"].refuse = lambda _update: None
    await cluster.full()
    await cluster.settled()
    cluster.assert_agreed()
    assert cluster.runner.events[Probed] == 0


def by_half(cluster: Cluster) -> Callable[[p4r.Update], tuple[int, str] | None]:
    """A switch has no room for what comes back of a session."""
    outward = program_schema(cluster)[1]
    return lambda update: (8, "full") if update.entity.table_entry.table_id == outward else None


async def test_one_that_refuses_what_it_still_had_to_take_is_not_made_active(make: MakeCluster) -> None:
    cluster = make()
    await cluster.full()
    cluster.switches["b"].refuse = by_half(cluster)
    await cluster.connect()
    with pytest.raises(NotNow, match="switch b went in the middle of it"):
        await cluster.owner.activate("b")
    assert cluster.active is cluster.switches["a"]
    cluster.switches["b"].refuse = lambda _update: None
    await cluster.full()
    await cluster.settled()
    cluster.assert_agreed()


async def test_one_that_refuses_it_while_it_takes_over_is_read_before_it_serves(make: MakeCluster) -> None:
    cluster = make()
    await cluster.full()
    cluster.switches["b"].refuse = by_half(cluster)
    await cluster.connect()
    cluster.switches["a"].kill()
    await until(lambda: cluster.group.active is None or cluster.member("b").counts.connects > 1)
    cluster.switches["b"].refuse = lambda _update: None
    cluster.switches["a"].revive(emptied=True)
    await cluster.full()
    await cluster.connect(3)
    await cluster.settled()
    cluster.assert_agreed()


async def test_where_our_addresses_are_is_told_again_when_one_that_forwarded_meanwhile_is_back(
    make: MakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was cut off from the controller went on answering ARP, so frames still go there
    (acassen/keepalived#166)."""
    monkeypatch.setattr(group_module, "ANNOUNCEMENTS", ())
    cluster = make()
    await cluster.full()
    cluster.switches["a"].kill()
    await cluster.full("b")
    await cluster.settled("b")
    cluster.switches["b"].packet_outs.clear()
    cluster.switches["a"].revive(emptied=False)
    await cluster.full()
    told = [packet.payload for packet in cluster.switches["b"].packet_outs]
    assert any(frame[12:14] == b"\x08\x06" and frame[28:32] == frame[38:42] for frame in told)
