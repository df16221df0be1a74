"""A TCP client on a TUN device, made of single packets, so that SYNs carry any options from any address."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import time
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from fullnat.net.flow import Endpoint, Flow, address
from fullnat.net.headers import PROTO_TCP, tcp_packet
from pyroute2 import IPRoute

from topo.addresses import assign

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
TUN = Path("/dev/net/tun")
_TUNSETIFF = 0x400454CA
_IFF_TUN_NO_PI = 0x1001
_TCP = struct.Struct("!HHIIBBHHH")
Ip = IPv4Address | IPv6Address


def toa(host: str, port: int, kind: int = 254) -> bytes:
    """The option as the balancer writes it: 8 bytes for an IPv4 host, 20 for an IPv6 one."""
    value = struct.pack("!H", port) + ip_address(host).packed
    return bytes([kind, 2 + len(value)]) + value


class Segment(NamedTuple):
    source: Ip
    sport: int
    target: Ip
    dport: int
    seq: int
    ack: int
    flags: int
    options: bytes = b""
    data: bytes = b""

    def pack(self) -> bytes:
        """The whole IP packet."""
        ends = Endpoint(address(self.source), self.sport), Endpoint(address(self.target), self.dport)
        return tcp_packet(
            Flow(PROTO_TCP, *ends),
            self.seq,
            self.ack,
            self.flags,
            window=65535,
            options=self.options,
            payload=self.data,
        )

    @classmethod
    def unpack(cls, packet: bytes) -> Segment | None:
        """The segment in an IP packet; None when there is none."""
        if packet[0] >> 4 == 4:
            at, source, target = (packet[0] & 15) * 4, packet[12:16], packet[16:20]
            tcp = packet[9] == 6
        else:
            at, source, target = 40, packet[8:24], packet[24:40]
            tcp = packet[6] == 6
        if not tcp:
            return None
        sport, dport, seq, ack, words, flags, _w, _s, _u = _TCP.unpack_from(packet, at)
        end = at + (words >> 4) * 4
        ends = (ip_address(source), sport, ip_address(target), dport)
        return cls(*ends, seq, ack, flags, packet[at + 20 : end], packet[end:])


def open_tun(name: str) -> int:
    """A TUN device in the calling thread's network namespace, up: a file descriptor for bare IP packets, each read from
    it what the kernel sends there, and each written to it what the kernel gets. The device lives as long as it."""
    descriptor = os.open(TUN, os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN_NO_PI))
    with IPRoute() as ip:
        ip.link("set", index=ip.link_lookup(ifname=name)[0], state="up")
    return descriptor


class Wire:
    """A TUN device in the calling thread's network namespace, to which the kernel routes ``routes``."""

    def __init__(
        self,
        name: str = "toa0",
        addresses: tuple[str, ...] = ("10.77.0.1", "fd77::1"),
        routes: tuple[str, ...] = ("0.0.0.0/0", "::/0"),
    ) -> None:
        self._fd = open_tun(name)
        with IPRoute() as ip:
            index = ip.link_lookup(ifname=name)[0]
            for address in addresses:
                assign(ip, name, ip_interface(address))
            for route in routes:
                ip.route("add", dst=route, oif=index)

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def send(self, segment: Segment) -> None:
        os.write(self._fd, segment.pack())

    def receive(self, connection: Connection, limit: float = 10.0) -> Segment:
        """The next segment for the connection; those for others are dropped. TimeoutError."""
        end = time.monotonic() + limit
        while (left := end - time.monotonic()) > 0:
            if select.select([self._fd], [], [], left)[0]:
                found = Segment.unpack(os.read(self._fd, 65535))
                if found and (found.target, found.dport, found.sport) == connection.key:
                    return found
        raise TimeoutError(f"nothing from the kernel for {connection.key} within {limit:g} s")

    def connect(
        self,
        target: tuple[str, int],
        source: tuple[str, int],
        options: bytes = b"",
        *,
        ack_options: bytes = b"",
        finish: bool = True,
    ) -> Connection:
        """A handshake with these options in the SYN and in its last ACK. ``finish`` False: only the SYN, answered."""
        connection = Connection(self, ip_address(source[0]), source[1], ip_address(target[0]), target[1])
        connection.open(options)
        if finish:
            connection.acknowledge(ack_options)
        return connection


class Connection:
    """A client's end, on a wire that loses nothing."""

    def __init__(self, wire: Wire, source: Ip, sport: int, target: Ip, dport: int) -> None:
        self._wire = wire
        self._ends = (source, sport, target, dport)
        self._next = 1000
        self._expected = 0

    @property
    def key(self) -> tuple[Ip, int, int]:
        source, sport, _target, dport = self._ends
        return source, sport, dport

    def _send(self, flags: int, options: bytes = b"", data: bytes = b"") -> None:
        self._wire.send(Segment(*self._ends, self._next, self._expected, flags, options, data))
        self._next += len(data) + (1 if flags & (SYN | FIN) else 0)

    def open(self, options: bytes) -> None:
        self._send(SYN, options)
        # The last connection with these ports may have left a FIN under way.
        while not (answer := self._wire.receive(self)).flags & (SYN | RST):
            pass
        if answer.flags & RST:
            raise ConnectionRefusedError("the server answers the SYN by RST")
        self._expected = answer.seq + 1

    def acknowledge(self, options: bytes = b"") -> None:
        self._send(ACK, options)

    def send(self, data: bytes) -> None:
        self._send(ACK | PSH, data=data)

    def read(self) -> bytes:
        """The next data from the server. TimeoutError, ConnectionResetError."""
        while True:
            segment = self._wire.receive(self)
            if segment.flags & RST:
                raise ConnectionResetError
            if segment.data and segment.seq == self._expected % 2**32:
                self._expected += len(segment.data)
                self._send(ACK)
                return segment.data

    def read_until(self, end: bytes) -> bytes:
        """What the server sends, up to ``end``. TimeoutError, ConnectionResetError."""
        text = b""
        while not text.endswith(end):
            text += self.read()
        return text

    def read_line(self) -> bytes:
        """What the server sends, up to a newline. TimeoutError, ConnectionResetError."""
        return self.read_until(b"\n")

    def reset(self) -> None:
        """Gone at once, so that the same ports can come again."""
        self._send(RST | ACK)
