"""dh: by the address that the client asked for (LVS: ip_vs_dh.c); of use where a service has many."""

from __future__ import annotations

from fullnat.core.schedulers.base import register
from fullnat.core.schedulers.buckets import Buckets
from fullnat.net.flow import Address, Flow


class DestinationHashing(Buckets):
    name = "dh"

    def address(self, flow: Flow) -> Address:
        return flow.dst.address


register(DestinationHashing)
