"""What a stream brings to its client."""

from __future__ import annotations

from finsy.proto import p4r

from p4soft.server.digests import DigestList
from p4soft.server.packetio import Punted

Outgoing = p4r.StreamMessageResponse | Punted | DigestList
"""A message, or something of the data plane's that becomes one only for who wants one."""


def message_of(outgoing: Outgoing) -> p4r.StreamMessageResponse:
    """The same message every time, for all clients."""
    return outgoing if isinstance(outgoing, p4r.StreamMessageResponse) else outgoing.message()
