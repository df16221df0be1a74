"""The network that every test stands in, in both families. Addresses are of the documentation and benchmark ranges.

::

    client 203.0.113.9 ── port 1                    port 2 ── server 10.0.0.20
                                    switch          port 2 ── server 10.0.0.21 (MTU 576)
    VIP 198.51.100.10, local address 10.0.0.200     port 3 ── gateway 192.0.2.254 ── 198.18.0.0/15
"""

from __future__ import annotations

from dataclasses import dataclass

from ptf_tests.p4rt import Entry, Masked, Range, Value
from ptf_tests.packets import address as number
from ptf_tests.packets import mac

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
SILENT_SERVER = "10.0.0.99"
"""In the servers' subnet, likewise."""
DROPPED_HOST = "100.64.0.1"
"""Behind a route that says drop."""
UNROUTED_HOST = "192.88.99.1"
"""Behind no route at all."""

MTU, NARROW_MTU = 1500, 576


@dataclass(frozen=True, kw_only=True)
class Network:
    """The addresses of one family."""

    client: str
    server: str
    narrow_server: str
    gateway: str
    vip: str
    local: str
    interface: dict[int, str]
    far_host: str
    silent_host: str
    silent_server: str
    dropped_host: str
    unrouted_host: str
    header_bytes: int
    """Of the family's IP header."""
    toa_bytes: int
    mss_floor: int
    header_fault: str
    """As what a header is counted whose length is wrong."""
    expired: str
    """What is dropped when its TTL or hop limit ends is counted as this."""
    narrow_mtu: int = NARROW_MTU
    """IPv6 has links of at least 1280 bytes."""

    @property
    def headers(self) -> int:
        """Bytes of IP and TCP headers."""
        return self.header_bytes + 20

    @property
    def options_below_toa(self) -> int:
        """Bytes of TCP options beside which there is room for TOA."""
        return 40 - self.toa_bytes

    @property
    def segment(self) -> int:
        """Bytes of TCP payload that fill the MTU."""
        return MTU - self.headers

    @property
    def datagram(self) -> int:
        """Bytes of UDP payload that fill the MTU."""
        return MTU - self.header_bytes - 8

    def lowered(self, mss: int) -> int:
        """The MSS that makes room for TOA."""
        return mss if mss <= self.mss_floor else max(self.mss_floor, mss - self.toa_bytes)


IPV4 = Network(
    client=CLIENT,
    server=SERVER,
    narrow_server=NARROW_SERVER,
    gateway=GATEWAY,
    vip=VIP,
    local=LOCAL,
    interface=INTERFACE,
    far_host=FAR_HOST,
    silent_host=SILENT_HOST,
    silent_server=SILENT_SERVER,
    dropped_host=DROPPED_HOST,
    unrouted_host=UNROUTED_HOST,
    header_bytes=20,
    toa_bytes=8,
    mss_floor=536,
    header_fault="IPV4_HEADER",
    expired="TTL",
)
IPV6 = Network(
    client="2001:db8:1::9",
    server="2001:db8:2::20",
    narrow_server="2001:db8:2::21",
    gateway="2001:db8:3::fe",
    vip="2001:db8:a::10",
    local="2001:db8:2::200",
    interface={1: "2001:db8:1::1", 2: "2001:db8:2::1", 3: "2001:db8:3::1"},
    far_host="2001:2::7",
    silent_host="2001:db8:1::99",
    silent_server="2001:db8:2::99",
    dropped_host="2001:db8:dead::1",
    unrouted_host="3fff::1",
    header_bytes=40,
    toa_bytes=20,
    mss_floor=1220,
    header_fault="IPV6_HEADER",
    expired="HOP_LIMIT",
    narrow_mtu=1280,
)


def suffix(address: str) -> str:
    """Of the names of what takes addresses of this family."""
    return "6" if ":" in address else ""


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
    table = "ipv6_host" if ":" in address else "ipv4_host"
    return Entry(table, {"address": number(address)}, "route_via", {"next_hop_id": next_hop_id(address)})


def neighbor(address: str, port: int, link_address: str, mtu: int = MTU) -> list[Entry]:
    """A host of a connected network whose link-layer address is known."""
    return [next_hop(address, port, link_address, mtu), host(address)]


def own(address: str, kind: str) -> Entry:
    """An address of the switch's own: vip, local or interface."""
    return Entry(f"own_address{suffix(address)}", {"address": number(address)}, f"own_{kind}")


def route(prefix: str, length: int, action: str, gateway: str | None = None) -> Entry:
    params = {"next_hop_id": next_hop_id(gateway)} if gateway is not None else {}
    table = "ipv6_route" if ":" in prefix else "ipv4_route"
    return Entry(table, {"prefix": (number(prefix), length)}, action, params)


def service(vip: str = VIP, vport: int = VPORT, flags: int = 0, protocol: int = 6) -> Entry:
    key = {"protocol": protocol, "vip": number(vip), "vport": vport}
    return Entry(f"virtual_service{suffix(vip)}", key, "service_punt", {"flags": flags})


def match(
    vip: str = VIP,
    *,
    bits: int | None = None,
    ports: tuple[int, int] = (0, 0xFFFF),
    source: tuple[str, int] | None = None,
    source_ports: tuple[int, int] = (0, 0xFFFF),
    port: int | None = None,
    protocol: int = 6,
    priority: int = 1,
    flags: int = 0,
) -> Entry:
    """A rule of a service by match: of all that goes to the VIP, or its prefix, what else it says."""
    width = 128 if ":" in vip else 32
    key: dict[str, Value] = {
        "protocol": Masked(protocol, 0xFF),
        "destination": prefix(vip, width if bits is None else bits),
    }
    key |= {"source": prefix(*source)} if source is not None else {}
    key |= {"destination_port": Range(*ports)} if ports != (0, 0xFFFF) else {}
    key |= {"source_port": Range(*source_ports)} if source_ports != (0, 0xFFFF) else {}
    key |= {"port": Masked(port, 0xFFFFFFFF)} if port is not None else {}
    return Entry(f"service_match{suffix(vip)}", key, "match_punt", {"flags": flags}, priority=priority)


def prefix(address: str, bits: int) -> Masked:
    width = 128 if ":" in address else 32
    return Masked(number(address), (1 << width) - (1 << width - bits))


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


def entries6() -> list[Entry]:
    """And on targets with IPv6."""
    return [
        *(own(address, "interface") for address in IPV6.interface.values()),
        own(IPV6.vip, "vip"),
        own(IPV6.local, "local"),
        route("2001:db8:1::", 64, "route_connected"),
        route("2001:db8:2::", 64, "route_connected"),
        route("2001:db8:3::", 64, "route_connected"),
        route("2001:2::", 48, "route_via", IPV6.gateway),
        route("2001:db8:dead::", 48, "route_drop"),
        *neighbor(IPV6.client, CLIENT_SIDE, CLIENT_MAC),
        *neighbor(IPV6.server, SERVER_SIDE, SERVER_MAC),
        *neighbor(IPV6.narrow_server, SERVER_SIDE, NARROW_SERVER_MAC, IPV6.narrow_mtu),
        *neighbor(IPV6.gateway, UPLINK, GATEWAY_MAC),
    ]
