"""The tables that there are to look at: their columns, and the rows of a reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fullnat.top.numbers import duration, short
from fullnat.top.readings import Reading

Json = dict[str, Any]
Value = float | str
GOOD, WARN, BAD, PLAIN = "good", "warn", "bad", "plain"


@dataclass(frozen=True, slots=True)
class Row:
    values: Mapping[str, Value]
    """By column."""
    mood: str = PLAIN
    about: str = ""
    """What does not fit into columns."""
    of: Mapping[str, str] = field(default_factory=dict)
    """What names it in a command: protocol, virtual, server."""
    can_change: bool = False
    idle: bool = False
    """There are no sessions of it, and none begin."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    width: int
    """With room for the heading and its mark; 0: as wide as there is room, and aligned left."""
    shown: Callable[[Any], str] = str
    rank: int = 0
    """Those of the highest go first where there is no room."""

    @property
    def is_text(self) -> bool:
        return self.shown is str


@dataclass(frozen=True, slots=True)
class View:
    name: str
    columns: tuple[Column, ...]
    rows: Callable[[Reading], Iterator[Row]]
    sorted_by: str
    """A column, largest first; empty: as the controller tells them."""
    compares: bool = False
    """What it shows is between two readings."""


def whole(value: float) -> str:
    return f"{value:.0f}" if value < 1e6 else short(value)


_TRAFFIC = (
    Column("ACTIVE", 7, whole),
    Column("OTHER", 6, whole, 2),
    Column("NEW/s", 6, short, 1),
    Column("INp/s", 6, short, 2),
    Column("OUTp/s", 7, short, 2),
    Column("INb/s", 6, short, 3),
    Column("OUTb/s", 7, short, 3),
)
"""Of a server, and summed of a service."""


def _traffic(servers: Iterable[Json]) -> dict[str, Value]:
    servers = list(servers)

    def rate(name: str) -> float:
        return sum(float(server.get("rates", {}).get(name, 0)) for server in servers)

    return {
        "ACTIVE": sum(server["active"] for server in servers),
        "OTHER": sum(server["inactive"] for server in servers),
        "NEW/s": rate("connections"),
        "INp/s": rate("in_packets"),
        "OUTp/s": rate("out_packets"),
        "INb/s": 8 * rate("in_bytes"),
        "OUTb/s": 8 * rate("out_bytes"),
    }


def condition(server: Json) -> tuple[str, str]:
    """The state of a server in a word, and how good that is."""
    if not server["healthy"]:
        return "down", BAD
    if server["sorry"]:
        return ("sorry", WARN) if server["on_duty"] else ("spare", PLAIN)
    if server["on_duty"] is False and not server["draining"]:
        return "off", WARN
    if server["draining"] or server["out_for"] is not None:
        return ("drain" if server["active"] or server["inactive"] else "out"), WARN
    if server["ejected"] is not None:
        return "eject", BAD
    if server["full"]:
        return "full", WARN
    return ("slow", WARN) if server["warming"] is not None else ("up", GOOD)


def takes_new(server: Json) -> bool:
    return condition(server)[0] in ("up", "slow", "sorry")


def _name(service: Json) -> str:
    return f"{service['protocol'].upper()} {service['virtual']}"


def _idle(traffic: Mapping[str, Value]) -> bool:
    return not (traffic["ACTIVE"] or traffic["OTHER"] or traffic["NEW/s"])


def _services(reading: Reading) -> Iterator[Row]:
    for service in reading.services:
        servers, settings = service["servers"], service.get("settings", {})
        takers = sum(map(takes_new, servers))
        traffic = _traffic(servers)
        state, mood = ("ok", GOOD) if takers == len(servers) else ("part", WARN)
        if not service.get("has_quorum", True):
            state, mood = "quorum", BAD
        elif not takers:
            state, mood = "down", BAD
        values = {"SERVICE": _name(service), "STATE": state, "SCHED": settings.get("scheduler", "")}
        begun = service.get("cookies_for")
        if begun is not None and mood is not BAD:
            state, mood = "flood", WARN
        flood = "" if begun is None else f"cookies for every SYN, for {duration(begun)}"
        rules = " ".join(settings.get("match", ()))
        kind = "" if settings.get("sessions", True) else "stateless"
        said = ", ".join(filter(None, (flood, kind, settings.get("proxy_protocol", "off").replace("off", ""), rules)))
        of = {name: service[name] for name in ("protocol", "virtual")}
        yield Row({**values, "UP": f"{takers}/{len(servers)}", **traffic}, mood, said, of, True, _idle(traffic))


