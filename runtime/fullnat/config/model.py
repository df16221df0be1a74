"""The configuration, validated by construction. Every field says its unit and default; files are read by
config.file."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import TYPE_CHECKING, TypeVar

from fullnat.config.servers import SwitchSettings
from fullnat.core.declared.modes import Mode
from fullnat.net.flow import Endpoint, mark_of
from fullnat.net.flow import address as as_bytes
from fullnat.net.match import Match
from fullnat.net.prefixes import Prefix
from fullnat.net.vlan import interface_number

if TYPE_CHECKING:
    from fullnat.config.groups import Group
    from fullnat.config.spread import Spread

IpAddress = IPv4Address | IPv6Address
IpInterface = IPv4Interface | IPv6Interface
IpNetwork = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """A port of the switch, or one VLAN of it, its MAC address, and its addresses there, each with the prefix of its
    subnet."""

    port: int
    mac: int
    address: IpInterface
    further: tuple[IpInterface, ...] = ()
    """Addresses beside ``address``, of either family."""
    mtu: int = 1500
    """Bytes of an IP packet; a tag comes on top."""
    vlan: int = 0
    """Frames have its tag (802.1Q); 0: they have none."""

    @property
    def number(self) -> int:
        """What stands for it between switch and controller."""
        return interface_number(self.port, self.vlan)

    @property
    def addresses(self) -> tuple[IpInterface, ...]:
        return (self.address, *self.further)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticRoute:
    prefix: IpNetwork
    gateway: IpAddress | None
    """None: packets to the prefix are dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One health check of a real server; times in seconds. Which options are of which type says
    :data:`fullnat.config.check_options.OF_CHECK`."""

    type: str
    interval: float = 5.0
    """Between the beginnings of two checks."""
    timeout: float = 5.0
    """Until an answer has to be there."""
    retry_interval: float = 1.0
    """Between checks while it is not clear yet whether the state changes."""
    fall: int = 2
    """Failures in a row that make a server that is up be down."""
    rise: int = 1
    """Successes in a row that make one that is down be up."""
    start_down: bool = False
    """Until the first check tells better (keepalived: alpha)."""
    address: IpAddress | None = None
    """Whom to ask; None: the server."""
    port: int | None = None
    """None: the server's."""
    source: IpAddress | None = None
    device: str = ""
    """Network interface by which the check leaves; none: as routes say."""
    path: str = "/"
    host: str = ""
    """What the server is called: in the header Host, and in TLS; of SMTP what HELO calls us."""
    status: str = "200-299"
    """Numbers and ranges of status codes, with commas."""
    digest: str = ""
    """MD5 of the body, in hexadecimal; none: any body."""
    regex: str = ""
    """Of PCRE2, to be found in the body; none: any body."""
    regex_options: str = ""
    """Of :data:`fullnat.health.pcre2.OPTIONS`, with spaces between them."""
    regex_no_match: bool = False
    """It must not be found."""
    regex_min_offset: int = 0
    """The byte of the body from which on it is looked for."""
    regex_max_offset: int | None = None
    """The last byte that it may begin at; None: any."""
    tls: bool = False
    verify: bool = False
    """The certificate has to be one for ``host``, by an authority of the system or of ``ca_file``."""
    ca_file: str = ""
    command: str = ""
    """A program by its absolute path and its arguments, as a shell would have them in quotes; there is no shell."""
    payload: str = ""
    """Of the datagram, in hexadecimal."""
    require_reply: bool = False
    """An answer has to come; else it is enough that the port is not said to be closed."""
    exit_status: str = "0"
    """Those of the program that are good, as ``status``."""
    user: str = ""
    """Whose rights the program has; none: those of the controller."""
    dynamic: bool = False
    """A status from 2 on is good as well, and says the server's weight: two less."""
    name: str = "."
    """Of the domain that a name server is asked for."""
    record: str = "SOA"
    """The type that it is asked for."""
    file: str = ""
    """Whose number is looked at, by its absolute path."""
    factor: int = 0
    """By which the number is multiplied and added to the weight; 0: every number but 0 is a failure."""
    reverse: bool = False
    """The number is taken with the opposite sign; with factor 0, 0 is the failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may begin something with a service, or with any. Of an address the longest prefix that has it says so."""

    deny: frozenset[Prefix] = frozenset()
    allow: frozenset[Prefix] = frozenset()
    """If there are any, who is in none is refused. Of a prefix in both, the denial counts."""
    refused: str = "drop"
    """What who is refused gets, of :data:`fullnat.core.declared.values.REFUSALS`."""


OPEN = Access()
"""Whoever wants may."""


