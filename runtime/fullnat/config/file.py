"""The configuration file: TOML to :class:`fullnat.config.model.Config`, with every problem reported, one line each.

docs/example.toml shows every option. :mod:`fullnat.config.check` finds what is wrong between options.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from fullnat.compiled import CPU_PORTS, V1MODEL
from fullnat.config import (
    addresses,
    bgp,
    check,
    groups,
    hints,
    keepalived,
    lists,
    locate,
    networks,
    parts,
    probes,
    scalars,
    snat,
    switches,
)
from fullnat.config.advice import advice
from fullnat.config.check_options import CHECK, objections
from fullnat.config.errors import ConfigError, Problems, Where
from fullnat.config.model import (
    Check,
    Config,
    RealServer,
    Timeouts,
    VirtualServer,
)
from fullnat.config.scalars import REQUIRED, Convert
from fullnat.config.sections import PLACES, section, tables
from fullnat.config.servers import SwitchSettings, all_forward
from fullnat.config.spread import spread
from fullnat.core.declared.modes import Mode
from fullnat.core.declared.values import (
    BLOCKS,
    COOKIE_MSS,
    COOKIE_SCALES,
    INDEPENDENT,
    LIMITS,
    MAPPINGS,
    PORTS,
    PREFIXES,
    PROXIES,
    PUNTS,
    QUIC_CONFIGS,
    QUORUMS,
    REFUSALS,
    SOURCE_PREFIXES,
    SYN_PROXIES,
    WEIGHTS,
)
from fullnat.core.protocols.base import PROTOCOLS
from fullnat.core.schedulers.base import SCHEDULERS
from fullnat.net.flow import MARKS, marked

KEEPALIVED = ".conf"
"""How the name of a file in keepalived's grammar ends. All others are TOML."""


def load(path: Path, target: str = V1MODEL) -> Config:
    """Read and check a configuration file, of a switch of this ``target`` (:data:`fullnat.compiled.TARGETS`). Raises
    ConfigError with everything that is wrong."""
    if path.suffix == KEEPALIVED:
        document, problems, vain = keepalived.load(path)
        return of_document(document, problems, target, vain)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: {lists.unreadable(error)}"]) from None
    return parse(text, str(path), target)


def parse(
    text: str,
    name: str = "<config>",
    target: str = V1MODEL,
    members: tuple[SwitchSettings, ...] = (),
    *,
    runs: bool = False,
) -> Config:
    """As :func:`load`, of a text; ``name`` is for messages. ``members`` are the switches of a text that names none.
    ``runs``: a controller runs it, as commands have left it."""
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise ConfigError([f"{name}: values are nested too deeply"], holds_back=True) from None
    except ValueError as error:
        # TOMLDecodeError is one; numbers that int() refuses are another.
        grammar = hints.grammar(text, KEEPALIVED)
        message = f"{locate.syntax_error(name, text, str(error))}{grammar}"
        raise ConfigError([message], holds_back=True) from None
    return of_document(document, Problems(locate.Locator(text, name)), target, members=members, runs=runs)


def of_document(
    document: Mapping[str, Any],
    problems: Problems,
    target: str = V1MODEL,
    vain: tuple[str, ...] = (),
    members: tuple[SwitchSettings, ...] = (),
    *,
    runs: bool = False,
) -> Config:
    """The configuration that ``document`` says, if ``problems`` has none so far; ``vain`` is what it says in vain.
    Raises ConfigError with all there are."""
    config = _config(document, problems, members)
    if config is not None:
        config = replace(config, vain=vain)
        if config.groups:
            config = replace(config, spread=spread(config, problems))
        for part in parts.every(config):
            check.check(part.config, problems, CPU_PORTS[target], part.within, runs=runs)
        switches.check(config, problems, target)
    if problems.lines or config is None:
        warnings = vain if config is None else advice(config)
        raise ConfigError(problems.sorted(), warnings, config is None, problems.no_interface)
    return config


# ---------------------------------------------------------------------------------------------- values


_PORT = scalars.integer(*PORTS)
_ANY_PORT = scalars.integer(0, PORTS[1])

