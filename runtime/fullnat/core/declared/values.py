"""Which values the parts of a command may have. Each check raises ValueError, whose message says what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

from fullnat.config.model import (
    Access,
    GlobalSettings,
    Interface,
    IpAddress,
    IpInterface,
    IpNetwork,
    ServerSettings,
    ServiceSettings,
    Timeouts,
)
from fullnat.core.declared.modes import Mode
from fullnat.core.schedulers.base import SCHEDULERS
from fullnat.net.flow import Address, Endpoint, address, family, is_host, is_v6, mark_of, mark_of_other_family, text
from fullnat.net.headers import PROTO_UDP, V6_MTU
from fullnat.net.match import MOST, MOST_ADDRESSES, Match
from fullnat.net.vlan import VLANS

WEIGHTS = 0, 65535
PORTS = 1, 65535
"""Of TCP and UDP."""
SWITCH_PORTS = 0, 510
"""What 9 bits hold, but for 511, by which v1model drops."""
MTUS = 576, 65535
"""Bytes (RFC 791 3.2: every host takes 576)."""
PUNTS = 1, 10_000_000
"""Packets, or packets per second."""
QUORUMS = 0, 1_000_000_000
"""Weights of servers together."""
LIMITS = 0, 10_000_000
"""Sessions, or sessions per second; 0 is no limit."""
PROXIES = ("off", "first", "every", "clients")
"""Of PROXY protocol (:mod:`fullnat.core.declared.telling`)."""
INDEPENDENT, DEPENDENT = "endpoint-independent", "address-dependent"
MAPPINGS = (INDEPENDENT, DEPENDENT)
"""Of SNAT: a host's port has one public port for all destinations, or one for each destination address."""
BLOCKS = 0, 16384
"""Public ports of a block of SNAT; 0: there are none."""
SYN_PROXIES = ("off", "auto", "always")
"""Of SYN cookies (:mod:`fullnat.core.synproxy.syn_proxy`)."""
COOKIE_MSS = 568, 9216
"""What SYN-ACKs with a cookie may say; over IPv6 32 less, which is to be 536 at least."""
COOKIE_SCALES = 0, 14
"""Of windows (RFC 7323 2.3)."""
TOA_KIND = 254
"""Of the TCP option; IPv4 has no other."""
TOA_KIND_LVS = 253
"""Of the one for IPv6 clients, as LVS has it."""
PREFIXES = 1, 128
"""Bits; those beyond an address count for nothing."""
REFUSALS = ("drop", "rst", "icmp")
"""What those get whom a list refuses: nothing; a RST, and other than TCP ICMP; ICMP administratively prohibited."""
SOURCE_PREFIXES = (8, 32), (16, 64)
"""Bits that are one source, of IPv4 and IPv6."""
QUIC_CONFIGS = 0, 6
"""What three bits hold, but for 7, which stands for none."""
BUCKETS = 256, 65536
"""Powers of two."""
NAME_LENGTH = 64
QUIC_ID_BYTES = 1, 15
SECONDS = 0, 86400 * 31
"""0 stands for the protocol's own time."""


OPS_OF_UDP = "one-packet scheduling (ops) is for UDP"
OPS_WITHOUT_LOCAL = "one-packet scheduling (ops) needs another mode than fullnat"


def check_host(address: Address) -> None:
    """One host's address, wherever the host is: link-local addresses are not, and one of IPv4 is written as such."""
    if not is_host(address):
        raise ValueError(f"{text(address)} is not the address of one host")


def check_port(port: int, lowest: int = PORTS[0]) -> None:
    _within("port", port, (lowest, PORTS[1]))


def check_server_port(virtual: Endpoint, port: int) -> None:
    """A real server's ``port``, of a service with this name: of several ports the server has the same, and says 0."""
    if virtual.port:
        check_port(port)
    elif port:
        raise ValueError(f"a real server of {virtual} has the port that is asked for: its own has to be 0, not {port}")


def check_match(virtual: Endpoint, matches: Sequence[Match], *, is_outward: bool = False) -> None:
    """The rules of a service with this name, of SNAT if it ``is_outward``."""
    if mark_of(virtual) is None:
        if matches:
            raise ValueError(f"match is of services by fwmark, and {virtual} is none")
        if is_outward:
            raise ValueError(f"{Mode.SNAT} is of services by fwmark, and {virtual} is none")
        return
    if not 1 <= len(matches) <= MOST:
        raise ValueError(f"{virtual} needs match, 1 to {MOST} rules: a switch has no netfilter to set marks")
    version = 6 if is_v6(virtual.address) else 4
    for match in matches:
        if match.dst.version != version:
            others = all(each.dst.version != version for each in matches)
            hint = f"; {_other_family(virtual)}" if others else ""
            raise ValueError(f"{match}: dst is not of {family(virtual.address)}, as {virtual} is{hint}")
        if not is_outward:
            _check_inward(match)


