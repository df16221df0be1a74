"""QUIC: connection ids that say which server they are of, by the plaintext layout of draft-ietf-quic-load-balancers.

The first octet of such an id has the configuration in its upper three bits; 7 is for ids that say nothing. Then come
the server's id and whatever makes the connection id unique. Servers make them; a client's first packets have one of the
client's own making. Where the id is in a packet does not depend on QUIC's version (RFC 8999).
"""

from __future__ import annotations

from typing import NamedTuple

LONG_HEADER = 0x80
_ID_LENGTH = 5
"""Where a long header has the length of the destination connection id; the id is behind it."""
_CONFIG_SHIFT = 5


class ServerOfId(NamedTuple):
    server: bytes
    is_old: bool
    """The connection exists already: its client has the id of the server."""


def server_of(payload: bytes, config: int, length: int) -> ServerOfId | None:
    """What the connection id of the first packet in a datagram says, if it is of our ``config``; ``length`` is that of
    servers' ids."""
    if not payload:
        return None
    if payload[0] & LONG_HEADER:
        if len(payload) <= _ID_LENGTH or payload[_ID_LENGTH] <= length:
            return None
        start = _ID_LENGTH + 1
    else:
        start = 1
    if len(payload) < start + 1 + length or payload[start] >> _CONFIG_SHIFT != config:
        return None
    return ServerOfId(payload[start + 1 : start + 1 + length], not payload[0] & LONG_HEADER)
