"""Key fields that match more than one value, as P4Runtime has them: ternary fields and ranges. One that matches
everything is left out (specification 9.1.1)."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from finsy.proto import p4r

from fullnat.net.flow import Address
from fullnat.p4rt.binding import Field
from fullnat.p4rt.wire import canonical, delimited, scalar, shortest

_TERNARY, _RANGE = 3, 6
"""Numbers of the kinds in p4.v1.FieldMatch."""


def _ones(bits: int) -> int:
    return (1 << bits) - 1


def match(field: Field, kind: str, value: Any) -> bytes:
    """The serialised p4.v1.FieldMatch of ``value``, which is as :data:`fullnat.tables.table.Table.kinds` says. Raises
    ValueError for one that does not fit."""
    every = _ones(field.bits)
    if kind == "range":
        return b"" if value == (0, every) else _field(field, _RANGE, *(_octets(end, field) for end in value))
    if isinstance(value, tuple):
        address, length = value
        if len(address) * 8 != field.bits:
            raise ValueError(f"{field.name} has {field.bits} bits, not the {len(address) * 8} of {address.hex()}")
        mask = every >> field.bits - length << field.bits - length
        return _field(field, _TERNARY, shortest(address), canonical(mask)) if length else b""
    return b"" if value is None else _field(field, _TERNARY, _octets(value, field), canonical(every))


def _field(field: Field, kind: int, first: bytes, second: bytes) -> bytes:
    inner = delimited(1, first) + delimited(2, second)
    return delimited(2, scalar(1, field.id) + delimited(kind, inner))


def _octets(value: int, field: Field) -> bytes:
    if value >> field.bits:
        raise ValueError(f"{field.name} = {value:#x} does not fit in {field.bits} bits")
    return canonical(value)


def read(match: p4r.FieldMatch | None, field: Field, kind: str, addresses: Container[str]) -> Any:
    """The value of a field; None for one that was left out."""
    if kind == "range":
        if match is None:
            return 0, _ones(field.bits)
        return int.from_bytes(match.range.low, "big"), int.from_bytes(match.range.high, "big")
    if field.name in addresses:
        octets = field.bits // 8
        if match is None:
            return Address(bytes(octets)), 0
        length = int.from_bytes(match.ternary.mask, "big").bit_count()
        return Address(match.ternary.value.rjust(octets, b"\0")), length
    return None if match is None else int.from_bytes(match.ternary.value, "big")
