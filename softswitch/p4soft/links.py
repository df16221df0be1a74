"""Which network interfaces are up, and when that, or their addresses, change (rtnetlink)."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import socket
import struct
from collections.abc import Callable

_SIOCGIFFLAGS = 0x8913
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_RTMGRP_LINK, _RTMGRP_IPV4_IFADDR, _RTMGRP_IPV6_IFADDR = 0x1, 0x10, 0x100
_IFREQ = struct.Struct("16sH22x")


def is_on(interface: str) -> bool:
    """Whether the interface exists and was switched on."""
    return _flags(interface) & _IFF_UP != 0


def is_up(interface: str) -> bool:
    """Whether it has a carrier as well."""
    return _flags(interface) & (_IFF_UP | _IFF_RUNNING) == _IFF_UP | _IFF_RUNNING


def state(interface: str) -> str:
    """``up``, ``no carrier`` or ``down``; ``-`` if there is no such interface."""
    flags = _flags(interface)
    if not flags:
        return "-"
    if not flags & _IFF_UP:
        return "down"
    return "up" if flags & _IFF_RUNNING else "no carrier"


def _flags(interface: str) -> int:
    """Of the kernel (IFF_...); 0 if there is no such interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, _IFREQ.pack(interface.encode(), 0))
        except OSError:
            return 0
    flags: int = _IFREQ.unpack(answer)[1]
    return flags


class LinkMonitor:
    """Calls ``changed`` in ``loop`` after interfaces of this network namespace came, went, went up or down, or their
    addresses changed, until it is stopped."""

    def __init__(self, changed: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        self._changed = changed
        self._loop = loop
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
        self._socket.bind((0, _RTMGRP_LINK | _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV6_IFADDR))
        loop.add_reader(self._socket, self._read)

    def stop(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        """What has changed is asked anew, so nothing is lost with messages that did not find room (ENOBUFS)."""
        with contextlib.suppress(OSError):
            while self._socket.recv(65536):
                continue
        self._changed()
