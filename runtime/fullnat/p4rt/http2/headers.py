"""The header blocks of one connection (HPACK, RFC 7541): the hpack package, and what blocks that come again mean."""

from __future__ import annotations

import hpack

Header = tuple[bytes, bytes]
BLOCK_BYTES = 16 << 20
"""Of the largest list of headers: the details of a failed batch travel in one."""
_REMEMBERED = 64
"""Blocks whose meaning is known without decoding."""


class HeadersError(ValueError):
    """Not decodable; what follows on the connection is not either."""


def literal(name: bytes, value: bytes) -> bytes:
    """A field that is in no table and goes into none, so that it may be sent on any connection."""
    return hpack.Encoder().encode([hpack.NeverIndexedHeaderTuple(name, value)], huffman=False)


class Decoder:
    """Of the blocks of one connection, in their order."""

    def __init__(self) -> None:
        self._decoder = hpack.Decoder(BLOCK_BYTES)
        self._known: dict[bytes, tuple[Header, ...]] = {}
        """What blocks mean as long as the table stays as it is: servers say the same again and again."""

    def decode(self, block: bytes) -> tuple[Header, ...]:
        """Raises HeadersError."""
        known = self._known.get(block)
        if known is not None:
            return known
        before = self._state()
        try:
            headers = tuple((name, value) for name, value in self._decoder.decode(block, raw=True))
        except hpack.HPACKError as error:
            raise HeadersError(f"headers that cannot be decoded: {error}") from None
        changed = self._state() != before
        if changed or len(self._known) >= _REMEMBERED:
            self._known.clear()
        if not changed:
            self._known[block] = headers
        return headers

    def _state(self) -> tuple[object, ...]:
        """Of the table."""
        table = self._decoder.header_table
        return (table.maxsize, *table.dynamic_entries)
