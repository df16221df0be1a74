"""Match keys: ``repeated FieldMatch`` to the engine's packed bytes and back.

One :class:`KeyCodec` is made per table when the pipeline is loaded. Tables whose fields are all exact take a path
that does nothing but pad and join; whatever that path cannot vouch for goes through :meth:`KeyCodec._encode_checked`,
which accepts every form the specification allows and says exactly what is wrong with the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from finsy.proto import p4i, p4r

from p4soft.api import MatchKind
from p4soft.server.bytestrings import ZERO, from_int, has_spare_bits, pack, width
from p4soft.server.errors import invalid, unimplemented
from p4soft.server.translation import Strings, Translation, Translations, check_width, to_client, to_data

_KINDS = {
    p4i.MatchField.EXACT: MatchKind.EXACT,
    p4i.MatchField.LPM: MatchKind.LPM,
    p4i.MatchField.TERNARY: MatchKind.TERNARY,
    p4i.MatchField.RANGE: MatchKind.RANGE,
    p4i.MatchField.OPTIONAL: MatchKind.OPTIONAL,
}
_PREFIX_BYTES = 2


@dataclass(frozen=True, slots=True)
class KeyField:
    """A match field. ``what`` is its name in messages: "table t: field f"."""

    id: int
    name: str
    bits: int
    """In the data plane."""
    kind: MatchKind
    what: str
    translation: Translation | None = None

    @property
    def sdn_bits(self) -> int:
        """Bits that clients use."""
        return self.bits if self.translation is None else self.translation.sdn_bits(self.bits)

    @property
    def native(self) -> bool:
        """Whether what fits its bits is what clients say: a value, a mask and a prefix length."""
        if self.translation is None:
            return True
        cut = self.kind in (MatchKind.LPM, MatchKind.TERNARY)
        return self.translation.native(self.bits) and (not cut or self.sdn_bits == self.bits)

    def pack(self, value: bytes) -> bytes:
        """A client's value as the data plane has it."""
        return to_data(self.translation, value, self.bits, self.what)

    def show(self, packed: bytes) -> bytes:
        """The client's value."""
        return to_client(self.translation, packed)

    @property
    def size(self) -> int:
        """Bytes it takes in a packed key."""
        size = width(self.bits)
        if self.kind is MatchKind.EXACT:
            return size
        return size + _PREFIX_BYTES if self.kind is MatchKind.LPM else 2 * size


class MatchList(Protocol):
    """What building a key's FieldMatch list needs of a repeated field."""

    def add(self) -> p4r.FieldMatch: ...


def match_kind(field: p4i.MatchField) -> MatchKind | None:
    """The kind of a P4Info match field; None for an architecture-specific one."""
    return _KINDS.get(field.match_type)


def key_fields(
    owner: str, match_fields: Iterable[p4i.MatchField], bits: Sequence[int], translations: Translations
) -> tuple[KeyField, ...]:
    """The match fields in P4Info order. ``owner`` has them ("table t" in messages), ``bits`` are those of the program.
    Raises INVALID_ARGUMENT where the two disagree or a kind is not known."""
    fields = []
    for info, held in zip(match_fields, bits, strict=True):
        kind = match_kind(info)
        what = f"{owner}: field {info.name}"
        if kind is None:
            raise invalid(f"{what}: match type {info.other_match_type or info.match_type} is not supported")
        field = KeyField(info.id, info.name, held, kind, what, translations.of(info.type_name.name))
        # p4c lists those of type ``error`` without a width and without a type: they are as wide as in the program, and
        # match the number that the compiler gave the error.
        if info.bitwidth or info.HasField("type_name"):
            check_width(what, info.bitwidth, held, field.translation)
        if isinstance(field.translation, Strings) and kind not in (MatchKind.EXACT, MatchKind.OPTIONAL):
            raise unimplemented(
                f"{what}: has type {field.translation.name}, a string for clients; it can be matched "
                f"exactly or optionally, not by {kind.value}"
            )
        fields.append(field)
    return tuple(fields)


