"""A BPF assembler: the few instructions that :mod:`fullnat_toa.ebpf.programs` needs, with labels for forward jumps."""

from __future__ import annotations

import struct

R0, R1, R2, R3, R4, R6, R7, R10 = 0, 1, 2, 3, 4, 6, 7, 10
BYTE, HALF, WORD, DOUBLE = 0x10, 0x08, 0x00, 0x18
_PSEUDO_MAP_FD = 1


class Assembler:
    """Instructions in order. Labels may be used before they are set, once each is set by the end."""

    def __init__(self) -> None:
        self._code: list[tuple[int, int, int, int, int]] = []
        self._labels: dict[str, int] = {}
        self._jumps: list[tuple[int, str]] = []

    def _add(self, operation: int, target: int = 0, source: int = 0, offset: int = 0, immediate: int = 0) -> None:
        self._code.append((operation, target, source, offset, immediate & 0xFFFFFFFF))

    def label(self, name: str) -> None:
        self._labels[name] = len(self._code)

    def load(self, size: int, target: int, base: int, offset: int) -> None:
        """target = *(base + offset)"""
        self._add(0x61 | size, target, base, offset)

    def store(self, size: int, base: int, offset: int, source: int) -> None:
        """*(base + offset) = source"""
        self._add(0x63 | size, base, source, offset)

    def store_immediate(self, base: int, offset: int, value: int) -> None:
        """*(u32 *)(base + offset) = value"""
        self._add(0x62, base, 0, offset, value)

    def copy(self, target: int, source: int) -> None:
        self._add(0xBF, target, source)

    def set(self, target: int, value: int) -> None:
        self._add(0xB7, target, 0, 0, value)

    def add(self, target: int, value: int) -> None:
        self._add(0x07, target, 0, 0, value)

    def and32(self, target: int, value: int) -> None:
        self._add(0x54, target, 0, 0, value)

    def map(self, target: int, fd: int) -> None:
        """target = the map"""
        self._add(0x18, target, _PSEUDO_MAP_FD, 0, fd)
        self._add(0)

    def call(self, helper: int) -> None:
        self._add(0x85, immediate=helper)

    def exit(self) -> None:
        self._add(0x95)

    def jump(self, label: str) -> None:
        self._jumps.append((len(self._code), label))
        self._add(0x05)

    def if_equal(self, register: int, value: int, label: str) -> None:
        """Compares 32 bits."""
        self._jumps.append((len(self._code), label))
        self._add(0x16, register, 0, 0, value)

    def if_not_equal(self, register: int, value: int, label: str) -> None:
        """Compares 32 bits."""
        self._jumps.append((len(self._code), label))
        self._add(0x56, register, 0, 0, value)

    def if_null(self, register: int, label: str) -> None:
        """Compares 64 bits, for pointers."""
        self._jumps.append((len(self._code), label))
        self._add(0x15, register)

    def if_greater(self, register: int, other: int, label: str) -> None:
        """Compares 64 bits, unsigned."""
        self._jumps.append((len(self._code), label))
        self._add(0x2D, register, other)

    def assemble(self) -> bytes:
        """The program. KeyError for a label that is not set."""
        offsets = {at: self._labels[label] - at - 1 for at, label in self._jumps}
        return b"".join(
            struct.pack("=BBhI", operation, _registers(target, source), offsets.get(at, offset), immediate)
            for at, (operation, target, source, offset, immediate) in enumerate(self._code)
        )


def _registers(target: int, source: int) -> int:
    """Both in a byte; which half is which depends on the machine's byte order."""
    little = struct.pack("=H", 1)[0] == 1
    return source << 4 | target if little else target << 4 | source
