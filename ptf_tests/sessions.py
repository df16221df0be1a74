"""FULLNAT sessions: their two entries and those of their server, and a segment as each side sees it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from fullnat.core.declared.modes import Mode
from fullnat.p4constants import SessionFlag

from ptf_tests import topology
from ptf_tests.base import FullnatTest, PacketOut
from ptf_tests.icmp import IcmpError
from ptf_tests.p4rt import Entry
from ptf_tests.packets import IP, UDP, IPv6, Packet, Raw, Tcp, Udp, address, toa
from ptf_tests.topology import Network, suffix

TOA: int = SessionFlag.TOA
KEEP_TIMESTAMPS: int = SessionFlag.KEEP_TIMESTAMPS
KEEP_MSS: int = SessionFlag.KEEP_MSS


def ends(network: Network, local: str = "local", server: str = "server") -> dict[str, Any]:
    """The addresses of a session in this network."""
    return {
        "client": network.client,
        "vip": network.vip,
        "local": getattr(network, local),
        "server": getattr(network, server),
    }


def direct_ends(network: Network, next_door: str = "server") -> dict[str, Any]:
    """Those of a session in a mode that leaves the addresses alone, and the server that it leads to."""
    return {**ends(network, local="client", server="vip"), "next_door": getattr(network, next_door)}


@dataclass(frozen=True, kw_only=True)
class Session:
    """One session. ``delta`` raises the client's sequence numbers towards the server."""

    id: int
    protocol: int = 6
    delta: int = 0x20
    flags: int = TOA
    server_id: int = 7
    client: str = topology.CLIENT
    client_port: int = 40000
    vip: str = topology.VIP
    vport: int = topology.VPORT
    local: str = topology.LOCAL
    local_port: int = 5000
    server: str = topology.SERVER
    server_port: int = 8080
    server_mac: str = topology.SERVER_MAC
    idle_ns: int = 0

    @property
    def inbound(self) -> Entry:
        """The entry of what the client sends."""
        key = {
            "client": address(self.client),
            "client_port": self.client_port,
            "vip": address(self.vip),
            "vport": self.vport,
        }
        rewrite = {"local": address(self.local), "local_port": self.local_port}
        return self._entry("session_in", "fullnat_in", key, rewrite)

    @property
    def outbound(self) -> Entry:
        """The entry of what the server sends."""
        key = {
            "server": address(self.server),
            "server_port": self.server_port,
            "local": address(self.local),
            "local_port": self.local_port,
        }
        rewrite = {"client": address(self.client), "client_port": self.client_port}
        return self._entry("session_out", "fullnat_out", key, rewrite)

    @property
    def entries(self) -> tuple[Entry, Entry]:
        """Of the session alone."""
        return self.inbound, self.outbound

    @property
    def server_entries(self) -> tuple[Entry, Entry]:
        """What it shares with the other sessions of its server."""
        key = {"server_id": self.server_id}
        back = {"flags": self.flags, "vip": address(self.vip), "vport": self.vport}
        return self._server_in(key), Entry("server_out", key, f"from_vip{suffix(self.vip)}", back)

    def _server_in(self, key: dict[str, int]) -> Entry:
        to = {"flags": self.flags, "address": address(self.server), "port": self.server_port}
        return Entry("server_in", key, f"to_server{suffix(self.server)}", to)

    def _entry(self, table: str, action: str, key: dict[str, int], rewrite: dict[str, int]) -> Entry:
        common = {"session_id": self.id, "server_id": self.server_id, "delta": self.delta}
        table, action = (name + suffix(self.client) for name in (table, action))
        return Entry(table, {"protocol": self.protocol, **key}, action, {**common, **rewrite}, self.idle_ns, self.id)

    @property
    def client_sends(self) -> dict[str, Any]:
        """MAC addresses, addresses and ports of what the client sends, TCP or UDP."""
        return {
            "eth_dst": topology.PORT_MAC[topology.CLIENT_SIDE],
            "eth_src": topology.CLIENT_MAC,
            "src": self.client,
            "dst": self.vip,
            "sport": self.client_port,
            "dport": self.vport,
        }

    @property
    def server_gets(self) -> dict[str, Any]:
        """The same of it as it leaves towards the server."""
        return {
            "eth_dst": self.server_mac,
            "eth_src": topology.PORT_MAC[topology.SERVER_SIDE],
            "src": self.local,
            "dst": self.server,
            "sport": self.local_port,
            "dport": self.server_port,
        }

    @property
    def server_sends(self) -> dict[str, Any]:
        """Of what the server sends."""
        return {
            "eth_dst": topology.PORT_MAC[topology.SERVER_SIDE],
            "eth_src": self.server_mac,
            "src": self.server,
            "dst": self.local,
            "sport": self.server_port,
            "dport": self.local_port,
        }

    @property
    def client_gets(self) -> dict[str, Any]:
        """The same of it as it leaves towards the client."""
        return {
            "eth_dst": topology.CLIENT_MAC,
            "eth_src": topology.PORT_MAC[topology.CLIENT_SIDE],
            "src": self.vip,
            "dst": self.client,
            "sport": self.vport,
            "dport": self.client_port,
        }

    @property
    def to_its_server(self) -> tuple[int, str]:
        """The port and link-layer address of the way of what the client sends."""
        return topology.SERVER_SIDE, self.server_mac

    @property
    def to_its_client(self) -> tuple[int, str]:
        """Of what the server sends."""
        return topology.CLIENT_SIDE, topology.CLIENT_MAC

    def from_client(self, **fields: Any) -> Tcp:
        """A segment as the client sends it."""
        return Tcp(**self.client_sends).replace(**fields)

    def to_server(self, sent: Tcp, **changes: Any) -> Tcp:
        """``sent`` by the client as it leaves towards the server: translated, without any edit of options."""
        seq = (sent.seq + self.delta) & 0xFFFFFFFF
        return sent.replace(**self.server_gets, seq=seq, ttl=sent.ttl - 1).replace(**changes)

    def from_server(self, **fields: Any) -> Tcp:
        """A segment as the server sends it."""
        return Tcp(**self.server_sends).replace(**fields)

    def to_client(self, sent: Tcp, **changes: Any) -> Tcp:
        """``sent`` by the server as it leaves towards the client: translated, without any edit of options."""
        ack = (sent.ack - self.delta) & 0xFFFFFFFF if "A" in sent.flags else sent.ack
        return sent.replace(**self.client_gets, ack=ack, ttl=sent.ttl - 1).replace(**changes)

    @property
    def toa(self) -> bytes:
        return toa(self.client, self.client_port)


