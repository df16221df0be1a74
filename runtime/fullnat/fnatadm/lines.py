"""Services as the command lines that make them: all that there is for ``fnatadm -R``, and in the words that ipvsadm has
(LVS's, with the FULLNAT patches: -b, -P, -z and -V) for another balancer. Services with their servers come first, then
the local addresses."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from fullnat.config.model import OPEN, ServerSettings, ServiceSettings, Timeouts
from fullnat.core.declared.modes import Mode
from fullnat.core.protocols.base import PROTOCOLS
from fullnat.fnatadm import letters, names

Json = dict[str, Any]
PREFIXES = 64
"""Of a line."""
FIN_WAIT = Timeouts().fin_wait
_OF_SERVICE = frozenset({"scheduler", "established_timeout", "persistence_timeout", "persistence_prefix", "ops"})
_OF_SERVER = frozenset({"weight", "mode", *letters.THRESHOLDS})
"""Settings that have letters."""


def saved(services: list[Json], lists: list[Json], fin_wait: float, numeric: bool) -> Iterator[str]:
    """All that -R needs to make the same again: services as the API lists them, their lists of prefixes, and what --set
    has set."""
    for found in services:
        yield from _service(found, numeric, is_own=True)
    for found in services:
        yield from _locals(found, numeric)
    for found in lists:
        yield from _prefixes(found, numeric)
    if fin_wait != FIN_WAIT:
        yield f"--set 0 {fin_wait:.15g} 0"


def foreign(services: list[Json]) -> tuple[list[str], list[str]]:
    """The lines for ipvsadm, and what it has no word for. Of a rule of SNAT there are none: LVS has no such mode, and
    DPVS no mark for it."""
    known = [found for found in services if found["settings"]["mode"] != Mode.SNAT]
    lines = [line for found in known for line in _service(found, True, is_own=False)]
    unsaid = [word for found in known for word in _unsaid(found)]
    unsaid += [f"{_name(found, True)}: ipvsadm has no word for snat" for found in services if found not in known]
    return [*lines, *(line for found in known for line in _locals(found, True))], unsaid


def _name(found: Json, numeric: bool) -> str:
    if (number := names.mark(found["virtual"])) is not None:
        return letters.mark(number, found["protocol"], is_six=names.is_six(found["virtual"]))
    return f"{letters.PROTOCOLS[found['protocol']]} {names.shown(found['virtual'], found['protocol'], numeric)}"


def _prefixes(found: Json, numeric: bool) -> Iterator[str]:
    """Of those who may not and who may."""
    of = f" {_name(found, numeric)}" if found.get("virtual") else ""
    refused = "" if found["refused"] == OPEN.refused else f" --refused {found['refused']}"
    for key, command, letter in (("deny", "-U", "-k"), ("allow", "-O", "-2")):
        for start in range(0, len(found[key]), PREFIXES):
            words = (f"{letter} {prefix}" for prefix in found[key][start : start + PREFIXES])
            yield f"{command}{of} {' '.join(words)}{refused}"
    if refused and not (found["deny"] or found["allow"]):
        yield f"-U{of}{refused}"


def _locals(found: Json, numeric: bool) -> Iterator[str]:
    name = _name(found, numeric)
    yield from (f"-P {name} -z {names.shown_host(local, numeric)}" for local in found["local_addresses"])


def _service(found: Json, numeric: bool, is_own: bool) -> Iterator[str]:
    """ipvsadm takes whole seconds, and has no options without a letter."""
    settings, name, protocol = found["settings"], _name(found, numeric), found["protocol"]
    said = _OF_SERVICE | ({"mode"} if settings["mode"] == Mode.SNAT else set())
    own = _option_words(ServiceSettings, settings, said) if is_own else ()
    yield " ".join([f"-A {name} -s {settings['scheduler']}", *_letters(found, is_own), *own])
    for server in found["servers"]:
        if server["draining"] or (server.get("sorry") and not is_own):
            continue
        shown = names.shown(server["server"], protocol, numeric)
        own = _option_words(ServerSettings, server, _OF_SERVER) if is_own else ()
        words = [f"-a {name} -r {shown} {letters.MODES[server['mode']]} -w {server['weight']}"]
        yield " ".join([*words, *letters.thresholds(server), *own])


def _letters(found: Json, is_own: bool) -> Iterator[str]:
    settings = found["settings"]
    if settings["mode"] == Mode.SNAT:
        yield letters.MODES[Mode.SNAT]
    if persistence := settings.get("persistence_timeout"):
        yield f"-p {_seconds(persistence, is_own)}"
        bits = names.mask(settings["persistence_prefix"], is_six=names.is_six(found["virtual"]))
        if bits is not None:
            yield f"-M {bits}"
    if settings.get("ops"):
        yield "-o"
    if settings["established_timeout"] not in (0, PROTOCOLS[found["protocol"]].established_timeout):
        yield f"-V {_seconds(settings['established_timeout'], is_own)}"


def _seconds(value: float, is_own: bool) -> str:
    return f"{value:.15g}" if is_own else str(max(1, round(value)))


def _unsaid(found: Json) -> Iterator[str]:
    """The mode of a service is that of its servers."""
    name = _name(found, True)
    settings = [key for key, _ in _left(ServiceSettings, found["settings"], _OF_SERVICE | {"mode"})]
    settings += [key for key in ("deny", "allow") if found["settings"].get(key)]
    yield from (f"{name}: ipvsadm has no word for {key}" for key in settings)
    for server in found["servers"]:
        for key, _ in _left(ServerSettings, server, _OF_SERVER):
            yield f"{name} -r {server['server']}: ipvsadm has no word for {key}"


def _left(kind: type, settings: Json, said: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """Settings that have no letter, where they are not as by default."""
    for each in fields(kind):
        value = settings.get(each.name)
        is_idle = each.name == "persistence_prefix" and not settings.get("persistence_timeout")
        if (each.name not in said or is_idle) and value not in (None, [], each.default):
            yield each.name, value


def _option_words(kind: type, settings: Json, said: frozenset[str]) -> Iterator[str]:
    for name, value in _left(kind, settings, said):
        if name == "match":
            yield from (f"-H {rule}" for rule in value)
        elif name == "checks":
            yield from (f"--check {shlex.quote(_check(check))}" for check in value["check"])
        elif isinstance(value, dict):
            yield from (f"--option {name}.{key}={_word(inner)}" for key, inner in value.items())
        else:
            yield f"--option {name}={_word(value)}"


def _check(check: Json) -> str:
    return " ".join(f"{name}={_word(value)}" for name, value in check.items())


def _word(value: Any) -> str:
    """As a shell takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else shlex.quote(str(value))
