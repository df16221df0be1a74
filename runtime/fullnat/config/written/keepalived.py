"""A document as the text of keepalived.conf. What keepalived has no word for stands in lines that begin with
``@fullnat``, which it passes over and fullnat reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Any

from fullnat.config.keepalived import keywords
from fullnat.config.keepalived.source import CONFIG_ID
from fullnat.config.written import document
from fullnat.config.written.document import Section
from fullnat.p4constants import PORT_GUE

_PROGRAMS = (*keywords.OF_SERVERS, *keywords.OF_SERVICES)
_KEYWORDS = {
    "scheduler": "lb_algo",
    "mode": "lb_kind",
    "protocol": "protocol",
    "established_timeout": "establish_timeout",
    "persistence_timeout": "persistence_timeout",
    "ops": "ops",
    "weight": "weight",
    "upper_threshold": "uthreshold",
    "lower_threshold": "lthreshold",
    **{name: name for name in ("quorum", "hysteresis", "omega", *_PROGRAMS)},
}
"""Of several that mean the same, the one that is written."""
_OF_FORKS = frozenset(("established_timeout",))
"""Known to the forks that do FULLNAT alone: beside another mode, keepalived itself may read them."""
_FORK_WORDS = ("lb_kind FNAT", "lvs_method FNAT", "laddr_group_name", "establish_timeout")
_MODES = {"fullnat": "FNAT", "nat": "NAT", "snat": "SNAT", "dr": "DR", "tunnel": "TUN"}
_MODES |= {"gue": f"TUN type gue port {PORT_GUE}"}
_DEFAULTS = {"scheduler": "wrr", "mode": "fullnat", "protocol": "tcp"}
"""The file's own, which are others in keepalived.conf and so are always written."""
_OF_SORRY = frozenset(("address", "port", "sorry", "mode"))
"""What keepalived can say of one."""
_OF_SWITCHES = frozenset(("switch", "group"))
_NO_SWITCHES = "[[switch]] and groups have no counterpart: of several switches (docs/switches.md) TOML alone can tell"
_WORD = re.compile(r"[^\s\"'!#{}\\]+")


def text(found: Section) -> tuple[str, list[str]]:
    """Read again by fullnat, it is the same configuration; and what keepalived itself makes of it."""
    own = {key: value for key, value in found.items() if key != "virtual_server" and key not in _OF_SWITCHES}
    groups: dict[tuple[str, ...], str] = {}
    services = [list(_service(service, groups)) for service in found.get("virtual_server", ())]
    parts = [list(_block("fullnat", list(_own(own)), f"@{CONFIG_ID} "))] if own else []
    parts += [
        list(_block(f"local_address_group {name}", [_range(row) for row in group])) for group, name in groups.items()
    ]
    written = [line for service in services for line in service]
    return "\n".join(line for part in [*parts, *services] for line in [*part, ""]), [
        *([_NO_SWITCHES] if not _OF_SWITCHES.isdisjoint(found) else []),
        *_unread(written),
    ]


def _unread(written: list[str]) -> Iterator[str]:
    """What keepalived does not read of lines of services, by the words."""
    passed_over: dict[str, None] = {}
    forks: dict[str, None] = {}
    depth = 0
    for line in written:
        head, _, rest = line.partition(" ")
        word = rest.split()[0] if rest.split() else ""
        if head == f"@{CONFIG_ID}":
            if not depth and word != "}":
                passed_over[word] = None
            depth += rest.endswith("{") - (word == "}")
        elif words := [each for each in _FORK_WORDS if line.strip().startswith(each)]:
            forks[words[0]] = None
    if passed_over:
        unread = ", ".join(passed_over)
        yield f"keepalived itself passes over lines that begin with @{CONFIG_ID}, and does without {unread}"
    if forks:
        yield f"keepalived itself refuses what only its forks with FULLNAT know: {', '.join(forks)}"


def _block(head: str, lines: list[str], prefix: str = "") -> Iterator[str]:
    yield f"{prefix}{head} {{"
    yield from (_indented(line, prefix) for line in lines)
    yield f"{prefix}}}"


