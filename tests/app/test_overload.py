"""More SYNs than the core can take, from a switch elsewhere."""

from __future__ import annotations

import time

import pytest
from finsy.proto import p4r
from fullnat.core.interface import Effect, Event, PacketIn
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
async def test_syns_that_wait_with_a_switch_elsewhere_are_shed_and_limited(rig: Rig) -> None:
    """They come five times as fast as they can be handled; the last ones would wait for five seconds."""
    rig.run()
    await until(lambda: rig.owner.serving)
    rig.core.on_event = slow
    for number in range(SYNS):
        rig.switch.send(syn(number))
    await until(lambda: sum(rig.runner.openings) == SYNS, 20)
    handled, shed = rig.runner.openings
    assert shed > 0, f"{handled} SYNs were handled, the last ones after {handled * SLOW:g} s"
    assert rig.switch.meters[PuntReason.SERVICE_SYN].cir < CONFIG.punt_rate
