"""Frames against scapy, which builds and reads them independently."""

from __future__ import annotations

from typing import Any

import pytest
from fullnat.core.network import frames
from fullnat.net.flow import Endpoint, Flow, address
from fullnat.net.parse import Arp, Segment, parse
from scapy.layers.inet import ICMP, IP, TCP, IPerror, TCPerror
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

CLIENT, VIP = address("203.0.113.9"), address("198.51.100.10")
FLOW = Flow(6, Endpoint(CLIENT, 40000), Endpoint(VIP, 80))
CLIENT_MAC, OUR_MAC = 0x020000000001, 0x02AA00000001


def mac(number: int) -> str:
    return ":".join(f"{byte:02x}" for byte in number.to_bytes(6, "big"))


def received(payload: bytes = b"", **fields: Any) -> bytes:
    layers = Ether(dst=mac(OUR_MAC), src=mac(CLIENT_MAC)) / IP(src="203.0.113.9", dst="198.51.100.10", ttl=61)
    return bytes(layers / TCP(sport=40000, dport=80, **fields) / Raw(payload))


def check_sums(frame: bytes) -> Packet:
    """Read ``frame``, and compare its checksums with scapy's own."""
    packet = Ether(frame)
    fresh = packet.copy()
    for layer in (IP, TCP, ICMP):
        if layer in fresh:
            del fresh[layer].chksum
    assert bytes(fresh) == frame
    return packet


def test_parse_tcp() -> None:
    frame = received(seq=0xFFFFFFF0, ack=7, flags="PA", options=[("MSS", 1460), ("NOP", None)], payload=b"hello")
    packet = parse(frame)
    assert packet.flow == FLOW
    assert packet.tcp == Segment(0xFFFFFFF0, 7, 0x18, 28, 5)


def test_parse_tcp_with_ip_options_and_ethernet_padding() -> None:
    packet = Ether() / IP(src="203.0.113.9", dst="198.51.100.10", options=[b"\x94\x04\0\0"]) / TCP(seq=9, flags="S")
    segment = parse(bytes(packet) + bytes(6)).tcp
    assert segment is not None
    assert (segment.seq, segment.flags, segment.length) == (9, 2, 0)


@pytest.mark.parametrize("length", range(54))
def test_short_frames_are_no_segments(length: int) -> None:
    frame = received(flags="S")
    assert parse(frame[:length]).tcp is None


@pytest.mark.parametrize(
    "frame",
    [
        bytes(Ether() / IP() / ICMP() / Raw(bytes(40))),
        bytes(Ether() / ARP() / Raw(bytes(40))),
        received(flags="S")[:14] + b"\x65" + received(flags="S")[15:],
        received(flags="S")[:14] + b"\x44" + received(flags="S")[15:],
        received(flags="S")[:16] + b"\0\x20" + received(flags="S")[18:],
    ],
    ids=["icmp", "arp", "version 6", "ihl 4", "total length"],
)
def test_other_frames_are_no_segments(frame: bytes) -> None:
    assert parse(frame).tcp is None


def test_bare_reset() -> None:
    packet = check_sums(frames.bare_reset(FLOW))
    ip, tcp = packet[IP], packet[TCP]
    assert (ip.src, ip.dst, ip.ttl, str(ip.flags), len(ip)) == ("203.0.113.9", "198.51.100.10", 64, "DF", 40)
    assert (tcp.sport, tcp.dport, tcp.seq, tcp.ack, str(tcp.flags), tcp.window) == (40000, 80, 0, 0, "R", 0)


# RFC 9293 3.10.7.1: with ACK, seq is its ack; else seq is 0 and everything received is acknowledged.
ANSWERS = [
    ({"flags": "A", "seq": 5, "ack": 77}, (77, 0, "R")),
    ({"flags": "PA", "seq": 5, "ack": 77, "payload": b"abc"}, (77, 0, "R")),
    ({"flags": "FA", "seq": 5, "ack": 77}, (77, 0, "R")),
    ({"flags": "F", "seq": 5}, (0, 6, "RA")),
    ({"flags": "P", "seq": 5, "payload": b"abc"}, (0, 8, "RA")),
    ({"flags": "S", "seq": 0xFFFFFFFF}, (0, 0, "RA")),
    ({"flags": "FP", "seq": 0xFFFFFFFE, "payload": b"abc"}, (0, 2, "RA")),
]


