"""Floods: frames of one kind from random sources, as fast as one process sends them, or at a given rate.

``python -m topo.flood KIND --interface IF --gateway-mac M --to A --port P [--seconds S] [--rate R] [--via A]`` in the
namespace of a host. Prints how many it has sent, as JSON. A frame differs from the last one in numbers of 16 bits whose
sums stay, so that every checksum stays right (RFC 1071).
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import struct
import sys
import time
from collections.abc import Callable
from ipaddress import ip_address

from fullnat.net.flow import Endpoint, Flow, address
from fullnat.net.headers import (
    ARP_REQUEST,
    BROADCAST,
    ETHERTYPE_ARP,
    ETHERTYPE_IPV4,
    PROTO_ICMP,
    PROTO_UDP,
    TcpFlag,
    arp,
    ethernet,
    ip,
    tcp_packet,
)
from fullnat.net.icmp import PORT_UNREACHABLE, message

BURST = 64
"""Frames between two looks at the clock."""
_MAC = 0x02FF00000001
_SOURCE = "100.64.0.1"
_ETHERNET, _IP_ID, _IP_SOURCE, _IP_TARGET, _L4 = 14, 18, 26, 30, 34
_NUMBER = struct.Struct("!H")
_PAIR = struct.Struct("!HH")
_FLOW = struct.Struct("!8H")
"""Addresses, ports and sequence number."""
_DRAWN = struct.Struct("=4H")
_ONES = 65535
Change = Callable[[], None]
"""Makes the next frame of the last."""


def _tcp(flags: int) -> Callable[[argparse.Namespace], bytes]:
    def made(options: argparse.Namespace) -> bytes:
        ends = Endpoint(address(options.source), 1024), Endpoint(address(options.to), options.port)
        packet = tcp_packet(Flow(6, *ends), 0x12345678, 0x23456789 if flags & TcpFlag.ACK else 0, flags)
        return ethernet(options.gateway_mac, _MAC, ETHERTYPE_IPV4) + packet

    return made


def _to(options: argparse.Namespace, protocol: int, payload: bytes) -> bytes:
    packet = ip(address(_SOURCE), address(options.to), protocol, payload)
    return ethernet(options.gateway_mac, _MAC, ETHERTYPE_IPV4) + packet


def _udp(options: argparse.Namespace) -> bytes:
    """Without checksum."""
    return _to(options, PROTO_UDP, struct.pack("!HHHH", 1024, options.port, 12, 0) + b"4444")


def _fragment(options: argparse.Namespace) -> bytes:
    """The last one of a datagram whose first has never come; offset and identification are in the header's sum."""
    frame = bytearray(_to(options, PROTO_UDP, bytes(64)))
    _PAIR.pack_into(frame, 18, 0x1234, 0x00B9)
    frame[24:26] = bytes(2)
    total = sum(struct.unpack("!10H", frame[14:34]))
    frame[24:26] = (~(total % _ONES) & 0xFFFF).to_bytes(2, "big")
    return bytes(frame)


def _echo(options: argparse.Namespace) -> bytes:
    return _to(options, PROTO_ICMP, message((8, 0), bytes(4), bytes(32)))


def _error(options: argparse.Namespace) -> bytes:
    """About a segment that the service has never sent."""
    quoted = tcp_packet(
        Flow(6, Endpoint(address(options.to), options.port), Endpoint(address(_SOURCE), 1024)), 1, 1, 16
    )
    return _to(options, PROTO_ICMP, message(PORT_UNREACHABLE, bytes(4), quoted))


def _question(options: argparse.Namespace) -> bytes:
    return ethernet(BROADCAST, _MAC, ETHERTYPE_ARP) + arp(
        ARP_REQUEST, _MAC, address(options.via), 0, address(options.to)
    )


def _first(bits: int) -> int:
    """The first half of a source, from 11.0 to 99.255."""
    return bits % 0x5900 + 0x0B00


def _pairs(*positions: int) -> Callable[[bytearray], Change]:
    """There two numbers change whose sum stays."""

    def of(frame: bytearray) -> Change:
        sums = [sum(_PAIR.unpack_from(frame, at)) % _ONES for at in positions]

        def change() -> None:
            for at, total in zip(positions, sums, strict=True):
                first = _first(random.getrandbits(16))
                _PAIR.pack_into(frame, at, first, (total - first) % _ONES)

        return change

    return of


