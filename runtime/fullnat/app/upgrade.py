"""What becomes of the sessions when the installed controller takes over from what runs now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from finsy.proto import p4i

from fullnat.p4rt.errors import SchemaError
from fullnat.p4rt.pipeline import Pipeline
from fullnat.p4rt.program import Program, found
from fullnat.p4rt.schema import of_another

DISTRIBUTION = "p4-fullnat"
_KINDS = ("tables", "actions", "digests", "counters", "direct_counters", "meters", "registers")
"""Of P4Info: what has entries, or what these consist of."""


def installed() -> str:
    """The version of the package that this module is in."""
    return version(DISTRIBUTION)


@dataclass(frozen=True, slots=True)
class Controller:
    """A running controller, as it says itself."""

    version: str
    embedded: bool
    """The switch is in its process, and ends with it."""
    sessions: int
    cookie: int | None
    """Of the program that it has the switch run."""
    has_group: bool = False
    """It has a group of switches."""


@dataclass(frozen=True, slots=True)
class Verdict:
    kept: bool
    """Whether sessions outlive the upgrade."""
    lines: tuple[str, ...]


def judge(program: Program, controller: Controller | None, pipeline: Pipeline | None) -> Verdict:
    """``pipeline`` is what the switch runs; of a switch inside a controller, only the controller knows."""
    lines = list(_controller_lines(controller))
    if controller is not None and controller.embedded:
        other = controller.cookie != program.cookie
        lines.append(f"program: {'another' if other else 'the same'} as the embedded switch runs")
        lines.append(f"sessions: {_number(controller)} end, because the switch ends with the controller")
        return Verdict(False, tuple(lines))
    if pipeline is None:
        lines.append("program: the switch runs none, ours will be pushed")
        lines.append("sessions: there are none")
        return Verdict(True, tuple(lines))
    if pipeline.cookie == program.cookie:
        lines.append(f"program: the switch runs ours (cookie {program.cookie:#x}), nothing will be pushed")
        lines.append(f"sessions: {_number(controller)} go on; the new controller adopts them")
        return Verdict(True, tuple(lines))
    has_group = controller is not None and controller.has_group
    what = "does not replace by itself" if has_group else "replaces"
    lines.append(
        f"program: the switch runs another (cookie {pipeline.cookie:#x}), which ours ({program.cookie:#x}) {what}"
    )
    lines += [f"  {line}" for line in changes(pipeline.p4info, program.p4info)]
    if controller is not None and controller.has_group:
        return _of_group(program, controller, pipeline, lines)
    lines.append(f"sessions: {_number(controller)} end, because a pushed program empties the switch")
    return Verdict(False, tuple(lines))


def _of_group(program: Program, controller: Controller, pipeline: Pipeline, lines: list[str]) -> Verdict:
    """The switches of a group keep what they run, until they are told otherwise."""
    try:
        of_another(found(pipeline), program)
    except SchemaError as error:
        lines += [f"  in the way is: {line}" for line in error.differences]
        lines.append(f"sessions: {_number(controller)} end, because the new controller cannot work with this program")
        return Verdict(False, tuple(lines))
    lines.append(
        f"sessions: {_number(controller)} go on; then give each switch ours in turn: fullnat switches --upgrade"
    )
    return Verdict(True, tuple(lines))


def _controller_lines(controller: Controller | None) -> Iterator[str]:
    if controller is None:
        yield f"controller: none runs here, {installed()} is installed"
    elif controller.version == installed():
        yield f"controller: {controller.version} runs and is installed"
    else:
        yield f"controller: {controller.version} runs, {installed()} is installed"


def _number(controller: Controller | None) -> str:
    return "all" if controller is None else str(controller.sessions)


def changes(old: p4i.P4Info, new: p4i.P4Info) -> list[str]:
    """What of P4Info differs, one line each: name and what became of it."""
    lines = []
    for kind in _KINDS:
        before, after = _named(getattr(old, kind)), _named(getattr(new, kind))
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                what = "is new" if name not in before else "is gone" if name not in after else "has changed"
                lines.append(f"{kind.removesuffix('s').replace('_', ' ')} {name} {what}")
    return lines or ["its tables and actions are the same"]


def _named(messages: Iterable[Any]) -> Mapping[str, bytes]:
    return {message.preamble.name: message.SerializeToString(deterministic=True) for message in messages}
