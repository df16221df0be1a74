"""One program on both switches: loaded, written to, sent frames, read."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from entries import EntryMaker, Update, matched
from finsy.proto import p4r
from frames import FrameMaker
from samples import Sample, SampleError
from stf import run_stf
from switches import Bmv2, Endless, Frame, Gone, P4soft, SwitchError
from trial import Trial, kind_of
from values import Pool, compared

_EXAMPLES = 3
_RESTARTS = 4


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
    # Random entries may send frames round and round, above all by clones of clones.
    clones = [update for update in updates if isinstance(update[1], p4r.CloneSessionEntry)]
    for kept in (updates, [update for update in updates if update not in clones], []):
        try:
            _rounds(sample, kept, todo, outcome)
            break
        except Endless as error:
            problem = str(error)
    else:
        outcome.note("endless", problem)
    _run_stf(sample, outcome)
    return outcome


def _rounds(sample: Sample, updates: Sequence[Update], frames: list[Frame], outcome: Outcome) -> None:
    """Raises Endless."""
    for _ in range(1 + _RESTARTS):
        frames = _round(sample, updates, frames, outcome)
        if not frames:
            break


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
            taken = _write(ours, theirs, updates, outcome)
        except SwitchError as error:
            outcome.note("abort", f"while being written to: {error}")
            return []
        outcome.entries = len(taken)
        trial = Trial(sample, taken, frames)
        found = ours.run(frames)
        left: list[Frame] = []
        try:
            other = theirs.run(frames, [len(out) for out in found])
        except Gone as gone:
            outcome.note("abort", f"{theirs.died() or gone}; frame {frames[gone.safe][1].hex()} or one soon after")
            other, left = gone.out[: gone.safe], frames[gone.sent :]
        mine, yours = trial.facts(ours, found, not left), trial.facts(theirs, other, not left)
        differing = [fact for fact in yours if mine[fact] != yours[fact]]
        excuses = trial.excuses(mine, set(differing))
        outcome.frames += len(other)
        outcome.came_out += sum(map(len, found[: len(other)]))
        outcome.differing += sum(isinstance(fact, int) for fact in differing)
        for fact in differing:
            outcome.note(excuses.get(fact) or kind_of(fact), trial.shown(fact, mine[fact], yours[fact]))
    return left


def _write(ours: P4soft, theirs: Bmv2, updates: Sequence[Update], outcome: Outcome) -> list[Update]:
    """The updates that both took."""
    taken = []
    for kind, message in updates:
        refused = ours.write(kind, message), theirs.write(kind, message)
        if refused == (None, None):
            taken.append((kind, message))
        elif None in refused:
            who, why = ("p4soft", refused[0]) if refused[0] else (theirs.name, refused[1])
            outcome.note("write", f"refused by {who}: {why}: {' '.join(str(message).split())}"[:400])
            _take_back(theirs if refused[0] else ours, kind, message)
    return taken


def _take_back(switch: P4soft | Bmv2, kind: Any, message: Any) -> None:
    """So that both have the same, as far as that can be."""
    if kind == p4r.Update.INSERT:
        switch.write(p4r.Update.DELETE, message)
