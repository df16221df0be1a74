"""Checksums and hashes over lists of fields."""

from __future__ import annotations

from collections.abc import Callable

from p4soft.api import PipelineError
from p4soft.codegen import model as m
from p4soft.interpreter.expressions import Expressions, Number
from p4soft.interpreter.frame import Frame, Slots

Bits = tuple[int, int]
"""A value and its width."""


def internet_checksum(data: bytes) -> int:
    """RFC 1071; of nothing but zeros 0xffff."""
    summed = int.from_bytes(data + b"\0" * (len(data) % 2), "big")
    return 0xFFFF - (summed % 0xFFFF or (0xFFFF if summed else 0))


def _crc(width: int, poly: int, start: int, reflect: bool, out: int) -> Callable[[bytes], int]:
    def crc(data: bytes) -> int:
        register, top, every = start, 1 << width - 1, (1 << width) - 1
        for octet in data:
            for bit in range(8):
                carry = bool(register & top) ^ (octet >> bit & 1 if reflect else octet >> 7 - bit & 1)
                register = (register << 1 & every) ^ (poly if carry else 0)
        if reflect:
            register = int(f"{register:0{width}b}"[::-1], 2)
        return register ^ out

    return crc


def _xor(size: int) -> Callable[[bytes], int]:
    def xor(data: bytes) -> int:
        folded = 0
        for at in range(0, len(data), size):
            folded ^= int.from_bytes(data[at : at + size].ljust(size, b"\0"), "big")
        return folded

    return xor


_ALGORITHMS: dict[str, Callable[[bytes], int]] = {
    "crc16": _crc(16, 0x8005, 0, True, 0),
    "crc16_custom": _crc(16, 0x8005, 0, True, 0),
    "crc32": _crc(32, 0x04C11DB7, 0xFFFFFFFF, True, 0xFFFFFFFF),
    "crc32_custom": _crc(32, 0x04C11DB7, 0xFFFFFFFF, True, 0xFFFFFFFF),
    "crcCCITT": _crc(16, 0x1021, 0xFFFF, False, 0),
    "crc8_custom": _crc(8, 0x07, 0, False, 0),
    "crc64_custom": _crc(64, 0x1B, 0, True, 0),
    "xor16": _xor(2),
    "xor32": _xor(4),
    "identity": lambda data: int.from_bytes(data[:8], "big"),
    "csum16": internet_checksum,
    "cksum16": internet_checksum,
}


class Calculations:
    """Makes functions of a packet that compute them."""

    def __init__(self, ex: Expressions) -> None:
        self._ex = ex
        self._slots: Slots = ex.slots

    def of(self, calculation: m.Calculation) -> Number:
        if calculation.algorithm not in _ALGORITHMS:
            raise PipelineError(f"calculation {calculation.name}: a trace does not compute {calculation.algorithm!r}")
        algorithm = _ALGORITHMS[calculation.algorithm]
        pieces = [self._piece(item) for item in calculation.inputs]

        def calculate(frame: Frame) -> int:
            value = size = 0
            for piece in pieces:
                more, bits = piece(frame)
                value, size = value << bits | more, size + bits
            return algorithm((value << -size % 8).to_bytes((size + 7) // 8, "big"))

        return calculate

    def _piece(self, item: m.CalcInput) -> Callable[[Frame], Bits]:
        """What of the input there is: that of an invalid header is not."""
        if isinstance(item, m.CalcConst):
            constant = item.value, item.bits
            return lambda frame: constant
        if isinstance(item, m.CalcPayload):
            return lambda frame: (
                int.from_bytes(frame.data[frame.cursor :], "big"),
                8 * len(frame.data[frame.cursor :]),
            )
        if isinstance(item, m.CalcHeader):
            number = item.header.index
            return lambda frame: joined(frame, self._slots, number) if frame.valid[number] else (0, 0)
        slot, field, header = self._ex.slot(item.field), item.field.field, item.field.header

        def get(frame: Frame) -> Bits:
            return varbit(slot(frame)) if field.varbit else (slot(frame), field.bits)

        if not isinstance(header, m.HeaderRef) or header.header.metadata:
            return get
        index = header.header.index
        return lambda frame: get(frame) if frame.valid[index] else (0, 0)


def varbit(held: int) -> Bits:
    """A variable-length field as ``Frame.fields`` holds it."""
    bits = held.bit_length() - 1
    return held ^ 1 << bits, bits


def joined(frame: Frame, slots: Slots, header: int) -> Bits:
    """All fields of a header in a row."""
    value = size = 0
    fields, base = slots.types[header].fields, slots.base[header]
    for field, held in zip(fields, frame.fields[base : base + len(fields)], strict=True):
        more, bits = varbit(held) if field.varbit else (held, field.bits)
        value, size = value << bits | more, size + bits
    return value, size