def _flows(frame: bytearray) -> Change:
    """Source, port and sequence number change, so that hardly any flow comes twice. The identification and the last
    half of the sequence number are what the sums leave."""
    high, low, *target, port, to, number, rest = _FLOW.unpack_from(frame, _IP_SOURCE)
    of_ip = _NUMBER.unpack_from(frame, _IP_ID)[0] + high + low
    of_tcp = high + low + port + number + rest
    fixed, next_to = target[0], target[1]
    draw, randbytes = _DRAWN.unpack, random.randbytes

    def change() -> None:
        high, low, port, number = draw(randbytes(8))
        high = _first(high)
        both = high + low
        _NUMBER.pack_into(frame, _IP_ID, (of_ip - both) % _ONES)
        rest = (of_tcp - both - port - number) % _ONES
        _FLOW.pack_into(frame, _IP_SOURCE, high, low, fixed, next_to, port, to, number, rest)

    return change


def _neighbors(frame: bytearray) -> Change:
    """The sender's addresses change, in its subnet."""

    def change() -> None:
        number = random.getrandbits(16)
        _NUMBER.pack_into(frame, 10, number)
        _NUMBER.pack_into(frame, 26, number)
        frame[31] = 20 + number % 80

    return change


def _hosts(frame: bytearray) -> Change:
    """The source changes, and the last byte of the destination, which no host has."""
    of_source = _pairs(_IP_SOURCE)(frame)

    def change() -> None:
        of_source()
        # Both ends of the header's sum: the destination goes up by what the identification goes down.
        step = 30 + random.getrandbits(6) - frame[_IP_TARGET + 3]
        frame[_IP_TARGET + 3] += step
        (identification,) = _NUMBER.unpack_from(frame, _IP_ID)
        _NUMBER.pack_into(frame, _IP_ID, (identification - step) % _ONES)

    return change


_sources = _pairs(_IP_SOURCE)
KINDS: dict[str, tuple[Callable[[argparse.Namespace], bytes], Callable[[bytearray], Change]]] = {
    "syn": (_tcp(TcpFlag.SYN), _flows),
    "again": (_tcp(TcpFlag.SYN), _pairs(_IP_SOURCE, _L4 + 4)),
    "ack": (_tcp(TcpFlag.ACK), _flows),
    "rst": (_tcp(TcpFlag.RST), _flows),
    "fin": (_tcp(TcpFlag.FIN | TcpFlag.ACK), _flows),
    "answer": (_tcp(TcpFlag.SYN | TcpFlag.ACK), _pairs(_L4, _L4 + 4)),
    "udp": (_udp, _sources),
    "fragment": (_fragment, _sources),
    "echo": (_echo, _sources),
    "error": (_error, _sources),
    "arp": (_question, _neighbors),
    "scan": (_udp, _hosts),
}
"""How a frame is made, and how it changes. again: SYNs of 22,784 flows, each time with another number; answer: in the
name of ``source``, a real server."""


def flood(kind: str, options: argparse.Namespace) -> int:
    """How many frames were sent."""
    make, changing = KINDS[kind]
    frame = bytearray(make(options))
    change = changing(frame)
    sent = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
        link.bind((options.interface, 0))
        send = link.send
        began = time.monotonic()
        while (now := time.monotonic()) < began + options.seconds:
            due = int((now - began) * options.rate) - sent if options.rate else BURST
            if due <= 0:
                time.sleep(0.001)
                continue
            for _ in range(min(due, BURST)):
                change()
                try:
                    send(frame)
                    sent += 1
                except BlockingIOError:
                    pass
                except OSError:
                    time.sleep(0)
    return sent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--interface", required=True)
    parser.add_argument("--gateway-mac", required=True, type=lambda text: int(text.replace(":", ""), 16))
    parser.add_argument("--to", required=True, type=lambda text: str(ip_address(text)))
    parser.add_argument("--source", default=_SOURCE, help="of the first frame")
    parser.add_argument("--via", default="0.0.0.0", help="of an arp flood: the subnet's first address")
    parser.add_argument("--port", type=int, default=80)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rate", type=float, default=0.0)
    options = parser.parse_args()
    print("ready", flush=True)
    print(json.dumps({"event": "report", "sent": flood(options.kind, options)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
