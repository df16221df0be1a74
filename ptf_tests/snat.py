"""SNAT: rules, sessions of hosts inside, and echoes, for the tests of them.

The client of the topology is a host inside, the server somebody outside, and the local address the public one."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

from fullnat.core.declared.modes import Mode

from ptf_tests import topology
from ptf_tests.base import FullnatTest
from ptf_tests.icmp import PROTO_ICMP, PROTO_ICMPV6, IcmpError
from ptf_tests.p4rt import Entry, Masked, Range, Value
from ptf_tests.packets import Tcp, Udp, address
from ptf_tests.sessions import Session
from ptf_tests.topology import prefix, suffix

PROTO_TCP, PROTO_UDP = 6, 17


def rule(
    source: tuple[str, int],
    *,
    destination: tuple[str, int] | None = None,
    ports: tuple[int, int] = (0, 0xFFFF),
    port: int | None = None,
    out_port: int | None = None,
    protocol: int = PROTO_TCP,
    priority: int = 1,
    flags: int = 0,
) -> Entry:
    """A rule of what ``source`` sends out."""
    key: dict[str, Value] = {"protocol": Masked(protocol, 0xFF), "source": prefix(*source)}
    key |= {"destination": prefix(*destination)} if destination is not None else {}
    key |= {"destination_port": Range(*ports)} if ports != (0, 0xFFFF) else {}
    key |= {"port": Masked(port, 0xFFFFFFFF)} if port is not None else {}
    key |= {"out_port": Masked(out_port, 0xFFFFFFFF)} if out_port is not None else {}
    return Entry(f"snat_match{suffix(source[0])}", key, "snat_punt", {"flags": flags}, priority=priority)


@dataclass(frozen=True, kw_only=True)
class SnatSession(Session):
    """One of a host inside: its destination stays, and so do its numbers."""

    delta: int = 0
    flags: int = Mode.SNAT.session_flags(0)

    @property
    def server_entries(self) -> tuple[Entry, Entry]:
        key, flags, six = {"server_id": self.server_id}, {"flags": self.flags}, suffix(self.local)
        to = Entry("server_in", key, f"to_outside{six}", {**flags, "address": address(self.local)})
        return to, Entry("server_out", key, f"from_outside{six}", flags)


@dataclass(frozen=True, kw_only=True)
class Echo:
    """An echo request, or a ``reply``, over IP, of the family of its addresses, over Ethernet."""

    eth_dst: str
    eth_src: str
    src: str
    dst: str
    identifier: int
    reply: bool = False
    sequence: int = 3
    payload: bytes = b"abcdefg"
    ttl: int = 64
    checksum: int | None = None

    def replace(self, **changes: Any) -> Self:
        return dataclasses.replace(self, **changes)

    def __bytes__(self) -> bytes:
        request, reply = (128, 129) if ":" in self.src else (8, 0)
        same = {name: getattr(self, name) for name in ("eth_dst", "eth_src", "src", "dst", "ttl", "checksum")}
        kind = (reply if self.reply else request, 0)
        return bytes(IcmpError(kind=kind, unused=self.identifier, mtu=self.sequence, quote=self.payload, **same))


class SnatTest(FullnatTest):
    """Whatever rules a test has; a session of each protocol on demand."""

    def session(self, protocol: int = PROTO_TCP, **fields: Any) -> SnatSession:
        network = self.network
        made: dict[str, Any] = {
            "id": self.harness.session_id(),
            "protocol": protocol,
            "client": network.client,
            "vip": network.server,
            "local": network.local,
            "server": network.server,
            "vport": 443,
            "server_port": 443,
        }
        return SnatSession(**(made | fields))

    def echo_session(self) -> SnatSession:
        protocol = PROTO_ICMPV6 if ":" in self.network.client else PROTO_ICMP
        return self.session(protocol, client_port=0x77, vport=0, server_port=0)

    def rule(self, protocol: int = PROTO_TCP, **fields: Any) -> Entry:
        """Of the host alone."""
        bits = 128 if ":" in self.network.client else 32
        return rule((self.network.client, bits), protocol=protocol, **fields)

    def syn(self, **fields: Any) -> Tcp:
        return self.session().from_client(flags="S", seq=1000, **fields)

    def datagram(self, **fields: Any) -> Udp:
        return Udp(**self.session(PROTO_UDP).client_sends, payload=b"query").replace(**fields)

    def request(self, session: SnatSession | None = None, **fields: Any) -> Echo:
        """As the host sends it."""
        sends = (session or self.echo_session()).client_sends
        ends = {name: sends[name] for name in ("eth_dst", "eth_src", "src", "dst")}
        return Echo(**ends, identifier=sends["sport"]).replace(**fields)

    def as_punted(self, packet: Any, out_port: int = topology.SERVER_SIDE) -> Any:
        """``packet`` as the controller gets it: as it came in, but for its source."""
        return packet.replace(eth_src=topology.PORT_MAC[out_port])