def _check_inward(match: Match) -> None:
    """The rule of a service whose clients ask for addresses of ours."""
    if match.oif is not None:
        raise ValueError(f"{match}: oif is of {Mode.SNAT}")
    if match.dst.num_addresses > MOST_ADDRESSES:
        raise ValueError(f"{match}: {match.dst} has more than {MOST_ADDRESSES} addresses")
    for own in match.addresses():
        check_host(own)


def _other_family(virtual: Endpoint) -> str:
    """How a service by match is named, and asked of fnatadm, that is of the other one."""
    other = mark_of_other_family(virtual)
    return f"without -6 it is of IPv4, {other}" if is_v6(virtual.address) else f"-6 makes it of IPv6, {other}"


def check_server(settings: ServerSettings) -> None:
    _within("weight", settings.weight, WEIGHTS)
    check_quic_id(settings.quic_id)
    upper, lower = settings.upper_threshold, settings.lower_threshold
    _each(("upper_threshold", upper), ("lower_threshold", lower), ("new_rate", settings.new_rate), limits=LIMITS)
    check_thresholds(upper, lower)
    if settings.mode is not None:
        _check_mode(settings.mode)


def check_thresholds(upper: int, lower: int) -> None:
    if lower > upper:
        raise ValueError(f"lower_threshold {lower} is above upper_threshold {upper}")


def check_name(value: str) -> None:
    """One that people give to something; none is one."""
    if len(value) > NAME_LENGTH or not value.isprintable():
        raise ValueError(f"{value!r} is not a name of at most {NAME_LENGTH} characters")


def check_buckets(value: int) -> None:
    least, most = BUCKETS
    if not least <= value <= most or value & value - 1:
        raise ValueError(f"{value} is not a power of two from {least} to {most}")


def check_quic_id(value: str) -> None:
    """What connection ids of QUIC call a server."""
    shortest, longest = QUIC_ID_BYTES
    if not value:
        return
    try:
        octets = bytes.fromhex(value)
    except ValueError:
        octets = b""
    if not shortest <= len(octets) <= longest or len(value) != 2 * len(octets):
        raise ValueError(f"{value!r} is not {shortest} to {longest} bytes in hexadecimal")


def check_quic_ids(protocol: int, ids: Iterable[str]) -> None:
    """Those of the servers of one service."""
    known = [each.lower() for each in ids if each]
    if known and protocol != PROTO_UDP:
        raise ValueError("quic_id is of UDP")
    if len({len(each) for each in known}) > 1:
        raise ValueError("quic_id has to be of the same length for all servers")
    if len(set(known)) < len(known):
        raise ValueError("two servers have the same quic_id")


def check_slow_start(scheduler: str, slow_start: float) -> None:
    if slow_start and not SCHEDULERS[scheduler].goes_by_weight:
        raise ValueError(f"slow_start is by weight, which {scheduler} does not go by")


def check_quorum(quorum: int, hysteresis: int) -> None:
    """As keepalived does (check_parser.c: vs_end_handler)."""
    if hysteresis and hysteresis >= quorum:
        raise ValueError(f"hysteresis {hysteresis} is not below quorum {quorum}")


def check_within(seconds: float | None) -> None:
    """The time that sessions have to end."""
    if seconds is not None:
        _within("within", seconds, SECONDS)


def check_service(settings: ServiceSettings) -> None:
    if settings.scheduler not in SCHEDULERS:
        raise ValueError(f"{settings.scheduler!r} is not one of {', '.join(SCHEDULERS)}")
    check_slow_start(settings.scheduler, settings.slow_start)
    check_buckets(settings.buckets)
    _within("persistence_timeout", settings.persistence_timeout, SECONDS)
    check_name(settings.persistence_group)
    _within("quic_config", settings.quic_config, QUIC_CONFIGS)
    _within("persistence_prefix", settings.persistence_prefix, PREFIXES)
    _each(("slow_start", settings.slow_start), ("drain_timeout", settings.drain_timeout), limits=SECONDS)
    _check_mode(settings.mode)
    check_toa_kind(settings.toa_kind)
    if settings.proxy_protocol not in PROXIES:
        raise ValueError(f"{settings.proxy_protocol!r} is not one of {', '.join(PROXIES)}")
    if settings.syn_proxy not in SYN_PROXIES:
        raise ValueError(f"{settings.syn_proxy!r} is not one of {', '.join(SYN_PROXIES)}")
    _within("established_timeout", settings.established_timeout, SECONDS)
    _each(("quorum", settings.quorum), ("hysteresis", settings.hysteresis), limits=QUORUMS)
    check_quorum(settings.quorum, settings.hysteresis)
    _within("passive_failures", settings.passive_failures, LIMITS)
    _each(("passive_time", settings.passive_time), ("notify_timeout", settings.notify_timeout), limits=SECONDS)
    _each(("max_sessions", settings.max_sessions), ("new_rate", settings.new_rate), limits=LIMITS)
    check_mapping(settings.mapping)
    _within("block_size", settings.block_size, BLOCKS)
    _within("host_sessions", settings.host_sessions, LIMITS)
    check_sources(settings.source_rate, settings.source_prefix, settings.source_prefix6)
    half_open = ("half_open", settings.half_open), ("source_half_open", settings.source_half_open)
    _each(("source_sessions", settings.source_sessions), *half_open, limits=LIMITS)
    if settings.timeouts is not None:
        _check_timeouts(settings.timeouts)


