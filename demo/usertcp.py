"""A small TCP/IP endpoint in user space, for showing and driving the switch without root.

Just enough for a path that neither loses nor reorders: ARP, handshake, data in both directions within the peer's
window, FIN, and RST accepted only at exactly the expected sequence number (RFC 5961). Lost SYNs are repeated, nothing
else is.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from fullnat.net.checksum import sum16
from fullnat.net.flow import Address, Endpoint, Flow
from fullnat.net.headers import PROTO_TCP, arp, pseudo_header, tcp_packet

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MSS = 1460
WINDOW = 65535
TOA_KIND = 254
BROADCAST = b"\xff" * 6
_TCP = struct.Struct("!HHIIBBHHH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")


class ConnectionReset(Exception):
    """The peer, or the switch on its behalf, reset the connection."""


class Segment(NamedTuple):
    source: bytes
    source_port: int
    target: bytes
    target_port: int
    seq: int
    ack: int
    flags: int
    options: bytes = b""
    data: bytes = b""


def build(segment: Segment) -> bytes:
    """The IPv4 packet of a segment, checksums filled in."""
    source, target = Address(segment.source), Address(segment.target)
    flow = Flow(PROTO_TCP, Endpoint(source, segment.source_port), Endpoint(target, segment.target_port))
    return tcp_packet(
        flow,
        segment.seq,
        segment.ack,
        segment.flags,
        window=WINDOW,
        options=segment.options,
        payload=segment.data,
    )


def parse(packet: bytes) -> Segment | None:
    """The segment in an IPv4 packet; None when it is none, or a checksum is wrong."""
    if len(packet) < 40 or packet[0] != 0x45 or packet[9] != 6:
        return None
    packet = packet[: struct.unpack_from("!H", packet, 2)[0]]
    source, target, tcp = packet[12:16], packet[16:20], packet[20:]
    pseudo = pseudo_header(Address(source), Address(target), PROTO_TCP, len(tcp))
    if sum16(packet[:20]) != 0xFFFF or sum16(pseudo + tcp) != 0xFFFF:
        return None
    source_port, target_port, seq, ack, words, flags, _window, _sum, _urgent = _TCP.unpack_from(tcp)
    header = (words >> 4) * 4
    return Segment(source, source_port, target, target_port, seq, ack, flags, tcp[20:header], tcp[header:])


def options(data: bytes) -> list[tuple[int, bytes]]:
    """TCP options, kind and value, without padding."""
    found = []
    while data and data[0] != 0:
        if data[0] == 1:
            data = data[1:]
            continue
        if len(data) < 2 or not 2 <= data[1] <= len(data):
            break
        found.append((data[0], data[2 : data[1]]))
        data = data[data[1] :]
    return found


class Connection:
    """One end of a TCP connection. Made by :meth:`Host.connect` and for :attr:`Host.serve`."""

    def __init__(self, host: Host, remote: tuple[bytes, int], port: int, seq: int) -> None:
        self.host = host
        self.remote = remote
        self.port = port
        self.toa: list[str] = []
        """What TOA options of the peer's SYN said."""
        self.peer_mss = 536
        self._next = self._unacknowledged = seq
        self._expected = 0
        self._inbox = bytearray()
        self._established = self._ended = self._reset = False
        self._changed = asyncio.Event()

    @property
    def local_name(self) -> str:
        return f"{self.host.address}:{self.port}"

    @property
    def remote_name(self) -> str:
        return f"{IPv4Address(self.remote[0])}:{self.remote[1]}"

    async def send(self, data: bytes) -> None:
        """Queue everything within the peer's window; returns once it is sent. Raises ConnectionReset."""
        size = min(MSS, self.peer_mss)
        for start in range(0, len(data), size):
            part = data[start : start + size]
            await self._until(lambda part=part: self._in_flight() + len(part) <= WINDOW)  # type: ignore[misc]
            self._transmit(PSH | ACK, part)

    async def receive(self, size: int) -> bytes:
        """Exactly ``size`` bytes, less at the end of the peer's data. Raises ConnectionReset."""
        await self._until(lambda: len(self._inbox) >= size or self._ended)
        data = bytes(self._inbox[:size])
        del self._inbox[:size]
        return data

    async def receive_until(self, mark: bytes) -> bytes:
        await self._until(lambda: mark in self._inbox or self._ended)
        return await self.receive(self._inbox.find(mark) + len(mark) if mark in self._inbox else len(self._inbox))

    def close(self) -> None:
        """Send FIN."""
        if not self._reset:
            self._transmit(FIN | ACK)

    async def established(self) -> None:
        await self._until(lambda: self._established)

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            if self._reset:
                raise ConnectionReset(f"{self.local_name} was reset by {self.remote_name}")
            self._changed.clear()
            await self._changed.wait()

    def _in_flight(self) -> int:
        return (self._next - self._unacknowledged) & 0xFFFFFFFF

    def _transmit(self, flags: int, data: bytes = b"", seq: int | None = None) -> None:
        option = struct.pack("!BBH", 2, 4, MSS) if flags & SYN else b""
        number = self._next if seq is None else seq
        target, port = self.remote
        ack = self._expected if flags & ACK else 0
        self.host.transmit(Segment(self.host.packed, self.port, target, port, number, ack, flags, option, data))
        if seq is None:
            self._next = (self._next + len(data) + bool(flags & (SYN | FIN))) & 0xFFFFFFFF

    def start(self) -> None:
        self._transmit(SYN)

    def repeat_syn(self) -> None:
        if not self._established:
            self._transmit(SYN, seq=self._unacknowledged)

    def handle(self, segment: Segment) -> None:
        """A segment of this connection has come."""
        self._changed.set()
        if segment.flags & RST:
            self._reset = self._reset or segment.seq == self._expected
        elif segment.flags & SYN:
            self._take_syn(segment)
        else:
            self._established = True
            if segment.flags & ACK and (segment.ack - self._unacknowledged) & 0xFFFFFFFF <= self._in_flight():
                self._unacknowledged = segment.ack
            if segment.seq == self._expected and (segment.data or segment.flags & FIN):
                self._inbox += segment.data
                self._ended = bool(segment.flags & FIN)
                self._expected = (segment.seq + len(segment.data) + self._ended) & 0xFFFFFFFF
                self._transmit(ACK)

    def _take_syn(self, segment: Segment) -> None:
        if self._established and segment.flags & ACK:
            return
        self._expected = (segment.seq + 1) & 0xFFFFFFFF
        for kind, value in options(segment.options):
            if kind == 2 and len(value) == 2:
                self.peer_mss = int.from_bytes(value)
            if kind == TOA_KIND and len(value) == 6:
                self.toa.append(f"{IPv4Address(value[2:])}:{int.from_bytes(value[:2])}")
        if segment.flags & ACK:
            self._unacknowledged = segment.ack
            self._established = True
            self._transmit(ACK)
        else:
            repeated = self._next != self._unacknowledged
            self._transmit(SYN | ACK, seq=self._unacknowledged if repeated else None)


