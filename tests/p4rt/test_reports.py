"""Reports about sessions as events, of a switch in this process and of others."""

from __future__ import annotations

import struct
from typing import NamedTuple

import pytest
from finsy.proto import p4r
from fullnat.core.interface import SessionEvents
from fullnat.p4rt.wire import canonical

from p4rt.test_schema import tells_seq


class Packed(NamedTuple):
    """Digests as a switch in this process has them."""

    digest_id: int
    data: tuple[bytes, ...]
    list_id: int = 1


@pytest.mark.parametrize("told", [False, True])
def test_several_reports_of_a_session_in_a_list_are_one(told: bool) -> None:
    """Whether the switch tells what the client sent, and whether it is in this process, or not."""
    packets = tells_seq(told=told).packets
    rows = ((7, 2, 1, 0), (8, 2, 1, 0), (7, 1, 2, 0), (7, 1, 4, 99), (7, 2, 72, 0), (7, 2, 8, 0))
    digest = p4r.DigestList(digest_id=packets.digest_id)
    for row in rows:
        members = digest.data.add().struct.members
        for value in row if told else row[:3]:
            members.add(bitstring=canonical(value))
    data = tuple(struct.pack("!IBBI", *row)[: 10 if told else 6] for row in rows)
    end = 99 if told else 0
    expected = [
        SessionEvents(7, 1, 7, end),
        SessionEvents(8, 2, 1),
        SessionEvents(7, 2, 72),
        SessionEvents(7, 2, 8),
    ]
    assert packets.decode_digest(digest) == expected
    assert packets.decode_packed(Packed(digest.digest_id, data)) == expected
