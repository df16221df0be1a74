"""Command lines as commands of the API."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fullnat.config.here import no_program
from fullnat.config.texts import TEXTS
from fullnat.fnatadm import letters, names
from fullnat.fnatadm.options import BY_NAME, LONGEST
from fullnat.fnatadm.parse import Line, UsageError
from fullnat.net.flow import MARK, MARK6
from fullnat.p4constants import PORT_GUE

Json = dict[str, Any]
MODES = {"dr": "dr", "tunnel": "tunnel", "nat": "nat", "fullnat": "fullnat", "snat": "snat"}
"""By the name of the option that says them."""
_EDITED = (*MODES, "tun_type", "tun_port", "tun_nocsum", "upper", "lower", "option", "check")
"""What -e can set beside the weight."""
TUNNELS = {"ipip": "tunnel", "gue": "gue"}
"""By --tun-type."""
NO_CHECKS = "none"
"""What --check says to take away those that there are."""


def messages(line: Line) -> list[Json]:
    """What changes the configuration as messages Command. Raises UsageError."""
    return _MESSAGES[line.command.name](line)


def service(line: Line) -> Json:
    """The service that is named."""
    protocol = line["protocol"]
    if "ipv6" in line and names.mark(line["service"]) is None:
        raise UsageError("-6 is for -f; another service's family is that of its address")
    if names.mark(line["service"]) is not None:
        return {
            "protocol": protocol,
            "virtual": line["service"].replace(MARK, MARK6) if "ipv6" in line else line["service"],
        }
    return {"protocol": protocol, "virtual": names.endpoint(line["service"], protocol)}


def _server(line: Line) -> Json:
    """The server that is named. Where only the frame changes or is wrapped, the port is the service's whatever is said
    (ipvsadm's parse_options)."""
    named = service(line)
    port = names.port_of(named["virtual"])
    server = names.endpoint(line["server"], named["protocol"], port)
    return {**named, "server": server}


def _mode(line: Line) -> str:
    mode = next((mode for option, mode in MODES.items() if option in line), "dr")
    kind = line.get("tun_type")
    if "tun_port" in line and (kind != "gue" or line["tun_port"] != str(PORT_GUE)):
        raise UsageError(f"--tun-port goes with --tun-type gue, and is {PORT_GUE}")
    if "tun_nocsum" in line and kind != "gue":
        raise UsageError("--tun-nocsum goes with --tun-type gue")
    if kind is None:
        return mode
    if mode != "tunnel":
        raise UsageError("--tun-type needs -i")
    return TUNNELS[kind]


def _added_server(line: Line) -> Json:
    found = _server(line)
    mode = _mode(line)
    if mode in ("dr", *TUNNELS.values()):
        host = found["server"].rpartition(":")[0].strip("[]")
        found["server"] = names.joined(host, names.port_of(found["virtual"]))
    settings = {
        "mode": mode,
        "weight": _number(line, "weight", 1),
        "upper_threshold": _number(line, "upper", 0),
        "lower_threshold": _number(line, "lower", 0),
    }
    return {**found, "settings": {**settings, **_options(line)}}


def _edit_server(line: Line) -> list[Json]:
    """-w 0 and --within alone leave the rest of the server as it is."""
    if "within" not in line:
        return [{"edit_server": _added_server(line)}]
    if _number(line, "weight", 1) != 0:
        raise UsageError("--within needs -w 0: a server with a weight keeps its sessions")
    if not any(name in line for name in _EDITED):
        return _drain(line, _server(line))
    edited = _added_server(line)
    return [{"edit_server": edited}, *_drain(line, edited)]


def _drain(line: Line, named: Json) -> list[Json]:
    """With --within."""
    if "within" not in line:
        return []
    names_ = {name: named[name] for name in ("protocol", "virtual", "server")}
    return [{"drain_server": {**names_, "within": _seconds(line, "within")}}]


def _scheduler(line: Line) -> str:
    """Of a new service for which none is said: ipvsadm's, or that of SNAT."""
    return "sh" if "snat" in line else "wlc"


def _service_settings(line: Line) -> Json:
    """What is given of it."""
    found: Json = {}
    if "scheduler" in line:
        found["scheduler"] = line["scheduler"]
    if "persistent" in line:
        found["persistence_timeout"] = _seconds(line, "persistent")
        if "netmask" in line:
            found["persistence_prefix"] = names.netmask(line["netmask"], service(line)["virtual"])
    if "ops" in line:
        found["ops"] = True
    if "synproxy" in line:
        found["syn_proxy"] = letters.SYN_PROXIES[line["synproxy"]]
    if "proxy" in line:
        if line["proxy"] not in letters.PROXIES:
            raise UsageError(f"--proxy-protocol {line['proxy']}: {letters.ONLY_V2}")
        found["proxy_protocol"] = letters.PROXIES[line["proxy"]]
    if "established" in line:
        found["established_timeout"] = _seconds(line, "established")
    if "snat" in line:
        found["mode"] = "snat"
    if "match" in line:
        found["match"] = line["match"]
    return {**found, **_options(line)}


def _number(line: Line, name: str, otherwise: int) -> int:
    text = str(line.get(name, otherwise))
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise UsageError(f"{text!r} is not a number")
    return int(text)


def _seconds(line: Line, name: str) -> float:
    return seconds(str(line[name]))


def seconds(text: str) -> float:
    """Raises UsageError."""
    whole, _, part = text.partition(".")
    if not (whole + part).isascii() or not (whole + part).isdecimal() or not whole or float(text) > LONGEST:
        raise UsageError(f"{text!r} is not a number of seconds up to {LONGEST}")
    return float(text)


def _options(line: Line) -> Json:
    """Those that have no letter: NAME=VALUE, and SECTION.NAME=VALUE."""
    found = _checks(line)
    for word in line.get("option", ()):
        name, value = _pair("option", word)
        section, dot, inner = name.partition(".")
        if dot:
            table = found.setdefault(section, {})
            if not isinstance(table, dict):
                raise UsageError(f"--option {word!r}: {section} is no section")
            table[inner] = _scalar(inner, value)
        else:
            found[name] = _scalar(name, value)
    return found


def _checks(line: Line) -> Json:
    """--check: all that there are to be, each with its options as a shell would have them."""
    texts = line.get("check", [])
    if NO_CHECKS in texts and len(texts) > 1:
        raise UsageError(f"--check {NO_CHECKS} and others do not go together")
    if not texts or texts == [NO_CHECKS]:
        return {"checks": {}} if texts else {}
    return {"checks": {"check": [_check(text) for text in texts]}}


def _check(text: str) -> Json:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"--check {text!r}: {error}") from None
    return {name: _scalar(name, value) for name, value in (_pair("check", word) for word in words)}