def _indented(line: str, prefix: str) -> str:
    """A condition has to be the beginning of its line."""
    if line.startswith("@"):
        condition, _, rest = line.partition(" ")
        return f"{condition}     {rest}"
    return f"{prefix}    {line}"


def _range(row: str) -> str:
    """keepalived has the end of the last part alone."""
    first, dash, last = row.partition("-")
    separator = ":" if ":" in row else "."
    stem, _, end = last.rpartition(separator)
    return f"{first}-{end}" if dash and stem == first.rpartition(separator)[0] else row


def _own(section: Section) -> Iterator[str]:
    """By the names of the TOML file."""
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _block(key, list(_own(value)))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for item in value:
                yield from _block(key, list(_own(item)))
        else:
            yield f"{key} {_words(value)}"


def _service(service: Section, groups: dict[tuple[str, ...], str]) -> Iterator[str]:
    apart = ("address", "port", "fwmark", "real_server", "local_addresses", "group")
    lines = list(_options({**_DEFAULTS, **service}, apart))
    if local := tuple(service.get("local_addresses", ())):
        lines.append(f"laddr_group_name {groups.setdefault(local, f'local{len(groups) + 1}')}")
    sorry = 0
    for real in service.get("real_server", ()):
        place = f"{real['address']} {real.get('port', 0)}"
        if not real.get("sorry"):
            lines += _block(f"real_server {place}", list(_server(real)))
            continue
        sorry += 1
        if sorry > 1 or not real.keys() <= _OF_SORRY:
            lines += _block(f"real_server {place}", list(_server(real)), f"@{CONFIG_ID} ")
            continue
        lines.append(f"sorry_server {place}")
        if "mode" in real:
            lines.append(f"sorry_server_lvs_method {_MODES[real['mode']]}")
    name = f"{service['address']} {service['port']}" if "address" in service else f"fwmark {service['fwmark']}"
    yield from _block(f"virtual_server {name}", lines)


def _server(real: Section) -> Iterator[str]:
    """keepalived's own word for the mode of one server is another."""
    for line in _options(real, ("address", "port")):
        yield line.replace("lb_kind", "lvs_method", 1) if line.startswith("lb_kind") else line


def _options(section: Section, apart: tuple[str, ...]) -> Iterator[str]:
    for key, value in section.items():
        if key in apart:
            continue
        if isinstance(value, dict):
            yield from (f"@{CONFIG_ID} {line}" for line in _block(key, list(_own(value))))
        elif key == "check":
            for check in value:
                yield from (f"@{CONFIG_ID} {line}" for line in _block(key, list(_own(check))))
        elif key == "persistence_prefix":
            yield f"persistence_granularity {_granularity(document.address_of(section), value)}"
        elif key in _KEYWORDS:
            ours = key in _OF_FORKS and section.get("mode") != "fullnat"
            # keepalived takes a mark for one of all protocols, and warns.
            ours |= key == "protocol" and "fwmark" in section
            user = f" {section['notify_user']}" if key in _PROGRAMS and "notify_user" in section else ""
            yield f"{f'@{CONFIG_ID} ' if ours else ''}{_KEYWORDS[key]} {_value(key, value)}{user}".rstrip()
        elif key == "notify_user" and not section.keys().isdisjoint(_PROGRAMS):
            continue
        else:
            yield f"@{CONFIG_ID} {key} {_words(value)}"


def _value(key: str, value: Any) -> str:
    """A flag that is set has none."""
    if key == "protocol":
        return str(value).upper()
    return _MODES[value] if key == "mode" else "" if value is True else _words(value)


def _granularity(address: str, bits: int) -> str:
    """A mask for IPv4, a number for IPv6."""
    return str(bits) if ":" in address else str(IPv4Network((0, min(bits, 32))).netmask)


def _words(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(_words(item) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    word = str(value)
    return word if _WORD.fullmatch(word) else '"{}"'.format(re.sub(r'(["\\])', r"\\\1", word))


assert {value.split()[0] for value in _MODES.values()} <= {name.upper() for name in keywords.MODES}
