"""The base of tests of ICMP errors about packets of a session."""

from __future__ import annotations

from typing import Any

from ptf_tests import topology
from ptf_tests.icmp import ICMP_KINDS, ICMPV6_KINDS, IcmpError, Kinds, quote
from ptf_tests.packets import Tcp
from ptf_tests.sessions import SessionTest
from ptf_tests.topology import CLIENT_SIDE, PORT_MAC, SERVER_SIDE

LEAST = 8
"""Bytes behind the quoted IP header that every error has (RFC 792)."""
WITH_CHECKSUM = 18
"""Bytes of a TCP header up to and with its checksum."""
ENDS = ("src", "dst", "sport", "dport")


class IcmpErrorTest(SessionTest):
    """``outward_error`` and ``inward_error`` exchange one error about a packet that has left the switch. ``behind``
    bytes behind its IP header are quoted, ``ip`` are fields of that, ``fields`` those of the error; ``changes`` is what
    becomes of it beside the translation."""

    @property
    def kinds(self) -> Kinds:
        return ICMPV6_KINDS if self.network is topology.IPV6 else ICMP_KINDS

    @property
    def clients_router(self) -> str:
        return "2001:db8:1::50" if self.network is topology.IPV6 else "203.0.113.50"

    @property
    def servers_router(self) -> str:
        return "2001:db8:2::50" if self.network is topology.IPV6 else "10.0.0.50"

    def to_server(self, **fields: Any) -> Any:
        """A segment of the client's as the switch has sent it to the server."""
        return Tcp(**self.session.server_gets).replace(**fields)

    def to_client(self, **fields: Any) -> Any:
        """A segment of the server's as the switch has sent it to the client."""
        return Tcp(**self.session.client_gets).replace(**fields)

    def about_server_bound(self, sent: Any, quoted: bytes | None = None, **fields: Any) -> IcmpError:
        """The error of a router between switch and server about ``sent``."""
        macs = {"eth_dst": PORT_MAC[SERVER_SIDE], "eth_src": self.session.server_mac}
        ends = {"src": self.servers_router, "dst": sent.src, "quote": quote(sent) if quoted is None else quoted}
        return IcmpError(**{**macs, **ends, **fields})

    def about_client_bound(self, sent: Any, quoted: bytes | None = None, **fields: Any) -> IcmpError:
        """The error of a router between switch and client about ``sent``."""
        macs = {"eth_dst": PORT_MAC[CLIENT_SIDE], "eth_src": topology.CLIENT_MAC}
        ends = {"src": self.clients_router, "dst": sent.src, "quote": quote(sent) if quoted is None else quoted}
        return IcmpError(**{**macs, **ends, **fields})

    def as_client_sent(self, sent: Any, _behind: int | None = None) -> Any:
        """``sent`` to the server, as the client knows it, if it is quoted so far."""
        ends = {name: self.session.client_sends[name] for name in ENDS}
        if isinstance(sent, Tcp):
            ends["seq"] = (sent.seq - self.session.delta) & 0xFFFFFFFF
        return sent.replace(**ends)

    def as_server_sent(self, sent: Any, behind: int | None = None) -> Any:
        """``sent`` to the client, as the server knows it, if it is quoted with its checksum."""
        ends = {name: self.session.server_sends[name] for name in ENDS}
        if isinstance(sent, Tcp) and "A" in sent.flags and (behind is None or behind >= WITH_CHECKSUM):
            ends["ack"] = (sent.ack + self.session.delta) & 0xFFFFFFFF
        return sent.replace(**ends)

    def to_the_client(self, came: IcmpError, quoted: bytes, **changes: Any) -> IcmpError:
        """The error as it leaves towards the client."""
        macs = {"eth_dst": topology.CLIENT_MAC, "eth_src": PORT_MAC[CLIENT_SIDE]}
        ends = {"src": self.session.vip, "dst": self.session.client, "quote": quoted, "ttl": came.ttl - 1}
        return came.replace(**{**macs, **ends, **changes})

    def to_the_server(self, came: IcmpError, quoted: bytes, **changes: Any) -> IcmpError:
        """The error as it leaves towards the server."""
        macs = {"eth_dst": self.session.server_mac, "eth_src": PORT_MAC[SERVER_SIDE]}
        ends = {"src": self.session.local, "dst": self.session.server, "quote": quoted, "ttl": came.ttl - 1}
        return came.replace(**{**macs, **ends, **changes})

    def outward_error(
        self,
        sent: Any,
        behind: int | None = None,
        ip: dict[str, Any] | None = None,
        changes: dict[str, Any] | None = None,
        **fields: Any,
    ) -> None:
        came = self.about_server_bound(sent, quote(sent, behind, **(ip or {})), **fields)
        quoted = quote(self.as_client_sent(sent, behind), behind, **(ip or {}))
        self.exchange((SERVER_SIDE, came), out=[(CLIENT_SIDE, self.to_the_client(came, quoted, **(changes or {})))])

    def inward_error(
        self,
        sent: Any,
        behind: int | None = None,
        ip: dict[str, Any] | None = None,
        changes: dict[str, Any] | None = None,
        **fields: Any,
    ) -> None:
        came = self.about_client_bound(sent, quote(sent, behind, **(ip or {})), **fields)
        quoted = quote(self.as_server_sent(sent, behind), behind, **(ip or {}))
        self.exchange((CLIENT_SIDE, came), out=[(SERVER_SIDE, self.to_the_server(came, quoted, **(changes or {})))])
