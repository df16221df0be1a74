"""Packets of a capture file, as Ethernet frames.

https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html has the format, tcpdump's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import BinaryIO, NamedTuple

ETHERNET, RAW, RAW_OPENBSD, COOKED, COOKED2, IPV4, IPV6 = 1, 101, 12, 113, 276, 228, 229
_MAGICS = (b"\xa1\xb2\xc3\xd4", b"\xa1\xb2\x3c\x4d")
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_HEADERS = {COOKED: (16, 14), COOKED2: (20, 0)}
"""Bytes in front of the packet of Linux's cooked captures, and where its Ethertype is."""
_MOST = 1 << 18
"""Bytes of a packet that are believed."""
_MACS = bytes(6) + b"\x02\x00\x00\x00\x00\xfe"
"""Of a packet that was captured without."""


class BadCapture(ValueError):
    """The file cannot be read; the message is one line."""


class Captured(NamedTuple):
    """``missing`` bytes at its end are not in the capture. ``addressed``: its MAC addresses were captured."""

    frame: bytes
    missing: int
    addressed: bool


def packets(path: Path, most: int) -> Iterator[Captured]:
    """The first ones of a file. Raises BadCapture, or OSError."""
    with path.open("rb") as file:
        head = file.read(24)
        if head[:4] == _PCAPNG:
            raise BadCapture(f"{path} is in pcapng, not pcap: editcap -F pcap {path} NEW makes that of it")
        order = "<" if head[3::-1] in _MAGICS else ">"
        if len(head) < 24 or not (head[:4] in _MAGICS or head[3::-1] in _MAGICS):
            raise BadCapture(f"{path} is not a pcap file")
        link = Struct(order + "I").unpack(head[20:24])[0] & 0xFFFF
        if link not in (ETHERNET, RAW, RAW_OPENBSD, IPV4, IPV6, *_HEADERS):
            raise BadCapture(f"{path} has packets of link type {link}, not of Ethernet or IP")
        record = Struct(order + "8xII")
        for number in range(most):
            start = file.read(record.size)
            if not start:
                return
            data, length = _one(file, record, start, f"{path}: packet {number + 1}")
            yield _captured(data, length - len(data), link)


def _one(file: BinaryIO, record: Struct, start: bytes, what: str) -> tuple[bytes, int]:
    if len(start) < record.size:
        raise BadCapture(f"{what} is cut off")
    held, length = record.unpack(start)
    if held > _MOST:
        raise BadCapture(f"{what} has {held} bytes: the file is damaged")
    data = file.read(held)
    if len(data) < held:
        raise BadCapture(f"{what} is cut off")
    return data, max(length, held)


def _captured(data: bytes, missing: int, link: int) -> Captured:
    if link == ETHERNET:
        return Captured(data, missing, True)
    if link in _HEADERS:
        size, at = _HEADERS[link]
        return Captured(_MACS + data[at : at + 2] + data[size:], missing, False)
    kind = b"\x86\xdd" if data[:1] and data[0] >> 4 == 6 else b"\x08\x00"
    return Captured(_MACS + kind + data, missing, False)