class KeyCodec:
    """Encodes and decodes the keys of one ``owner``: "table t" in messages."""

    def __init__(self, owner: str, fields: Sequence[KeyField]) -> None:
        self._owner = owner
        self.fields = tuple(fields)
        self.native = all(field.native for field in fields)
        """Whether the engine knows what clients mean without us."""
        self.exact = bool(fields) and self.native and all(field.kind is MatchKind.EXACT for field in fields)
        self.needs_priority = any(
            field.kind in (MatchKind.TERNARY, MatchKind.RANGE, MatchKind.OPTIONAL) for field in fields
        )
        self._plan = tuple((field.id, width(field.bits)) for field in fields)
        self._size = sum(size for _, size in self._plan)
        # Positions of a packed exact key's bytes that have bits no field may set.
        self._spare = []
        start = 0
        for field in fields:
            if field.bits % 8:
                self._spare.append((start, field.bits % 8))
            start += width(field.bits)
        slices = []
        start = 0
        for field in fields:
            slices.append((field, start, start + field.size))
            start += field.size
        self._slices = tuple(slices)

    def encode(self, match: Sequence[p4r.FieldMatch]) -> bytes:
        """The packed key of a table entry, every check made."""
        if self.exact and len(match) == len(self._plan):
            parts = []
            for field, (field_id, size) in zip(match, self._plan, strict=True):
                value = field.exact.value
                if field.field_id != field_id or not value:
                    return self._encode_checked(match)
                parts.append(value.rjust(size, ZERO))
            key = b"".join(parts)
            # A value longer than its field makes the key longer; an over-wide first byte shows in a spare bit.
            if len(key) == self._size and not (self._spare and has_spare_bits(key, self._spare)):
                return key
        return self._encode_checked(match)

    def _encode_checked(self, match: Iterable[p4r.FieldMatch]) -> bytes:
        given: dict[int, p4r.FieldMatch] = {}
        known = {field.id for field in self.fields}
        for field_match in match:
            if field_match.field_id not in known:
                raise invalid(f"{self._owner}: no match field with id {field_match.field_id}")
            if field_match.field_id in given:
                raise invalid(f"{self._owner}: match field {field_match.field_id} is given twice")
            given[field_match.field_id] = field_match
        return b"".join(_encode_field(field, given.get(field.id)) for field in self.fields)

    def decode_into(self, key: bytes, match: MatchList) -> None:
        """Append the FieldMatches of a packed key; don't-care fields are left out."""
        if self.exact:
            start = 0
            for field_id, size in self._plan:
                end = start + size
                field_match = match.add()
                field_match.field_id = field_id
                field_match.exact.value = key[start:end].lstrip(ZERO) or ZERO
                start = end
            return
        for field, start, end in self._slices:
            _decode_field(field, key[start:end], match)

    def check_priority(self, priority: int) -> None:
        """Priority is positive exactly where the key needs one to order entries."""
        if self.needs_priority:
            if priority <= 0:
                raise invalid(
                    f"{self._owner}: priority must be positive (the key has a ternary, range or optional field)"
                )
        elif priority:
            raise invalid(f"{self._owner}: priority must be 0 (the key is exact or LPM only)")


def _encode_field(field: KeyField, match: p4r.FieldMatch | None) -> bytes:
    kind = field.kind
    size = width(field.bits)
    if match is None:
        if kind is MatchKind.EXACT:
            raise invalid(f"{field.what}: an exact field must be given")
        if kind is MatchKind.RANGE:
            return bytes(size) + _ones(field.bits)
        return bytes(field.size)
    if match.WhichOneof("field_match_type") != kind.value:
        given = match.WhichOneof("field_match_type") or "nothing"
        raise invalid(f"{field.what}: is a {kind.value} field, but {given} is given")
    if kind is MatchKind.EXACT:
        return field.pack(match.exact.value)
    if kind is MatchKind.LPM:
        return _encode_lpm(field, match.lpm)
    if kind is MatchKind.TERNARY:
        return _encode_ternary(field, match.ternary)
    if kind is MatchKind.RANGE:
        return _encode_range(field, match.range)
    return field.pack(match.optional.value) + _ones(field.bits)


