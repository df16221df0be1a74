"""Translated types without a switch: strings and their numbers, and what matches of another width mean."""

from __future__ import annotations

import pytest
from finsy.proto import p4r, p4t
from hypothesis import given
from hypothesis import strategies as st
from p4kit import between, exact, lpm, optional, ternary
from p4soft.api import MatchKind
from p4soft.server.bytestrings import from_int, width
from p4soft.server.errors import Code, RpcError
from p4soft.server.keys import KeyCodec, KeyField
from p4soft.server.translation import Numbers, Translations


def test_types_with_one_uri_are_one() -> None:
    types = p4t.P4TypeInfo()
    for name in ("a_t", "b_t"):
        types.new_types[name].translated_type.uri = "x"
        types.new_types[name].translated_type.sdn_string.SetInParent()
    translations = Translations(types)
    first, second = translations.of("a_t"), translations.of("b_t")
    assert first is not None
    assert first is second
    assert translations.of("c_t") is None
    assert translations.ports is None
    assert first.number(b"x", 8, "f") == 255
    assert first.show(255) == b"x"
    with pytest.raises(RpcError, match="of type a_t"):
        first.number(b"255", 8, "f")


def test_names_can_run_out() -> None:
    types = p4t.P4TypeInfo()
    types.new_types["few_t"].translated_type.sdn_string.SetInParent()
    types.new_types["few_t"].annotations.append('@p4runtime_translation_mappings({ { "two" , 0x2 } , })')
    few = Translations(types).of("few_t")
    assert few is not None
    assert [few.number(name, 2, "f") for name in (b"a", b"0", b"b", b"a", b"two")] == [3, 0, 1, 3, 2]
    assert [few.show(number) for number in range(5)] == [b"0", b"b", b"two", b"a", b"4"]
    with pytest.raises(RpcError, match="f: all 4 values of type few_t have a name already") as caught:
        few.number(b"c", 2, "f")
    assert caught.value.code is Code.RESOURCE_EXHAUSTED


# numbers of two widths: what a client's match means is what the data plane's means

WIDTHS = st.integers(1, 12)


def matched(match: p4r.FieldMatch, bits: int, value: int) -> bool:
    """Whether a client's field of ``bits`` takes ``value``."""
    kind = match.WhichOneof("field_match_type")
    if kind == "ternary":
        mask = int.from_bytes(match.ternary.mask, "big")
        return value & mask == int.from_bytes(match.ternary.value, "big")
    if kind == "lpm":
        return value >> (bits - match.lpm.prefix_len) == int.from_bytes(match.lpm.value, "big") >> (
            bits - match.lpm.prefix_len
        )
    return int.from_bytes(match.range.low, "big") <= value <= int.from_bytes(match.range.high, "big")


def packed_matches(kind: MatchKind, packed: bytes, bits: int, value: int) -> bool:
    """Whether a packed key of one field of ``bits`` takes ``value``."""
    size = width(bits)
    first, second = int.from_bytes(packed[:size], "big"), int.from_bytes(packed[size:], "big")
    if kind is MatchKind.TERNARY:
        return value & second == first
    if kind is MatchKind.LPM:
        return value >> (bits - second) == first >> (bits - second)
    return first <= value <= second


@given(st.data(), WIDTHS, WIDTHS, st.sampled_from([MatchKind.TERNARY, MatchKind.LPM, MatchKind.RANGE]))
def test_matches_keep_their_meaning(data: st.DataObject, bits: int, clients: int, kind: MatchKind) -> None:
    codec = KeyCodec("t", [KeyField(1, "f", bits, kind, "t: f", Numbers("n_t", clients))])
    numbers = st.integers(0, (1 << clients) - 1)
    first, second = data.draw(numbers), data.draw(numbers)
    if kind is MatchKind.TERNARY:
        asked = ternary(1, from_int(first & second), from_int(second))
    elif kind is MatchKind.LPM:
        length = data.draw(st.integers(1, clients))
        cut = first >> (clients - length) << (clients - length)
        asked = lpm(1, from_int(cut), length)
    else:
        asked = between(1, from_int(min(first, second)), from_int(max(first, second)))
    try:
        packed = codec.encode([asked])
    except RpcError:
        return
    back = p4r.TableEntry()
    codec.decode_into(packed, back.match)
    assert list(back.match) == [asked]
    for value in range(1 << bits):
        known = not value >> clients
        assert packed_matches(kind, packed, bits, value) == (known and matched(asked, clients, value))


@given(st.data(), WIDTHS, WIDTHS)
def test_whole_values_always_have_a_translation(data: st.DataObject, bits: int, clients: int) -> None:
    """The matches of one value, which the specification wants at least."""
    value = from_int(data.draw(st.integers(0, (1 << min(bits, clients)) - 1)))
    ones = from_int((1 << clients) - 1)
    for kind, asked in (
        (MatchKind.EXACT, exact(1, value)),
        (MatchKind.TERNARY, ternary(1, value, ones)),
        (MatchKind.LPM, lpm(1, value, clients)),
        (MatchKind.OPTIONAL, optional(1, value)),
    ):
        codec = KeyCodec("t", [KeyField(1, "f", bits, kind, "t: f", Numbers("n_t", clients))])
        back = p4r.TableEntry()
        codec.decode_into(codec.encode([asked]), back.match)
        assert list(back.match) == [asked]
