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
from p4soft.server.bytestrings import ZERO, canonical, has_spare_bits, pack, width
from p4soft.server.errors import invalid

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
    """A match field as P4Info declares it. ``what`` is its name in messages: "table t: field f"."""

    id: int
    name: str
    bits: int
    kind: MatchKind
    what: str

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


def key_fields(owner: str, match_fields: Iterable[p4i.MatchField]) -> tuple[KeyField, ...]:
    """The match fields in P4Info order. ``owner`` has them ("table t" in messages). Raises INVALID_ARGUMENT for a kind
    that is not known."""
    fields = []
    for field in match_fields:
        kind = match_kind(field)
        what = f"{owner}: field {field.name}"
        if kind is None:
            raise invalid(f"{what}: match type {field.other_match_type or field.match_type} is not supported")
        fields.append(KeyField(field.id, field.name, field.bitwidth, kind, what))
    return tuple(fields)


class KeyCodec:
    """Encodes and decodes the keys of one ``owner``: "table t" in messages."""

    def __init__(self, owner: str, fields: Sequence[KeyField]) -> None:
        self._owner = owner
        self.fields = tuple(fields)
        self.exact = bool(fields) and all(field.kind is MatchKind.EXACT for field in fields)
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
        return pack(match.exact.value, field.bits, field.what)
    if kind is MatchKind.LPM:
        return _encode_lpm(field, match.lpm)
    if kind is MatchKind.TERNARY:
        return _encode_ternary(field, match.ternary)
    if kind is MatchKind.RANGE:
        return _encode_range(field, match.range)
    return pack(match.optional.value, field.bits, field.what) + _ones(field.bits)


def _encode_lpm(field: KeyField, lpm: p4r.FieldMatch.LPM) -> bytes:
    value = pack(lpm.value, field.bits, field.what)
    if not 0 < lpm.prefix_len <= field.bits:
        hint = " (leave a don't-care field out)" if lpm.prefix_len == 0 else ""
        raise invalid(f"{field.what}: prefix length {lpm.prefix_len} is not in 1..{field.bits}{hint}")
    if int.from_bytes(value, "big") & ((1 << (field.bits - lpm.prefix_len)) - 1):
        raise invalid(f"{field.what}: the value has bits set below the prefix of {lpm.prefix_len}")
    return value + lpm.prefix_len.to_bytes(_PREFIX_BYTES, "big")


def _encode_ternary(field: KeyField, ternary: p4r.FieldMatch.Ternary) -> bytes:
    value = pack(ternary.value, field.bits, field.what)
    mask = pack(ternary.mask, field.bits, field.what)
    mask_bits = int.from_bytes(mask, "big")
    if not mask_bits:
        raise invalid(f"{field.what}: the mask is zero (leave a don't-care field out)")
    if int.from_bytes(value, "big") & ~mask_bits:
        raise invalid(f"{field.what}: the value has bits set outside the mask")
    return value + mask


def _encode_range(field: KeyField, bounds: p4r.FieldMatch.Range) -> bytes:
    low = pack(bounds.low, field.bits, field.what)
    high = pack(bounds.high, field.bits, field.what)
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
            field_match.range.low = canonical(first)
            field_match.range.high = canonical(second)
        return
    if kind is not MatchKind.EXACT and not any(second):
        return
    field_match = match.add()
    field_match.field_id = field.id
    if kind is MatchKind.EXACT:
        field_match.exact.value = canonical(first)
    elif kind is MatchKind.LPM:
        field_match.lpm.value = canonical(first)
        field_match.lpm.prefix_len = int.from_bytes(second, "big")
    elif kind is MatchKind.TERNARY:
        field_match.ternary.value = canonical(first)
        field_match.ternary.mask = canonical(second)
    else:
        field_match.optional.value = canonical(first)


def _ones(bits: int) -> bytes:
    return ((1 << bits) - 1).to_bytes(width(bits), "big")