def _why(server: Json) -> str:
    said = [server["reason"]] if server.get("reason") else []
    if server.get("checked") is not None:
        said.append(f"checked {duration(server['checked'])} ago")
    for name, words in (("out_for", "out for {}"), ("reset_in", "reset in {}"), ("ejected", "tried again in {}")):
        if server.get(name) is not None:
            said.append(words.format(duration(server[name])))
    return ", ".join(said)


def _servers(reading: Reading) -> Iterator[Row]:
    for service in reading.services:
        for server in service["servers"]:
            state, mood = condition(server)
            traffic = _traffic([server])
            values: dict[str, Value] = {
                "SERVER": server["server"],
                "SERVICE": _name(service),
                "STATE": state,
                "MODE": server["mode"],
                "WEIGHT": server["checked_weight"],
            }
            of = {"protocol": service["protocol"], "virtual": service["virtual"], "server": server["server"]}
            can_change = not server["draining"]
            yield Row({**values, **traffic}, mood, _why(server), of, can_change, _idle(traffic))


def _sessions(reading: Reading) -> Iterator[Row]:
    for session in reading.sessions:
        expires = session["expires"]
        values: dict[str, Value] = {
            "PRO": session["protocol"].upper(),
            "STATE": session["state"],
            "CLIENT": session["client"],
            "VIRTUAL": session["virtual"],
            "LOCAL": session["local"],
            "SERVER": session["server"],
            "FOR": session["age"],
            "LEFT": -1 if expires is None else expires,
            "IN": session["in_packets"] or 0,
            "OUT": session["out_packets"] or 0,
        }
        yield Row(values, GOOD if session["state"] == "ESTABLISHED" else PLAIN)


def _locals(reading: Reading) -> Iterator[Row]:
    for local in reading.stats.get("local_addresses", ()):
        values: dict[str, Value] = {
            "LOCAL ADDRESS": local["address"],
            "STATE": "drain" if local["draining"] else "up",
            "SESSIONS": local["used"],
            "FREE": local["free"],
            "CONNS": local["connections"],
            "CONFLICTS": local["conflicts"],
            "EXHAUSTED": local["exhausted"],
        }
        scarce = local["free"] * 9 < local["used"]
        yield Row(values, WARN if scarce or local["draining"] else PLAIN, idle=not local["used"])


def _drops(reading: Reading) -> Iterator[Row]:
    """Those of the reasons that there have been."""
    for reason, cell in reading.stats.get("drops", {}).items():
        if not cell["packets"]:
            continue
        rate = reading.drop_rates.get(reason, {})
        values: dict[str, Value] = {
            "REASON": reason,
            "PPS": rate.get("packets", 0.0),
            "BPS": 8 * rate.get("bytes", 0.0),
            "PACKETS": cell["packets"],
            "BYTES": cell["bytes"],
        }
        yield Row(values, WARN if values["PPS"] else PLAIN, idle=not values["PPS"])


def _left(value: float) -> str:
    return "-" if value < 0 else duration(value)


_ADDRESS = 21
VIEWS = (
    View(
        "services",
        (Column("SERVICE", 0), Column("STATE", 6), Column("SCHED", 6, rank=2), Column("UP", 6), *_TRAFFIC),
        _services,
        "ACTIVE",
    ),
    View(
        "servers",
        (
            Column("SERVER", 0),
            Column("SERVICE", 23, rank=1),
            Column("STATE", 6),
            Column("MODE", 7, rank=3),
            Column("WEIGHT", 7, whole),
            *_TRAFFIC,
        ),
        _servers,
        "ACTIVE",
    ),
    View(
        "sessions",
        (
            Column("CLIENT", 0),
            Column("PRO", 4, rank=2),
            Column("VIRTUAL", _ADDRESS, rank=2),
            Column("LOCAL", _ADDRESS, rank=3),
            Column("SERVER", _ADDRESS),
            Column("STATE", 11),
            Column("FOR", 5, duration, 1),
            Column("LEFT", 5, _left),
            Column("IN", 6, short, 1),
            Column("OUT", 6, short, 1),
        ),
        _sessions,
        "IN",
    ),
    View(
        "locals",
        (
            Column("LOCAL ADDRESS", 0),
            Column("STATE", 6),
            Column("SESSIONS", 9, whole),
            Column("FREE", 8, whole),
            Column("CONNS", 8, whole),
            Column("CONFLICTS", 10, whole),
            Column("EXHAUSTED", 10, whole),
        ),
        _locals,
        "SESSIONS",
    ),
    View(
        "drops",
        (
            Column("REASON", 0),
            Column("PPS", 7, short),
            Column("BPS", 7, short),
            Column("PACKETS", 9, short),
            Column("BYTES", 9, short),
        ),
        _drops,
        "PPS",
        compares=True,
    ),
)
BY_NAME = {view.name: view for view in VIEWS}
