"""Header fields on the wire (HPACK, RFC 7541)."""

from __future__ import annotations

from collections import deque

from fullnat.p4rt.http2 import huffman

Header = tuple[bytes, bytes]
"""Name and value."""

TABLE_BYTES = 4096
"""What a peer's table may hold unless it is told otherwise (RFC 9113 6.5.2)."""
_ENTRY_BYTES = 32
"""What an entry counts for beyond its strings (RFC 7541 4.1)."""
_REMEMBERED = 64
"""Blocks whose meaning is remembered."""
_LONGEST_NUMBER = 1 << 28

_STATIC: tuple[Header, ...] = (
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
)


class HpackError(ValueError):
    """Not decodable; what follows on the connection is not either."""


def literal(name: bytes, value: bytes) -> bytes:
    """A field that is in no table and goes into none. ``name`` is shorter than 127 bytes."""
    return b"\x00" + bytes([len(name)]) + name + _number(len(value), 7) + value


def _number(value: int, bits: int) -> bytes:
    most = (1 << bits) - 1
    if value < most:
        return bytes([value])
    made = bytearray([most])
    value -= most
    while value >= 0x80:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


class Decoder:
    """Of the blocks of one connection, in their order."""

    def __init__(self) -> None:
        self._table: deque[Header] = deque()
        """The newest first."""
        self._size = 0
        self._limit = TABLE_BYTES
        self._known: dict[bytes, tuple[Header, ...]] = {}
        """What blocks mean as long as the table stays as it is: servers say the same again and again."""

    def decode(self, block: bytes) -> tuple[Header, ...]:
        """Raises HpackError."""
        known = self._known.get(block)
        if known is not None:
            return known
        try:
            headers, changed = self._decode(block)
        except (IndexError, ValueError) as error:
            raise HpackError(f"headers that cannot be decoded: {error}") from None
        if changed or len(self._known) >= _REMEMBERED:
            self._known.clear()
        if not changed:
            self._known[block] = headers
        return headers

    def _decode(self, block: bytes) -> tuple[tuple[Header, ...], bool]:
        """The fields, and whether the table has changed."""
        headers: list[Header] = []
        changed = False
        at = 0
        while at < len(block):
            first = block[at]
            if first & 0x80:
                index, at = _read_number(block, at, 7)
                headers.append(self._entry(index))
            elif first & 0xE0 == 0x20:
                limit, at = _read_number(block, at, 5)
                if limit > TABLE_BYTES:
                    raise ValueError(f"a table of {limit} bytes")
                self._limit = limit
                self._evict(0)
                changed = True
            else:
                remember = bool(first & 0x40)
                index, at = _read_number(block, at, 6 if remember else 4)
                name, at = (self._entry(index)[0], at) if index else _string(block, at)
                value, at = _string(block, at)
                headers.append((name, value))
                if remember:
                    self._add((name, value))
                    changed = True
        return tuple(headers), changed

    def _entry(self, index: int) -> Header:
        if 1 <= index <= len(_STATIC):
            return _STATIC[index - 1]
        if index == 0:
            raise IndexError("index 0")
        return self._table[index - len(_STATIC) - 1]

    def _add(self, header: Header) -> None:
        size = _size(header)
        self._evict(size)
        if size <= self._limit:
            self._table.appendleft(header)
            self._size += size

    def _evict(self, room: int) -> None:
        """Have so many bytes fit."""
        while self._table and self._size + room > self._limit:
            self._size -= _size(self._table.pop())


def _size(header: Header) -> int:
    return len(header[0]) + len(header[1]) + _ENTRY_BYTES


def _read_number(block: bytes, at: int, bits: int) -> tuple[int, int]:
    """The number whose first byte has ``bits`` bits of it, and where it ends. Raises IndexError or ValueError."""
    most = (1 << bits) - 1
    value = block[at] & most
    at += 1
    if value < most:
        return value, at
    shift = 0
    while True:
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        if value > _LONGEST_NUMBER or shift > 28:
            raise ValueError("a number that is too large")
        if not byte & 0x80:
            return value, at
        shift += 7


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    coded = block[at] & 0x80
    length, at = _read_number(block, at, 7)
    end = at + length
    if end > len(block):
        raise IndexError("a string beyond the end")
    found = block[at:end]
    return (huffman.decode(found) if coded else found), end
