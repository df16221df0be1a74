"""Numbers as registers and action parameters store them: whole bytes, native byte order."""

from __future__ import annotations


def cell_bytes(bits: int) -> int:
    """Bytes that a number of so many bits takes in registers and action parameters."""
    return next((n for n in (1, 2, 4, 8) if bits <= 8 * n), (bits + 63) // 64 * 8)


def cell_type(bits: int) -> str:
    """The C type of a stored number of at most 64 bits."""
    return f"uint{8 * cell_bytes(bits)}_t"


def load_cell(pointer: str, bits: int) -> str:
    """C code that reads a stored number into its container."""
    size = cell_bytes(bits)
    if size <= 8:
        return f"p4s_cell{8 * size}({pointer})"
    if size == 16:
        return f"p4s_cell128({pointer})"
    return f"(w{size // 8}){{{{" + ", ".join(f"p4s_cell64({pointer} + {8 * i})" for i in range(size // 8)) + "}}"
