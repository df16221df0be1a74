"""Late segments, which belong to no session: who is answered, and how often."""

from __future__ import annotations

from ipaddress import IPv4Address

from fullnat.core.interface import PacketIn
from fullnat.core.session.misses import MISS_BURST, MISS_RATE
from fullnat.net.flow import Address, Endpoint, Flow
from fullnat.net.headers import TcpFlag
from fullnat.net.parse import Segment, parse

from .builders import (
    ANY,
    CLIENT,
    CLIENT_PORT,
    LOCAL,
    LOCAL2,
    PUNT,
    RPORT,
    SERVER,
    SERVER_PORT,
    VIP,
    VPORT,
    arp_reply,
    config,
    syn,
    tcp_frame,
    virtual,
)
from .switch import Rig

ACK, RST = TcpFlag.ACK, TcpFlag.RST
BARE = Segment(77, 0, RST, 20, 0)


def late(src: Address, sport: int, dst: Address, dport: int, flags: int = ACK, port: int = CLIENT_PORT) -> PacketIn:
    """The punt of a segment without session."""
    frame = tcp_frame(src, sport, dst, dport, 5, 77, flags)
    return PacketIn(PUNT["NO_SESSION"], 1, port, 0, frame)


def answers(rig: Rig, packet: PacketIn) -> list[tuple[int, Flow | None, Segment | None]]:
    """Port and segment of what the controller sends."""
    rig.switch.forwarded.clear()
    rig.send(packet)
    packets = [(effect.port, parse(effect.frame)) for effect in rig.switch.forwarded]
    return [(port, packet.flow, packet.tcp) for port, packet in packets]


SILENT = {"port": 81, "local_addresses": (IPv4Address(LOCAL2),), "reset_on_miss": False}


def test_a_late_segment_is_reset_where_the_service_says_so() -> None:
    """A client's to the service, a real server's to a local address of its; nobody answers a RST."""
    rig = Rig(config(virtual(reset_on_miss=True), virtual(**SILENT)))
    assert answers(rig, late(CLIENT, 40000, VIP, VPORT)) == [
        (CLIENT_PORT, Flow(6, Endpoint(VIP, VPORT), Endpoint(CLIENT, 40000)), BARE)
    ]
    assert answers(rig, late(SERVER, RPORT, LOCAL, 5000, port=SERVER_PORT)) == [
        (SERVER_PORT, Flow(6, Endpoint(LOCAL, 5000), Endpoint(SERVER, RPORT)), BARE)
    ]
    assert rig.controller.stats()["reset_on_miss"] == 2
    for packet in (
        late(CLIENT, 40000, VIP, VPORT, RST | ACK),
        late(CLIENT, 40000, VIP, 81),
        late(SERVER, RPORT, LOCAL2, 5000),
    ):
        assert answers(rig, packet) == []
    assert rig.controller.stats()["reset_on_miss"] == 2


def test_a_session_that_is_being_written_gets_no_reset() -> None:
    """Its client's data may have been punted a moment before its entries were there."""
    rig = Rig(config(virtual(reset_on_miss=True)))
    rig.send(syn(40000))
    assert answers(rig, late(CLIENT, 40000, VIP, VPORT)) == []
    rig.settle()
    assert answers(rig, late(CLIENT, 40000, VIP, VPORT)) == []


def test_resets_of_late_segments_are_limited() -> None:
    rig = Rig(config(virtual(reset_on_miss=True)))
    for number in range(int(MISS_BURST) + 100):
        rig.send(late(CLIENT, 1024 + number, VIP, VPORT))
    stats = rig.controller.stats()
    assert (stats["reset_on_miss"], stats["reset_on_miss_limited"]) == (MISS_BURST, 100)
    rig.now += 1 / MISS_RATE
    assert len(answers(rig, late(CLIENT, 1024, VIP, VPORT))) == 1


def test_unknown_punts_are_counted() -> None:
    rig = Rig(config())
    rig.send(PacketIn(200, 0, 1, 0, bytes(60)))
    rig.send(arp_reply(ANY, 2, ANY, 4, 5))
    assert rig.controller.stats()["bad_frame"] == 1
