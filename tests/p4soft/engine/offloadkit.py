"""Super-segments: making them, cutting them by the book, and sockets that have them as the kernel does."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field, replace
from typing import Self

SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23
SO_RCVBUFFORCE = 33
NEEDS_CSUM = 1
TCPV4, TCPV6, UDP_L4, ECN = 1, 4, 5, 0x80
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << i for i in range(8))
TCP, UDP = 6, 17
MACS = bytes.fromhex("020000000002020000000001")
_VNET = struct.Struct("=BBHHHH")


@dataclass(frozen=True)
class Virtio:
    """What goes with a frame: struct virtio_net_hdr."""

    flags: int = 0
    gso_type: int = 0
    hdr_len: int = field(default=0, compare=False)
    """A hint: the kernel tells how much of the frame lies in one piece."""
    gso_size: int = 0
    csum_start: int = 0
    csum_offset: int = 0

    def pack(self) -> bytes:
        return _VNET.pack(self.flags, self.gso_type, self.hdr_len, self.gso_size, self.csum_start, self.csum_offset)

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        return cls(*_VNET.unpack(data[: _VNET.size]))


@dataclass(frozen=True)
class Packet:
    """A TCP or UDP packet of any size. ``damage`` and ``ip_damage`` are added to the checksums."""

    payload: bytes
    protocol: int = TCP
    version: int = 4
    sport: int = 1000
    seq: int = 0
    ack: int = 1
    flags: int = ACK
    window: int = 500
    options: bytes = b""
    ident: int = 0
    dont_fragment: bool = True
    ttl: int = 64
    tos: int = 0
    tag: bytes = b""
    damage: int = 0
    ip_damage: int = 0

    @property
    def l4(self) -> int:
        """Where the header of TCP or UDP begins."""
        return 14 + len(self.tag) + (20 if self.version == 4 else 40)

    @property
    def headers(self) -> int:
        return self.l4 + (20 + len(self.options) if self.protocol == TCP else 8)

    @property
    def checksum_at(self) -> int:
        return self.l4 + (16 if self.protocol == TCP else 6)

    def _addresses(self) -> bytes:
        size = 4 if self.version == 4 else 16
        return bytes([10, 1]).ljust(size, b"\x02") + bytes([10, 2]).ljust(size, b"\x02")

    def _pseudo(self, length: int) -> bytes:
        return self._addresses() + struct.pack("!IHH", length, 0, self.protocol)

    def _ip(self, length: int) -> bytes:
        if self.version == 6:
            return struct.pack("!IHBB", 6 << 28 | self.tos << 20, length, self.protocol, self.ttl) + self._addresses()
        fragment = 0x4000 if self.dont_fragment else 0
        head = struct.pack("!BBHHHBB", 0x45, self.tos, 20 + length, self.ident, fragment, self.ttl, self.protocol)
        sum_ = damaged(internet_checksum(head + bytes(2) + self._addresses()), self.ip_damage)
        return head + struct.pack("!H", sum_) + self._addresses()

    def frame(self, *, partial: bool = False) -> bytes:
        """``partial``: the checksum is left to the interface."""
        if self.protocol == TCP:
            size = 5 + len(self.options) // 4
            l4 = struct.pack("!HHIIBBHHH", self.sport, 80, self.seq, self.ack, size << 4, self.flags, self.window, 0, 0)
            l4 += self.options
        else:
            l4 = struct.pack("!HHHH", self.sport, 80, (8 + len(self.payload)) & 0xFFFF, 0)
        length = len(l4) + len(self.payload)
        if partial:
            sum_ = internet_checksum(self._pseudo(length)) ^ 0xFFFF
        else:
            sum_ = damaged(internet_checksum(self._pseudo(length) + l4 + self.payload), self.damage)
            if self.protocol == UDP and sum_ == 0:
                sum_ = 0xFFFF
        at = self.checksum_at - self.l4
        l4 = l4[:at] + struct.pack("!H", sum_) + l4[at + 2 :]
        ether = MACS + self.tag + (b"\x08\0" if self.version == 4 else b"\x86\xdd")
        return ether + self._ip(length) + l4 + self.payload

    def virtio(self, gso_size: int) -> Virtio:
        """As the kernel describes it when the checksum is left to the interface."""
        kind = UDP_L4 if self.protocol == UDP else TCPV4 if self.version == 4 else TCPV6
        if len(self.payload) <= gso_size:
            return Virtio(NEEDS_CSUM, 0, 0, 0, self.l4, self.checksum_at - self.l4)
        if self.flags & CWR and self.protocol == TCP:
            kind |= ECN
        return Virtio(NEEDS_CSUM, kind, self.headers, gso_size, self.l4, self.checksum_at - self.l4)

    def cut(self, gso_size: int) -> list[Packet]:
        """The packets that it stands for (tcp_gso_segment, __udp_gso_segment, inet_gso_segment of Linux)."""
        pieces = [self.payload[at : at + gso_size] for at in range(0, len(self.payload), gso_size)] or [b""]
        made = []
        for i, piece in enumerate(pieces):
            flags = self.flags
            if i + 1 < len(pieces):
                flags &= ~(FIN | PSH)
            if i > 0:
                flags &= ~CWR
            seq, ident = self.seq + i * gso_size & 0xFFFFFFFF, self.ident + i & 0xFFFF
            made.append(replace(self, payload=piece, flags=flags, seq=seq, ident=ident))
        return made


def internet_checksum(data: bytes) -> int:
    """RFC 1071."""
    padded = data + bytes(len(data) % 2)
    total = int.from_bytes(padded) % 0xFFFF
    return 0 if total == 0 and any(padded) else total ^ 0xFFFF


def damaged(checksum: int, damage: int) -> int:
    """The one's complement sum of both."""
    total = checksum + damage
    return (total & 0xFFFF) + (total >> 16)


