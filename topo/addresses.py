"""Addresses of interfaces."""

from __future__ import annotations

from fullnat.config.model import IpInterface
from pyroute2 import IPRoute

_NODAD = 0x02
"""IFA_F_NODAD of linux/if_addr.h."""


def assign(ip: IPRoute, interface: str, address: IpInterface) -> None:
    """Give ``interface`` an address, in the namespace of ``ip``, that is in use at once.

    One of IPv6 goes without duplicate address detection: the kernel leaves its end to a worker, even where it is off.
    """
    flags = _NODAD if address.version == 6 else 0
    index = ip.link_lookup(ifname=interface)[0]
    ip.addr("add", index=index, address=str(address.ip), prefixlen=address.network.prefixlen, flags=flags)
