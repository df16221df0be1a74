"""Sessions between families: their entries, and packets as the other family has them (RFC 7915)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from ptf_tests.p4rt import Entry
from ptf_tests.packets import Tcp, Udp, checksum_of
from ptf_tests.sessions import Session
from ptf_tests.topology import IPV4, IPV6

LEAST_MTU = 1280
"""Of every link of IPv6: what came in no longer may be fragmented in IPv4."""
Datagram = TypeVar("Datagram", Tcp, Udp)
_SOURCE = ("client", "client_port", "server", "server_port")


@dataclass(frozen=True, kw_only=True)
class CrossSession(Session):
    """One whose client and server are of different families."""

    @property
    def is_nat64(self) -> bool:
        """The client is the one of IPv6."""
        return ":" in self.client

    def _entry(self, table: str, action: str, key: dict[str, int], rewrite: dict[str, int]) -> Entry:
        name = "nat64" if self.is_nat64 else "nat46"
        inward = table == "session_in"
        common = {"session_id": self.id, "server_id": self.server_id, "delta": self.delta}
        action = f"{name}_in" if inward else f"{name}_out"
        if inward is self.is_nat64:
            table += "6"
        else:
            table = "session46"
            key = {_place(field): value for field, value in key.items()}
        return Entry(table, {"protocol": self.protocol, **key}, action, {**common, **rewrite}, self.idle_ns, self.id)

    def to_server(self, sent: Tcp, **changes: Any) -> Tcp:
        return crossed(sent, super().to_server(sent).replace(**changes))

    def to_client(self, sent: Tcp, **changes: Any) -> Tcp:
        return crossed(sent, super().to_client(sent).replace(**changes))


def _place(field: str) -> str:
    """What a field of session_in or session_out is called in the table of both."""
    side = "source" if field in _SOURCE else "destination"
    return side + ("_port" if field.endswith("port") else "")


def ends(is_nat64: bool, server: str = "server") -> dict[str, Any]:
    """The addresses of a session from one family to the other."""
    outer, inner = (IPV6, IPV4) if is_nat64 else (IPV4, IPV6)
    return {
        "client": outer.client,
        "vip": outer.vip,
        "local": inner.local,
        "server": getattr(inner, server),
    }


def crossed(sent: Datagram, left: Datagram) -> Datagram:
    """``left``, which has its addresses, with what the header of the other family does not take over from ``sent``."""
    if ":" in left.src:
        return left.replace(flow_label=0) if isinstance(left, Tcp) else left
    size = 40 + 20 + len(sent.options) + len(sent.payload) if isinstance(sent, Tcp) else 48 + len(sent.payload)
    # The identification is as good as any.
    return left.replace(ip_flags=0 if size <= LEAST_MTU else 2, ip_id=_checksum(left))


def _checksum(packet: Tcp | Udp) -> int:
    if isinstance(packet, Tcp):
        return checksum_of(packet)
    return packet.summed if packet.checksum is None else packet.checksum
