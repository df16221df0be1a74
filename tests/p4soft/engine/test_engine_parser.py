"""Stacks, unions, variable-length headers, lookahead and parser errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from enginekit import Bench

NONE, TOO_SHORT, OUT_OF_BOUNDS, HEADER_TOO_SHORT, INVALID_ARGUMENT, BAD_KIND = range(6)


def label(value: int, bottom: int = 0) -> int:
    return value << 1 | bottom


@pytest.mark.parametrize(
    ("packet", "report", "rest"),
    [
        pytest.param(b"\x01\x00" + bytes([label(5), label(6, 1)]) + b"x", (NONE, 1, 0), None, id="stack"),
        pytest.param(b"\x01\x00" + bytes([label(1)] * 5), (OUT_OF_BOUNDS, 3, 0), None, id="stack overflow"),
        pytest.param(b"\x01\x00" + bytes([label(1)] * 2), (TOO_SHORT, 1, 0), None, id="stack ends early"),
        pytest.param(
            b"\x01\x01" + bytes([label(5), label(6), label(7, 1)]) + b"x",
            (NONE, 2, 0),
            b"\x01\x01" + bytes([label(0x11), label(0x22), label(5), label(6)]) + b"x",
            id="push",
        ),
        pytest.param(
            b"\x01\x02" + bytes([label(5), label(6), label(7, 1)]) + b"x",
            (NONE, 2, 0),
            b"\x01\x02" + bytes([label(6), label(7, 1)]) + b"x",
            id="pop",
        ),
        pytest.param(
            b"\x01\x09" + bytes([label(5), label(6), label(7, 1)]) + b"x",
            (NONE, 2, 0),
            b"\x01\x09" + bytes([label(5), label(0x7F), label(7, 1)]) + b"x",
            id="index from the packet",
        ),
        pytest.param(b"\x02\x00\x04ABx", (NONE, 0, 4), None, id="variable length"),
        pytest.param(b"\x02\x00\x00x", (NONE, 0, 0), None, id="variable length of nothing"),
        pytest.param(b"\x02\x00\x10ABCDEFGHx", (NONE, 0, 16), None, id="variable length, longest"),
        pytest.param(b"\x02\x00\x12ABCDEFGHIx", (HEADER_TOO_SHORT, 0, 0), None, id="variable length, too long"),
        pytest.param(b"\x02\x00\x04A", (TOO_SHORT, 0, 0), None, id="variable length, packet ends"),
        pytest.param(b"\x02\x00\x03AAAx", (INVALID_ARGUMENT, 0, 0), None, id="variable length, half a byte"),
        pytest.param(b"\x02\x00", (TOO_SHORT, 0, 0), None, id="lookahead beyond the end"),
        pytest.param(
            b"\x03\x03\x01\x05\x02\x11\x22\x33\x01\x06x",
            (NONE, 0, 0),
            b"\x03\x03\x01\x06\x02\xab\xcd\xef\x01\x06x",
            id="unions",
        ),
        pytest.param(
            b"\x03\x04" + b"\x01\x05" * 4,
            (OUT_OF_BOUNDS, 0, 0),
            b"\x03\x04\x01\x06" + b"\x01\x05" * 3,
            id="union stack overflow",
        ),
        pytest.param(b"\x03\x01\x07\x05x", (BAD_KIND, 0, 0), None, id="user error"),
        pytest.param(b"\x04\x02ABCDx", (NONE, 0, 0), b"\x04\x02BCDx", id="advance"),
        pytest.param(b"\x04\x01ABCDx", (INVALID_ARGUMENT, 0, 0), None, id="advance by half a byte"),
        pytest.param(b"\x04\x80ABCDx", (TOO_SHORT, 0, 0), None, id="advance beyond the end"),
        pytest.param(b"\x07\x00x", (NONE, 0, 0), None, id="masked select"),
        pytest.param(b"\x08\x00x", (BAD_KIND, 0, 0), None, id="default select"),
        pytest.param(b"\x01", (TOO_SHORT, 0, 0), None, id="nothing parsed"),
    ],
)
def test_parser(bench: Callable[[str], Bench], packet: bytes, report: tuple[int, int, int], rest: bytes | None) -> None:
    expected = bytes(report) + (packet if rest is None else rest)
    assert bench("stacks").send(packet) == [(2, expected)]
