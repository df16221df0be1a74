"""Frames and what is found in them: whether a segment came as it was sent."""

from __future__ import annotations

import pytest
from fullnat.net.flow import Endpoint, Flow, address
from fullnat.net.headers import ETHERNET_BYTES, PROTO_TCP, TcpFlag, ethernet, ethertype_of, tcp_packet, udp
from fullnat.net.headers import ip as ip_packet
from fullnat.net.parse import parse

FAMILIES = pytest.mark.parametrize(
    ("src", "dst"), [("192.0.2.1", "198.51.100.7"), ("2001:db8::1", "2001:db8:1::2")], ids=["v4", "v6"]
)


def segment(src: str, dst: str, payload: bytes) -> bytes:
    flow = Flow(PROTO_TCP, Endpoint(address(src), 1025), Endpoint(address(dst), 80))
    packet = tcp_packet(flow, 7, 9, TcpFlag.ACK, options=b"\x01\x01\x01\x01", payload=payload)
    return ethernet(2, 4, ethertype_of(flow.src.address)) + packet


@FAMILIES
@pytest.mark.parametrize("payload", [b"", b"x", b"hello, world"])
def test_a_segment_is_intact_as_it_was_sent_and_with_padding(src: str, dst: str, payload: bytes) -> None:
    frame = segment(src, dst, payload)
    assert parse(frame).is_intact()
    assert parse(frame + b"padding").is_intact()


@FAMILIES
def test_no_bit_of_a_segment_may_be_another(src: str, dst: str) -> None:
    frame = segment(src, dst, b"odd")
    start = ETHERNET_BYTES + (20 if ":" not in src else 40)
    for bit in range(start * 8, len(frame) * 8):
        spoiled = bytearray(frame)
        spoiled[bit // 8] ^= 1 << bit % 8
        assert not parse(bytes(spoiled)).is_intact(), f"bit {bit}"


@FAMILIES
def test_a_segment_that_was_cut_is_not_intact(src: str, dst: str) -> None:
    frame = segment(src, dst, b"\0" * 8)
    assert not parse(frame[:-2]).is_intact(), "the zeros that are missing change no sum"


def datagram(src: str, dst: str, payload: bytes = b"odd") -> bytes:
    ends = Endpoint(address(src), 1), Endpoint(address(dst), 2)
    octets = udp(Flow(17, *ends), payload)
    head = ethernet(2, 4, ethertype_of(ends[0].address))
    return head + ip_packet(ends[0].address, ends[1].address, 17, octets)


@FAMILIES
def test_no_bit_of_a_datagram_may_be_another(src: str, dst: str) -> None:
    frame = datagram(src, dst)
    assert parse(frame).is_intact()
    start = ETHERNET_BYTES + (20 if ":" not in src else 40)
    for bit in range(start * 8, len(frame) * 8):
        spoiled = bytearray(frame)
        spoiled[bit // 8] ^= 1 << bit % 8
        assert not parse(bytes(spoiled)).is_intact(), f"bit {bit}"
    assert not parse(frame[:-1]).is_intact()


@FAMILIES
def test_a_datagram_without_checksum_is_intact_over_ipv4_only(src: str, dst: str) -> None:
    frame = bytearray(datagram(src, dst))
    start = ETHERNET_BYTES + (20 if ":" not in src else 40)
    frame[start + 6 : start + 8] = bytes(2)
    assert parse(bytes(frame)).is_intact() is (":" not in src)
    assert not parse(bytes(frame[:-1])).is_intact()
    frame[start + 4 : start + 6] = b"\0\7"
    assert not parse(bytes(frame)).is_intact()


def test_only_the_first_fragment_tells_the_flow() -> None:
    whole = datagram("192.0.2.1", "198.51.100.7", bytes(40))
    for flags, is_first, has_flow in ((b"\0\0", False, True), (b"\x40\0", False, True), (b"\x20\0", True, True)):
        packet = parse(whole[:20] + flags + whole[22:])
        assert (packet.is_first_fragment, packet.flow is not None) == (is_first, has_flow)
    for flags in (b"\x20\1", b"\0\1", b"\x1f\xff", b"\1\0"):
        packet = parse(whole[:20] + flags + whole[22:])
        assert (packet.is_first_fragment, packet.flow) == (False, None)
        assert (packet.src, packet.dst, packet.protocol) == (address("192.0.2.1"), address("198.51.100.7"), 17)
    assert not parse(datagram("2001:db8::1", "2001:db8:1::2")).is_first_fragment


def test_what_is_neither_segment_nor_datagram_is_not_intact() -> None:
    src, dst = address("192.0.2.1"), address("198.51.100.7")
    assert not parse(ethernet(2, 4, 0x0800) + ip_packet(src, dst, 47, bytes(40))).is_intact()
    assert not parse(b"").is_intact()
