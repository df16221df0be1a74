"""Which values the parts of a command may have. Each check raises ValueError, whose message says what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from fullnat.config.model import GlobalSettings, Interface, ServerSettings, ServiceSettings, Timeouts
from fullnat.core.modes import Mode
from fullnat.core.schedulers.base import SCHEDULERS
from fullnat.net.flow import V4_BYTES, Address, Endpoint, is_v6, text
from fullnat.net.headers import PROTO_UDP

WEIGHTS = 0, 65535
PORTS = 1, 65535
"""Of TCP and UDP."""
SWITCH_PORTS = 0, 510
"""What 9 bits hold, but for 511, by which v1model drops."""
MTUS = 576, 65535
"""Bytes (RFC 791 3.2: every host takes 576)."""
PUNTS = 1, 10_000_000
"""Packets, or packets per second."""
LIMITS = 0, 10_000_000
"""Sessions, or sessions per second; 0 is no limit."""
PREFIXES = 1, 128
"""Bits; those beyond an address count for nothing."""
QUIC_CONFIGS = 0, 6
"""What three bits hold, but for 7, which stands for none."""
QUIC_ID_BYTES = 1, 15
SECONDS = 0, 86400 * 31
"""0 stands for the protocol's own time."""


OPS_OF_UDP = "one-packet scheduling (ops) is for UDP"
OPS_WITHOUT_LOCAL = "one-packet scheduling (ops) needs another mode than fullnat"


def check_host(address: Address) -> None:
    """One host's address, of a family that the program's tables have."""
    if len(address) == V4_BYTES and address[0] not in (0, 127) and address[0] < 0xE0:
        return
    shown = text(address)
    if is_v6(address):
        raise ValueError(f"{shown} is not an IPv4 address, and others are not supported")
    raise ValueError(f"{shown} is not the address of one host")


def check_endpoint(endpoint: Endpoint) -> None:
    check_host(endpoint.address)
    _within("port", endpoint.port, PORTS)


def check_server(settings: ServerSettings) -> None:
    _within("weight", settings.weight, WEIGHTS)
    check_quic_id(settings.quic_id)
    upper, lower = settings.upper_threshold, settings.lower_threshold
    _each(("upper_threshold", upper), ("lower_threshold", lower), limits=LIMITS)
    check_thresholds(upper, lower)
    if settings.mode is not None:
        _check_mode(settings.mode)


def check_thresholds(upper: int, lower: int) -> None:
    if lower > upper:
        raise ValueError(f"lower_threshold {lower} is above upper_threshold {upper}")


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


def check_within(seconds: float | None) -> None:
    """The time that sessions have to end."""
    if seconds is not None:
        _within("within", seconds, SECONDS)


def check_service(settings: ServiceSettings) -> None:
    if settings.scheduler not in SCHEDULERS:
        raise ValueError(f"{settings.scheduler!r} is not one of {', '.join(SCHEDULERS)}")
    check_slow_start(settings.scheduler, settings.slow_start)
    _within("persistence_timeout", settings.persistence_timeout, SECONDS)
    _within("quic_config", settings.quic_config, QUIC_CONFIGS)
    _within("persistence_prefix", settings.persistence_prefix, PREFIXES)
    _each(("slow_start", settings.slow_start), ("drain_timeout", settings.drain_timeout), limits=SECONDS)
    _check_mode(settings.mode)
    _within("established_timeout", settings.established_timeout, SECONDS)
    _each(("max_sessions", settings.max_sessions), ("new_rate", settings.new_rate), limits=LIMITS)
    if settings.timeouts is not None:
        _check_timeouts(settings.timeouts)


def check_globals(settings: GlobalSettings) -> None:
    low, high = settings.local_port_min, settings.local_port_max
    _each(("local_port_min", low), ("local_port_max", high), limits=PORTS)
    if low > high:
        raise ValueError(f"local_port_min {low} is above local_port_max {high}")
    _each(("punt_rate", settings.punt_rate), ("punt_burst", settings.punt_burst), limits=PUNTS)
    _check_timeouts(settings.timeouts)


def check_interface(interface: Interface) -> None:
    _within("port of the switch", interface.port, SWITCH_PORTS)
    _within("mtu", interface.mtu, MTUS)
    if not 0 < interface.mac < 1 << 48 or interface.mac >> 40 & 1:
        raise ValueError(f"{interface.mac:#x} is not the MAC address of one station")
    network = interface.address.network
    if network.prefixlen < 31 and interface.address.ip in (network.network_address, network.broadcast_address):
        raise ValueError(f"{interface.address} is not the address of a host in {network}")


def _check_mode(mode: str) -> None:
    if not isinstance(mode, Mode):
        raise ValueError(f"{mode!r} is not one of {', '.join(Mode)}")


def _check_timeouts(timeouts: Timeouts) -> None:
    _each(*((each.name, getattr(timeouts, each.name)) for each in fields(timeouts)), limits=SECONDS)


def _each(*named: tuple[str, float], limits: tuple[float, float]) -> None:
    for name, value in named:
        _within(name, value, limits)


def _within(name: str, value: float, limits: tuple[float, float]) -> None:
    low, high = limits
    if not low <= value <= high:
        raise ValueError(f"{name} {value} is not from {low} to {high}")