def check_programs(messages: Iterable[Json]) -> None:
    """That those of checks are there: the controller would run them on this machine. Raises UsageError."""
    said = (value for message in messages for value in message.values() if isinstance(value, dict))
    for checks in (each.get("settings", {}).get("checks", {}) for each in said):
        for check in checks.get("check", ()):
            command = check.get("command", "")
            try:
                why = no_program(command) if command else ""
            except ValueError as error:
                why = str(error)
            if why:
                raise UsageError(f"--check: {why}")


def _pair(option: str, word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not name or not equals:
        raise UsageError(f"--{option} {word!r} is not NAME=VALUE")
    return name, value


def _scalar(name: str, text: str) -> Any:
    if name in TEXTS:
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, int | float | bool) else text


_MESSAGES: Mapping[str, Callable[[Line], list[Json]]] = {
    "add_service": lambda line: [
        {"add_service": {**service(line), "settings": {"scheduler": _scheduler(line), **_service_settings(line)}}}
    ],
    "edit_service": lambda line: [{"edit_service": {**service(line), "settings": _service_settings(line)}}],
    "remove_service": lambda line: [{"remove_service": service(line)}],
    "clear": lambda _line: [{"clear": {}}],
    "add_server": lambda line: [{"add_server": _added_server(line)}],
    "edit_server": _edit_server,
    "remove_server": lambda line: [*_drain(line, _server(line)), {"remove_server": _server(line)}],
    "add_local": lambda line: [{"add_local": {**service(line), "local": names.address(line["local"])}}],
    "remove_local": lambda line: [{"remove_local": {**service(line), "local": names.address(line["local"])}}],
    "add_denied": lambda line: _added_prefixes(line, "blklst"),
    "remove_denied": lambda line: _listed("remove_prefixes", line),
    "add_allowed": lambda line: _added_prefixes(line, "whtlst"),
    "remove_allowed": lambda line: _listed("remove_prefixes", line),
    "end_refused": lambda line: [{"end_refused": _of(line)}],
}
"""Of the commands that a line of -R may have; others are no commands of the configuration."""
CHANGES = frozenset(_MESSAGES)


def _of(line: Line) -> Json:
    """The service that is named; nothing of all of them."""
    return service(line) if "service" in line else {}


def _added_prefixes(line: Line, option: str) -> list[Json]:
    """Without any, what is said of those who are refused."""
    if option in line:
        return _listed("add_prefixes", line)
    if "refused" not in line:
        raise UsageError(f"{line.command.option.names[0]} needs {BY_NAME[option].names[0]} or --refused")
    return [{"add_prefixes": {**_of(line), "refused": line["refused"]}}]


def _listed(name: str, line: Line) -> list[Json]:
    kind, option = ("deny", "blklst") if "blklst" in line else ("allow", "whtlst")
    refused = {"refused": line["refused"]} if "refused" in line else {}
    return [{name: {**_of(line), kind: line[option], **refused}}]


def timeouts(line: Line, services: list[Json]) -> list[Json]:
    """--set: what it makes of the ``services`` that there are, as messages Command. 0 keeps what is."""
    tcp, fin, udp = (seconds(text) for text in line["set"])
    found: list[Json] = [
        {"edit_service": {**named(each), "settings": {"established_timeout": wanted}}}
        for each in services
        if (wanted := {"tcp": tcp, "udp": udp}.get(each["protocol"], 0))
    ]
    return [*found, {"edit_globals": {"timeouts": {"fin_wait": fin}}}] if fin else found


def named(found: Json) -> Json:
    return {"protocol": found["protocol"], "virtual": found["virtual"]}
