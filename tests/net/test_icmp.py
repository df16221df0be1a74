"""ICMP errors: what they quote is found, there and back is the identity, and changed checksums equal new ones."""

from __future__ import annotations

from fullnat.net.checksum import checksum, sum16
from fullnat.net.flow import Address, Endpoint, Flow
from fullnat.net.headers import ETHERTYPE_IPV4, PROTO_ICMP, PROTO_TCP, PROTO_UDP, ethernet, tcp_packet, udp
from fullnat.net.headers import ip as ip_packet
from fullnat.net.icmp import Change, message, quoted, translated
from fullnat.net.parse import parse
from hypothesis import given
from hypothesis import strategies as st

addresses = st.binary(min_size=4, max_size=4).map(Address)
endpoints = st.builds(Endpoint, addresses, st.integers(0, 0xFFFF))
numbers = st.integers(0, 0xFFFFFFFF)
flows = st.builds(Flow, st.sampled_from([PROTO_TCP, PROTO_UDP]), endpoints, endpoints)


def packet(flow: Flow, seq: int, ack: int, flags: int, payload: bytes) -> bytes:
    if flow.protocol == PROTO_UDP:
        return ip_packet(flow.src.address, flow.dst.address, PROTO_UDP, udp(flow, payload))
    return tcp_packet(flow, seq, ack, flags, payload=payload)


def error(source: Address, destination: Address, quote: bytes, mtu: int = 0, padding: bytes = b"") -> bytes:
    whole = message((3, 4), mtu.to_bytes(4, "big"), quote)
    return ethernet(1, 2, ETHERTYPE_IPV4) + ip_packet(source, destination, PROTO_ICMP, whole) + padding


@given(flows, flows, numbers, numbers, st.integers(0, 63), st.binary(max_size=40), numbers, st.data())
def test_a_translated_error_is_as_if_the_other_packet_had_been_quoted(
    before: Flow, after: Flow, seq: int, ack: int, flags: int, payload: bytes, delta: int, data: st.DataObject
) -> None:
    """Whatever of the packet is quoted, with every checksum right that was: those of whole packets are."""
    after = after._replace(protocol=before.protocol)
    router = data.draw(addresses)
    old = packet(before, seq, ack, flags, payload)
    length = data.draw(st.one_of(st.just(len(old)), st.integers(28, len(old))))
    mtu, padding = data.draw(st.integers(8, 0xFFFF)), data.draw(st.binary(max_size=3))
    came = error(router, before.src.address, old[:length], mtu, padding)
    quote = quoted(parse(came))
    assert quote is not None
    assert quote.flow == before
    back = quoted(parse(left := translated(parse(came), quote, Change(after, True, delta, -delta, 8))))
    assert back is not None
    assert back.flow == after
    assert sum16(left[14:34]) == sum16(left[34 : back.end]) == 0xFFFF
    assert left[back.end :] == padding
    if length == len(old):
        # Of a quoted segment the acknowledgement is only one where its flag says so.
        new = packet(after, seq + delta, ack - delta if flags & 16 else ack, flags, payload)
        assert left == error(after.dst.address, after.src.address, new, mtu - 8, padding)
    returned = translated(parse(left), back, Change(before, True, -delta, delta, -8))
    assert returned[30:] == came[30:]
    assert returned[26:30] == before.dst.address


@given(st.binary(max_size=120))
def test_any_bytes_are_an_error_or_none(data: bytes) -> None:
    """Whatever an error may be made of, nothing is found that is not there."""
    frame = ethernet(1, 2, ETHERTYPE_IPV4) + ip_packet(Address(b"\1\2\3\4"), Address(data[12:16].ljust(4)), 1, data)
    found = quoted(parse(frame))
    if found is not None:
        assert found.network == 42
        assert found.network + 20 <= found.transport <= found.end - 8
        assert found.end == 34 + len(data)


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
