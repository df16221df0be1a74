"""ReadRequests answered natively: the Python side of native/p4rt/read.c."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from p4soft.api import EngineError
from p4soft.api_read import Hits, TablesChanged
from p4soft.engine.binding import Error, ffi
from p4soft.engine.images import unpacker

_ROOM = 1 << 18
"""Bytes of a response."""
_HIT = unpacker("struct p4s_hit")


class NativeReader:
    """Implements :class:`p4soft.api_read.WireReader`. ``handle`` returns the switch or raises EngineError once it is
    closed; ``writer`` is the struct p4s_writer that knows its tables."""

    def __init__(self, library: Any, handle: Callable[[], Any], writer: Any) -> None:
        self._c = library
        self._handle = handle
        self._writer = writer
        self._out = ffi.new("uint8_t[]", _ROOM)

    def read(self, request: bytes, limit: int) -> Iterator[bytes] | None:
        reading = self._begin(request)
        return None if reading is None else self._responses(reading, limit)

    def _begin(self, request: bytes) -> Any:
        """The struct p4s_reading; None when the request is not an ordinary one."""
        self._handle()
        reading = self._c.p4s_read(self._writer, request, len(request))
        return None if reading == ffi.NULL else ffi.gc(reading, self._c.p4s_read_free)

    def _responses(self, reading: Any, limit: int) -> Iterator[bytes]:
        while True:
            self._handle()
            used = self._c.p4s_read_next(reading, limit, self._out, _ROOM)
            if used == Error.NOT_FOUND:
                raise TablesChanged
            if used < 0:
                raise EngineError("an entry is too large to be read")
            if used == 0:
                return
            yield bytes(ffi.buffer(self._out, used))

    def hits(self, request: bytes) -> Sequence[Hits | None] | None:
        reading = self._begin(request)
        if reading is None:
            return None
        room = len(request) // 2  # every entry takes more bytes than that to be named
        out = ffi.new("struct p4s_hit[]", room + 1)
        count = self._c.p4s_read_hits(reading, out, room)
        if count < 0:
            return None
        found = _HIT.iter_unpack(ffi.buffer(out, count * _HIT.size))
        return [Hits(since, packets, octets) if there else None for there, since, packets, octets in found]
