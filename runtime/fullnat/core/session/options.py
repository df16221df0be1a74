"""Edits of TCP options that the switch leaves to the controller.

A target that parses options by layout (an ASIC) sends segments of sessions with any other list here. They get what the
data plane would have done to their options (``p4src/core/rewrite/tcp.p4``), and go back to have the rest done.
"""

from __future__ import annotations

from collections.abc import Iterator

from fullnat.net.checksum import updated
from fullnat.net.flow import Address, is_v6
from fullnat.net.headers import ETHERNET_BYTES, TcpFlag
from fullnat.net.parse import Packet, Segment
from fullnat.p4constants import MSS6_FLOOR, MSS_FLOOR, TOA_V4_BYTES, TOA_V6_BYTES, SessionFlag
from fullnat.tables.session import SessionEntry

EOL, NOP, MSS, SACK, TIMESTAMPS = 0, 1, 2, 5, 8
EXPERIMENTS = (253, 254)
TIMESTAMPS_LENGTH = 10
MSS_LENGTH = 4
SACK_LENGTHS = (10, 18, 26, 34)


_V4 = TOA_V4_BYTES, MSS_FLOOR
_V6 = TOA_V6_BYTES, MSS6_FLOOR
"""Bytes of TOA, and the MSS that is not lowered further."""
MAX_LIST = 40
"""Bytes of options that a TCP header holds."""


def toa_bytes(client: Address) -> int:
    """Of the option that tells this client."""
    return (_V6 if is_v6(client) else _V4)[0]


class BadOptions(ValueError):
    """An option's length is 0 or 1, or it ends behind the list; or the segment is not the session's."""


def edit_options(packet: Packet, session: SessionEntry, flags: int) -> bytes:
    """The frame of ``packet`` with its options as they shall leave but for TOA, for which a SYN over IPv4 gets room,
    and with the checksums changed by the difference (RFC 1624).

    The direction is told by the source. ``flags`` are the session's SessionFlags. Raises BadOptions.
    """
    flow, segment = packet.flow, packet.tcp
    if flow is None or segment is None or flow not in (session.flow_in, session.flow_out):
        raise BadOptions("this is no segment of the session")
    frame, start = packet.frame, packet.transport
    first, end = start + 20, start + segment.header
    old = frame[first:end]
    inward = flow.src == (session.client, session.client_port)
    v6 = is_v6(session.client)
    new = _inward(old, segment, flags, v6=v6) if inward else _outward(old, segment, session.delta, flags, v6=v6)
    if new == old:
        return frame
    shorter = len(old) - len(new)
    ip, tcp = frame[ETHERNET_BYTES:start], frame[start:first]
    if shorter:
        ip = _shortened(ip, shorter)
        offset = bytes((tcp[12] - (shorter << 2), tcp[13]))
        # The length in the pseudo header is less by as much, in one's complement.
        length = (0xFFFF - shorter).to_bytes(2, "big")
        tcp = tcp[:12] + offset + tcp[14:16] + _checksum(tcp[16:18], tcp[12:14], offset + length) + tcp[18:]
    tcp = tcp[:16] + _checksum(tcp[16:18], old, new) + tcp[18:]
    return frame[:ETHERNET_BYTES] + ip + tcp + new + frame[end:]


def _inward(options: bytes, segment: Segment, flags: int, *, v6: bool) -> bytes:
    out = bytearray(options)
    syn = segment.flags & (TcpFlag.SYN | TcpFlag.ACK) == TcpFlag.SYN
    timestamps = syn and not flags & SessionFlag.KEEP_TIMESTAMPS
    experiments: list[int] = []
    others: list[int] = []
    for kind, start, end in walk(options):
        if kind in EXPERIMENTS:
            experiments += range(start, end)
        elif timestamps and kind == TIMESTAMPS and end - start == TIMESTAMPS_LENGTH:
            others += range(start, end)
        else:
            continue
        out[start:end] = bytes((NOP,)) * (end - start)
    if syn and flags & SessionFlag.TOA and not v6 and len(options) > MAX_LIST - TOA_V4_BYTES:
        for removed in (experiments, others):
            if removed and removed[-TOA_V4_BYTES:] == list(range(removed[-1] + 1 - TOA_V4_BYTES, removed[-1] + 1)):
                del out[removed[-1] + 1 - TOA_V4_BYTES : removed[-1] + 1]
                break
    return bytes(out)


def _outward(options: bytes, segment: Segment, delta: int, flags: int, *, v6: bool) -> bytes:
    out = bytearray(options)
    syn = bool(segment.flags & TcpFlag.SYN)
    done: set[int] = set()
    for kind, start, end in walk(options):
        if kind in done:
            continue
        if syn and kind == MSS and end - start == MSS_LENGTH and not flags & SessionFlag.KEEP_MSS:
            mss = int.from_bytes(options[start + 2 : end], "big")
            if mss:
                out[start + 2 : end] = _lowered(mss, *(_V6 if v6 else _V4)).to_bytes(2, "big")
                done.add(kind)
        elif not syn and kind == SACK and end - start in SACK_LENGTHS:
            for edge in range(start + 2, end, 4):
                shifted = int.from_bytes(options[edge : edge + 4], "big") - delta & 0xFFFFFFFF
                out[edge : edge + 4] = shifted.to_bytes(4, "big")
            done.add(kind)
    return bytes(out)


def _lowered(mss: int, toa: int, floor: int) -> int:
    return mss if mss <= floor else max(mss - toa, floor)


def walk(options: bytes) -> Iterator[tuple[int, int, int]]:
    """(kind, start, end) of every option with a length, up to the end of the list. Raises BadOptions (RFC 9293 3.1)."""
    at = 0
    while at < len(options) and options[at] != EOL:
        if options[at] == NOP:
            at += 1
            continue
        length = options[at + 1] if at + 1 < len(options) else 0
        if length < 2 or at + length > len(options):
            raise BadOptions(f"option {options[at]} at byte {at} has length {length} in a list of {len(options)}")
        yield options[at], at, at + length
        at += length


def _shortened(header: bytes, by: int) -> bytes:
    """An IPv4 header whose total length is less by ``by`` bytes."""
    length = (int.from_bytes(header[2:4], "big") - by).to_bytes(2, "big")
    return header[:2] + length + header[4:10] + _checksum(header[10:12], header[2:4], length) + header[12:]


def _checksum(checksum: bytes, old: bytes, new: bytes) -> bytes:
    """``checksum`` with ``new`` for ``old``, both of whole words."""
    return updated(int.from_bytes(checksum, "big"), old, new).to_bytes(2, "big")
