"""Interfaces of hosts by VLAN (IEEE 802.1Q): the kernel's, or where it has none, a TAP whose frames a thread tags."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import socket
import struct
import threading
from collections.abc import Iterator
from ipaddress import IPv4Interface

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from topo.netns import Network

_ETH_P_ALL, _SOL_PACKET, _PACKET_AUXDATA = 3, 263, 8
_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 0x2, 0x1000
_AUXDATA = struct.Struct("=IIIHHHH")
"""tpacket_auxdata of linux/if_packet.h: what the kernel took out of a frame."""
_VLAN_VALID = 1 << 4


@contextlib.contextmanager
def vlan(network: Network, host: str, number: int, address: IPv4Interface, *, kernel: bool) -> Iterator[None]:
    """The host has an interface eth0.NUMBER with this address. Raises OSError where the kernel shall have it, and
    cannot."""
    name = f"eth0.{number}"
    with network.inside(host), IPRoute() as ip:
        (below,) = ip.link_lookup(ifname="eth0")
        mac = ip.get_links(below)[0].get_attr("IFLA_ADDRESS")
        if kernel:
            try:
                ip.link("add", ifname=name, kind="vlan", link=below, vlan_id=number)
            except NetlinkError as error:
                if error.code == errno.EOPNOTSUPP:
                    raise OSError(error.code, "this kernel has no VLANs") from None
                raise
        tap = None if kernel else _tap(name)
        (index,) = ip.link_lookup(ifname=name)
        ip.link("set", index=index, address=mac, state="up")
        ip.addr("add", index=index, address=str(address.ip), prefixlen=address.network.prefixlen)
        wire = None if kernel else _wire()
    if tap is None or wire is None:
        yield
        return
    thread = threading.Thread(target=_tag, args=(tap, wire, number, stop := threading.Event()), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        os.close(tap)
        wire.close()


def _tap(name: str) -> int:
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI))
    return tap


def _wire() -> socket.socket:
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    wire.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    wire.bind(("eth0", _ETH_P_ALL))
    wire.setblocking(False)
    return wire


def _tag(tap: int, wire: socket.socket, number: int, stop: threading.Event) -> None:
    """Frames of the TAP leave by the wire with a tag, and those of the wire that have it come without."""
    space = socket.CMSG_SPACE(_AUXDATA.size)
    while not stop.is_set():
        ready: list[int | socket.socket] = [tap, wire]
        readable, _, _ = select.select(ready, [], [], 0.1)
        with contextlib.suppress(BlockingIOError):
            while tap in readable:
                frame = os.read(tap, 65536)
                wire.send(frame[:12] + struct.pack("!HH", 0x8100, number) + frame[12:])
        with contextlib.suppress(BlockingIOError):
            while wire in readable:
                frame, told, _, address = wire.recvmsg(65536, space)
                status, *_, control, _type = _AUXDATA.unpack(told[0][2])
                if address[2] != socket.PACKET_OUTGOING and status & _VLAN_VALID and control & 0xFFF == number:
                    os.write(tap, frame)
