"""More SYNs than the core can take, from a switch elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Thread

import pytest
from finsy.proto import p4r
from fullnat.core.declared.commands import EditGlobals
from fullnat.core.interface import Behind, Effect, Event, LimitPunts, PacketIn, Shed
from fullnat.p4constants import PuntReason
from p4rt.fake_switch import FakeSwitch
from p4rt.waiting import until

from app.conftest import CONFIG, Rig

SLOW = 0.005
"""Seconds that a SYN takes: 200 a second, fewer than the switch is allowed to bring."""
SYNS = 1000


def syn(number: int) -> p4r.StreamMessageResponse:
    message = p4r.StreamMessageResponse()
    message.packet.payload = b"SYN %d" % number
    reason = bytes([PuntReason.SERVICE_SYN])
    for ident, value in enumerate((b"\1", b"\0", reason, number.to_bytes(2, "big"), b"\0"), 1):
        message.packet.metadata.add(metadata_id=ident, value=value)
    return message


def slow(event: Event) -> list[Effect]:
    if isinstance(event, PacketIn):
        time.sleep(SLOW)
    return []


@pytest.fixture
def elsewhere(rig: Rig) -> Iterator[Callable[[list[p4r.StreamMessageResponse]], None]]:
    """Have the rig's switch on a loop of its own, so that what it sends arrives while ours is busy. This gives what
    sends messages."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    switch = FakeSwitch()
    ours, rig.switch = rig.switch, switch
    rig.address = asyncio.run_coroutine_threadsafe(switch.start(), loop).result(10)

    def send(messages: list[p4r.StreamMessageResponse]) -> None:
        for message in messages:
            loop.call_soon_threadsafe(switch.send, message)

    yield send
    asyncio.run_coroutine_threadsafe(switch.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()
    rig.switch = ours


async def test_syns_that_wait_with_a_switch_elsewhere_are_limited(
    rig: Rig, elsewhere: Callable[[list[p4r.StreamMessageResponse]], None]
) -> None:
    """They come at once; the last ones would wait for five seconds. When none are left, there is no limit either."""
    rig.run()
    await until(lambda: rig.owner.serving)
    rig.core.on_event = slow
    limits: list[int] = []

    def limit(update: p4r.Update) -> None:
        if update.entity.meter_entry.index.index == PuntReason.SERVICE_SYN:
            limits.append(update.entity.meter_entry.config.cir)

    rig.switch.refuse = limit
    elsewhere([syn(number) for number in range(SYNS)])
    await until(lambda: sum(rig.runner.openings) == SYNS, 30)
    handled, shed = rig.runner.openings
    # On a busy machine they do not come quite at once.
    assert shed > SYNS // 3, f"{handled} SYNs were handled, the last ones after {handled * SLOW:g} s"
    await until(lambda: limits and limits[-1] == CONFIG.punt_rate)
    assert min(limits) < CONFIG.punt_rate
    assert sum(event.syns for event in rig.core.events if isinstance(event, Shed)) == shed
    assert Behind() in rig.core.events, "who gives up SYNs is behind"


async def test_the_last_limit_is_the_one_that_stays(rig: Rig) -> None:
    """A switch may take requests in any order that are under way at once."""
    rig.run()
    await until(lambda: rig.owner.serving)
    rig.core.on_command = lambda command: (
        [LimitPunts(command.settings.punt_rate, 50)] if isinstance(command, EditGlobals) else []
    )
    before = len(rig.switch.writes)
    first = rig.switch.gate = asyncio.Event()
    rig.runner.reconfigure(replace(CONFIG, punt_rate=700))
    await until(lambda: rig.switch.writing)
    rig.switch.gate = None
    for rate in (900, 800):
        rig.runner.reconfigure(replace(CONFIG, punt_rate=rate))
    for _ in range(3):
        await rig.owner.client.ask()  # type: ignore[union-attr]
    first.set()
    await until(lambda: len(rig.switch.writes) == before + 3)
    assert {meter.cir for meter in rig.switch.meters.values()} == {800}
