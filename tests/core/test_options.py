"""The controller's edits of TCP options, byte by byte; the packet tests hold them beside the data plane's."""

from __future__ import annotations

from typing import Any

import pytest
from fullnat.core.frames import parse_tcp
from fullnat.core.options import BadOptions, belongs, edit_options, walk
from fullnat.p4constants import SessionFlag
from fullnat.tables.session import SessionEntry
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

CLIENT, VIP, LOCAL, SERVER = "203.0.113.9", "198.51.100.10", "10.0.1.1", "10.0.0.11"
DELTA = 0x9E3779B9
TIMESTAMPS = b"\x08\x0a\x11\x22\x33\x44\0\0\0\0"
MSS_1460 = b"\x02\x04\x05\xb4"


def number(address: str) -> int:
    return int.from_bytes(bytes(map(int, address.split("."))), "big")


def session() -> SessionEntry:
    ends = (number(CLIENT), 40000, number(VIP), 80, number(LOCAL), 5000, number(SERVER), 8080)
    return SessionEntry(3, 0, 6, *ends, DELTA, 0, 90.0)


def frame(options: bytes, *, inward: bool, flags: str = "A", damage: int = 0, ip_options: bytes = b"") -> bytes:
    src, sport, dst, dport = (CLIENT, 40000, VIP, 80) if inward else (SERVER, 8080, LOCAL, 5000)
    tcp: dict[str, Any] = {"sport": sport, "dport": dport, "flags": flags, "dataofs": 5 + len(options) // 4}
    ip = IP(src=src, dst=dst, options=[ip_options] if ip_options else [])
    made = bytearray(bytes(Ether() / ip / TCP(**tcp) / Raw(options + b"payload")))
    made[-1] ^= damage
    return bytes(made)


def edited(options: bytes, *, session_flags: int = 0, **how: Any) -> bytes:
    """The list after the edit; everything else must be as if the segment had been sent with it."""
    before = frame(options, **how)
    segment = parse_tcp(before)
    assert segment is not None
    assert belongs(segment, session())
    after = edit_options(before, segment, session(), session_flags)
    start = 14 + 20 + len(how.get("ip_options", b"")) + 20
    result = after[start : start + len(options)]
    assert after == frame(result, **how)
    return result


@pytest.mark.parametrize(
    ("options", "how", "expected"),
    [
        (b"\xfe\x08" + b"x" * 6, {"inward": True}, b"\x01" * 8),
        (b"\x01\xfd\x05abc\x01\x01", {"inward": True}, b"\x01" * 8),
        (b"\xfe\x08" + b"x" * 6, {"inward": False}, b"\xfe\x08" + b"x" * 6),
        (TIMESTAMPS + b"\x01\x01", {"inward": True, "flags": "S"}, b"\x01" * 12),
        (TIMESTAMPS + b"\x01\x01", {"inward": True, "flags": "A"}, TIMESTAMPS + b"\x01\x01"),
        (b"\x08\x06aaaa\x01\x01", {"inward": True, "flags": "S"}, b"\x08\x06aaaa\x01\x01"),
        (MSS_1460, {"inward": True, "flags": "S"}, MSS_1460),
        (b"\x01" + MSS_1460 + b"\x01" * 3, {"inward": False, "flags": "SA"}, b"\x01\x02\x04\x05\xac" + b"\x01" * 3),
        (b"\x02\x04\x02\x1c", {"inward": False, "flags": "SA"}, b"\x02\x04\x02\x18"),
        (b"\x02\x04\x02\x00", {"inward": False, "flags": "SA"}, b"\x02\x04\x02\x00"),
        (MSS_1460 * 2, {"inward": False, "flags": "SA"}, b"\x02\x04\x05\xac" + MSS_1460),
        (MSS_1460, {"inward": False, "flags": "A"}, MSS_1460),
        (
            b"\x01\x05\x0a" + (DELTA + 5).to_bytes(4, "big") + (3).to_bytes(4, "big") + b"\x01",
            {"inward": False},
            b"\x01\x05\x0a" + (5).to_bytes(4, "big") + (3 - DELTA & 0xFFFFFFFF).to_bytes(4, "big") + b"\x01",
        ),
        (b"\x00" + TIMESTAMPS + b"\x01", {"inward": True, "flags": "S"}, b"\x00" + TIMESTAMPS + b"\x01"),
    ],
)
def test_edit(options: bytes, how: dict[str, Any], expected: bytes) -> None:
    assert edited(options, **how) == expected
    assert edited(options, **how, ip_options=b"\x94\x04\0\0") == expected


def test_session_flags_keep_what_they_say() -> None:
    flags = SessionFlag
    keep = flags["KEEP_TIMESTAMPS"] | flags["KEEP_MSS"]
    assert edited(TIMESTAMPS + b"\x01\x01", inward=True, flags="S", session_flags=keep) == TIMESTAMPS + b"\x01\x01"
    assert edited(MSS_1460, inward=False, flags="SA", session_flags=keep) == MSS_1460


@given(st.lists(st.sampled_from([b"\x01", MSS_1460, TIMESTAMPS, b"\xfe\x03a", b"\x22\x02"]), max_size=4), st.booleans())
def test_damaged_stays_damaged(parts: list[bytes], inward: bool) -> None:
    """By as much: see ``edited``."""
    options = b"".join(parts)
    options += b"\x01" * (-len(options) % 4)
    assert len(edited(options, inward=inward, flags="S" if inward else "SA", damage=0x40)) == len(options)


BROKEN = [b"\x02\x00\x01\x01", b"\x02\x01\x01\x01", b"\x02\x05\x01\x01", b"\x01\x01\x01\x02"]


@pytest.mark.parametrize("options", BROKEN)
def test_broken_lists_are_refused(options: bytes) -> None:
    with pytest.raises(BadOptions, match=r"option 2 at byte \d has length"):
        list(walk(options))


def test_a_stranger_is_no_part_of_the_session() -> None:
    segment = parse_tcp(frame(b"", inward=True))
    assert segment is not None
    assert not belongs(segment._replace(src_port=1), session())