@dataclass(frozen=True, kw_only=True)
class DirectSession(Session):
    """One whose server has the virtual address itself: ``next_door`` is the address that leads to it."""

    next_door: str = topology.SERVER
    local: str = topology.CLIENT
    local_port: int = 40000
    server: str = topology.VIP
    server_port: int = topology.VPORT
    delta: int = 0
    flags: int = Mode.DR.session_flags(0)

    def _server_in(self, key: dict[str, int]) -> Entry:
        to = {"flags": self.flags, "address": address(self.next_door)}
        return Entry("server_in", key, f"to_server_direct{suffix(self.next_door)}", to)


@dataclass(frozen=True, kw_only=True)
class AnyPortSession(Session):
    """One whose server's entries keep the port, and serve sessions of any."""

    @property
    def server_entries(self) -> tuple[Entry, Entry]:
        key = {"server_id": self.server_id}
        to = {"flags": self.flags, "address": address(self.server)}
        back = {"flags": self.flags, "vip": address(self.vip)}
        return (
            Entry("server_in", key, f"to_server_any{suffix(self.server)}", to),
            Entry("server_out", key, f"from_vip_any{suffix(self.vip)}", back),
        )


@dataclass(frozen=True, kw_only=True)
class TunnelSession(DirectSession):
    """One whose server takes an outer header off."""

    outer_src: str = topology.INTERFACE[topology.SERVER_SIDE]
    flags: int = Mode.TUNNEL.session_flags(0)
    gue: bool = False
    """UDP is between the headers."""

    def _server_in(self, key: dict[str, int]) -> Entry:
        ends = {"address": address(self.next_door), "source": address(self.outer_src)}
        action = "to_server_gue" if self.gue else "to_server_tunnel"
        return Entry("server_in", key, action + suffix(self.next_door), {"flags": self.flags, **ends})

    def through(self, inner: Tcp | Udp | IcmpError) -> Tunnelled:
        """``inner``, which leaves for the server, in its outer header."""
        return Tunnelled(inner, self.outer_src, self.next_door, self._gue_port if self.gue else 0)

    @property
    def _gue_port(self) -> int:
        """By which routers tell the client's flow apart."""
        client, vip = (IPv4Address(name).packed if ":" not in name else bytes(4) for name in (self.client, self.vip))
        client6 = IPv6Address(self.client).packed if ":" in self.client else bytes(16)
        ports = self.client_port.to_bytes(2, "big") + self.vport.to_bytes(2, "big")
        return GUE_FIRST + _crc16(bytes((self.protocol,)) + client + vip + client6 + ports) % GUE_PORTS


