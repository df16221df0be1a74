"""ICMP errors: what they quote is found, there and back is the identity, and changed checksums equal new ones."""

from __future__ import annotations

from fullnat.net.checksum import checksum, sum16
from fullnat.net.flow import Address, Endpoint, Flow, is_v6
from fullnat.net.headers import (
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    PROTO_ICMP,
    PROTO_ICMPV6,
    PROTO_TCP,
    PROTO_UDP,
    ethernet,
    icmpv6,
    pseudo_header,
    tcp_packet,
    udp,
)
from fullnat.net.headers import ip as ip_packet
from fullnat.net.icmp import Change, message, quoted, translated
from fullnat.net.parse import parse
from hypothesis import given
from hypothesis import strategies as st

numbers = st.integers(0, 0xFFFFFFFF)
SIZES = st.sampled_from([4, 16])
"""Of addresses of either family."""


def addresses(size: int) -> st.SearchStrategy[Address]:
    return st.binary(min_size=size, max_size=size).map(Address)


def flows(size: int) -> st.SearchStrategy[Flow]:
    endpoints = st.builds(Endpoint, addresses(size), st.integers(0, 0xFFFF))
    return st.builds(Flow, st.sampled_from([PROTO_TCP, PROTO_UDP]), endpoints, endpoints)


def packet(flow: Flow, seq: int, ack: int, flags: int, payload: bytes) -> bytes:
    if flow.protocol == PROTO_UDP:
        return ip_packet(flow.src.address, flow.dst.address, PROTO_UDP, udp(flow, payload))
    return tcp_packet(flow, seq, ack, flags, payload=payload)


def error(source: Address, destination: Address, quote: bytes, mtu: int = 0, padding: bytes = b"") -> bytes:
    limit = mtu.to_bytes(4, "big")
    if is_v6(source):
        whole = icmpv6(source, destination, b"\x02\0\0\0" + limit + quote)
        return ethernet(1, 2, ETHERTYPE_IPV6) + ip_packet(source, destination, PROTO_ICMPV6, whole) + padding
    return (
        ethernet(1, 2, ETHERTYPE_IPV4)
        + ip_packet(source, destination, PROTO_ICMP, message((3, 4), limit, quote))
        + padding
    )


def is_right(frame: bytes, end: int) -> bool:
    """Whether the checksums outside are."""
    if frame[14] >> 4 == 6:
        pseudo = pseudo_header(Address(frame[22:38]), Address(frame[38:54]), PROTO_ICMPV6, end - 54)
        return sum16(pseudo + frame[54:end]) == 0xFFFF
    return sum16(frame[14:34]) == sum16(frame[34:end]) == 0xFFFF


@given(SIZES, numbers, numbers, st.integers(0, 63), st.binary(max_size=40), numbers, st.data())
def test_a_translated_error_is_as_if_the_other_packet_had_been_quoted(
    size: int, seq: int, ack: int, flags: int, payload: bytes, delta: int, data: st.DataObject
) -> None:
    """Whatever of the packet is quoted, with every checksum right that was: those of whole packets are."""
    header = 40 if size == 16 else 20
    before = data.draw(flows(size))
    after = data.draw(flows(size))._replace(protocol=before.protocol)
    router = data.draw(addresses(size))
    old = packet(before, seq, ack, flags, payload)
    length = data.draw(st.one_of(st.just(len(old)), st.integers(header + 8, len(old))))
    mtu, padding = data.draw(st.integers(1300, 0xFFFF)), data.draw(st.binary(max_size=3))
    came = error(router, before.src.address, old[:length], mtu, padding)
    quote = quoted(parse(came))
    assert quote is not None
    assert quote.flow == before
    back = quoted(parse(left := translated(parse(came), quote, Change(after, True, delta, -delta, 8))))
    assert back is not None
    assert back.flow == after
    assert is_right(left, back.end)
    assert left[back.end :] == padding
    if length == len(old):
        # Of a quoted segment the acknowledgement is only one where its flag says so.
        new = packet(after, seq + delta, ack - delta if flags & 16 else ack, flags, payload)
        assert left == error(after.dst.address, after.src.address, new, mtu - 8, padding)
    returned = translated(parse(left), back, Change(before, True, -delta, delta, -8))
    assert returned == error(before.dst.address, before.src.address, old[:length], mtu, padding)


@given(SIZES, st.binary(max_size=120))
def test_any_bytes_are_an_error_or_none(size: int, data: bytes) -> None:
    """Whatever an error may be made of, nothing is found that is not there."""
    header, (ethertype, protocol) = {4: (20, (ETHERTYPE_IPV4, PROTO_ICMP)), 16: (40, (ETHERTYPE_IPV6, PROTO_ICMPV6))}[
        size
    ]
    to = Address(data[8 + header - 2 * size : 8 + header - size].ljust(size))
    frame = ethernet(1, 2, ethertype) + ip_packet(Address(b"\1" * size), to, protocol, data)
    found = quoted(parse(frame))
    if found is not None:
        assert found.network == 14 + header + 8
        assert found.network + header <= found.transport <= found.end - 8
        assert found.end == 14 + header + len(data)


def test_a_damaged_error_stays_as_wrong_as_it_was() -> None:
    flow = Flow(PROTO_TCP, Endpoint(Address(b"\1\1\1\1"), 1), Endpoint(Address(b"\2\2\2\2"), 2))
    whole = error(Address(b"\3\3\3\3"), flow.src.address, packet(flow, 1, 2, 16, b"odd"))
    damaged = whole[:-1] + bytes((whole[-1] ^ 0xFF,))
    quote = quoted(parse(damaged))
    assert quote is not None
    change = Change(flow._replace(dst=flow.dst._replace(port=7)), False, 5, 0, 0)
    left = translated(parse(damaged), quote, change)
    assert left[:-1] == translated(parse(whole), quote, change)[:-1]
    assert checksum(left[34:]) != 0
