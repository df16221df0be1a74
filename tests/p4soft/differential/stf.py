"""p4c's STF files (*.stf), which say what is to come out of a sample, on p4soft.

Understood are packet, expect, add, setdefault, mirroring_add, mc_mgrp_create, mc_node_create, mc_node_associate, wait.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from finsy.proto import p4i, p4r
from p4kit import INSERT, MODIFY, exact, lpm, ternary
from samples import Sample, SampleError
from switches import P4soft, SwitchError

_WORD = re.compile(r'"[^"]*"|\w[\w.$]*\([^)]*\)|\S+')


def run_stf(sample: Sample, path: Path) -> list[str]:
    """What does not come out as the file says. Raises SampleError for what is not understood."""
    with P4soft() as switch:
        try:
            switch.load(sample.pipeline())
            return _Run(sample.p4info, switch).lines(path.read_text().splitlines())
        except SwitchError as error:
            raise SampleError(f"{path.name}: {error}") from None


class _Run:
    def __init__(self, info: p4i.P4Info, switch: P4soft) -> None:
        self._info = info
        self._switch = switch
        self._nodes: list[tuple[int, list[int]]] = []
        self._groups: dict[int, p4r.MulticastGroupEntry] = {}
        self._came: dict[int, list[bytes]] = {}
        self._wanted: dict[int, list[str | None]] = {}

    def lines(self, lines: Sequence[str]) -> list[str]:
        for line in lines:
            words = _WORD.findall(line.split("#", 1)[0])
            if not words:
                continue
            command = _COMMANDS.get(words[0].lower())
            if command is None:
                raise SampleError(f"STF command {words[0]!r} is not understood")
            command(self, words[1:])
        return list(self._problems())

    def _problems(self) -> Iterator[str]:
        for port in sorted({*self._came, *self._wanted}):
            came, wanted = self._came.get(port, []), self._wanted.get(port, [])
            if len(came) != len(wanted):
                yield f"port {port}: {len(came)} frames, not {len(wanted)}: {[data.hex() for data in came]}"
            for data, pattern in zip(came, wanted, strict=False):
                if pattern is not None and not _fits(data.hex(), pattern):
                    yield f"port {port}: {data.hex()}, not {pattern}"

    # frames

    def packet(self, words: list[str]) -> None:
        (out,) = self._switch.run([(int(words[0]), bytes.fromhex("".join(words[1:])))])
        for port, data in out:
            self._came.setdefault(port, []).append(data)

    def expect(self, words: list[str]) -> None:
        self._wanted.setdefault(int(words[0]), []).append("".join(words[1:]).lower() or None)

    # entries

    def add(self, words: list[str]) -> None:
        table, rest = self._table(words[0]), words[1:]
        # The highest wins, as in P4Runtime, but 0 is one too.
        priority = 1 + int(rest.pop(0)) if rest[0].isdigit() else 1
        entry = p4r.TableEntry(table_id=table.preamble.id)
        for word in rest[:-1]:
            name, _, text = word.partition(":")
            field = _named(table.match_fields, name, table.preamble.name)
            if (match := _match(field, text)) is not None:
                entry.match.append(match)
        if any(f.match_type not in (p4i.MatchField.EXACT, p4i.MatchField.LPM) for f in table.match_fields):
            entry.priority = priority
        entry.action.action.CopyFrom(self._action(table, rest[-1]))
        self._write(INSERT, entry)

    def setdefault(self, words: list[str]) -> None:
        table = self._table(words[0])
        entry = p4r.TableEntry(table_id=table.preamble.id, is_default_action=True)
        entry.action.action.CopyFrom(self._action(table, words[1]))
        self._write(MODIFY, entry)

    def _table(self, name: str) -> p4i.Table:
        found: p4i.Table = _object(self._info.tables, name)
        return found

    def _action(self, table: p4i.Table, text: str) -> p4r.Action:
        name, _, arguments = text.rstrip(")").partition("(")
        used = {reference.id for reference in table.action_refs}
        action = _object([a for a in self._info.actions if a.preamble.id in used], name)
        made = p4r.Action(action_id=action.preamble.id)
        for argument in filter(None, arguments.replace(" ", "").split(",")):
            label, _, value = argument.partition(":")
            param = _named(action.params, label, name)
            made.params.add(param_id=param.id, value=_bytes(int(value, 0)))
        return made

    def _write(self, kind: Any, message: Any) -> None:
        if why := self._switch.write(kind, message):
            raise SampleError(f"refused: {why}: {message}")

    # replication

    def mirror(self, words: list[str]) -> None:
        session = p4r.CloneSessionEntry(session_id=int(words[0]))
        session.replicas.add(egress_port=int(words[1]), instance=1)
        self._write(INSERT, session)

    def group(self, words: list[str]) -> None:
        self._groups[int(words[0])] = p4r.MulticastGroupEntry(multicast_group_id=int(words[0]))
        self._write(INSERT, self._groups[int(words[0])])

    def node(self, words: list[str]) -> None:
        self._nodes.append((int(words[0]), [int(port) for port in words[1:]]))

    def associate(self, words: list[str]) -> None:
        group = self._groups[int(words[0])]
        rid, ports = self._nodes[int(words[1])]
        for port in ports:
            group.replicas.add(egress_port=port, instance=rid)
        self._write(MODIFY, group)

    def wait(self, words: list[str]) -> None:
        """Nothing is on its way between two commands."""


_COMMANDS: dict[str, Callable[[_Run, list[str]], None]] = {
    "packet": _Run.packet,
    "expect": _Run.expect,
    "add": _Run.add,
    "setdefault": _Run.setdefault,
    "mirroring_add": _Run.mirror,
    "mc_mgrp_create": _Run.group,
    "mc_node_create": _Run.node,
    "mc_node_associate": _Run.associate,
    "wait": _Run.wait,
}


def _fits(data: str, pattern: str) -> bool:
    """``pattern`` is the beginning of the frame, or all of it if it ends with $; a * is any digit."""
    exactly = pattern.endswith("$")
    digits = pattern.rstrip("$")
    if len(data) < len(digits) or (exactly and len(data) != len(digits)):
        return False
    return all(want in ("*", have) for want, have in zip(digits, data, strict=False))


def _object(objects: Sequence[Any], name: str) -> Any:
    """The one that is called so, or whose name ends so."""
    names = [(item, item.preamble.name) for item in objects]
    exactly = [item for item, full in names if full == name]
    found = exactly or [item for item, full in names if full.endswith(f".{name}") or name.endswith(f".{full}")]
    if len(found) != 1:
        raise SampleError(f"{name}: {len(found)} objects are called so")
    return found[0]


def _named(fields: Sequence[Any], name: str, owner: str) -> Any:
    for same in (str.__eq__, lambda full, part: full.endswith(f".{part}")):
        for field in fields:
            # STF has no brackets: x$0.y is x[0].y.
            if same(field.name.replace("[", "$").replace("]", ""), name.replace("[", "$").replace("]", "")):
                return field
    raise SampleError(f"{owner}: nothing is called {name}")


def _match(field: p4i.MatchField, text: str) -> p4r.FieldMatch | None:
    if field.match_type == p4i.MatchField.EXACT:
        return exact(field.id, _bytes(int(text, 0)))
    if field.match_type == p4i.MatchField.LPM:
        prefix, _, length = text.partition("/")
        size = int(length or field.bitwidth)
        number = int(prefix, 0) >> (field.bitwidth - size) << (field.bitwidth - size)
        return lpm(field.id, _bytes(number), size) if size else None
    value, mask = _masked(text, field.bitwidth)
    return ternary(field.id, _bytes(value & mask), _bytes(mask)) if mask else None


def _masked(text: str, bits: int) -> tuple[int, int]:
    if "&&&" in text:
        number, _, ones = text.partition("&&&")
        return int(number, 0), int(ones, 0)
    if "*" not in text:
        return int(text, 0), (1 << bits) - 1
    base, digit = (2, "1") if text[:2].lower() == "0b" else (16, "f")
    digits = text[2:]
    mask_digits = re.sub(r"[^*]", digit, digits).replace("*", "0")
    return int(digits.replace("*", "0"), base), int(mask_digits, base)


def _bytes(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")
