"""The far end of tunnels (RFC 2003, RFC 2473), in user space, for real servers whose kernel has none:

    python -m topo.decapsulate --device tunl-user [--ipv6] [--gue]

What comes in outer headers goes to the kernel by a TUN device, as if it had come without them: packets of either
family. With ``--ipv6`` the outer headers are of IPv6. With ``--gue`` they are UDP's as well (port 6080, Generic UDP
Encapsulation of variant 1), without a checksum.
"""

from __future__ import annotations

import argparse
import os
import selectors
import socket

from topo.rawtcp import open_tun

HEADERS = {4: 20, 6: 40}
LONGEST = 65535
PORT_GUE = 6080
_NO_CHECK6_RX = 102
"""UDP_NO_CHECK6_RX of linux/udp.h: IPv6 takes datagrams without a checksum on this socket (RFC 6935)."""


def inner(packet: bytes) -> bytes | None:
    """The packet in an IPv4 one; None when there is none."""
    start = (packet[0] & 15) * 4 if packet else 0
    return whole(packet[start:])


def whole(found: bytes) -> bytes | None:
    """``found`` if it is a packet of either family."""
    return found if found and len(found) >= HEADERS.get(found[0] >> 4, LONGEST) else None


def _outsides(ipv6: bool, gue: bool) -> list[socket.socket]:
    """What gets packets in outer headers: of IPv4 with the header, otherwise without, and without UDP's."""
    family = socket.AF_INET6 if ipv6 else socket.AF_INET
    if not gue:
        protocols = (socket.IPPROTO_IPIP, socket.IPPROTO_IPV6)
        return [socket.socket(family, socket.SOCK_RAW, protocol) for protocol in protocols]
    outside = socket.socket(family, socket.SOCK_DGRAM)
    if ipv6:
        outside.setsockopt(socket.IPPROTO_UDP, _NO_CHECK6_RX, 1)
    outside.bind(("::" if ipv6 else "0.0.0.0", PORT_GUE))
    return [outside]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="tunl-user", help="name of the TUN device, which is made")
    parser.add_argument("--ipv6", action="store_true", help="the outer headers are of IPv6")
    parser.add_argument("--gue", action="store_true", help="UDP is between the headers")
    arguments = parser.parse_args()
    unwrap = whole if arguments.gue or arguments.ipv6 else inner
    ready = selectors.DefaultSelector()
    for outside in _outsides(arguments.ipv6, arguments.gue):
        ready.register(outside, selectors.EVENT_READ, outside)
    device = open_tun(arguments.device)
    print("ready", flush=True)
    while True:
        for key, _ in ready.select():
            packet = unwrap(key.data.recv(LONGEST))
            if packet is not None:
                os.write(device, packet)


if __name__ == "__main__":
    main()