_WHO: dict[str, tuple[Convert, Any]] = {
    "deny": (lists.prefixes, frozenset()),
    "allow": (lists.prefixes, frozenset()),
    "refused": (scalars.one_of(*REFUSALS), "drop"),
    "source_rate": (scalars.integer(*LIMITS), 0),
    "source_prefix": (scalars.integer(*SOURCE_PREFIXES[0]), 32),
    "source_prefix6": (scalars.integer(*SOURCE_PREFIXES[1]), 64),
}
"""Who may, and how often: of a service and of all."""
REAL_SERVER: dict[str, tuple[Convert, Any]] = {
    "address": (addresses.address, REQUIRED),
    "port": (_PORT, REQUIRED),
    "weight": (scalars.integer(*WEIGHTS), 1),
    "mode": (scalars.mode, None),
    "quic_id": (scalars.quic_id, ""),
    "upper_threshold": (scalars.integer(*LIMITS), 0),
    "lower_threshold": (scalars.integer(*LIMITS), 0),
    "new_rate": (scalars.integer(*LIMITS), 0),
    "sorry": (scalars.boolean, False),
    "notify_up": (probes.told, ""),
    "notify_down": (probes.told, ""),
    "notify_user": (probes.nobody_or_user, ""),
}
VIRTUAL_SERVER: dict[str, tuple[Convert, Any]] = {
    "address": (addresses.address, REQUIRED),
    "port": (_ANY_PORT, REQUIRED),
    "fwmark": (scalars.integer(*MARKS), None),
    "match": (scalars.matches, ()),
    "protocol": (scalars.one_of(*PROTOCOLS), "tcp"),
    "scheduler": (scalars.one_of(*SCHEDULERS), "wrr"),
    "mode": (scalars.mode, Mode.FULLNAT),
    "local_addresses": (addresses.addresses, ()),
    "established_timeout": (scalars.seconds, 90.0),
    **_WHO,
    "source_sessions": (scalars.integer(*LIMITS), 0),
    "half_open": (scalars.integer(*LIMITS), 0),
    "source_half_open": (scalars.integer(*LIMITS), 0),
    "max_sessions": (scalars.integer(*LIMITS), 0),
    "new_rate": (scalars.integer(*LIMITS), 0),
    "ops": (scalars.boolean, False),
    "sessions": (scalars.boolean, True),
    "buckets": (scalars.buckets, 8192),
    "persistence_timeout": (scalars.duration, 0.0),
    "persistence_prefix": (scalars.integer(*PREFIXES), 128),
    "persistence_group": (scalars.name, ""),
    "quic_config": (scalars.integer(*QUIC_CONFIGS), 0),
    "slow_start": (scalars.duration, 0.0),
    "drain_timeout": (scalars.duration, 0.0),
    "toa": (scalars.boolean, True),
    "toa_kind": (scalars.toa_kind, 254),
    "proxy_protocol": (scalars.one_of(*PROXIES), "off"),
    "syn_proxy": (scalars.one_of(*SYN_PROXIES), "auto"),
    "keep_timestamps": (scalars.boolean, False),
    "keep_mss": (scalars.boolean, False),
    "reset_on_miss": (scalars.boolean, True),
    "echo_while_up": (scalars.boolean, False),
    "quorum": (scalars.integer(*QUORUMS), 1),
    "hysteresis": (scalars.integer(*QUORUMS), 0),
    "quorum_up": (probes.told, ""),
    "quorum_down": (probes.told, ""),
    "notify_user": (probes.nobody_or_user, ""),
    "notify_timeout": (scalars.seconds, 10.0),
    "omega": (scalars.boolean, False),
    "passive_failures": (scalars.integer(*LIMITS), 0),
    "passive_time": (scalars.seconds, 5.0),
    "mapping": (scalars.one_of(*MAPPINGS), INDEPENDENT),
    "block_size": (scalars.integer(*BLOCKS), 0),
    "block_log": (scalars.boolean, False),
    "host_sessions": (scalars.integer(*LIMITS), 0),
}
_SERVER_OF_PORTS = REAL_SERVER | {"port": (_ANY_PORT, 0)}
"""A real server of a service of several ports, which has none of its own."""
_BY_MARK = {key: option for key, option in VIRTUAL_SERVER.items() if key not in ("address", "port")}
_OF_UDP = ("ops",)
_OF_TCP = (
    "half_open",
    "source_half_open",
    "toa",
    "toa_kind",
    "keep_timestamps",
    "keep_mss",
    "reset_on_miss",
    "syn_proxy",
)
TIMEOUTS: dict[str, tuple[Convert, Any]] = {item.name: (scalars.seconds, item.default) for item in fields(Timeouts)}
GLOBAL: dict[str, tuple[Convert, Any]] = {
    "local_port_min": (_PORT, 5000),
    "local_port_max": (_PORT, 65535),
    "punt_rate": (scalars.integer(*PUNTS), 20_000),
    "punt_burst": (scalars.integer(*PUNTS), 20_000),
    **_WHO,
    "syn_proxy_mss": (scalars.integer(*COOKIE_MSS), 1452),
    "syn_proxy_scale": (scalars.integer(*COOKIE_SCALES), 7),
    "syn_proxy_half_open": (scalars.integer(*LIMITS), 4096),
}
PLACES |= {
    "[[interface]]": networks.INTERFACE,
    "[[route]]": networks.ROUTE,
    "[[virtual_server]]": VIRTUAL_SERVER,
    "[[virtual_server.real_server]]": REAL_SERVER,
    "[[snat]]": snat.SNAT,
    "[[group]]": groups.GROUP,
    "[[switch]]": switches.SWITCH,
    "[switch.bgp]": bgp.BGP,
    "[[switch.bgp.neighbor]]": bgp.NEIGHBOR,
    "[[virtual_server.check]] and [[virtual_server.real_server.check]]": CHECK,
    "[timeouts]": TIMEOUTS,
    "the beginning, before all sections": GLOBAL,
}
"""Where each option belongs."""


