"""What ends by TTL or MTU: its sender is told, by whom and how much, and not too often."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fullnat.core.declared.commands import EditInterface
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import PacketIn
from fullnat.core.network.senders import TOLD_BURST
from fullnat.net.flow import Address, address
from fullnat.net.headers import PROTO_ICMP, TcpFlag, ethernet
from fullnat.net.headers import ip as ip_packet
from fullnat.tables.session import SessionEntry
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Ether

from .builders import (
    CLIENT,
    CLIENT_PORT,
    INTERFACES,
    LOCAL,
    PUNT,
    RPORT,
    SERVER,
    SERVER_PORT,
    SWITCH_MAC_1,
    SWITCH_MAC_2,
    VIP,
    VPORT,
    config,
    ip,
    real,
    tcp_frame,
    virtual,
)
from .helpers import established
from .switch import Rig

FAR = address("192.0.2.7")


def tunnelled() -> Rig:
    return Rig(config(virtual(local_addresses=(), real_servers=(real(port=VPORT, mode=Mode.TUNNEL),))))


def punted(entry: SessionEntry, reason: str = "TOO_BIG", client_port: int = 40000) -> PacketIn:
    frame = tcp_frame(CLIENT, client_port, VIP, VPORT, 0x11223344, 9, TcpFlag.ACK)
    return PacketIn(PUNT[reason], 0, CLIENT_PORT, entry.session_id, frame)


def transit(reason: str, src: Address = CLIENT, dst: Address = FAR) -> PacketIn:
    """A packet that is nobody's here."""
    return PacketIn(PUNT[reason], 0, CLIENT_PORT, 0, tcp_frame(src, 1, dst, 2, 3, 4, TcpFlag.ACK))


def answers(rig: Rig, *events: PacketIn) -> list[Ether]:
    """What the controller injects because of ``events``: by the port they came in by, for its MAC address, and with
    every length and checksum right."""
    before = len(rig.switch.injected)
    for event in events:
        rig.send(event)
    packets = []
    for sent in rig.switch.injected[before:]:
        assert (sent.session_id, sent.new_session) == (0, False)
        packet = Ether(sent.frame)
        rebuilt = Ether(sent.frame)
        del rebuilt[IP].len, rebuilt[IP].chksum, rebuilt[ICMP].chksum
        assert bytes(Ether(bytes(rebuilt))) == sent.frame
        packets.append(packet)
    return packets


def told(packet: Ether) -> tuple[int, int, int]:
    """Type, code and what may be an MTU."""
    message = bytes(packet)[34:]
    return message[0], message[1], int.from_bytes(message[4:8], "big")


def quoted(packet: Ether) -> bytes:
    return bytes(packet)[42:]


def test_the_client_is_told_what_the_way_to_the_server_leaves() -> None:
    rig = tunnelled()
    entry = established(rig)
    rig.apply(EditInterface(replace(INTERFACES[1], mtu=1400)))
    event = punted(entry)
    (packet,) = answers(rig, event)
    assert rig.switch.injected[-1].port == CLIENT_PORT
    assert int(packet.dst.replace(":", ""), 16) == SWITCH_MAC_1
    assert (packet[IP].src, packet[IP].dst) == ("198.51.100.1", "203.0.113.9")
    assert told(packet) == (3, 4, 1380)
    assert quoted(packet) == event.frame[14:]
    assert rig.controller.stats()["too_big"] == 1


def test_room_for_toa_is_left_to_the_client_and_none_to_the_server() -> None:
    rig = Rig(config())
    entry = established(rig)
    rig.apply(EditInterface(replace(INTERFACES[1], mtu=1400)))
    (packet,) = answers(rig, punted(entry))
    assert told(packet) == (3, 4, 1392)
    rig.apply(EditInterface(replace(INTERFACES[0], mtu=1300)))
    frame = tcp_frame(SERVER, RPORT, LOCAL, entry.local_port, 1, 2, TcpFlag.ACK)
    (packet,) = answers(rig, PacketIn(PUNT["TOO_BIG"], 0, SERVER_PORT, entry.session_id, frame))
    assert (told(packet), packet[IP].src, packet[IP].dst) == ((3, 4, 1300), "10.0.2.1", "10.0.2.11")
    assert int(packet.dst.replace(":", ""), 16) == SWITCH_MAC_2


