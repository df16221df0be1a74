"""Segments that were damaged on their way: no switch checks TCP's checksum, so the controller does."""

from __future__ import annotations

import pytest
from fullnat.core.interface import PacketIn
from fullnat.net.headers import ETHERNET_BYTES, TcpFlag

from .builders import (
    CLIENT,
    CLIENT_PORT,
    LOCAL,
    PUNT,
    RPORT,
    SERVER,
    SERVER_PORT,
    VIP,
    VPORT,
    config,
    syn,
    tcp_frame,
    virtual,
)
from .helpers import again, nothing_left, only, opened, time_wait
from .switch import Rig

TCP = ETHERNET_BYTES + 20


def spoiled(packet: PacketIn, damage: str) -> PacketIn:
    """The same as it is after ``damage``: a bit of sequence number or checksum turned over, or the end missing."""
    frame = bytearray(packet.frame)
    if damage == "cut":
        # The IP header tells of four bytes more than there are.
        frame[16:18] = (int.from_bytes(frame[16:18], "big") + 4).to_bytes(2, "big")
    else:
        frame[TCP + {"seq": 7, "checksum": 16}[damage]] ^= 4
    return PacketIn(packet.reason, packet.service_flags, packet.ingress_port, packet.session_id, bytes(frame))


DAMAGES = pytest.mark.parametrize("damage", ["seq", "checksum", "cut"])


@DAMAGES
def test_a_damaged_syn_makes_no_session(damage: str) -> None:
    rig = Rig(config())
    rig.send(spoiled(syn(), damage))
    rig.settle()
    nothing_left(rig)
    assert not rig.switch.injected
    stats = rig.controller.stats()
    assert (stats["bad_checksum"], stats["syn_received"], stats["bad_frame"]) == (1, 0, 0)
    opened(rig)


@DAMAGES
def test_a_damaged_syn_takes_no_session_over(damage: str) -> None:
    rig = Rig(config())
    entry = time_wait(rig, seq=7)
    rig.send(spoiled(again(entry, 500), damage))
    rig.settle()
    assert (only(rig).entry, only(rig).state) == (entry, "TIME_WAIT")
    assert len(rig.switch.injected) == 1
    assert rig.controller.stats()["bad_checksum"] == 1


@DAMAGES
def test_a_damaged_late_segment_is_not_answered(damage: str) -> None:
    rig = Rig(config(virtual(reset_on_miss=True)))
    rig.switch.forwarded.clear()
    frames = {
        CLIENT_PORT: tcp_frame(CLIENT, 40000, VIP, VPORT, 5, 77, TcpFlag.ACK),
        SERVER_PORT: tcp_frame(SERVER, RPORT, LOCAL, 5000, 5, 77, TcpFlag.ACK),
    }
    packets = [PacketIn(PUNT["NO_SESSION"], 1, port, 0, frame) for port, frame in frames.items()]
    for packet in packets:
        rig.send(spoiled(packet, damage))
    assert not rig.switch.forwarded
    stats = rig.controller.stats()
    assert (stats["bad_checksum"], stats["reset_on_miss"]) == (2, 0)
    for packet in packets:
        rig.send(packet)
    assert [sent.port for sent in rig.switch.forwarded] == [CLIENT_PORT, SERVER_PORT]