@pytest.mark.parametrize(("fields", "expected"), ANSWERS)
def test_reset_answer(fields: dict[str, Any], expected: tuple[int, int, str]) -> None:
    answer = frames.reset_answer(parse(received(**fields)))
    assert answer is not None
    packet = check_sums(answer)
    assert (packet.dst, packet.src) == (mac(CLIENT_MAC), mac(OUR_MAC))
    assert (packet[IP].src, packet[IP].dst, packet[TCP].sport, packet[TCP].dport) == (
        "198.51.100.10", "203.0.113.9", 80, 40000
    )  # fmt: skip
    assert (packet[TCP].seq, packet[TCP].ack, str(packet[TCP].flags)) == expected


def test_a_reset_is_not_answered() -> None:
    assert frames.reset_answer(parse(received(flags="RA", seq=1))) is None


def test_port_unreachable() -> None:
    frame = received(flags="S", seq=0x01020304)
    packet = check_sums(frames.port_unreachable(parse(frame), FLOW))
    assert (packet.dst, packet.src, packet[IP].src, packet[IP].dst) == (
        mac(CLIENT_MAC), mac(OUR_MAC), "198.51.100.10", "203.0.113.9"
    )  # fmt: skip
    assert (packet[ICMP].type, packet[ICMP].code) == (3, 3)
    assert bytes(frame[14:42]) == bytes(packet[ICMP])[8:36]
    assert packet[IPerror].src == "203.0.113.9"
    assert (packet[TCPerror].sport, packet[TCPerror].dport) == (40000, 80)


def test_arp_request() -> None:
    packet = Ether(frames.arp_request(OUR_MAC, VIP, CLIENT))
    assert (packet.dst, packet.src, packet.type) == ("ff:ff:ff:ff:ff:ff", mac(OUR_MAC), 0x0806)
    arp = packet[ARP]
    assert (arp.op, arp.hwsrc, arp.psrc, arp.hwdst, arp.pdst) == (
        1, mac(OUR_MAC), "198.51.100.10", "00:00:00:00:00:00", "203.0.113.9"
    )  # fmt: skip
    assert Ether(frames.arp_request(OUR_MAC, VIP, CLIENT, CLIENT_MAC)).dst == mac(CLIENT_MAC)


def test_gratuitous_arp() -> None:
    (frame,) = frames.announcements(OUR_MAC, VIP)
    arp = Ether(frame)[ARP]
    assert (arp.op, arp.hwsrc, arp.psrc, arp.pdst) == (1, mac(OUR_MAC), "198.51.100.10", "198.51.100.10")


def test_parse_arp() -> None:
    frame = bytes(Ether() / ARP(op=2, hwsrc=mac(CLIENT_MAC), psrc="203.0.113.9", pdst="198.51.100.10"))
    assert parse(frame).arp == Arp(2, CLIENT_MAC, CLIENT, VIP)
    assert parse(frame[:41]).arp is None
    assert parse(received(flags="S")).arp is None
    assert parse(bytes(Ether() / ARP(hwlen=8, hwsrc=b"12345678", hwdst=b"12345678"))).arp is None


@pytest.mark.parametrize("ttl", [64, 2, 0xFF])
def test_readdressed(ttl: int) -> None:
    frame = bytes(Ether() / IP(dst="10.0.2.11", ttl=ttl, id=0x1234) / TCP(flags="S"))
    ready = frames.readdressed(frame, CLIENT_MAC, OUR_MAC)
    assert ready is not None
    packet = check_sums(ready)
    assert (packet.dst, packet.src, packet[IP].ttl) == (mac(CLIENT_MAC), mac(OUR_MAC), ttl - 1)
    assert ready[26:] == frame[26:]


@pytest.mark.parametrize("ttl", [0, 1])
def test_nothing_leaves_with_its_last_hop(ttl: int) -> None:
    assert frames.readdressed(bytes(Ether() / IP(ttl=ttl) / TCP()), CLIENT_MAC, OUR_MAC) is None
