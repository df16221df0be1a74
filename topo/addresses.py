"""Addresses of interfaces."""

from __future__ import annotations

import errno
import socket

from fullnat.config.model import IpInterface
from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from topo.process import poll

_NODAD = 0x02
"""IFA_F_NODAD of linux/if_addr.h."""
_LOCAL = 2
"""RTN_LOCAL of linux/rtnetlink.h."""


def assign(ip: IPRoute, interface: str, address: IpInterface) -> None:
    """Give ``interface`` an address, in the namespace of ``ip``, that is in use at once.

    One of IPv6 goes without duplicate address detection, and has its route: the kernel leaves both to a worker.
    """
    six = address.version == 6
    index = ip.link_lookup(ifname=interface)[0]
    ip.addr(
        "add",
        index=index,
        address=str(address.ip),
        prefixlen=address.network.prefixlen,
        flags=_NODAD if six else 0,
    )
    if six:
        poll(lambda: _is_local(ip, address), 10, f"{address.ip} of {interface} is in use", 0.005)


def _is_local(ip: IPRoute, address: IpInterface) -> bool:
    try:
        (route,) = ip.route("get", dst=str(address.ip), family=socket.AF_INET6)
    except NetlinkError as error:
        if error.code != errno.ENETUNREACH:
            raise
        return False
    return bool(route["type"] == _LOCAL)
