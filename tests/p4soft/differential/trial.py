"""What can be compared of a switch that has run, and which differences are nobody's fault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from entries import Update
from finsy.proto import p4i, p4r
from samples import Sample
from switches import ComparedSwitch, Frame, P4soft
from values import compared

Fact = int | str
"""The number of a frame, or the name of a counter."""
Facts = Mapping[Fact, Any]
"""By frame, what came out because of it by each port, in order; by counter, what it says."""

_FILLERS = (b"\xa5", b"\xff", b"\0\1", b"\1", b"\2\0")
_NUMBERS = 8
_TURNS = 6
_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Trial:
    """A program, what is written to it, and frames."""

    sample: Sample
    updates: Sequence[Update]
    frames: Sequence[Frame]

    def facts(self, switch: ComparedSwitch, found: Sequence[Sequence[Frame]], with_counters: bool) -> Facts:
        """Of a switch that sent ``found``."""
        facts: dict[Fact, Any] = {at: _by_port(out) for at, out in enumerate(found)}
        if with_counters:
            facts |= {name: switch.read(query) for name, query in _queries(self.sample.p4info)}
        return facts

    def excuses(self, mine: Facts, wanted: set[Fact]) -> dict[Fact, str]:
        """Of p4soft's facts ``mine`` that are ``wanted``, those that are up to chance, since they change from run to
        run, and those that are undefined, since they change with what invalid headers hold. Where there is chance, it
        explains the rest too."""
        excused: dict[Fact, str] = {}
        for _ in range(_TURNS):
            chance = self._varying(mine, wanted - excused.keys(), b"\0")
            if not chance:
                break
            excused |= dict.fromkeys(chance, "chance")
        numbers = sorted({number for _, number in compared(self.sample.document) if number})[:_NUMBERS]
        for filler in dict.fromkeys((*_FILLERS, *map(_bytes, numbers))):
            label = "chance" if "chance" in excused.values() else "undefined"
            excused |= dict.fromkeys(self._varying(mine, wanted - excused.keys(), filler), label)
        return excused

    def _varying(self, mine: Facts, wanted: set[Fact], filler: bytes) -> set[Fact]:
        """What is different with ``filler`` in headers that were never written to."""
        if not wanted:
            return set()
        with P4soft(filler) as other:
            other.load(self.sample.pipeline())
            for kind, message in self.updates:
                other.write(kind, message)
            theirs = self.facts(other, other.run(self.frames), True)
        return {fact for fact in wanted if mine[fact] != theirs[fact]}

    def shown(self, fact: Fact, mine: Any, yours: Any) -> str:
        """A difference, for people."""
        if isinstance(fact, int):
            port, data = self.frames[fact]
            return f"in {port} {data.hex()}: p4soft {_frames(mine)}, BMv2 {_frames(yours)}"
        return f"{fact}: only p4soft {_only(mine, yours)}, only BMv2 {_only(yours, mine)}"


def kind_of(fact: Fact) -> str:
    return "frames" if isinstance(fact, int) else "counters"


def _bytes(number: int) -> bytes:
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")


def _by_port(frames: Sequence[Frame]) -> dict[int, list[bytes]]:
    """Frames of one port keep their order, ports do not."""
    found: dict[int, list[bytes]] = {}
    for port, data in frames:
        found.setdefault(port, []).append(data)
    return found


def _frames(frames: Mapping[int, Sequence[bytes]]) -> str:
    return ", ".join(f"{port} {data.hex()}" for port, sent in frames.items() for data in sent) or "nothing"


def _only(some: Sequence[str], others: Sequence[str]) -> str:
    return " | ".join(" ".join(text.split()) for text in some if text not in others)[:_SHOWN]


def _queries(info: p4i.P4Info) -> Iterator[tuple[str, Any]]:
    for counter in info.counters:
        yield counter.preamble.name, p4r.CounterEntry(counter_id=counter.preamble.id)
    for direct in info.direct_counters:
        table = p4r.TableEntry(table_id=direct.direct_table_id)
        yield direct.preamble.name, p4r.DirectCounterEntry(table_entry=table)
