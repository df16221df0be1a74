"""The far end of IP-in-IP tunnels (RFC 2003), in user space, for real servers whose kernel has none (ipip):

    python -m topo.decapsulate --device tunl-user

What comes in outer headers goes to the kernel by a TUN device, as if it had come without them.
"""

from __future__ import annotations

import argparse
import os
import socket

from topo.rawtcp import open_tun

VERSION_4 = 4
HEADER = 20
LONGEST = 65535


def inner(packet: bytes) -> bytes | None:
    """The IPv4 packet in an IP-in-IP packet; None when there is none."""
    start = (packet[0] & 15) * 4 if packet else 0
    found = packet[start:]
    return found if len(found) >= HEADER and found[0] >> 4 == VERSION_4 else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="tunl-user", help="name of the TUN device, which is made")
    arguments = parser.parse_args()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IPIP) as outside:
        device = open_tun(arguments.device)
        print("ready", flush=True)
        while True:
            packet = inner(outside.recv(LONGEST))
            if packet is not None:
                os.write(device, packet)


if __name__ == "__main__":
    main()
