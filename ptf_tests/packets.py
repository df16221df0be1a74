"""Packets as values: say what differs from the usual with ``replace``, get the bytes with ``bytes()``.

scapy builds them, so every length and checksum is computed from scratch; a wrong one is given explicitly.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from dataclasses import dataclass
from typing import Any, Self

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption, fragment
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

__all__ = [
    "ARP",
    "ICMP",
    "IP",
    "TCP",
    "UDP",
    "Ether",
    "IPOption",
    "IPv6",
    "Packet",
    "Raw",
    "Tcp",
    "Udp",
    "fragments",
    "mss",
    "sack",
    "timestamps",
    "toa",
]

NOP = b"\x01"
SACK_PERMITTED = b"\x04\x02"
WINDOW_SCALE = b"\x03\x03\x07"


def mss(value: int) -> bytes:
    return b"\x02\x04" + value.to_bytes(2, "big")


def timestamps(value: int = 0x11223344, echo: int = 0) -> bytes:
    return b"\x08\x0a" + value.to_bytes(4, "big") + echo.to_bytes(4, "big")


def sack(*blocks: tuple[int, int]) -> bytes:
    edges = b"".join((edge & 0xFFFFFFFF).to_bytes(4, "big") for block in blocks for edge in block)
    return bytes([5, 2 + len(edges)]) + edges


def ipv4(text: str) -> int:
    return int.from_bytes(bytes(int(part) for part in text.split(".")), "big")


def address(text: str) -> int:
    """Of either family."""
    return int(ipaddress.ip_address(text))


def mac(text: str) -> int:
    return int(text.replace(":", ""), 16)


def fragments(packet: Packet, size: int) -> list[Any]:
    """The IP packet in fragments of at most ``size`` bytes."""
    return list(fragment(packet, fragsize=size))  # type: ignore[no-untyped-call]


def toa(client: str, port: int, kind: int = 254) -> bytes:
    """TOA: kind, length 8 or 20 by the family of the client, port, address."""
    body = port.to_bytes(2, "big") + ipaddress.ip_address(client).packed
    return bytes([kind, 2 + len(body)]) + body


@dataclass(frozen=True, kw_only=True)
class Tcp:
    """One TCP segment over IP, of the family of its addresses, over Ethernet. None in a length or checksum: as it
    should be.

    What IPv6 does not have (identification, flags, options, header length and checksum) is left out there; ``ttl`` is
    its hop limit, ``tos`` its traffic class, and ``total_len`` counts its header as that of IPv4 does.
    """

    eth_dst: str
    eth_src: str
    src: str
    dst: str
    sport: int
    dport: int
    seq: int = 0
    ack: int = 0
    flags: str = "A"
    window: int = 8192
    urgent: int = 0
    reserved: int = 0
    options: bytes = b""
    """The option list, padded: a multiple of 4 bytes."""
    payload: bytes = b""
    ttl: int = 64
    tos: int = 0
    ip_id: int = 0x1234
    ip_flags: int = 2
    ip_options: bytes = b""
    version: int = 4
    ihl: int | None = None
    total_len: int | None = None
    ip_checksum: int | None = None
    data_offset: int | None = None
    checksum: int | None = None
    padding: bytes = b""
    """Bytes of the frame after the IP packet."""
    flow_label: int = 0x12345
    """Of IPv6."""

    def replace(self, **changes: Any) -> Self:
        """The same segment but for ``changes``."""
        return dataclasses.replace(self, **changes)

    def __post_init__(self) -> None:
        if len(self.options) % 4 or len(self.ip_options) % 4:
            raise ValueError("options must be padded to a multiple of 4 bytes")

    def _ip(self) -> Packet:
        if ":" in self.src:
            return IPv6(
                version=6 if self.version == 4 else self.version,
                tc=self.tos,
                fl=self.flow_label,
                plen=None if self.total_len is None else self.total_len - 40,
                nh=6,
                hlim=self.ttl,
                src=self.src,
                dst=self.dst,
            )
        return IP(
            version=self.version,
            ihl=self.ihl,
            tos=self.tos,
            len=self.total_len,
            id=self.ip_id,
            flags=self.ip_flags,
            ttl=self.ttl,
            chksum=self.ip_checksum,
            src=self.src,
            dst=self.dst,
            options=[IPOption(self.ip_options)] if self.ip_options else [],
        )

    def __bytes__(self) -> bytes:
        tcp = TCP(
            sport=self.sport,
            dport=self.dport,
            seq=self.seq & 0xFFFFFFFF,
            ack=self.ack & 0xFFFFFFFF,
            # scapy would take raw options apart; to it they are the start of the payload.
            dataofs=5 + len(self.options) // 4 if self.data_offset is None else self.data_offset,
            reserved=self.reserved,
            flags=self.flags,
            window=self.window,
            urgptr=self.urgent,
            chksum=self.checksum,
        )
        ether = Ether(dst=self.eth_dst, src=self.eth_src)
        return bytes(ether / self._ip() / tcp / Raw(self.options + self.payload)) + self.padding


@dataclass(frozen=True, kw_only=True)
class Udp:
    """One UDP datagram over IP, of the family of its addresses, over Ethernet. None in a length or checksum: as it
    should be."""

    eth_dst: str
    eth_src: str
    src: str
    dst: str
    sport: int
    dport: int
    payload: bytes = b""
    ttl: int = 64
    tos: int = 0
    ip_id: int = 0x1234
    ip_flags: int = 0
    total_len: int | None = None
    length: int | None = None
    checksum: int | None = None
    padding: bytes = b""
    """Bytes of the frame after the IP packet."""

    def replace(self, **changes: Any) -> Self:
        """The same datagram but for ``changes``."""
        return dataclasses.replace(self, **changes)

    def __bytes__(self) -> bytes:
        if ":" in self.src:
            length = None if self.total_len is None else self.total_len - 40
            ip: Packet = IPv6(src=self.src, dst=self.dst, tc=self.tos, plen=length, hlim=self.ttl)
        else:
            ip = IP(
                tos=self.tos,
                len=self.total_len,
                id=self.ip_id,
                flags=self.ip_flags,
                ttl=self.ttl,
                src=self.src,
                dst=self.dst,
            )
        udp = UDP(sport=self.sport, dport=self.dport, len=self.length, chksum=self.checksum)
        return bytes(Ether(dst=self.eth_dst, src=self.eth_src) / ip / udp / Raw(self.payload)) + self.padding

    @property
    def summed(self) -> int:
        """The checksum of the whole, whatever it is said to be."""
        offset = 14 + self.ip_bytes + 6
        return int.from_bytes(bytes(self.replace(checksum=None))[offset : offset + 2], "big")

    @property
    def ip_bytes(self) -> int:
        """Of the IP header."""
        return 40 if ":" in self.src else 20


def checksum_of(segment: Tcp) -> int:
    """The TCP checksum field of ``segment``."""
    frame = bytes(segment)
    offset = 14 + (40 if ":" in segment.src else (frame[14] & 15) * 4) + 16
    return int.from_bytes(frame[offset : offset + 2], "big")
