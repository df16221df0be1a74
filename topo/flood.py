"""Floods: frames of one kind from random sources, as fast as one process sends them, or at a given rate.

``python -m topo.flood KIND --interface IF --gateway-mac M --to A --port P [--seconds S] [--rate R] [--via A]`` in the
namespace of a host. Prints how many it has sent, as JSON. A frame differs from the last one in two numbers of 16 bits
each whose sums stay, so that every checksum stays right (RFC 1071).
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
_ETHERNET, _IP_SOURCE, _IP_TARGET, _L4 = 14, 26, 30, 34
_PAIR = struct.Struct("!HH")
_ONES = 65535

Pairs = tuple[int, ...]
"""Where two numbers of 16 bits stand whose sum stays."""


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


TCP_PAIRS: Pairs = (_IP_SOURCE, _L4 + 4)
"""The source's address, and the sequence number: both halves of each."""
KINDS: dict[str, tuple[Callable[[argparse.Namespace], bytes], Pairs]] = {
    "syn": (_tcp(TcpFlag.SYN), TCP_PAIRS),
    "ack": (_tcp(TcpFlag.ACK), TCP_PAIRS),
    "rst": (_tcp(TcpFlag.RST), TCP_PAIRS),
    "fin": (_tcp(TcpFlag.FIN | TcpFlag.ACK), TCP_PAIRS),
    "answer": (_tcp(TcpFlag.SYN | TcpFlag.ACK), (_L4, _L4 + 4)),
    "udp": (_udp, (_IP_SOURCE,)),
    "fragment": (_fragment, (_IP_SOURCE,)),
    "echo": (_echo, (_IP_SOURCE,)),
    "error": (_error, (_IP_SOURCE,)),
    "arp": (_question, ()),
    "scan": (_udp, (_IP_SOURCE,)),
}
"""How a frame is made, and where it differs from the last one. answer: in the name of ``source``, a real server; arp:
the sender's addresses differ, in the subnet of ``via``; scan: the last byte of the destination as well, which no host
has."""


def changes(kind: str, frame: bytearray, pairs: Pairs) -> Callable[[], None]:
    """What makes the next frame of the last."""
    sums = [sum(_PAIR.unpack_from(frame, at)) % _ONES for at in pairs]
    bits = random.getrandbits

    def change() -> None:
        for at, total in zip(pairs, sums, strict=True):
            # As of a source: its first number is from 11.0 to 99.255.
            first = bits(16) % 0x5900 + 0x0B00
            _PAIR.pack_into(frame, at, first, (total - first) % _ONES)

    def asks() -> None:
        number = bits(16)
        struct.pack_into("!H", frame, 10, number)
        struct.pack_into("!H", frame, 26, number)
        frame[31] = 20 + number % 80

    def scans() -> None:
        change()
        # Both ends of the header's sum: the destination goes up by what the identification goes down.
        step = 30 + bits(6) - frame[_IP_TARGET + 3]
        frame[_IP_TARGET + 3] += step
        (identification,) = struct.unpack_from("!H", frame, 18)
        struct.pack_into("!H", frame, 18, (identification - step) % _ONES)

    return {"arp": asks, "scan": scans}.get(kind, change)


def flood(kind: str, options: argparse.Namespace) -> int:
    """How many frames were sent."""
    make, pairs = KINDS[kind]
    frame = bytearray(make(options))
    change = changes(kind, frame, pairs)
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
