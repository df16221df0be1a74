"""The far end of IP-in-IP tunnels (RFC 2003), in user space, for real servers whose kernel has none (ipip):

    python -m topo.decapsulate --device tunl-user [--gue]

What comes in outer headers goes to the kernel by a TUN device, as if it had come without them. With ``--gue`` these are
UDP's as well (port 6080, Generic UDP Encapsulation of variant 1), without a checksum.
"""

from __future__ import annotations

import argparse
import os
import socket

from topo.rawtcp import open_tun

VERSION_4 = 4
HEADER = 20
LONGEST = 65535
PORT_GUE = 6080


def inner(packet: bytes) -> bytes | None:
    """The IPv4 packet in an IP-in-IP packet; None when there is none."""
    start = (packet[0] & 15) * 4 if packet else 0
    return _ipv4(packet[start:])


def _ipv4(found: bytes) -> bytes | None:
    return found if len(found) >= HEADER and found[0] >> 4 == VERSION_4 else None


def _outside(gue: bool) -> socket.socket:
    """What gets packets in outer headers: with the header, without UDP's."""
    if not gue:
        return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IPIP)
    outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    outside.bind(("0.0.0.0", PORT_GUE))
    return outside


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="tunl-user", help="name of the TUN device, which is made")
    parser.add_argument("--gue", action="store_true", help="UDP is between the headers")
    arguments = parser.parse_args()
    unwrap = _ipv4 if arguments.gue else inner
    with _outside(arguments.gue) as outside:
        device = open_tun(arguments.device)
        print("ready", flush=True)
        while True:
            packet = unwrap(outside.recv(LONGEST))
            if packet is not None:
                os.write(device, packet)


if __name__ == "__main__":
    main()