GUE, GUE_FIRST, GUE_PORTS = 6080, 49152, 16384


def _crc16(data: bytes) -> int:
    """CRC-16/ARC, which is v1model's."""
    crc = 0
    for octet in data:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


@dataclass(frozen=True)
class Tunnelled:
    """A packet with an outer header, whose TOS or traffic class, TTL or hop limit, and in IPv4 id and DF are the inner
    one's (RFC 2003, RFC 2473); IPv6 is not fragmented inside IPv4 (RFC 4213)."""

    inner: Tcp | Udp | IcmpError
    src: str
    dst: str
    gue_port: int = 0
    """Source of the UDP header between them, 0 = none."""

    def __bytes__(self) -> bytes:
        frame = bytes(self.inner.replace(padding=b""))
        inner = self.inner
        inner6, outer6 = (":" in address for address in (inner.src, self.src))
        protocol = 17 if self.gue_port else 41 if inner6 else 4
        if outer6:
            outer: Packet = IPv6(tc=inner.tos, hlim=inner.ttl, nh=protocol, src=self.src, dst=self.dst)
        else:
            same: dict[str, Any] = {"id": 0, "flags": 2} if inner6 else {"id": inner.ip_id, "flags": inner.ip_flags}
            outer = IP(tos=inner.tos, ttl=inner.ttl, proto=protocol, src=self.src, dst=self.dst, **same)
        type_ = b"\x86\xdd" if outer6 else b"\x08\x00"
        if self.gue_port:
            outer /= UDP(sport=self.gue_port, dport=GUE, chksum=0)
        return frame[:12] + type_ + bytes(outer / Raw(frame[14:])) + inner.padding


class SessionTest(FullnatTest):
    """A service and one session are installed; ``inward`` and ``outward`` exchange one segment of it."""

    delta = 0x20
    flags = TOA
    local = "local"
    """Which address of the network."""
    local_port = 5000
    server = "server"
    """Likewise."""
    server_mac = topology.SERVER_MAC

    def setUp(self) -> None:
        super().setUp()
        self.session = self.new_session()
        self.insert(topology.service(self.network.vip), *self.session.server_entries, *self.session.entries)

    def new_session(self) -> Session:
        return Session(
            id=self.harness.session_id(),
            delta=self.delta,
            flags=self.flags,
            local_port=self.local_port,
            server_mac=self.server_mac,
            **ends(self.network, self.local, self.server),
        )

    def inward(self, sent: Tcp, toa: str = "", **changes: Any) -> None:
        """``sent`` by the client reaches the server translated, with ``changes``; ``toa``: the ToaResult counted."""
        expected = self.session.to_server(sent, **changes)
        self.exchange((topology.CLIENT_SIDE, sent), out=[(topology.SERVER_SIDE, expected)], toa={toa: 1} if toa else {})

    def outward(self, sent: Tcp, **changes: Any) -> None:
        """``sent`` by the server reaches the client translated, with ``changes``."""
        expected = self.session.to_client(sent, **changes)
        self.exchange((topology.SERVER_SIDE, sent), out=[(topology.CLIENT_SIDE, expected)])

    def inject(self, syn: Tcp, new_session: bool = False, toa: str = "", **changes: Any) -> None:
        """The controller injects the client's SYN; it reaches the server translated, with ``changes``."""
        self.exchange(
            PacketOut("INJECT", syn, port=topology.CLIENT_SIDE, new_session=new_session),
            out=[(topology.SERVER_SIDE, self.session.to_server(syn, **changes))],
            toa={toa: 1} if toa else {},
        )

    def handshake(self, client_isn: int = 1000, server_isn: int = 9000) -> None:
        """The session's SYN and SYN-ACK; the first byte of data has seq isn + 1 on either side."""
        syn = self.session.from_client(flags="S", seq=client_isn)
        with_toa = bool(self.session.flags & TOA)
        self.inject(syn, new_session=True, toa="OK" if with_toa else "", options=self.session.toa if with_toa else b"")
        ack = client_isn + 1 + self.session.delta
        self.outward(self.session.from_server(flags="SA", seq=server_isn, ack=ack & 0xFFFFFFFF))
