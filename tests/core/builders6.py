"""The same as :mod:`.builders` over IPv6, beside IPv4 on the same ports."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Address, IPv6Interface, IPv6Network
from typing import Any

from fullnat.config.model import Config, RealServer, StaticRoute, VirtualServer
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import PacketIn
from fullnat.core.network import frames
from fullnat.net import nd
from fullnat.net.flow import Address, Endpoint, Flow, address
from fullnat.net.headers import PROTO_TCP, TcpFlag

from .builders import CLIENT_PORT, INTERFACES, PUNT, ROUTER_MAC, ROUTES, RPORT, SERVER_PORT, SWITCH_MAC_1, VPORT
from .builders import config as config4

CLIENT, VIP, LOCAL = address("2001:db8:cafe::9"), address("2001:db8:9::80"), address("2001:db8:2::100")
SERVER, SERVER2, STRANGER = (address(f"2001:db8:2::{host}") for host in (11, 12, 77))
OURS, OUR_SERVER_SIDE, GATEWAY = address("2001:db8:1::1"), address("2001:db8:2::1"), address("2001:db8:1::fe")
ROUTER = address("fe80::1")

INTERFACES6 = (
    replace(INTERFACES[0], further=(IPv6Interface("2001:db8:1::1/64"),)),
    replace(INTERFACES[1], further=(IPv6Interface("2001:db8:2::1/64"),)),
)
ROUTES6 = (*ROUTES, StaticRoute(prefix=IPv6Network("::/0"), gateway=IPv6Address("2001:db8:1::fe")))


def real(host: str = "2001:db8:2::11", port: int = RPORT, mode: Mode | None = None) -> RealServer:
    return RealServer(address=IPv6Address(host), port=port, mode=mode)


def virtual(**changes: Any) -> VirtualServer:
    fields: dict[str, Any] = {
        "address": IPv6Address(VIP),
        "port": VPORT,
        "local_addresses": (IPv6Address(LOCAL),),
        "real_servers": (real(),),
        "reset_on_miss": False,
        "syn_proxy": "off",
    }
    return VirtualServer(**(fields | changes))


def config(*virtual_servers: VirtualServer, **changes: Any) -> Config:
    fields: dict[str, Any] = {"interfaces": INTERFACES6, "routes": ROUTES6}
    return config4(*(virtual_servers or (virtual(),)), **(fields | changes))


def syn(
    port: int = 40000, seq: int = 1, *, client: Address = CLIENT, reason: str = "SERVICE_SYN", session_id: int = 0
) -> PacketIn:
    """The punt of a client's SYN."""
    frame = tcp_frame(client, port, VIP, VPORT, seq, 0, TcpFlag.SYN)
    return PacketIn(PUNT[reason], 0, CLIENT_PORT, session_id, frame)


def tcp_frame(src: Address, src_port: int, dst: Address, dst_port: int, seq: int, ack: int, flags: int) -> bytes:
    flow = Flow(PROTO_TCP, Endpoint(src, src_port), Endpoint(dst, dst_port))
    return frames.tcp_frame((SWITCH_MAC_1, ROUTER_MAC), flow, seq, ack, flags)


def said(frame: bytes, port: int = SERVER_PORT) -> PacketIn:
    """The punt of a message of neighbor discovery."""
    return PacketIn(PUNT["ND"], 0, port, 0, frame)


def advertised(sender: Address, mac: int, to: Address, to_mac: int, port: int = SERVER_PORT) -> PacketIn:
    """The punt of a solicited advertisement."""
    return said(nd.advertisement(mac, sender, to, to_mac), port)