Serve = Callable[[Connection], Awaitable[None]]


class Host:
    """A network stack with one interface. ``send`` puts a frame on its wire; :meth:`handle` takes one from it."""

    def __init__(
        self, name: str, address: IPv4Address, network: IPv4Network, mac: bytes, send: Callable[[bytes], None]
    ) -> None:
        self.name = name
        self.address = address
        self.packed = address.packed
        self.mac = mac
        self.gateway: IPv4Address | None = None
        """Next hop for everything beyond ``network``; without it such packets are dropped."""
        self.serve: Serve | None = None
        """Called with every connection to port 80."""
        self.damaged = 0
        """Packets with a wrong checksum, or that cannot be read."""
        self._network = network
        self._send = send
        self._connections: dict[tuple[int, bytes, int], Connection] = {}
        self._neighbors: dict[bytes, bytes] = {}
        self._waiting: dict[bytes, list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._port = 40000
        self._isn = 0x1000_0000

    async def connect(self, address: IPv4Address, port: int) -> Connection:
        """Open a connection, repeating the SYN every second for 10 s. Raises TimeoutError or ConnectionReset."""
        connection = self._new((address.packed, port), self._port)
        self._port += 1
        connection.start()
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(connection.established(), 1.0)
                    return connection
                connection.repeat_syn()

    def _new(self, remote: tuple[bytes, int], port: int) -> Connection:
        self._isn = (self._isn + 64_123) & 0xFFFFFFFF
        connection = Connection(self, remote, port, self._isn)
        self._connections[port, *remote] = connection
        return connection

    def transmit(self, segment: Segment) -> None:
        near = IPv4Address(segment.target) in self._network
        hop = segment.target if near else self.gateway.packed if self.gateway else None
        if hop is None:
            return
        packet = b"\x08\x00" + build(segment)
        if mac := self._neighbors.get(hop):
            self._send(mac + self.mac + packet)
        else:
            self._waiting.setdefault(hop, []).append(packet)
            self._send_arp(1, BROADCAST, b"\0" * 6, hop)

    def _send_arp(self, operation: int, to: bytes, target_mac: bytes, target: bytes) -> None:
        ends = int.from_bytes(self.mac), Address(self.packed), int.from_bytes(target_mac), Address(target)
        self._send((to + self.mac + b"\x08\x06" + arp(operation, *ends)).ljust(60, b"\0"))

    def handle(self, frame: bytes) -> None:
        """A frame has come; those for others are ignored."""
        if frame[:6] not in (self.mac, BROADCAST):
            return
        if frame[12:14] == b"\x08\x06":
            self._handle_arp(frame[14:42])
        elif frame[12:14] == b"\x08\x00":
            segment = parse(frame[14:])
            if segment is None:
                self.damaged += 1
            elif segment.target == self.packed:
                self._handle_segment(segment)

    def _handle_arp(self, body: bytes) -> None:
        _h, _p, _hl, _pl, operation, sender_mac, sender, _target_mac, target = _ARP.unpack(body)
        if target != self.packed:
            return
        if operation == 1:
            self._send_arp(2, sender_mac, sender_mac, sender)
        else:
            self._neighbors[sender] = sender_mac
            for packet in self._waiting.pop(sender, []):
                self._send(sender_mac + self.mac + packet)

    def _handle_segment(self, segment: Segment) -> None:
        key = (segment.target_port, segment.source, segment.source_port)
        connection = self._connections.get(key)
        if connection is None:
            if self.serve is None or segment.flags & (SYN | ACK) != SYN:
                return
            connection = self._new((segment.source, segment.source_port), segment.target_port)
            task = asyncio.ensure_future(self._serve(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        connection.handle(segment)

    async def _serve(self, connection: Connection) -> None:
        assert self.serve is not None
        with contextlib.suppress(ConnectionReset):
            await self.serve(connection)
