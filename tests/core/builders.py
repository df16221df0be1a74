"""Configurations and frames for the core's tests."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

from fullnat.config.model import Config, Interface, RealServer, StaticRoute, VirtualServer
from fullnat.core.frames import SYN, arp_request, tcp_frame
from fullnat.core.interface import PacketIn
from fullnat.net.headers import ethernet
from fullnat.p4constants import Direction, PuntReason, SessionEvent

CLIENT_PORT, SERVER_PORT = 1, 2
CLIENT_MAC, ROUTER_MAC, SWITCH_MAC_1, SWITCH_MAC_2 = 0x020000000001, 0x0200000000FE, 0x02AA00000001, 0x02AA00000002
SERVER_MAC = 0x020000000033


def ip(text: str) -> int:
    return int(IPv4Address(text))


CLIENT, VIP, LOCAL, LOCAL2 = ip("203.0.113.9"), ip("198.51.100.10"), ip("10.0.2.100"), ip("10.0.2.101")
SERVER, SERVER2 = ip("10.0.2.11"), ip("10.0.2.12")
VPORT, RPORT = 80, 8080

PUNT, EVENT = PuntReason, SessionEvent
IN, OUT = Direction.IN, Direction.OUT

INTERFACES = (
    Interface(port=CLIENT_PORT, mac=SWITCH_MAC_1, address=IPv4Interface("198.51.100.1/24")),
    Interface(port=SERVER_PORT, mac=SWITCH_MAC_2, address=IPv4Interface("10.0.2.1/24")),
)
ROUTES = (StaticRoute(prefix=IPv4Network("0.0.0.0/0"), gateway=IPv4Address("198.51.100.254")),)


def real(address: str = "10.0.2.11", port: int = RPORT, weight: int = 1) -> RealServer:
    return RealServer(address=IPv4Address(address), port=port, weight=weight)


def virtual(**changes: Any) -> VirtualServer:
    fields: dict[str, Any] = {
        "address": IPv4Address(VIP),
        "port": VPORT,
        "local_addresses": (IPv4Address(LOCAL),),
        "real_servers": (real(),),
        "reset_on_miss": False,
    }
    return VirtualServer(**(fields | changes))


def config(*virtual_servers: VirtualServer, **changes: Any) -> Config:
    fields: dict[str, Any] = {
        "interfaces": INTERFACES,
        "routes": ROUTES,
        "virtual_servers": virtual_servers or (virtual(),),
    }
    return Config(**(fields | changes))


def syn(
    port: int = 40000,
    seq: int = 1,
    *,
    client: int = CLIENT,
    vip: int = VIP,
    vport: int = VPORT,
    reason: str = "SERVICE_SYN",
    session_id: int = 0,
) -> PacketIn:
    """The punt of a client's SYN."""
    frame = tcp_frame((SWITCH_MAC_1, ROUTER_MAC), client, port, vip, vport, seq, 0, SYN)
    return PacketIn(PUNT[reason], 0, CLIENT_PORT, session_id, frame)


def arp_reply(sender: int, mac: int, target: int, target_mac: int, port: int) -> PacketIn:
    request = arp_request(mac, sender, target)
    frame = ethernet(target_mac, mac, 0x0806) + request[14:20] + b"\0\2" + request[22:]
    return PacketIn(PUNT["ARP"], 0, port, 0, frame)