def _encode_lpm(field: KeyField, lpm: p4r.FieldMatch.LPM) -> bytes:
    value = field.pack(lpm.value)
    if not 0 < lpm.prefix_len <= field.sdn_bits:
        hint = " (leave a don't-care field out)" if lpm.prefix_len == 0 else ""
        raise invalid(f"{field.what}: prefix length {lpm.prefix_len} is not in 1..{field.sdn_bits}{hint}")
    # A number has as many bits behind the prefix here as there.
    length = lpm.prefix_len - field.sdn_bits + field.bits
    if length <= 0:
        raise invalid(f"{field.what}: a prefix of {lpm.prefix_len} holds every value (leave a don't-care field out)")
    if int.from_bytes(value, "big") & ((1 << (field.bits - length)) - 1):
        raise invalid(f"{field.what}: the value has bits set below the prefix of {lpm.prefix_len}")
    return value + length.to_bytes(_PREFIX_BYTES, "big")


def _encode_ternary(field: KeyField, ternary: p4r.FieldMatch.Ternary) -> bytes:
    value = field.pack(ternary.value)
    mask = int.from_bytes(pack(ternary.mask, field.sdn_bits, field.what), "big")
    if not mask:
        raise invalid(f"{field.what}: the mask is zero (leave a don't-care field out)")
    if int.from_bytes(value, "big") & ~mask:
        raise invalid(f"{field.what}: the value has bits set outside the mask")
    return value + _held_mask(field, mask).to_bytes(len(value), "big")


def _held_mask(field: KeyField, mask: int) -> int:
    """A client's mask in the data plane's width, where there may be bits that clients do not know, which then are 0,
    or clients may have bits that are always 0, and matter for nothing."""
    held, known = (1 << field.bits) - 1, (1 << field.sdn_bits) - 1
    if known & ~held & ~mask:
        raise invalid(f"{field.what}: the mask must have all bits set above the {field.bits} that the data plane has")
    if not mask & held:
        raise invalid(f"{field.what}: the mask holds every value of {field.bits} bits (leave a don't-care field out)")
    return (mask | ~known) & held


def _shown_mask(field: KeyField, mask: int) -> int:
    held, known = (1 << field.bits) - 1, (1 << field.sdn_bits) - 1
    return (mask | ~held) & known


def _encode_range(field: KeyField, bounds: p4r.FieldMatch.Range) -> bytes:
    low = field.pack(bounds.low)
    high = field.pack(bounds.high)
    if low > high:
        raise invalid(f"{field.what}: the low bound is above the high one")
    if not any(low) and high == _ones(field.bits):
        raise invalid(f"{field.what}: the range holds every value (leave a don't-care field out)")
    return low + high


def _decode_field(field: KeyField, packed: bytes, match: MatchList) -> None:
    size = width(field.bits)
    first, second = packed[:size], packed[size:]
    kind = field.kind
    if kind is MatchKind.RANGE:
        if any(first) or second != _ones(field.bits):
            field_match = match.add()
            field_match.field_id = field.id
            field_match.range.low = field.show(first)
            field_match.range.high = field.show(second)
        return
    if kind is not MatchKind.EXACT and not any(second):
        return
    field_match = match.add()
    field_match.field_id = field.id
    if kind is MatchKind.EXACT:
        field_match.exact.value = field.show(first)
    elif kind is MatchKind.LPM:
        field_match.lpm.value = field.show(first)
        field_match.lpm.prefix_len = int.from_bytes(second, "big") - field.bits + field.sdn_bits
    elif kind is MatchKind.TERNARY:
        field_match.ternary.value = field.show(first)
        field_match.ternary.mask = from_int(_shown_mask(field, int.from_bytes(second, "big")))
    else:
        field_match.optional.value = field.show(first)


def _ones(bits: int) -> bytes:
    return ((1 << bits) - 1).to_bytes(width(bits), "big")
