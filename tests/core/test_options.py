"""The controller's edits of TCP options, byte by byte; the packet tests hold them beside the data plane's."""

from __future__ import annotations

from typing import Any

import pytest
from fullnat.core.session.options import BadOptions, edit_options, walk
from fullnat.net.flow import address
from fullnat.net.parse import parse
from fullnat.p4constants import SessionFlag
from fullnat.tables.session import SessionEntry
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

CLIENT, VIP, LOCAL, SERVER = "203.0.113.9", "198.51.100.10", "10.0.1.1", "10.0.0.11"
DELTA = 0x9E3779B9
TIMESTAMPS = b"\x08\x0a\x11\x22\x33\x44\0\0\0\0"
MSS_1460 = b"\x02\x04\x05\xb4"


def session() -> SessionEntry:
    outside = address(CLIENT), 40000, address(VIP), 80
    inside = address(LOCAL), 5000, address(SERVER), 8080
    return SessionEntry(3, 0, 6, *outside, *inside, DELTA, 0, 90.0)


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
    after = edit_options(parse(before), session(), session_flags)
    start = 14 + 20 + len(how.get("ip_options", b"")) + 20
    result = after[start : start + len(options) + len(after) - len(before)]
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


COOKIE = b"\x22\x12" + bytes(range(16))
SACK_OK = b"\x04\x02"
WINDOW = b"\x01\x03\x03\x07"
FULL_SYN = MSS_1460 + SACK_OK + TIMESTAMPS + WINDOW[1:] + COOKIE + b"\x01" * 3


@pytest.mark.parametrize(
    ("options", "flags", "expected"),
    [
        (FULL_SYN, "S", MSS_1460 + SACK_OK + b"\x01\x01" + WINDOW[1:] + COOKIE + b"\x01" * 3),
        (FULL_SYN[:4] + FULL_SYN[6:-2], "S", MSS_1460 + b"\x01\x01" + WINDOW[1:] + COOKIE + b"\x01"),
        (b"\xfe\x05abc" + TIMESTAMPS + COOKIE + b"\x01" * 3, "S", b"\x01" * 7 + COOKIE + b"\x01" * 3),
        (b"\xfd\x0a" + b"y" * 8 + TIMESTAMPS + COOKIE + SACK_OK, "S", b"\x01" * 12 + COOKIE + SACK_OK),
        (b"\xfe\x07abcde" + COOKIE + b"\x01" * 15, "S", b"\x01" * 7 + COOKIE + b"\x01" * 15),
        (b"\xfe\x0a" + b"y" * 8 + COOKIE + b"\x01" * 12, "A", b"\x01" * 10 + COOKIE + b"\x01" * 12),
        (TIMESTAMPS + COOKIE + b"\x01" * 4, "S", b"\x01" * 10 + COOKIE + b"\x01" * 4),
    ],
    ids=["40 bytes", "36 bytes", "both kinds", "experiments first", "less than 8", "no SYN", "32 bytes"],
)
def test_what_is_blanked_makes_room_for_toa(options: bytes, flags: str, expected: bytes) -> None:
    """In a SYN that has none: 8 bytes of NOPs are taken out, and the data plane puts TOA in front."""
    toa = SessionFlag.TOA
    assert edited(options, inward=True, flags=flags, session_flags=toa) == expected
    assert edited(options, inward=True, flags=flags, session_flags=toa, damage=0x40) == expected
    assert edited(options, inward=True, flags=flags, session_flags=toa, ip_options=b"\x94\x04\0\0") == expected
    assert len(edited(options, inward=True, flags=flags)) == len(options), "no TOA, no room"


def test_session_flags_keep_what_they_say() -> None:
    flags = SessionFlag
    keep = flags["KEEP_TIMESTAMPS"] | flags["KEEP_MSS"]
    assert edited(TIMESTAMPS + b"\x01\x01", inward=True, flags="S", session_flags=keep) == TIMESTAMPS + b"\x01\x01"
    assert edited(MSS_1460, inward=False, flags="SA", session_flags=keep) == MSS_1460


@settings(deadline=None)
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
    packet = parse(frame(b"", inward=True))
    assert edit_options(packet, session(), 0) == packet.frame
    flow = packet.flow
    assert flow is not None
    for other in (packet._replace(flow=flow._replace(src=flow.src._replace(port=1))), packet._replace(tcp=None)):
        with pytest.raises(BadOptions, match="no segment of the session"):
            edit_options(other, session(), 0)
