"""Inputs for edge.c to begin with: rows of packets and super-segments of every kind."""

from __future__ import annotations

import struct
from collections.abc import Iterator

RAW, TCP4, TCP6, UDP4 = range(4)
_IN_SLOT, _OWN_VIRTIO, _END, _FINISHED = 8, 16, 32, 128
ACK, PSH, CWR = 0x10, 0x08, 0x80


def record(
    kind: int, payload: int, size: int, *, how: int = 0, flow: int = 0, flags: int = ACK, raw: bytes = b""
) -> bytes:
    """One frame, as edge.c reads it: ``payload`` bytes, of which every packet has ``size``."""
    own = b"" if kind in (RAW, UDP4) else bytes([flags])
    virtio = bytes(10) if how & _OWN_VIRTIO else b""
    return struct.pack("!BBHH", kind | how, flow, payload, size) + own + raw + virtio + bytes(1)


def seeds() -> Iterator[bytes]:
    for kind in (TCP4, TCP6, UDP4):
        yield b"".join(record(kind, 9_000, 1400, flow=i & 1) for i in range(4))
        yield b"".join(record(kind, 1400, 1400, how=_FINISHED, flow=i % 3) for i in range(20)) + record(kind, 100, 1400)
        yield b"".join(record(kind, 4000, 700, how=_IN_SLOT, flow=0x70 | i) for i in range(4))
        yield record(kind, 1500, 500) + record(kind, 9000, 100, how=_END) + record(kind, 3, 1, how=_OWN_VIRTIO)
    yield b"".join(record(TCP4, 60_000, 1400, flow=i & 1) for i in range(4))
    yield record(TCP4, 30_000, 1000, flags=ACK | CWR | PSH) + record(TCP4, 0, 1, flow=0x80)
    raw = bytes(12) + b"\x08\0" + bytes(50)
    yield record(RAW, len(raw), 0, raw=raw) * 3
    # The second packet's checksum is 0xffff, as whoever finishes it writes it for 0.
    yield record(TCP6, 0x63D0, 1400, flow=1) + record(TCP6, 1400, 1400, flow=1) * 2
