"""More SYNs than the core can take, from a switch elsewhere."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from finsy.proto import p4r
from fullnat.core.commands import EditGlobals
from fullnat.core.interface import Effect, Event, LimitPunts, PacketIn
from fullnat.p4constants import PuntReason
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


@pytest.mark.xfail(strict=True, reason="each SYN is handled as it is read, so they wait in the stream unseen")
async def test_syns_that_wait_with_a_switch_elsewhere_are_limited(rig: Rig) -> None:
    """They come five times as fast as they can be handled; the last ones would wait for five seconds."""
    rig.run()
    await until(lambda: rig.owner.serving)
    rig.core.on_event = slow
    for number in range(SYNS):
        rig.switch.send(syn(number))
    meters = rig.switch.meters

    def limited() -> bool:
        return meters[PuntReason.SERVICE_SYN].cir < CONFIG.punt_rate

    await until(lambda: limited() or sum(rig.runner.openings) == SYNS, 30)
    handled, _shed = rig.runner.openings
    assert limited(), f"{handled} SYNs were handled, the last ones after {handled * SLOW:g} s"


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
