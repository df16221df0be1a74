"""ICMP errors of both families as values, like :mod:`ptf_tests.packets`."""

from __future__ import annotations

import dataclasses
import ipaddress
from dataclasses import dataclass
from typing import Any, Self

from scapy.utils import checksum as internet_checksum

from ptf_tests.packets import IP, Ether, IPOption, IPv6, Packet, Raw, Tcp, Udp

PROTO_ICMP, PROTO_ICMPV6 = 1, 58


@dataclass(frozen=True, kw_only=True)
class Kinds:
    """Types and codes of one family."""

    port_unreachable: tuple[int, int]
    too_big: tuple[int, int]
    time_exceeded: tuple[int, int]
    translated: tuple[tuple[int, int], ...]
    """All that tell the sender of a segment something."""
    others: tuple[tuple[int, int], ...]
    """No errors, or none that concern a session."""


ICMP_KINDS = Kinds(
    port_unreachable=(3, 3),
    too_big=(3, 4),
    time_exceeded=(11, 0),
    translated=(*((3, code) for code in (0, 1, 2, 3, 4, 9, 10, 13)), (4, 0), (11, 0), (11, 1), (12, 0)),
    others=((5, 0), (5, 1), (0, 0), (13, 0), (14, 0), (17, 0), (255, 0)),
)
ICMPV6_KINDS = Kinds(
    port_unreachable=(1, 4),
    too_big=(2, 0),
    time_exceeded=(3, 0),
    translated=(*((1, code) for code in range(7)), (2, 0), (3, 0), (3, 1), (4, 0), (4, 1), (4, 2)),
    others=((0, 0), (5, 0), (127, 0), (129, 0), (130, 0), (255, 0)),
)


@dataclass(frozen=True, kw_only=True)
class IcmpError:
    """One ICMP error over IP, of the family of its addresses, over Ethernet. None in a length or checksum: as it should
    be.

    What IPv6 does not have is left out there; ``ttl`` is its hop limit, ``tos`` its traffic class, and ``total_len``
    counts its header as that of IPv4 does.
    """

    eth_dst: str
    eth_src: str
    src: str
    dst: str
    kind: tuple[int, int] | None = None
    """Type and code; None is port unreachable."""
    unused: int = 0
    mtu: int = 0
    quote: bytes = b""
    """All behind the 8 bytes of the header."""
    ttl: int = 60
    tos: int = 0
    ip_id: int = 0x4321
    ip_flags: int = 0
    ip_options: bytes = b""
    total_len: int | None = None
    checksum: int | None = None
    padding: bytes = b""
    """Bytes of the frame after the IP packet."""

    def replace(self, **changes: Any) -> Self:
        """The same error but for ``changes``."""
        return dataclasses.replace(self, **changes)

    @property
    def summed(self) -> int:
        """The checksum of the whole message, whatever it is said to be."""
        message = self._message(0)
        if ":" not in self.src:
            return internet_checksum(message)
        ends = b"".join(ipaddress.ip_address(end).packed for end in (self.src, self.dst))
        return internet_checksum(ends + len(message).to_bytes(4, "big") + PROTO_ICMPV6.to_bytes(4, "big") + message)

    def __bytes__(self) -> bytes:
        message = self._message(self.summed if self.checksum is None else self.checksum)
        return bytes(Ether(dst=self.eth_dst, src=self.eth_src) / self._ip() / Raw(message)) + self.padding

    def _ip(self) -> Packet:
        if ":" in self.src:
            length = None if self.total_len is None else self.total_len - 40
            return IPv6(src=self.src, dst=self.dst, tc=self.tos, hlim=self.ttl, plen=length, nh=PROTO_ICMPV6)
        return IP(
            src=self.src,
            dst=self.dst,
            tos=self.tos,
            id=self.ip_id,
            flags=self.ip_flags,
            ttl=self.ttl,
            len=self.total_len,
            proto=PROTO_ICMP,
            options=[IPOption(self.ip_options)] if self.ip_options else [],
        )

    def _message(self, checksum: int) -> bytes:
        kind = self.kind or (ICMPV6_KINDS if ":" in self.src else ICMP_KINDS).port_unreachable
        head = bytes(kind) + checksum.to_bytes(2, "big")
        return head + self.unused.to_bytes(2, "big") + self.mtu.to_bytes(2, "big") + self.quote


def quote(packet: Tcp | Udp, behind: int | None = None, **ip: Any) -> bytes:
    """The IP packet as an error quotes it, with ``behind`` bytes behind its header, by default all, and other fields
    of ``ip`` in the header."""
    data = bytes(packet)[14:]
    six = ":" in packet.src
    whole: Any = IPv6(data) if six else IP(data)
    header = whole.copy()
    header.remove_payload()
    made = {"plen": len(data) - 40} if six else {"chksum": None, "ihl": None, "len": len(data)}
    for name, value in {**made, **ip}.items():
        setattr(header, name, value)
    size = 40 if six else whole.ihl * 4
    return bytes(header) + data[size:][:behind]
