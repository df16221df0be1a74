"""P4Runtime bytestrings: big-endian, the shortest form on the way out, any zero-padded form on the way in."""

from __future__ import annotations

from collections.abc import Sequence

from p4soft.server.errors import out_of_range

ZERO = b"\0"


def width(bits: int) -> int:
    """Bytes that hold ``bits``."""
    return (bits + 7) // 8


def pack(value: bytes, bits: int, what: str) -> bytes:
    """``value`` as a packed field of ``bits``; OUT_OF_RANGE when empty or too large. ``what`` names the field."""
    if not value:
        raise out_of_range(f"{what}: the bytestring is empty (zero is one zero byte)")
    size = width(bits)
    if len(value) > size:
        value = value.lstrip(ZERO)
        if len(value) > size:
            raise out_of_range(f"{what}: the value does not fit in {bits} bits")
    if len(value) == size and value[0] >> (bits - 8 * (size - 1)):
        raise out_of_range(f"{what}: the value does not fit in {bits} bits")
    return value.rjust(size, ZERO)


def has_spare_bits(packed: bytes, spare: Sequence[tuple[int, int]]) -> bool:
    """Whether any first byte of a field, given as (position, bits it may use), has a higher bit set."""
    for at, bits in spare:  # noqa: SIM110  (a generator takes three times as long, on the hottest path)
        if packed[at] >> bits:
            return True
    return False


def canonical(packed: bytes) -> bytes:
    """The shortest form of a packed field."""
    return packed.lstrip(ZERO) or ZERO


def from_int(value: int) -> bytes:
    """The shortest form of a non-negative integer."""
    return value.to_bytes((value.bit_length() + 7) // 8 or 1, "big")


def to_int(value: bytes, bits: int, what: str) -> int:
    """The integer of a received bytestring of at most ``bits``; OUT_OF_RANGE when empty or too large."""
    if not value:
        raise out_of_range(f"{what}: the bytestring is empty (zero is one zero byte)")
    number = int.from_bytes(value, "big")
    if number >> bits:
        raise out_of_range(f"{what}: the value does not fit in {bits} bits")
    return number
