"""Properties of the codecs: what is written comes back, and both ways of encoding agree."""

from __future__ import annotations

import pytest
from finsy.proto import p4i, p4r, p4t
from hypothesis import assume, given
from hypothesis import strategies as st
from p4soft.api import MatchKind
from p4soft.server.actions import ActionCodec, action_params
from p4soft.server.bytestrings import canonical, from_int, pack, to_int, width
from p4soft.server.errors import Code, RpcError
from p4soft.server.keys import KeyCodec, KeyField
from p4soft.server.packetio import ControllerHeader
from p4soft.server.translation import Translations

BITS = st.integers(1, 128)


@st.composite
def values(draw: st.DrawFn, bits: int) -> int:
    return draw(st.integers(0, (1 << bits) - 1))


def field(number: int, bits: int, kind: MatchKind) -> KeyField:
    return KeyField(number, f"f{number}", bits, kind, f"field f{number}")


@given(st.data(), BITS, st.integers(0, 4))
def test_bytestrings_round_trip(data: st.DataObject, bits: int, padding: int) -> None:
    value = data.draw(values(bits))
    packed = pack(bytes(padding) + from_int(value), bits, "x")
    assert packed == value.to_bytes(width(bits), "big")
    assert canonical(packed) == from_int(value)
    assert to_int(canonical(packed), bits, "x") == value


@given(BITS, st.integers(0, 2**20), st.integers(0, 3))
def test_values_out_of_range_are_refused(bits: int, above: int, padding: int) -> None:
    wide = bytes(padding) + from_int((1 << bits) + above)
    for call in (pack, to_int):
        with pytest.raises(RpcError) as caught:
            call(wide, bits, "x")
        assert caught.value.code is Code.OUT_OF_RANGE


@st.composite
def exact_keys(draw: st.DrawFn) -> tuple[KeyCodec, list[p4r.FieldMatch], bytes]:
    widths = draw(st.lists(BITS, min_size=1, max_size=6))
    codec = KeyCodec("table t", [field(n, bits, MatchKind.EXACT) for n, bits in enumerate(widths, 1)])
    matches = []
    packed = b""
    for number, bits in enumerate(widths, 1):
        value = draw(values(bits))
        matches.append(p4r.FieldMatch(field_id=number))
        matches[-1].exact.value = from_int(value)
        packed += value.to_bytes(width(bits), "big")
    return codec, matches, packed


@given(exact_keys())
def test_exact_keys_round_trip_in_any_field_order(case: tuple[KeyCodec, list[p4r.FieldMatch], bytes]) -> None:
    codec, matches, packed = case
    assert codec.encode(matches) == packed
    assert codec._encode_checked(matches) == packed
    shuffled = list(reversed(matches))
    assert codec.encode(shuffled) == packed
    entry = p4r.TableEntry()
    codec.decode_into(packed, entry.match)
    assert list(entry.match) == matches


@given(exact_keys(), st.data())
def test_a_wrong_exact_value_never_gets_through(
    case: tuple[KeyCodec, list[p4r.FieldMatch], bytes], data: st.DataObject
) -> None:
    codec, matches, _ = case
    number = data.draw(st.integers(0, len(matches) - 1))
    bits = codec.fields[number].bits
    matches[number].exact.value = data.draw(st.sampled_from([b"", from_int(1 << bits), b"\xff" * (width(bits) + 1)]))
    with pytest.raises(RpcError) as caught:
        codec.encode(matches)
    assert caught.value.code is Code.OUT_OF_RANGE


