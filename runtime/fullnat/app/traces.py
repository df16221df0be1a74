"""Where packets would go, in words: what :class:`fullnat.p4rt.tracing.Run` has followed, ready for JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from posixpath import normpath
from typing import Any

from finsy.proto import p4i
from p4soft.codegen import model as m
from p4soft.interpreter import events as e
from p4soft.interpreter.interpreter import Headers, Trace
from p4soft.interpreter.log import log

from fullnat.config.addresses import mac_text
from fullnat.net.described import ETHERTYPE_VLAN
from fullnat.net.vlan import interface_word
from fullnat.p4constants import EXPLAINED, CookieEvent, Direction, DropReason, PuntReason, SessionEvent, ToaResult

Json = dict[str, Any]
COUNTERS: dict[str, type[IntEnum]] = {
    "drop_ctr": DropReason,
    "punt_ctr": PuntReason,
    "toa_ctr": ToaResult,
    "cookie_ctr": CookieEvent,
}
"""And what indexes them."""
METERS = {"punt_meter": PuntReason}
ECHO = "ECHO"
"""What the meter is of that has no reason: echo requests that are answered."""
TRACED = frozenset(
    (
        "because",
        "changes",
        "counters",
        "digests",
        "log",
        "out_frame",
        "out_port",
        "out_vlan",
        "packet",
        "port",
        "reason",
        "steps",
        "unknown",
        "verdict",
        "vlan",
        "why",
    )
)
"""What is told of a packet."""
COLOURS = ("green", "yellow", "red")
_CONTROL = "FullnatIngress."
"""Begins the names of all that the program does not name itself."""
_VERDICT = re.compile(r"_verdict_(drop|punt)\d*$")
"""Fields that the program decides a packet's end by."""
_ADDRESSES = frozenset(
    (
        "address",
        "client",
        "destination",
        "dst",
        "host",
        "inner_dst",
        "inner_src",
        "local",
        "next_hop",
        "outer_src",
        "prefix",
        "sender_ip",
        "server",
        "source",
        "src",
        "target",
        "target_ip",
        "vip",
    )
)
"""Names of fields of 32 bits that are addresses of IPv4."""
_HEXADECIMAL = frozenset(("checksum", "type", "proto_type"))


class Words:
    """Of one program."""

    def __init__(self, p4info: p4i.P4Info, program: m.ProgramDef) -> None:
        self._types = {header.name: header.type for header in program.headers}
        self._params = {action.preamble.name: [p.name for p in action.params] for action in p4info.actions}
        self._digests = {
            digest.preamble.name: [
                member.name for member in p4info.type_info.structs[digest.type_spec.struct.name].members
            ]
            for digest in p4info.digests
        }

    def told(self, trace: Trace, *, cpu_port: int, with_log: bool) -> Json:
        """One packet's way."""
        counted = [event for event in trace.events if isinstance(event, e.Counted)]
        out = trace.sent
        verdict = "dropped" if out is None else "controller" if out.port == cpu_port else "forwarded"
        named = {"dropped": "drop_ctr", "controller": "punt_ctr"}.get(verdict)
        reason = (
            next((COUNTERS[named](event.at).name for event in counted if event.counter == named), "") if named else ""
        )
        found: Json = {
            "port": trace.port,
            "packet": summary(trace.parsed),
            "verdict": verdict,
            "reason": reason,
            "why": explained(COUNTERS[named], reason) if named and reason else "",
            "because": _cause(trace.events) if named else "",
            "vlan": _vlan(trace.frame),
            "out_port": 0 if out is None else out.port,
            "out_vlan": _vlan(out.frame) if out is not None and verdict == "forwarded" else 0,
            "out_frame": "" if out is None else out.frame.hex(),
            "steps": list(self._steps(trace.events)),
            "changes": [] if out is None else list(self._changes(trace.parsed, trace.left)),
            "counters": [_counter(event) for event in counted],
            "digests": [self._digest(event) for event in trace.events if isinstance(event, e.Told)],
            "log": log(trace.events) if with_log else [],
        }
        return found

    def _steps(self, events: Sequence[e.Event]) -> Iterator[Json]:
        """The tables that the controller writes, with the entries that were found, and meters."""
        for at, event in enumerate(events):
            if isinstance(event, e.Metered):
                kind = METERS.get(event.meter)
                name = str(event.at) if kind is None else kind(event.at).name if event.at else ECHO
                yield _step(event.meter, [_value("index", name)], COLOURS[min(event.colour, 2)])
            elif isinstance(event, e.Applied) and event.key and not event.table.entries:
                fields = zip(event.table.key, event.key, strict=True)
                key = [_value(field.name, shown(field.name, field.bits, value)) for field, value in fields]
                acted = events[at + 1] if at + 1 < len(events) else None
                step = _step(event.table.name, key, "hit" if event.hit else "miss")
                if isinstance(acted, e.Acted) and event.hit:
                    step |= {"action": acted.action.name, "params": self._named(acted)}
                yield step

    def _named(self, acted: e.Acted) -> list[Json]:
        names = self._params.get(acted.action.name, [f"#{i}" for i in range(len(acted.params))])
        values = zip(names, acted.action.params, acted.params, strict=True)
        return [_value(name, shown(name, bits, value)) for name, bits, value in values]

    def _changes(self, before: Headers, after: Headers) -> Iterator[Json]:
        """Field by field; of a header that comes or goes, all fields in one."""
        for header in dict.fromkeys((*before, *after)):
            old, new = before.get(header), after.get(header)
            if header == "packet_in" or old == new:
                continue
            fields = self._types[header].fields
            name = next((name for name in ("tcp", "udp") if name in after), header) if header == "ports" else header
            if old is None or new is None:
                yield {"field": name, "before": self._all(header, old), "after": self._all(header, new)}
                continue
            for field in fields:
                if (was := old[field.name]) != (now := new[field.name]):
                    told = {"before": held(header, field, was), "after": held(header, field, now)}
                    yield {"field": f"{name}.{field.name}", **told}

    def _all(self, header: str, values: dict[str, int] | None) -> str:
        fields = self._types[header].fields
        return " ".join(f"{f.name}={held(header, f, values[f.name])}" for f in fields) if values is not None else ""

    def _digest(self, event: e.Told) -> str:
        names = self._digests.get(event.digest, [str(at) for at in range(len(event.fields))])
        return f"{event.digest} " + " ".join(_told(n, v) for n, v in zip(names, event.fields, strict=True))


