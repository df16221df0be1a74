"""Datagrams and their sessions, for the core's tests of UDP."""

from __future__ import annotations

from typing import Any

from fullnat.core.interface import PacketIn, SessionEvents
from fullnat.net.flow import Address, Endpoint, Flow
from fullnat.net.headers import PROTO_UDP, ethernet, ethertype_of, ip, udp
from fullnat.tables.session import SessionEntry

from .builders import CLIENT, CLIENT_PORT, OUT, PUNT, ROUTER_MAC, SWITCH_MAC_1, VIP, VPORT, real, virtual
from .helpers import session_writes
from .switch import Rig

TWO = (real(), real("10.0.2.12"))


def service(**changes: Any) -> Any:
    return virtual(**({"protocol": "udp", "established_timeout": 300.0, "scheduler": "rr"} | changes))


def datagram(
    port: int = 40000,
    payload: bytes = b"query",
    *,
    checksum: int | None = None,
    client: Address = CLIENT,
    vport: int = VPORT,
    flow: Flow | None = None,
) -> PacketIn:
    """``flow``: of any family, in place of client and ports."""
    flow = flow or Flow(PROTO_UDP, Endpoint(client, port), Endpoint(VIP, vport))
    octets = udp(flow, payload)
    if checksum is not None:
        octets = octets[:6] + checksum.to_bytes(2, "big") + octets[8:]
    src, dst = flow.src.address, flow.dst.address
    frame = ethernet(SWITCH_MAC_1, ROUTER_MAC, ethertype_of(dst)) + ip(src, dst, PROTO_UDP, octets)
    return PacketIn(PUNT["SERVICE_DATAGRAM"], 0, CLIENT_PORT, 0, frame)


def begun(rig: Rig, port: int = 40000) -> SessionEntry:
    """A session whose first datagram was injected."""
    rig.send(datagram(port))
    rig.settle()
    entry = session_writes(rig)[-1][1]
    assert entry.client_port == port
    assert rig.switch.injected[-1].session_id == entry.session_id
    return entry


def answered(rig: Rig, port: int = 40000) -> SessionEntry:
    entry = begun(rig, port)
    rig.hit(entry.session_id)
    rig.send(SessionEvents(entry.session_id, OUT, 1))
    return entry
