"""Key fields that match more than one value, as P4Runtime has them: ternary fields and ranges. One that matches
everything is left out (specification 9.1.1)."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from finsy.proto import p4r

from fullnat.net.flow import Address
from fullnat.p4rt.binding import Field
from fullnat.p4rt.wire import canonical, shortest


def _ones(bits: int) -> int:
    return (1 << bits) - 1


def add(message: p4r.TableEntry, field: Field, kind: str, value: Any) -> None:
    """``value`` as :data:`fullnat.tables.table.Table.kinds` says. Raises ValueError for one that does not fit."""
    if kind == "range":
        low, high = value
        if high >> field.bits:
            raise ValueError(f"{field.name} = {high:#x} does not fit in {field.bits} bits")
        if value != (0, _ones(field.bits)):
            found = message.match.add(field_id=field.id).range
            found.low, found.high = canonical(low), canonical(high)
    elif isinstance(value, tuple):
        address, length = value
        if len(address) * 8 != field.bits:
            raise ValueError(f"{field.name} has {field.bits} bits, not the {len(address) * 8} of {address.hex()}")
        if length:
            ternary = message.match.add(field_id=field.id).ternary
            mask = _ones(field.bits) >> field.bits - length << field.bits - length
            ternary.value, ternary.mask = shortest(address), canonical(mask)
    elif value is not None:
        if value >> field.bits:
            raise ValueError(f"{field.name} = {value:#x} does not fit in {field.bits} bits")
        ternary = message.match.add(field_id=field.id).ternary
        ternary.value, ternary.mask = canonical(value), canonical(_ones(field.bits))


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
