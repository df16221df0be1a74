"""Hosts inside, rules of SNAT, and their first packets, for the core's tests."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

from fullnat.config.model import RealServer, VirtualServer
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import PacketIn
from fullnat.core.protocols.base import PROTOCOLS
from fullnat.net.checksum import checksum
from fullnat.net.flow import Address, Endpoint, Flow, marked
from fullnat.net.headers import ETHERTYPE_IPV4, PROTO_ICMP, PROTO_TCP, PROTO_UDP, TcpFlag, ethernet, udp
from fullnat.net.headers import ip as ip_packet
from fullnat.net.match import parse
from fullnat.tables.session import SessionEntry

from .builders import PUNT, ROUTER_MAC, SERVER_PORT, SWITCH_MAC_2, config, ip, tcp_frame
from .switch import Rig

HOST, HOST2 = ip("10.0.2.50"), ip("10.0.2.51")
OUTSIDE, OUTSIDE2 = ip("192.0.2.80"), ip("192.0.2.81")
PUBLIC, PUBLIC2 = ip("198.51.100.20"), ip("198.51.100.21")


def public(where: Address = PUBLIC, **changes: Any) -> RealServer:
    return RealServer(address=IPv4Address(where), port=0, **changes)


def rule(protocol: str = "tcp", *words: str, number: int = 1, **changes: Any) -> VirtualServer:
    fields: dict[str, Any] = {
        "protocol": protocol,
        "address": IPv4Address(marked(number).address),
        "port": 0,
        "mode": Mode.SNAT,
        "match": tuple(map(parse, words or ("src=10.0.2.0/24",))),
        "real_servers": (public(),),
        "established_timeout": PROTOCOLS[protocol].established_timeout,
    }
    return VirtualServer(**(fields | changes))


def rig(*rules: VirtualServer, **changes: Any) -> Rig:
    return Rig(config(*(rules or (rule(),)), **changes))


def first(
    port: int = 40000,
    *,
    host: Address = HOST,
    to: Address = OUTSIDE,
    dport: int = 443,
    protocol: str = "tcp",
    reason: str = "SNAT",
    seq: int = 1,
) -> PacketIn:
    """The punt of the first packet of a host inside; of ICMP ``port`` is the identifier."""
    flow = Flow(PROTOCOLS[protocol].number, Endpoint(host, port), Endpoint(to, dport))
    if flow.protocol == PROTO_TCP:
        frame = tcp_frame(host, port, to, dport, seq, 0, TcpFlag.SYN)
    elif flow.protocol == PROTO_UDP:
        frame = _frame(host, to, PROTO_UDP, udp(flow, b"query"))
    else:
        frame = _frame(host, to, PROTO_ICMP, echo(8, port))
    return PacketIn(PUNT[reason], 0, SERVER_PORT, 0, frame)


def echo(kind: int, identifier: int) -> bytes:
    rest = identifier.to_bytes(2, "big") + b"\0\1ping"
    return bytes((kind, 0)) + checksum(bytes((kind, 0, 0, 0)) + rest).to_bytes(2, "big") + rest


def _frame(host: Address, to: Address, protocol: int, octets: bytes) -> bytes:
    return ethernet(SWITCH_MAC_2, ROUTER_MAC, ETHERTYPE_IPV4) + ip_packet(host, to, protocol, octets)


def opened(rig: Rig, packet: PacketIn) -> SessionEntry | None:
    """The session that ``packet`` has made."""
    before = rig.switch.sessions().keys()
    rig.send(packet)
    rig.settle()
    new = [entry for number, entry in rig.switch.sessions().items() if number not in before]
    assert len(new) <= 1
    return new[0] if new else None


def shown(rig: Rig, packet: PacketIn) -> Endpoint | None:
    """The public address and port that ``packet`` leaves from."""
    entry = opened(rig, packet)
    return None if entry is None else Endpoint(entry.local, entry.local_port)
