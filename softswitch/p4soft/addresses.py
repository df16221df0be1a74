"""Addresses that the kernel has on the interfaces of ports, where it answers beside the switch: the log tells."""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Interface, IPv6Interface

from p4soft.api import PortStats

Interface = IPv4Interface | IPv6Interface

_RTM_GETADDR, _NLM_F_REQUEST_DUMP, _NLMSG_ERROR, _NLMSG_DONE = 22, 0x301, 2, 3
_RT_SCOPE_LINK = 253
"""From here on nobody beyond the link, or the machine, can mean an address."""
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_HEAD = struct.Struct("=IHHII")
"""Length, type, flags, sequence number, port (struct nlmsghdr)."""
_ABOUT = struct.Struct("=BBBBI")
"""Family, prefix length, flags, scope, interface (struct ifaddrmsg)."""
_ATTRIBUTE = struct.Struct("=HH")
log = logging.getLogger(__name__)


def of_kernel() -> dict[str, list[Interface]]:
    """By the name of the interface, what others may send packets to (rtnetlink). Empty if the kernel does not tell."""
    found: dict[str, list[Interface]] = {}
    names = dict(socket.if_nameindex())
    try:
        for index, interface in _dump():
            found.setdefault(names.get(index, ""), []).append(interface)
    except OSError:
        return {}
    return found


def _dump() -> Iterator[tuple[int, Interface]]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asker:
        asker.bind((0, 0))
        size = _HEAD.size + _ABOUT.size
        asker.send(_HEAD.pack(size, _RTM_GETADDR, _NLM_F_REQUEST_DUMP, 1, 0) + _ABOUT.pack(0, 0, 0, 0, 0))
        while True:
            answer = asker.recv(1 << 16)
            for kind, body in _messages(answer):
                if kind in (_NLMSG_ERROR, _NLMSG_DONE):
                    return
                if (told := _address(body)) is not None:
                    yield told


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _HEAD.size <= len(data):
        length, kind, *_ = _HEAD.unpack_from(data, at)
        yield kind, data[at + _HEAD.size : at + length]
        at += max(_HEAD.size, (length + 3) & ~3)


def _address(body: bytes) -> tuple[int, Interface] | None:
    """Interface index and address of an RTM_NEWADDR; None of one that stays on the link."""
    family, prefix, _, scope, index = _ABOUT.unpack_from(body)
    if scope >= _RT_SCOPE_LINK or family not in (socket.AF_INET, socket.AF_INET6):
        return None
    values = dict(_attributes(body[_ABOUT.size :]))
    value = values.get(_IFA_LOCAL) or values.get(_IFA_ADDRESS)
    if value is None:
        return None
    made = IPv4Interface if family == socket.AF_INET else IPv6Interface
    return index, made((value, prefix))


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        yield kind, data[at + _ATTRIBUTE.size : at + length]
        at += max(_ATTRIBUTE.size, (length + 3) & ~3)


class AddressLog:
    """``read`` tells the ports; :meth:`look` is to be called whenever addresses or interfaces have changed."""

    def __init__(self, read: Callable[[], Sequence[PortStats]]) -> None:
        self._read = read
        self._told: set[tuple[str, Interface]] = set()

    def look(self) -> None:
        """Log each address on a port's interface, once while it is there."""
        known = of_kernel()
        there = {(port.name, address): port.port for port in self._read() for address in known.get(port.name, ())}
        for (name, address), port in there.items():
            if (name, address) not in self._told:
                log.warning(
                    "port %d (%s): the kernel has %s on this interface, and answers there beside the switch; "
                    "ip address del %s dev %s removes it",
                    port,
                    name,
                    address,
                    address,
                    name,
                )
        self._told = set(there)
