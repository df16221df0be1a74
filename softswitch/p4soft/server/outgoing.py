"""What a stream brings to its client: messages, and what becomes a message only for who wants one."""

from __future__ import annotations

from finsy.proto import p4r

from p4soft.server.digests import Learned
from p4soft.server.packetio import Punted

Outgoing = p4r.StreamMessageResponse | Punted | Learned


def message_of(outgoing: Outgoing) -> p4r.StreamMessageResponse:
    return outgoing.message() if isinstance(outgoing, (Punted, Learned)) else outgoing