def test_senders_of_what_only_passes_by_are_told_as_well() -> None:
    rig = Rig(config())
    rig.apply(EditInterface(replace(INTERFACES[0], mtu=1450)))
    too_big, expired = answers(rig, transit("TOO_BIG"), transit("TTL_EXPIRED"))
    assert (told(too_big), told(expired)) == ((3, 4, 1450), (11, 0, 0))
    assert {(p[IP].src, p[IP].dst) for p in (too_big, expired)} == {("198.51.100.1", "203.0.113.9")}
    assert quoted(expired) == transit("TTL_EXPIRED").frame[14:]
    assert (rig.controller.stats()["too_big"], rig.controller.stats()["time_exceeded"]) == (1, 1)


def test_no_more_is_quoted_than_is_sure_to_arrive() -> None:
    rig = Rig(config())
    payload = b"\x08\0\0\0" + bytes(1200)
    frame = ethernet(1, 2, 0x0800) + ip_packet(CLIENT, FAR, PROTO_ICMP, payload)
    (packet,) = answers(rig, PacketIn(PUNT["TTL_EXPIRED"], 0, CLIENT_PORT, 0, frame + b"padding"))
    assert len(packet) == 14 + 576
    assert quoted(packet) == frame[14 : 14 + 548]


@pytest.mark.parametrize("reason", ["TOO_BIG", "TTL_EXPIRED"])
def test_no_more_are_told_than_the_rate_allows(reason: str) -> None:
    rig = tunnelled()
    entry = established(rig)
    name = {"TOO_BIG": "too_big", "TTL_EXPIRED": "time_exceeded"}[reason]
    made = answers(rig, *[punted(entry, reason)] * (int(TOLD_BURST) + 10))
    stats = rig.controller.stats()
    assert stats[name] + stats[f"{name}_limited"] == TOLD_BURST + 10
    assert len(made) == stats[name] <= TOLD_BURST + 1
    rig.advance(0.1)
    assert len(answers(rig, punted(entry, reason))) == 1


def test_what_is_of_no_session_is_told_to_nobody() -> None:
    rig = tunnelled()
    entry = established(rig)
    events = (
        punted(entry, client_port=40001),
        punted(entry._replace(session_id=77)),
        punted(entry)._replace(ingress_port=9),
    )
    assert answers(rig, *events) == []
    assert rig.controller.stats()["bad_frame"] == 3


def icmp(kind: int, fragment: int = 0, dst: Address = FAR) -> PacketIn:
    packet = ip_packet(CLIENT, dst, PROTO_ICMP, bytes((kind, 0)) + bytes(40))
    packet = packet[:6] + fragment.to_bytes(2, "big") + packet[8:]
    return PacketIn(PUNT["TTL_EXPIRED"], 0, CLIENT_PORT, 0, ethernet(1, 2, 0x0800) + packet)


def test_nothing_is_answered_to_errors_and_fragments() -> None:
    """RFC 1812 4.3.2.7, should the switch ask for it all the same."""
    rig = Rig(config())
    assert (
        answers(rig, *(icmp(kind) for kind in (1, 2, 3, 4, 5, 6, 11, 12, 19, 255)), icmp(8, 1), icmp(8, 0x2001)) == []
    )
    assert rig.controller.stats()["bad_frame"] == 12
    assert len(answers(rig, icmp(8), icmp(8, 0x2000), icmp(0), icmp(13))) == 4


def test_nothing_is_answered_to_broadcasts() -> None:
    rig = Rig(config())
    for end in ("198.51.100.255", "10.0.2.255"):
        assert answers(rig, transit("TTL_EXPIRED", dst=address(end)), transit("TTL_EXPIRED", src=address(end))) == []
    assert len(answers(rig, transit("TTL_EXPIRED", dst=ip("198.51.100.254")))) == 1


def test_frames_that_are_cut_are_told_to_nobody() -> None:
    rig = Rig(config())
    whole = transit("TTL_EXPIRED")
    for length in range(34):
        assert answers(rig, whole._replace(frame=whole.frame[:length])) == []