class Accessible:
    """Whose ``access`` is told by its options' own names."""

    __slots__ = ()
    access: Access

    @property
    def deny(self) -> frozenset[Prefix]:
        return self.access.deny

    @property
    def allow(self) -> frozenset[Prefix]:
        return self.access.allow

    @property
    def refused(self) -> str:
        return self.access.refused


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What can be said of a real server."""

    weight: int = 1
    """0 takes no new sessions and keeps the old."""
    mode: Mode | None = None
    """How packets reach it; None is the service's."""
    quic_id: str = ""
    """What connection ids of QUIC that it makes call it, in hexadecimal; none: it makes none that say it."""
    upper_threshold: int = 0
    """Sessions from which on it takes no new ones; 0 is no limit."""
    lower_threshold: int = 0
    """Sessions below which it takes new ones again; 0 is three quarters of the upper threshold."""
    new_rate: int = 0
    """New sessions per second; 0 is no limit."""
    sorry: bool = False
    """It takes new sessions only while the service has no quorum, and the others do not then."""
    notify_up: str = ""
    """A program that is run when it is well again, as the ``command`` of a check."""
    notify_down: str = ""
    notify_user: str = ""
    """Whose rights they have; none: as those of the service."""
    checks: tuple[Check, ...] = ()
    """All of them have to succeed; none: those of the service, but for a sorry server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealServer(ServerSettings):
    address: IpAddress
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds a session stays in a state without packets: of TCP, but for ``udp_oneway``, that of a UDP session whose
    server has not answered (Linux's conntrack: 30).

    As in LVS (ip_vs_proto_tcp.c tcp_timeouts), but for half-closed connections, which LVS ends after 7 s: here they
    outlive the longest pause of one whose ends both live, 120 s between window probes or retransmissions (Linux:
    TCP_RTO_MAX). Linux's conntrack: fin_wait 120, close_wait 60, last_ack 30, time_wait 120, close 10, syn_recv 60.
    time_wait and close hold a local port that nobody uses any more, and stay short.
    """

    none: float = 2.0
    syn_sent: float = 3.0
    syn_recv: float = 30.0
    fin_wait: float = 130.0
    time_wait: float = 7.0
    close: float = 3.0
    close_wait: float = 130.0
    last_ack: float = 30.0
    listen: float = 120.0
    synack: float = 30.0
    udp_oneway: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """What can be said of a virtual service."""

    scheduler: str = "wrr"
    """A name of :data:`fullnat.core.schedulers.base.SCHEDULERS`."""
    mode: Mode = Mode.FULLNAT
    """Of the real servers that say none."""
    established_timeout: float = 90.0
    """Seconds without a packet in either direction after which an established session is reset and removed; of UDP one
    that the server has answered. 0 is the protocol's own: 90 for TCP, 300 for UDP."""
    toa: bool = True
    toa_kind: int = 254
    """Of the TOA option for an IPv6 client: 254 as DPVS has it, or 253 as LVS. IPv4 has 254 in both."""
    proxy_protocol: str = "off"
    """PROXY protocol instead of TOA, of :data:`fullnat.core.declared.values.PROXIES`."""
    keep_timestamps: bool = False
    keep_mss: bool = False
    syn_proxy: str = "auto"
    """Which SYNs are answered with a cookie, of :data:`fullnat.core.synproxy.syn_proxy.COOKIES`: none, those that are
    too many, where that can be, or all."""
    reset_on_miss: bool = True
    """Answer RST to segments that belong to no session, instead of dropping them."""
    echo_while_up: bool = False
    """Answer no echo request to its address while it has no real server with a weight, unless another service of the
    address answers."""
    max_sessions: int = 0
    """Sessions that it may have; 0 is no limit."""
    new_rate: int = 0
    """New sessions per second; 0 is no limit."""
    source_rate: int = 0
    """The same of one source prefix, in the switch."""
    source_sessions: int = 0
    """Sessions that one source prefix may have; 0 is no limit."""
    half_open: int = 0
    """Of TCP, sessions that nobody has answered yet: of more the oldest goes. 0 is the controller's own limit
    (:data:`fullnat.core.access.limits.HALF_OPEN`)."""
    source_half_open: int = 0
    """The same of one source prefix; 0 is no limit."""
    source_prefix: int = 32
    """Bits of an IPv4 address that are a source by that,"""
    source_prefix6: int = 64
    """and of an IPv6 address."""
    ops: bool = False
    """One-packet scheduling, of UDP: each datagram goes to a real server of its own, and no session is kept."""
    sessions: bool = True
    """False: nothing is kept of a flow; its hash leads to a real server, in DR, TUNNEL or GUE."""
    buckets: int = 8192
    """Among which flows are spread without sessions, a power of two."""
    slow_start: float = 0.0
    """Seconds in which a server that comes gets to its full weight; 0 is at once."""
    persistence_timeout: float = 0.0
    """Seconds that a client goes to the server of its last connection; 0 is not at all (LVS: -p)."""
    persistence_prefix: int = 128
    """Bits of a client's address that count for that (LVS: -M)."""
    persistence_group: str = ""
    """Services with the same one send a client to the same server, by its address; none: it is alone."""
    quic_config: int = 0
    """The configuration in connection ids of QUIC whose server is to be found by them."""
    drain_timeout: float = 0.0
    """Seconds that the sessions of a server that is removed may go on; 0 is until they end."""
    timeouts: Timeouts | None = None
    """Those of this service; None is those of the configuration."""
    match: tuple[Match, ...] = ()
    """Of a service by match: the packets that are of it."""
    mapping: str = "endpoint-independent"
    """Of SNAT: what a host's port is shown by one public port for, of :data:`fullnat.core.declared.values.MAPPINGS`
    (RFC 4787 4.1)."""
    block_size: int = 0
    """Of SNAT: public ports that a host gets at once, for itself; 0: it shares them all."""
    block_log: bool = False
    """Blocks that hosts get and give back are logged (RFC 6888 4)."""
    host_sessions: int = 0
    """Of SNAT: sessions that a host may have; 0 is no limit."""
    quorum: int = 1
    """The weight of servers that are well from which on there are enough of them."""
    hysteresis: int = 0
    """How much more it takes to gain the quorum, and how much less to lose it."""
    quorum_up: str = ""
    """A program that is run when there is a quorum, at the start as well, as the ``command`` of a check."""
    quorum_down: str = ""
    """The same when there is none."""
    notify_user: str = ""
    """Whose rights these and the programs of its servers have; none: those of the controller."""
    notify_timeout: float = 10.0
    """Seconds that each of them may take."""
    omega: bool = False
    """When the controller ends, servers and quorum that are up are told as down."""
    passive_failures: int = 0
    """New sessions in a row that a server does not take, by which it takes none for a while; 0: that does not count."""
    passive_time: float = 5.0
    """Seconds of that while, doubled each time that it ends in vain."""
    checks: tuple[Check, ...] = ()
    """Of the real servers that have none of their own."""

    @property
    def inward(self) -> tuple[Match, ...]:
        """The rules whose destinations are virtual addresses."""
        return () if self.mode.is_outward else self.match

    @property
    def outward(self) -> tuple[Match, ...]:
        """Those of SNAT."""
        return self.match if self.mode.is_outward else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualServer(ServiceSettings, Accessible):
    address: IpAddress
    """Of a service by match the one that its mark is named by (:func:`fullnat.net.flow.marked`)."""
    port: int
    """0 is all ports."""
    protocol: str = "tcp"
    access: Access = OPEN
    local_addresses: tuple[IpAddress, ...] = ()
    real_servers: tuple[RealServer, ...] = ()
    group: str = ""
    """Of switches that has it; none: the rule says which (:mod:`fullnat.config.spread`)."""
    said: tuple[tuple[str, int], ...] = field(default=(), compare=False)
    """The section that it is of, where its number does not tell."""

    @property
    def endpoint(self) -> Endpoint:
        """What it is known by, with its protocol."""
        return Endpoint(as_bytes(self.address), self.port)

    @property
    def fwmark(self) -> int | None:
        """The number of a service by match."""
        return mark_of(self.endpoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalSettings:
    """What holds for all services."""

    timeouts: Timeouts = field(default_factory=Timeouts)
    local_port_min: int = 5000
    local_port_max: int = 65535
    punt_rate: int = 20_000
    """Packets per second that the switch may send to the controller."""
    punt_burst: int = 20_000
    source_rate: int = 0
    """New sessions per second of one source prefix, with all services together; 0 is no limit."""
    source_prefix: int = 32
    """Bits of an IPv4 address that are a source by that,"""
    source_prefix6: int = 64
    """and of an IPv6 address."""
    syn_proxy_mss: int = 1452
    """Of SYN-ACKs with a cookie over IPv4; over IPv6 32 less."""
    syn_proxy_scale: int = 7
    """By which clients shift windows behind such a SYN-ACK: no more than the real servers should."""
    syn_proxy_half_open: int = 4096
    """Half-open sessions of a service with syn_proxy = "auto" beyond which it answers every SYN so; 0 is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(GlobalSettings, Accessible):
    interfaces: tuple[Interface, ...]
    routes: tuple[StaticRoute, ...] = ()
    access: Access = OPEN
    """That of all services."""
    virtual_servers: tuple[VirtualServer, ...] = ()
    switches: tuple[SwitchSettings, ...] = ()
    """Those of the group, or of all groups; none: the one that the command line names."""
    groups: tuple[Group, ...] = ()
    """Those that services are spread over; none: there is nothing to spread, or this is the part of one."""
    spread: Spread | None = field(default=None, compare=False)
    """Who of them has what, where there are some."""
    vain: tuple[str, ...] = field(default=(), compare=False)
    """What the file says and nothing follows from, one line each with its place."""


S = TypeVar("S")


def only(settings: type[S], said: S) -> S:
    """Of ``said``, which is more, what ``settings`` has."""
    names = (each.name for each in fields(settings))  # type: ignore[arg-type]
    return settings(**{name: getattr(said, name) for name in names})