def check_mapping(mapping: str) -> None:
    if mapping not in MAPPINGS:
        raise ValueError(f"{mapping!r} is not one of {', '.join(MAPPINGS)}")


def check_access(access: Access) -> None:
    if access.refused not in REFUSALS:
        raise ValueError(f"{access.refused!r} is not one of {', '.join(REFUSALS)}")


def check_sources(rate: int, prefix: int, prefix6: int) -> None:
    """What is one source, and how many sessions it may begin a second."""
    _within("source_rate", rate, LIMITS)
    _within("source_prefix", prefix, SOURCE_PREFIXES[0])
    _within("source_prefix6", prefix6, SOURCE_PREFIXES[1])


def check_toa_kind(kind: object) -> None:
    """As fullnat_toa and the kernel modules of LVS and DPVS know it for IPv6."""
    if kind not in (TOA_KIND, TOA_KIND_LVS):
        raise ValueError(f"{kind!r} is not one of {TOA_KIND}, {TOA_KIND_LVS}")


def check_globals(settings: GlobalSettings) -> None:
    low, high = settings.local_port_min, settings.local_port_max
    _each(("local_port_min", low), ("local_port_max", high), limits=PORTS)
    if low > high:
        raise ValueError(f"local_port_min {low} is above local_port_max {high}")
    _each(("punt_rate", settings.punt_rate), ("punt_burst", settings.punt_burst), limits=PUNTS)
    check_sources(settings.source_rate, settings.source_prefix, settings.source_prefix6)
    _within("syn_proxy_mss", settings.syn_proxy_mss, COOKIE_MSS)
    _within("syn_proxy_scale", settings.syn_proxy_scale, COOKIE_SCALES)
    _within("syn_proxy_half_open", settings.syn_proxy_half_open, LIMITS)
    _check_timeouts(settings.timeouts)


def check_interface(interface: Interface) -> None:
    _within("port of the switch", interface.port, SWITCH_PORTS)
    _within("vlan", interface.vlan, VLANS)
    _within("mtu", interface.mtu, MTUS)
    if not 0 < interface.mac < 1 << 48 or interface.mac >> 40 & 1:
        raise ValueError(f"{interface.mac:#x} is not the MAC address of one station")
    for own in interface.addresses:
        check_host(address(own.ip))
        check_own(own)
    if interface.mtu < V6_MTU and any(own.version == 6 for own in interface.addresses):
        raise ValueError(f"mtu {interface.mtu} is below {V6_MTU}, which IPv6 needs")


def check_own(own: IpInterface) -> None:
    """The address of an interface, in its subnet."""
    if own.ip in dict(hostless(own.network)):
        raise ValueError(f"{own} is not the address of a host in {own.network}")


def overlap(one: IpInterface, other: IpInterface) -> bool:
    """Whether the subnets of two interfaces have addresses in common."""
    return one.version == other.version and one.network.overlaps(other.network)


def hostless(network: IpNetwork) -> tuple[tuple[IpAddress, str], ...]:
    """The addresses of a subnet that are no host's, with what they are: its network and broadcast addresses, which a
    prefix of 31 bits has not (RFC 3021); of IPv6 that of any of its routers (RFC 4291 2.6.1), but for 127 bits (RFC
    6164)."""
    if network.max_prefixlen - network.prefixlen < 2:
        return ()
    if network.version == 6:
        return ((network.network_address, "anycast"),)
    return (network.network_address, "network"), (network.broadcast_address, "broadcast")


def _check_mode(mode: str) -> None:
    if not isinstance(mode, Mode):
        raise ValueError(f"{mode!r} is not one of {', '.join(Mode)}")


def _check_timeouts(timeouts: Timeouts) -> None:
    _each(*((each.name, getattr(timeouts, each.name)) for each in fields(timeouts)), limits=SECONDS)


Number = int | float
"""Said as it was given: where a float is asked for, compiled code makes one of an int."""


def _each(*named: tuple[str, Number], limits: tuple[Number, Number]) -> None:
    for name, value in named:
        _within(name, value, limits)


def _within(name: str, value: Number, limits: tuple[Number, Number]) -> None:
    low, high = limits
    if not low <= value <= high:
        raise ValueError(f"{name} {value} is not from {low} to {high}")