@st.composite
def any_match(draw: st.DrawFn, number: int, bits: int, kind: MatchKind) -> p4r.FieldMatch | None:
    """A valid match of this kind, or None for don't care."""
    match = p4r.FieldMatch(field_id=number)
    full = (1 << bits) - 1
    if kind is not MatchKind.EXACT and draw(st.booleans()):
        return None
    value = draw(values(bits))
    if kind is MatchKind.EXACT:
        match.exact.value = from_int(value)
    elif kind is MatchKind.LPM:
        length = draw(st.integers(1, bits))
        match.lpm.value = from_int(value >> (bits - length) << (bits - length))
        match.lpm.prefix_len = length
    elif kind is MatchKind.TERNARY:
        mask = draw(st.integers(1, full))
        match.ternary.value = from_int(value & mask)
        match.ternary.mask = from_int(mask)
    elif kind is MatchKind.RANGE:
        low, high = sorted((value, draw(values(bits))))
        assume((low, high) != (0, full))
        match.range.low = from_int(low)
        match.range.high = from_int(high)
    else:
        match.optional.value = from_int(value)
    return match


@given(st.data(), st.lists(st.tuples(BITS, st.sampled_from(list(MatchKind))), min_size=1, max_size=5))
def test_keys_of_every_kind_round_trip(data: st.DataObject, shape: list[tuple[int, MatchKind]]) -> None:
    fields = [field(number, bits, kind) for number, (bits, kind) in enumerate(shape, 1)]
    codec = KeyCodec("table t", fields)
    drawn = [data.draw(any_match(f.id, f.bits, f.kind)) for f in fields]
    matches = [match for match in drawn if match is not None]
    packed = codec.encode(matches)
    assert len(packed) == sum(f.size for f in fields)
    entry = p4r.TableEntry()
    codec.decode_into(packed, entry.match)
    assert list(entry.match) == matches


@given(st.data(), st.lists(BITS, max_size=6), st.integers(0, 3))
def test_action_parameters_round_trip(data: st.DataObject, widths: list[int], padding: int) -> None:
    info = p4i.Action()
    info.preamble.id = 5
    for number, bits in enumerate(widths, 1):
        info.params.add(id=number, name=f"p{number}", bitwidth=bits)
    params = action_params(info, [p.bitwidth for p in info.params], Translations(p4t.P4TypeInfo()))
    codec = ActionCodec("t", info, 0, p4i.ActionRef.TABLE_AND_DEFAULT, params)
    numbers = [data.draw(values(bits)) for bits in widths]
    action = p4r.Action(action_id=5)
    for number, value in enumerate(numbers, 1):
        action.params.add(param_id=number, value=from_int(value))
    padded = p4r.Action(action_id=5)
    for number, value in reversed(list(enumerate(numbers, 1))):
        padded.params.add(param_id=number, value=bytes(padding) + from_int(value))
    packed = codec.encode(action.params)
    assert packed == b"".join(v.to_bytes(width(b), "big") for v, b in zip(numbers, widths, strict=True))
    assert codec.encode(padded.params) == packed
    back = p4r.Action()
    codec.decode_into(packed, back)
    assert back == action


@given(st.data(), st.lists(st.integers(1, 64), max_size=6), st.binary(max_size=40))
def test_packet_headers_round_trip(data: st.DataObject, widths: list[int], payload: bytes) -> None:
    info = p4i.ControllerPacketMetadata()
    info.preamble.name = "packet_out"
    for number, bits in enumerate(widths, 1):
        info.metadata.add(id=number, name=f"m{number}", bitwidth=bits)
    layout = tuple((metadata.name, metadata.bitwidth) for metadata in info.metadata)
    header = ControllerHeader(info, layout, Translations(p4t.P4TypeInfo()))
    packet = p4r.PacketOut(payload=payload)
    for number, bits in enumerate(widths, 1):
        packet.metadata.add(metadata_id=number, value=from_int(data.draw(values(bits))))
    wire = header.packet_out(packet)
    assert len(wire) == header.size + len(payload)
    message = header.packet_in(wire)
    assert message is not None
    assert message.packet == p4r.PacketIn(payload=payload, metadata=packet.metadata)
    if header.size:
        assert header.packet_in(wire[: header.size - 1]) is None
