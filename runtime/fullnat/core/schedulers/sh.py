"""sh: by the client's address (LVS: ip_vs_sh.c)."""

from __future__ import annotations

from fullnat.core.schedulers.base import register
from fullnat.core.schedulers.buckets import Buckets
from fullnat.net.flow import Address, Flow


class SourceHashing(Buckets):
    name = "sh"

    def address(self, flow: Flow) -> Address:
        return flow.src.address


register(SourceHashing)
