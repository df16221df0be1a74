"""What is built is what scapy builds, and is parsed to what it was built from."""

from __future__ import annotations

import pytest
from fullnat.net.checksum import checksum, sum16, updated
from fullnat.net.flow import Address, Endpoint, Flow, address
from fullnat.net.headers import (
    ARP_REQUEST,
    BROADCAST,
    ETHERTYPE_ARP,
    PROTO_TCP,
    PROTO_UDP,
    TcpFlag,
    arp,
    ethernet,
    ethertype_of,
    ip,
    tcp_packet,
    udp,
)
from fullnat.net.parse import Arp, Packet, Segment, parse
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet as Scapy

V4 = st.binary(min_size=4, max_size=4).map(Address)
V6 = st.binary(min_size=16, max_size=16).map(Address)
PORT = st.integers(0, 65535)


def flows(protocol: int) -> st.SearchStrategy[Flow]:
    def of(addresses: st.SearchStrategy[Address]) -> st.SearchStrategy[Flow]:
        ends = st.builds(Endpoint, addresses, PORT)
        return st.builds(Flow, st.just(protocol), ends, ends)

    return of(V4) | of(V6)


def rebuilt(packet: bytes) -> bytes:
    """The same packet with lengths and checksums of scapy's."""
    read: Scapy = (IPv6 if packet[0] >> 4 == 6 else IP)(packet)
    for layer, fields in ((IP, ("len", "chksum")), (IPv6, ("plen",)), (TCP, ("chksum",)), (UDP, ("len", "chksum"))):
        for field in fields:
            if layer in read:
                delattr(read[layer], field)
    return bytes(read)


def framed(packet: bytes, flow: Flow) -> bytes:
    return ethernet(2, 1, ethertype_of(flow.src.address)) + packet


@given(
    flows(PROTO_TCP),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 255),
    st.sampled_from([b"", b"\x02\x04\x05\xb4", bytes([3, 3, 7])]),
    st.binary(max_size=21),
)
def test_a_segment_of_either_family(flow: Flow, seq: int, ack: int, flags: int, options: bytes, data: bytes) -> None:
    packet = tcp_packet(flow, seq, ack, flags, window=5, options=options, payload=data)
    assert rebuilt(packet) == packet
    read = parse(framed(packet, flow))
    header = 20 + (len(options) + 3) // 4 * 4
    assert (read.flow, read.tcp) == (flow, Segment(seq, ack, flags, header, len(data)))
    assert read.frame[read.transport + header :] == data
    assert (read.src, read.dst, read.protocol) == (flow.src.address, flow.dst.address, PROTO_TCP)


@given(flows(PROTO_UDP), st.binary(max_size=21))
def test_a_datagram_of_either_family(flow: Flow, data: bytes) -> None:
    packet = ip(flow.src.address, flow.dst.address, PROTO_UDP, udp(flow, data))
    assert rebuilt(packet) == packet
    read = parse(framed(packet, flow))
    assert (read.flow, read.tcp) == (flow, None)


def test_a_checksum_that_comes_to_zero_is_sent_as_all_ones() -> None:
    flow = Flow(PROTO_UDP, Endpoint(address("0.0.0.0"), 0), Endpoint(address("0.0.0.0"), 0))
    rest = checksum(PROTO_UDP.to_bytes(2, "big") + (10).to_bytes(2, "big") * 2)
    assert udp(flow, rest.to_bytes(2, "big"))[6:8] == b"\xff\xff"


def test_arp() -> None:
    asked = arp(ARP_REQUEST, 0x020000000001, address("10.0.0.1"), 0, address("10.0.0.2"))
    frame = ethernet(BROADCAST, 0x020000000001, ETHERTYPE_ARP) + asked
    read = parse(frame.ljust(60, b"\0"))
    assert read.arp == Arp(ARP_REQUEST, 0x020000000001, address("10.0.0.1"), address("10.0.0.2"))
    assert (read.source_mac, read.destination_mac) == (0x020000000001, BROADCAST)
    assert parse(frame[:41]).arp is None
    assert parse(frame[:15] + b"\x02" + frame[16:]).arp is None


@given(st.binary(max_size=120), st.sampled_from([b"\x08\x00", b"\x86\xdd", b"\x08\x06", b"\x81\x00"]))
def test_any_bytes_parse_to_something(body: bytes, ethertype: bytes) -> None:
    packet = parse(bytes(12) + ethertype + body)
    assert isinstance(packet, Packet)
    if packet.tcp is not None:
        assert len(packet.frame) >= packet.transport + packet.tcp.header
        assert packet.tcp.length >= 0
    for cut in range(14):
        assert parse(packet.frame[:cut]) == Packet(packet.frame[:cut], 0)


@pytest.mark.parametrize("cut", range(34, 54))
def test_a_segment_cut_short_has_no_flow(cut: int) -> None:
    flow = Flow(PROTO_TCP, Endpoint(address("1.2.3.4"), 1), Endpoint(address("5.6.7.8"), 2))
    frame = framed(tcp_packet(flow, 1, 2, TcpFlag.SYN), flow)[:cut]
    assert (parse(frame).flow, parse(frame).tcp, parse(frame).src) == (None, None, flow.src.address)


@given(st.binary(min_size=20, max_size=20), st.binary(min_size=4, max_size=4), st.integers(0, 8))
def test_an_update_is_the_same_as_computing_anew(data: bytes, new: bytes, word: int) -> None:
    at = word * 2
    field = checksum(data)
    changed = data[:at] + new + data[at + 4 :]
    found = updated(field, data[at : at + 4], new)
    # 0 and 0xffff are the same number; which of the two comes out depends on the way.
    assert found % 0xFFFF == checksum(changed) % 0xFFFF
    assert sum16(data + field.to_bytes(2, "big")) == 0xFFFF
    wrong = updated(field ^ 1, data[at : at + 4], new)
    assert wrong % 0xFFFF != found % 0xFFFF
