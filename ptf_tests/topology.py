"""The network that every test stands in. Addresses are of the documentation and benchmark ranges.

::

    client 203.0.113.9 ── port 1                    port 2 ── server 10.0.0.20
                                    switch          port 2 ── server 10.0.0.21 (MTU 576)
    VIP 198.51.100.10, local address 10.0.0.200     port 3 ── gateway 192.0.2.254 ── 198.18.0.0/15
"""

from __future__ import annotations

from ptf_tests.p4rt import Entry
from ptf_tests.packets import ipv4, mac

CLIENT_SIDE, SERVER_SIDE, UPLINK = 1, 2, 3
PORT_MAC = {1: "02:00:00:00:00:01", 2: "02:00:00:00:00:02", 3: "02:00:00:00:00:03"}
INTERFACE = {1: "203.0.113.1", 2: "10.0.0.1", 3: "192.0.2.1"}

CLIENT, CLIENT_MAC = "203.0.113.9", "02:00:00:00:01:09"
SERVER, SERVER_MAC = "10.0.0.20", "02:00:00:00:02:14"
NARROW_SERVER, NARROW_SERVER_MAC = "10.0.0.21", "02:00:00:00:02:15"
GATEWAY, GATEWAY_MAC = "192.0.2.254", "02:00:00:00:03:fe"
VIP, VPORT = "198.51.100.10", 80
LOCAL = "10.0.0.200"

FAR_HOST = "198.18.0.7"
"""Behind the gateway."""
SILENT_HOST = "203.0.113.99"
"""In the clients' subnet, with no link-layer address yet."""
DROPPED_HOST = "100.64.0.1"
"""Behind a route that says drop."""
UNROUTED_HOST = "192.88.99.1"
"""Behind no route at all."""

MTU, NARROW_MTU = 1500, 576


_NEXT_HOP_IDS: dict[str, int] = {}


def next_hop_id(address: str) -> int:
    """The id that a next hop has in all tests."""
    return _NEXT_HOP_IDS.setdefault(address, len(_NEXT_HOP_IDS) + 1)


def next_hop(address: str, port: int, link_address: str, mtu: int = MTU) -> Entry:
    params = {"port": port, "source": mac(PORT_MAC[port]), "destination": mac(link_address), "mtu": mtu}
    return Entry("next_hop", {"next_hop_id": next_hop_id(address)}, "next_hop_set", params)


def next_hop_unresolved(address: str) -> Entry:
    return Entry("next_hop", {"next_hop_id": next_hop_id(address)}, "next_hop_unresolved")


def host(address: str) -> Entry:
    """A host of a connected network is its own next hop."""
    return Entry("ipv4_host", {"address": ipv4(address)}, "route_via", {"next_hop_id": next_hop_id(address)})


def neighbor(address: str, port: int, link_address: str, mtu: int = MTU) -> list[Entry]:
    """A host of a connected network whose link-layer address is known."""
    return [next_hop(address, port, link_address, mtu), host(address)]


def own(address: str, kind: str) -> Entry:
    """An address of the switch's own: vip, local or interface."""
    return Entry("own_address", {"address": ipv4(address)}, f"own_{kind}")


def route(prefix: str, length: int, action: str, gateway: str | None = None) -> Entry:
    params = {"next_hop_id": next_hop_id(gateway)} if gateway is not None else {}
    return Entry("ipv4_route", {"prefix": (ipv4(prefix), length)}, action, params)


def service(vip: str = VIP, vport: int = VPORT, flags: int = 0, protocol: int = 6) -> Entry:
    key = {"protocol": protocol, "vip": ipv4(vip), "vport": vport}
    return Entry("virtual_service", key, "service_punt", {"flags": flags})


def entries() -> list[Entry]:
    """What every test finds installed."""
    return [
        *(Entry("port", {"port": port}, "port_set", {"mac": mac(PORT_MAC[port])}) for port in PORT_MAC),
        *(own(address, "interface") for address in INTERFACE.values()),
        own(VIP, "vip"),
        own(LOCAL, "local"),
        route("203.0.113.0", 24, "route_connected"),
        route("10.0.0.0", 24, "route_connected"),
        route("192.0.2.0", 24, "route_connected"),
        route("198.18.0.0", 15, "route_via", GATEWAY),
        route("100.64.0.0", 10, "route_drop"),
        *neighbor(CLIENT, CLIENT_SIDE, CLIENT_MAC),
        *neighbor(SERVER, SERVER_SIDE, SERVER_MAC),
        *neighbor(NARROW_SERVER, SERVER_SIDE, NARROW_SERVER_MAC, NARROW_MTU),
        *neighbor(GATEWAY, UPLINK, GATEWAY_MAC),
    ]
