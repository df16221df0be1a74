"""Configurations and frames for the core's tests."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

from fullnat.config.model import Config, Interface, RealServer, StaticRoute, VirtualServer
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import PacketIn
from fullnat.core.network import frames
from fullnat.net.flow import Address, Endpoint, Flow, address, v4
from fullnat.net.headers import ARP_REPLY, ETHERTYPE_ARP, PROTO_TCP, TcpFlag, arp, ethernet
from fullnat.p4constants import Direction, PuntReason, SessionEvent

CLIENT_PORT, SERVER_PORT = 1, 2
CLIENT_MAC, ROUTER_MAC, SWITCH_MAC_1, SWITCH_MAC_2 = 0x020000000001, 0x0200000000FE, 0x02AA00000001, 0x02AA00000002
SERVER_MAC = 0x020000000033


CLIENT, VIP = address("203.0.113.9"), address("198.51.100.10")
LOCAL, LOCAL2 = address("10.0.2.100"), address("10.0.2.101")
SERVER, SERVER2, SERVER3 = (address(f"10.0.2.{host}") for host in (11, 12, 13))
VPORT, RPORT = 80, 8080
ANY = v4(0)


def ip(text: str, plus: int = 0) -> Address:
    """The address that is ``plus`` behind ``text``."""
    return address(IPv4Address(text) + plus)


PUNT, EVENT = PuntReason, SessionEvent
IN, OUT = Direction.IN, Direction.OUT

INTERFACES = (
    Interface(port=CLIENT_PORT, mac=SWITCH_MAC_1, address=IPv4Interface("198.51.100.1/24")),
    Interface(port=SERVER_PORT, mac=SWITCH_MAC_2, address=IPv4Interface("10.0.2.1/24")),
)
ROUTES = (StaticRoute(prefix=IPv4Network("0.0.0.0/0"), gateway=IPv4Address("198.51.100.254")),)


def real(host: str = "10.0.2.11", port: int = RPORT, weight: int = 1, mode: Mode | None = None) -> RealServer:
    return RealServer(address=IPv4Address(host), port=port, weight=weight, mode=mode)


def virtual(**changes: Any) -> VirtualServer:
    fields: dict[str, Any] = {
        "address": IPv4Address(VIP),
        "port": VPORT,
        "local_addresses": (IPv4Address(LOCAL),),
        "real_servers": (real(),),
        "reset_on_miss": False,
        "syn_proxy": "off",
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
    client: Address = CLIENT,
    vip: Address = VIP,
    vport: int = VPORT,
    reason: str = "SERVICE_SYN",
    session_id: int = 0,
) -> PacketIn:
    """The punt of a client's SYN."""
    frame = tcp_frame(client, port, vip, vport, seq, 0, TcpFlag.SYN)
    return PacketIn(PUNT[reason], 0, CLIENT_PORT, session_id, frame)


def tcp_frame(src: Address, src_port: int, dst: Address, dst_port: int, seq: int, ack: int, flags: int) -> bytes:
    flow = Flow(PROTO_TCP, Endpoint(src, src_port), Endpoint(dst, dst_port))
    return frames.tcp_frame((SWITCH_MAC_1, ROUTER_MAC), flow, seq, ack, flags)


def arp_reply(sender: Address, mac: int, target: Address, target_mac: int, port: int) -> PacketIn:
    frame = ethernet(target_mac, mac, ETHERTYPE_ARP) + arp(ARP_REPLY, mac, sender, 0, target)
    return PacketIn(PUNT["ARP"], 0, port, 0, frame)