# ---------------------------------------------------------------------------------------------- sections


def _config(document: Mapping[str, Any], problems: Problems, known: tuple[SwitchSettings, ...]) -> Config | None:
    top: Where = ()
    sections = ("timeouts", "interface", "route", "virtual_server", "snat", "switch", "group")
    values = section(document, GLOBAL, problems, top, sections)
    timeouts = _timeouts(document, Timeouts(), problems, top)
    interfaces, routes = networks.network(document, problems, top)
    found_servers = tables(document, "virtual_server", problems, top)
    virtuals = (_virtual_server(table, timeouts, problems, where) for where, table in found_servers)
    servers = [virtual for virtual in virtuals if virtual is not None]
    for where, table in tables(document, "snat", problems, top):
        if (found := section(table, snat.SNAT | switches.OF_SERVICE, problems, where)) is not None:
            servers += snat.services(found, where, problems)
    members = switches.sections(document, problems, top) or known
    spread_over = groups.sections(document, members, problems, top)
    alone = not spread_over and not all_forward(members)
    if alone and "interface" not in document and "virtual_server" in document:
        problems.add(top, "interface", "at least one is needed: what ports the switch has, with their addresses")
        problems.no_interface = True
    if problems.lines or values is None or timeouts is None:
        return None
    return Config(
        interfaces=interfaces,
        routes=routes,
        virtual_servers=tuple(servers),
        switches=members,
        groups=spread_over,
        timeouts=timeouts,
        **lists.accessed(values),
    )


def _timeouts(table: Mapping[str, Any], otherwise: Timeouts, problems: Problems, where: Where) -> Timeouts | None:
    """The section ``timeouts`` of ``table``; what it does not name is as ``otherwise``."""
    found = table.get("timeouts", {})
    if not isinstance(found, dict):
        name = ".".join([part for part, _ in where] + ["timeouts"])
        problems.add(where, "timeouts", f"is not a section [{name}]")
        return None
    values = section(found, TIMEOUTS, problems, (*where, ("timeouts", 1)))
    return None if values is None else replace(otherwise, **{name: values[name] for name in found})


def _virtual_server(
    table: Mapping[str, Any], timeouts: Timeouts | None, problems: Problems, where: Where
) -> VirtualServer | None:
    for key in ("address", "port") if "fwmark" in table else ():
        if key in table:
            problems.add(where, key, "is that of another kind of service: what one by fwmark is of says match")
    options = _BY_MARK if "fwmark" in table else VIRTUAL_SERVER
    said = {key: value for key, value in table.items() if options is VIRTUAL_SERVER or key not in ("address", "port")}
    found = section(said, options | switches.OF_SERVICE, problems, where, ("real_server", "timeouts", "check"))
    own = _timeouts(table, timeouts or Timeouts(), problems, where) if "timeouts" in table else None
    if found is not None:
        _of_protocol(table, found, problems, where)
    has_ports = "fwmark" in table or table.get("port") == 0
    of_server = _SERVER_OF_PORTS if has_ports else REAL_SERVER
    servers = [
        RealServer(**values, checks=checks(item, problems, below))
        for below, item in tables(table, "real_server", problems, where)
        if (values := section(item, of_server, problems, below, ("check",))) is not None
    ]
    own_checks = checks(table, problems, where)
    if found is None:
        return None
    return VirtualServer(**lists.accessed(_named(found)), real_servers=tuple(servers), timeouts=own, checks=own_checks)


def _named(found: dict[str, Any]) -> dict[str, Any]:
    """With what names a service by match for its mark."""
    mark = found.pop("fwmark")
    if mark is None:
        return found
    is_six = any(match.dst.version == 6 for match in found["match"])
    address, port = marked(mark, v6=is_six)
    return {**found, "address": ip_address(address), "port": port}


def checks(table: Mapping[str, Any], problems: Problems, where: Where) -> tuple[Check, ...]:
    """The sections ``check`` of ``table``, those that nothing is wrong with."""
    made = []
    for below, item in tables(table, "check", problems, where):
        found = section(item, CHECK, problems, below)
        if found is None:
            continue
        for key, said in objections(item, found):
            problems.add(below, key, said)
        made.append(Check(**found))
    return tuple(made)


def _of_protocol(table: Mapping[str, Any], found: dict[str, Any], problems: Problems, where: Where) -> None:
    """What the protocol of a virtual server makes of its options."""
    protocol = PROTOCOLS[found["protocol"]]
    if "established_timeout" not in table:
        found["established_timeout"] = protocol.established_timeout
    other, options = ("UDP", _OF_UDP) if protocol.is_numbered else ("TCP", _OF_TCP)
    for key in options:
        if key in table:
            problems.add(where, key, f"is an option of {other}, and this is a service of {protocol.name.upper()}")