def _vlan(frame: bytes) -> int:
    """The program's headers do not tell: what it has received of a tag is none that it sends."""
    is_tagged = int.from_bytes(frame[12:14], "big") == ETHERTYPE_VLAN
    return int.from_bytes(frame[14:16], "big") & 0xFFF if is_tagged else 0


def _step(table: str, key: list[Json], result: str) -> Json:
    return {"table": table, "key": key, "result": result, "action": "", "params": []}


def _value(name: str, value: str) -> Json:
    return {"name": name, "value": value}


def _told(name: str, value: int) -> str:
    if name == "direction" and value in Direction.__members__.values():
        return f"direction={Direction(value).name}"
    if name == "events":
        return "events=" + "|".join(event.name for event in SessionEvent if event & value)
    return f"{name}={shown(name, 48 if name == 'mac' else 32, value)}"


def explained(kind: type[IntEnum], name: str) -> str:
    """What a reason means; nothing where its name says it."""
    return EXPLAINED.get(kind.__name__, {}).get(name, "")


def _counter(event: e.Counted) -> str:
    kind = COUNTERS.get(event.counter)
    return f"{event.counter}[{kind(event.at).name if kind is not None else event.at}]"


def _cause(events: Sequence[e.Event]) -> str:
    """The table, action and line of the program that have decided on the packet's end: what set the verdict, or what it
    was copied from."""
    causes: dict[tuple[int, int], str] = {}
    cause = where = table = ""
    for event in events:
        match event:
            case e.Applied(found):
                table = "" if found.name.startswith("tbl_") else found.name.removeprefix(_CONTROL)
            case e.Acted(action):
                name = action.name.removeprefix(_CONTROL)
                where, table = f"{table}: {name.rsplit('.', 1)[-1]}" if table else name, ""
            case e.Decided():
                table = ""
            case e.Primitive(m.Primitive(args=[m.FieldRef() as target, *source], where=line)):
                of = source[0] if source else None
                known = causes.get(_place(of)) if isinstance(of, m.FieldRef) else None
                causes[_place(target)] = known or _at(where, line)
                if _VERDICT.search(target.field.name):
                    cause = causes[_place(target)]
    return cause


def _place(field: m.FieldRef) -> tuple[int, int]:
    header = field.header
    return (header.header.index if isinstance(header, m.HeaderRef) else -1), field.field.index


def _at(where: str, line: str) -> str:
    """An action, and where in the program. What compilers tell of a constant is where that is defined."""
    path = normpath(line)
    return where if path.startswith("include/constants.p4") else f"{where} ({path})"


# ---------------------------------------------------------------------------------------------- values


def shown(name: str, bits: int, value: int) -> str:
    """A value for people, by the name and the width of its field."""
    last = name.rsplit(".", 1)[-1]
    if bits == 128:
        return str(IPv6Address(value))
    if bits == 48:
        return mac_text(value)
    if bits == 32 and last in _ADDRESSES:
        return str(IPv4Address(value))
    if bits == 32 and last.endswith("port"):
        return interface_word(value)
    return f"{value:#06x}" if last in _HEXADECIMAL and bits == 16 else str(value)


def held(header: str, field: m.FieldDef, value: int) -> str:
    """A header's field."""
    if field.varbit:
        bits = value.bit_length() - 1
        return f"{value ^ 1 << bits:0{bits // 4}x}" if bits > 0 else ""
    return shown(field.name, field.bits, value) if header != "ports" else str(value)


def summary(headers: Headers) -> str:
    """A packet as it came, in a few words."""
    ends = next((headers[name] for name in ("ipv4", "ipv6", "arp") if name in headers), None)
    if ends is None:
        kind = headers.get("tag", headers.get("ethernet", {})).get("type")
        return "less than an Ethernet header" if kind is None else f"Ethernet of type {kind:#06x}"
    if "arp" in headers:
        who = IPv4Address(ends["sender_ip"]), IPv4Address(ends["target_ip"])
        return f"arp {who[0]} > {who[1]} operation {ends['operation']}"
    make: type[IPv4Address] | type[IPv6Address] = IPv4Address if "ipv4" in headers else IPv6Address
    src, dst = str(make(ends["src"])), str(make(ends["dst"]))
    protocol = next((name for name in ("tcp", "udp", "icmpv6", "icmp") if name in headers), "")
    if "ports" in headers:
        src, dst = (f"[{host}]" if ":" in host else host for host in (src, dst))
        src, dst = f"{src}:{headers['ports']['src']}", f"{dst}:{headers['ports']['dst']}"
    words = [protocol or f"protocol {ends.get('protocol', ends.get('next_header'))}", src, ">", dst]
    if protocol == "tcp":
        words += [name.upper() for name in ("syn", "fin", "rst", "psh", "urg") if headers["tcp"].get(name)]
        words += ["ACK"] if headers["tcp"].get("ack_flag") else []
    elif protocol.startswith("icmp"):
        words.append(f"type {headers[protocol]['type']} code {headers[protocol]['code']}")
    return " ".join(words)
