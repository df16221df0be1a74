"""Command lines as commands of the API, and the API's services as command lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from fullnat.config.model import ServiceSettings, Timeouts
from fullnat.fnatadm import letters, names
from fullnat.fnatadm.options import LONGEST
from fullnat.fnatadm.parse import Line, UsageError
from fullnat.p4constants import PORT_GUE

Json = dict[str, Any]
MODES = {"dr": "dr", "tunnel": "tunnel", "nat": "nat", "fullnat": "fullnat"}
"""By the name of the option that says them."""
_EDITED = (*MODES, "tun_type", "tun_port", "upper", "lower", "option")
"""What -e can set beside the weight."""
TUNNELS = {"ipip": "tunnel", "gue": "gue"}
"""By --tun-type."""
ESTABLISHED = {"tcp": 90.0, "udp": 300.0}
"""Seconds, where a service says nothing (the protocols' own)."""
FIN_WAIT = Timeouts().fin_wait
_SAID = frozenset({"scheduler", "established_timeout", "persistence_timeout", "persistence_prefix", "ops"})
"""Settings of a service that have letters; those of a server have all."""


# ---------------------------------------------------------------------------------------------- to the API


def messages(line: Line) -> list[Json]:
    """What changes the configuration as messages Command. Raises UsageError."""
    return _MESSAGES[line.command.name](line)


def service(line: Line) -> Json:
    """The service that is named."""
    protocol = line["protocol"]
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
    if line.get("synproxy") == "enable":
        raise UsageError("-j enable: the SYN proxy is not supported")
    if "proxy" in line:
        if line["proxy"] not in letters.PROXIES:
            raise UsageError(f"--proxy-protocol {line['proxy']}: {letters.ONLY_V2}")
        found["proxy_protocol"] = letters.PROXIES[line["proxy"]]
    if "established" in line:
        found["established_timeout"] = _seconds(line, "established")
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
    found: Json = {}
    for word in line.get("option", ()):
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise UsageError(f"--option {word!r} is not NAME=VALUE")
        section, dot, inner = name.partition(".")
        if dot:
            table = found.setdefault(section, {})
            if not isinstance(table, dict):
                raise UsageError(f"--option {word!r}: {section} is no section")
            table[inner] = _scalar(value)
        else:
            found[name] = _scalar(value)
    return found


def _scalar(text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, int | float | bool) else text


_MESSAGES: Mapping[str, Callable[[Line], list[Json]]] = {
    "add_service": lambda line: [
        {"add_service": {**service(line), "settings": {"scheduler": "wlc", **_service_settings(line)}}}
    ],
    "edit_service": lambda line: [{"edit_service": {**service(line), "settings": _service_settings(line)}}],
    "remove_service": lambda line: [{"remove_service": service(line)}],
    "clear": lambda _line: [{"clear": {}}],
    "add_server": lambda line: [{"add_server": _added_server(line)}],
    "edit_server": _edit_server,
    "remove_server": lambda line: [*_drain(line, _server(line)), {"remove_server": _server(line)}],
    "add_local": lambda line: [{"add_local": {**service(line), "local": names.address(line["local"])}}],
    "remove_local": lambda line: [{"remove_local": {**service(line), "local": names.address(line["local"])}}],
}
"""Of the commands that a line of -R may have; others are no commands of the configuration."""
CHANGES = frozenset(_MESSAGES)


def timeouts(line: Line, services: list[Json]) -> list[Json]:
    """--set: what it makes of the ``services`` that there are, as messages Command. 0 keeps what is."""
    tcp, fin, udp = (seconds(text) for text in line["set"])
    found: list[Json] = [
        {"edit_service": {**_named(each), "settings": {"established_timeout": wanted}}}
        for each in services
        if (wanted := {"tcp": tcp, "udp": udp}.get(each["protocol"], 0))
    ]
    return [*found, {"edit_globals": {"timeouts": {"fin_wait": fin}}}] if fin else found


def _named(found: Json) -> Json:
    return {"protocol": found["protocol"], "virtual": found["virtual"]}


# ---------------------------------------------------------------------------------------------- from the API


def lines(services: list[Json], fin_wait: float, numeric: bool) -> Iterator[str]:
    """All that -R needs to make the same again: services with servers, local addresses, and what --set has set."""
    for found in services:
        yield from _service_lines(found, numeric)
    for found in services:
        name = _name(found, numeric)
        yield from (f"-P {name} -z {names.shown_host(local, numeric)}" for local in found["local_addresses"])
    if fin_wait != FIN_WAIT:
        yield f"--set 0 {fin_wait:.15g} 0"


def _name(found: Json, numeric: bool) -> str:
    return f"{letters.PROTOCOLS[found['protocol']]} {names.shown(found['virtual'], found['protocol'], numeric)}"


def _service_lines(found: Json, numeric: bool) -> Iterator[str]:
    settings, name, protocol = found["settings"], _name(found, numeric), found["protocol"]
    words = [f"-A {name} -s {settings['scheduler']}"]
    if settings.get("persistence_timeout"):
        words.append(f"-p {settings['persistence_timeout']:.15g}")
        bits = names.mask(settings["persistence_prefix"], found["virtual"])
        words += [f"-M {bits}"] if bits is not None else []
    words += ["-o"] if settings.get("ops") else []
    if settings["established_timeout"] not in (0, ESTABLISHED[protocol]):
        words.append(f"-V {settings['established_timeout']:.15g}")
    yield " ".join([*words, *_option_words(settings)])
    for server in found["servers"]:
        if server["draining"]:
            continue
        shown = names.shown(server["server"], protocol, numeric)
        thresholds = letters.thresholds(server)
        quic = f" --option quic_id={server['quic_id']}" if server.get("quic_id") else ""
        yield f"-a {name} -r {shown} {letters.MODES[server['mode']]} -w {server['weight']}{thresholds}{quic}"


def _option_words(settings: Json) -> Iterator[str]:
    """Settings that have no letter, where they are not as by default."""
    for each in fields(ServiceSettings):
        value = settings.get(each.name)
        is_said = each.name in _SAID and (each.name != "persistence_prefix" or settings.get("persistence_timeout"))
        if is_said or value is None or value == each.default:
            continue
        if isinstance(value, dict):
            yield from (f"--option {each.name}.{key}={_word(inner)}" for key, inner in value.items())
        else:
            yield f"--option {each.name}={_word(value)}"


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else str(value)
