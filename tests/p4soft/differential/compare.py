"""One program on both switches: loaded, written to, sent frames, read."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from entries import EntryMaker, Update, matched
from finsy.proto import p4i, p4r
from frames import FrameMaker
from samples import Sample, SampleError
from stf import run_stf
from switches import Bmv2, Frame, Gone, P4soft, SwitchError
from values import Pool, compared

_EXAMPLES = 3
_RESTARTS = 4
_FILLERS = (b"\xa5", b"\xff", b"\0\1", b"\1", b"\2\0")
_NUMBERS = 8
_TURNS = 6


@dataclass(slots=True)
class Outcome:
    """What became of one sample. Of every kind of difference there are some examples."""

    sample: str
    loads: dict[str, bool] = field(default_factory=dict)
    """By switch."""
    refusal: str = ""
    entries: int = 0
    frames: int = 0
    came_out: int = 0
    differing: int = 0
    stf: bool = False
    """Whether it has an STF file, and p4soft has run it."""
    differences: dict[str, list[str]] = field(default_factory=dict)
    """By kind; see known.toml."""

    def note(self, kind: str, text: str) -> None:
        noted = self.differences.setdefault(kind, [])
        if len(noted) < _EXAMPLES:
            noted.append(text)

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def compare(sample: Sample, frames: int, seed: int) -> Outcome:
    """Both switches with ``frames`` random frames; the same for the same ``seed``."""
    outcome = Outcome(sample.name)
    rng = random.Random(f"{seed} {sample.name}")
    pool = Pool(sample.document, rng)
    updates = list(EntryMaker(sample.p4info, pool, rng).updates())
    hints = [*compared(sample.document), *matched(sample.document, sample.p4info, updates)]
    maker = FrameMaker(sample.document, pool, rng, hints)
    todo = [maker.frame() for _ in range(frames)]
    for _ in range(1 + _RESTARTS):
        todo = _round(sample, updates, todo, outcome)
        if not todo:
            break
    _run_stf(sample, outcome)
    return outcome


def _run_stf(sample: Sample, outcome: Outcome) -> None:
    if sample.stf is None or not outcome.loads.get(P4soft.name):
        return
    outcome.stf = True
    try:
        problems = run_stf(sample, sample.stf)
    except SampleError as error:
        problems = [str(error)]
    for problem in problems:
        outcome.note("stf", problem)


def load_only(sample: Sample) -> Outcome:
    """Only p4soft, and whether it loads the program."""
    outcome = Outcome(sample.name)
    with P4soft() as ours:
        _load(ours, sample, outcome)
    _run_stf(sample, outcome)
    return outcome


def _load(switch: P4soft | Bmv2, sample: Sample, outcome: Outcome) -> bool:
    try:
        switch.load(sample.pipeline())
    except SwitchError as error:
        outcome.loads[switch.name] = False
        outcome.refusal = f"{switch.name}: {error}"
        return False
    outcome.loads[switch.name] = True
    return True


def _round(sample: Sample, updates: Sequence[Update], frames: list[Frame], outcome: Outcome) -> list[Frame]:
    """Fresh switches; the frames that are left because BMv2 ended."""
    with Bmv2() as theirs, P4soft() as ours:
        if not _load(theirs, sample, outcome):
            _load(ours, sample, outcome)
            return []
        if not _load(ours, sample, outcome):
            outcome.note("load", outcome.refusal)
            return []
        try:
            outcome.entries = _write(ours, theirs, updates, outcome)
        except SwitchError as error:
            outcome.note("abort", f"while being written to: {error}")
            return []
        found = ours.run(frames)
        left: list[Frame] = []
        try:
            other = theirs.run(frames, [len(out) for out in found])
        except Gone as gone:
            outcome.note("abort", f"{theirs.died() or gone}; frame {frames[gone.safe][1].hex()} or one soon after")
            other, left = gone.out[: gone.safe], frames[gone.sent :]
        differing = _differing(found, other)
        chance, undefined = _excused(sample, updates, frames, found, set(differing))
        outcome.frames += len(other)
        outcome.came_out += sum(map(len, found[: len(other)]))
        outcome.differing += len(differing)
        for at in differing:
            port, data = frames[at]
            shown = f"in {port} {data.hex()}: p4soft {_shown(found[at])}, BMv2 {_shown(other[at])}"
            outcome.note("chance" if at in chance else "undefined" if at in undefined else "frames", shown)
        if left:
            return left
        for query in _queries(sample.p4info):
            if (mine := ours.read(query)) != (yours := theirs.read(query)):
                outcome.note("counters", f"only p4soft {_only(mine, yours)}, only BMv2 {_only(yours, mine)}")
    return []


def _only(some: list[str], others: list[str]) -> str:
    return " | ".join(" ".join(text.split()) for text in some if text not in others)[:300]


def _write(ours: P4soft, theirs: Bmv2, updates: Sequence[Update], outcome: Outcome) -> int:
    """How many updates both took."""
    count = 0
    for kind, message in updates:
        refused = ours.write(kind, message), theirs.write(kind, message)
        if refused == (None, None):
            count += 1
        elif None in refused:
            who, why = ("p4soft", refused[0]) if refused[0] else (theirs.name, refused[1])
            outcome.note("write", f"refused by {who}: {why}: {' '.join(str(message).split())}"[:400])
            _take_back(theirs if refused[0] else ours, kind, message)
    return count


def _take_back(switch: P4soft | Bmv2, kind: Any, message: Any) -> None:
    """So that both have the same, as far as that can be."""
    if kind == p4r.Update.INSERT:
        switch.write(p4r.Update.DELETE, message)


def _differing(ours: Sequence[list[Frame]], theirs: Sequence[list[Frame]]) -> list[int]:
    """The frames because of which not the same came out."""
    pairs = zip(ours, theirs, strict=False)
    return [at for at, (mine, yours) in enumerate(pairs) if _by_port(mine) != _by_port(yours)]


def _excused(
    sample: Sample, updates: Sequence[Update], frames: Sequence[Frame], found: Sequence[list[Frame]], wanted: set[int]
) -> tuple[set[int], set[int]]:
    """Of the ``wanted`` frames, those that are up to chance, and those that depend on what invalid headers hold."""
    chance: set[int] = set()
    for _ in range(_TURNS if wanted else 0):
        more = wanted & _varying(sample, updates, frames, found, b"\0")
        if not more:
            break
        chance |= more
    undefined: set[int] = set()
    for filler in dict.fromkeys(
        (*_FILLERS, *map(_bytes, sorted({number for _, number in compared(sample.document) if number})[:_NUMBERS]))
    ):
        if not (wanted := wanted - chance - undefined):
            break
        undefined |= wanted & _varying(sample, updates, frames, found, filler)
    return chance, undefined


def _bytes(number: int) -> bytes:
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")


def _varying(
    sample: Sample, updates: Sequence[Update], frames: Sequence[Frame], found: Sequence[list[Frame]], filler: bytes
) -> set[int]:
    """The frames because of which another thing comes out of p4soft the second time, with ``filler`` in headers that
    were never written to."""
    with P4soft(filler) as other:
        other.load(sample.pipeline())
        for kind, message in updates:
            other.write(kind, message)
        return set(_differing(found, other.run(frames)))


def _by_port(frames: Sequence[Frame]) -> dict[int, list[bytes]]:
    """Frames of one port keep their order, ports do not."""
    found: dict[int, list[bytes]] = {}
    for port, data in frames:
        found.setdefault(port, []).append(data)
    return found


def _shown(frames: Sequence[Frame]) -> str:
    return ", ".join(f"{port} {data.hex()}" for port, data in frames) or "nothing"


def _queries(info: p4i.P4Info) -> Iterator[Any]:
    for counter in info.counters:
        yield p4r.CounterEntry(counter_id=counter.preamble.id)
    for direct in info.direct_counters:
        yield p4r.DirectCounterEntry(table_entry=p4r.TableEntry(table_id=direct.direct_table_id))
