"""SYN cookies as the data plane makes them (p4src/arch/v1model/cookie/), by a HalfSipHash of our own."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

from fullnat.p4constants import CookieKey

from ptf_tests.p4rt import Entry
from ptf_tests.packets import Tcp

MASK = 0xFFFFFFFF
MSS = {4: (536, 1300, 1440, 1460), 6: (1220, 1420, 1440, 8940)}
SCALES = (None, 3, 6, 7)
TIME_BITS = 23
OWN_MSS, OWN_MSS6, OWN_SCALE = 1452, 1420, 9
"""Those of SYN-ACKs."""
MAX_TICKS = 1 << 16
"""Of the switch's clock that are tried: it has not run for longer in a test."""


def halfsiphash(key: int, words: list[int]) -> int:
    """HalfSipHash-2-4 of 32-bit little-endian ``words``, 32 bits."""
    k0, k1 = key & MASK, key >> 32
    v = [k0, k1, 0x6C796765 ^ k0, 0x74656462 ^ k1]

    def rotated(value: int, bits: int) -> int:
        return (value << bits | value >> 32 - bits) & MASK

    def rounds(count: int) -> None:
        for _ in range(count):
            v[0] = v[0] + v[1] & MASK
            v[1] = rotated(v[1], 5) ^ v[0]
            v[0] = rotated(v[0], 16)
            v[2] = v[2] + v[3] & MASK
            v[3] = rotated(v[3], 8) ^ v[2]
            v[0] = v[0] + v[3] & MASK
            v[3] = rotated(v[3], 7) ^ v[0]
            v[2] = v[2] + v[1] & MASK
            v[1] = rotated(v[1], 13) ^ v[2]
            v[2] = rotated(v[2], 16)

    for word in [*words, (4 * len(words) & 0xFF) << 24]:
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[1] ^ v[3]


@dataclass(frozen=True, kw_only=True)
class Cookie:
    """What a cookie says, and of which SYN."""

    key: int
    syn: Tcp
    time: int
    generation: int = 0
    mss: int = 0
    """Index of MSS."""
    scale: int = 0
    """Index of SCALES."""
    sack: bool = False

    @property
    def told(self) -> int:
        return (self.time & 3) << 5 | self.sack << 4 | self.scale << 2 | self.mss

    @property
    def mac(self) -> int:
        syn = self.syn
        source, destination = (ipaddress.ip_address(address).packed for address in (syn.src, syn.dst))
        addresses = struct.unpack(f"!{len(source) // 2}I", source + destination)
        dated = (self.time & (1 << TIME_BITS) - 1) << 5 | self.told & 0x1F
        return halfsiphash(self.key, [syn.seq, dated, syn.sport << 16 | syn.dport, *addresses])

    @property
    def value(self) -> int:
        return self.mac & 0xFFFFFF00 | self.generation << 7 | self.told


def ticks_of(key: int, syn: Tcp, value: int) -> int:
    """The time at which the switch has made the cookie ``value`` for ``syn`` with ``key``. Raises ValueError if it is
    none."""
    told = {"generation": value >> 7 & 1, "scale": value >> 2 & 3, "mss": value & 3}
    for time in range(value >> 5 & 3, MAX_TICKS, 4):
        if Cookie(key=key, syn=syn, time=time, sack=bool(value >> 4 & 1), **told).value == value:
            return time
    raise ValueError(f"{value:#x} is no cookie of this key")


def key_entries(key: int, generation: int = 0, *, new: bool = True) -> list[Entry]:
    """The key of a ``generation``; ``new``: by which cookies are made."""
    params = {"key": key, "generation": generation, "mss": OWN_MSS, "mss6": OWN_MSS6, "scale": OWN_SCALE}
    wanted = [CookieKey.GENERATION_0 + generation, *((CookieKey.NEW,) if new else ())]
    return [Entry("cookie_key", {"wanted": each}, "cookie_key_set", params) for each in wanted]