def divided(frame: bytes, virtio: Virtio) -> list[bytes]:
    """What a received frame stands for, as bytes; every field is taken from there."""
    if virtio.gso_type == 0:
        if not virtio.flags & NEEDS_CSUM:
            return [frame]
        at = virtio.csum_start + virtio.csum_offset
        sum_ = internet_checksum(frame[virtio.csum_start :]) or 0xFFFF
        return [frame[:at] + struct.pack("!H", sum_) + frame[at + 2 :]]
    version = frame[14] >> 4
    l4 = 34 if version == 4 else 54
    protocol = frame[23] if version == 4 else frame[20]
    ident = struct.unpack_from("!H", frame, 18)[0] if version == 4 else 0
    base = Packet(b"", protocol, version, ident=ident)
    if protocol == TCP:
        sport, _, seq, ack, size, flags, window = struct.unpack_from("!HHIIBBH", frame, l4)
        options = frame[l4 + 20 : l4 + (size >> 4) * 4]
        base = replace(base, sport=sport, seq=seq, ack=ack, flags=flags, window=window, options=options)
    else:
        base = replace(base, sport=struct.unpack_from("!H", frame, l4)[0])
    tos = frame[15] if version == 4 else struct.unpack_from("!I", frame, 14)[0] >> 20 & 0xFF
    ttl = frame[22] if version == 4 else frame[21]
    base = replace(base, tos=tos, ttl=ttl, dont_fragment=version == 6 or bool(frame[20] & 0x40))
    whole = replace(base, payload=frame[base.headers :])
    assert frame == whole.frame(partial=True), "the super-segment is not well formed"
    assert virtio == whole.virtio(virtio.gso_size)
    return [packet.frame() for packet in whole.cut(virtio.gso_size)]


class VirtioSocket:
    """The kernel's own view of an interface: frames with their virtio headers, both ways."""

    def __init__(self, interface: str) -> None:
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.socket.bind((interface, 3))
        self.socket.settimeout(10)

    def send(self, frame: bytes, virtio: Virtio) -> None:
        self.socket.sendmsg([virtio.pack(), frame])

    def receive(self) -> tuple[bytes, Virtio]:
        data = self.socket.recv(1 << 17)
        return data[_VNET.size :], Virtio.unpack(data)

    def close(self) -> None:
        self.socket.close()
