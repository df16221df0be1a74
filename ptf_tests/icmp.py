"""ICMP errors as values, like :mod:`ptf_tests.packets`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

from scapy.utils import checksum as internet_checksum

from ptf_tests.packets import IP, Ether, IPOption, Raw, Tcp, Udp

PORT_UNREACHABLE = (3, 3)
FRAGMENTATION_NEEDED = (3, 4)
TIME_EXCEEDED = (11, 0)


@dataclass(frozen=True, kw_only=True)
class IcmpError:
    """One ICMP error over IPv4 over Ethernet. None in a length or checksum: as it should be."""

    eth_dst: str
    eth_src: str
    src: str
    dst: str
    kind: tuple[int, int] = PORT_UNREACHABLE
    """Type and code."""
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
        return internet_checksum(self._message(0))

    def __bytes__(self) -> bytes:
        ip = IP(
            src=self.src,
            dst=self.dst,
            tos=self.tos,
            id=self.ip_id,
            flags=self.ip_flags,
            ttl=self.ttl,
            len=self.total_len,
            proto=1,
            options=[IPOption(self.ip_options)] if self.ip_options else [],
        )
        message = self._message(self.summed if self.checksum is None else self.checksum)
        return bytes(Ether(dst=self.eth_dst, src=self.eth_src) / ip / Raw(message)) + self.padding

    def _message(self, checksum: int) -> bytes:
        head = bytes(self.kind) + checksum.to_bytes(2, "big")
        return head + self.unused.to_bytes(2, "big") + self.mtu.to_bytes(2, "big") + self.quote


def quote(packet: Tcp | Udp, behind: int | None = None, **ip: Any) -> bytes:
    """The IP packet as an error quotes it, with ``behind`` bytes behind its header, by default all, and other fields
    of ``ip`` in the header."""
    whole = IP(bytes(packet)[14:])
    payload = bytes(whole.payload)
    header = whole.copy()
    header.remove_payload()
    for name, value in {"chksum": None, "ihl": None, "len": len(bytes(whole)), **ip}.items():
        setattr(header, name, value)
    return bytes(header) + payload[:behind]
