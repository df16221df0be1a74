"""What becomes of the sessions when the installed controller takes over from what runs now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from finsy.proto import p4i, p4r

from fullnat.p4rt.errors import Code, RpcError
from fullnat.p4rt.program import Program
from fullnat.p4rt.transport import Transport

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


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What a switch runs."""

    cookie: int
    p4info: p4i.P4Info


@dataclass(frozen=True, slots=True)
class Verdict:
    kept: bool
    """Whether sessions outlive the upgrade."""
    lines: tuple[str, ...]


async def running(transport: Transport, device_id: int) -> Pipeline | None:
    """What the switch runs; None when it runs nothing. Changes nothing and needs no mastership. Raises
    P4RuntimeError."""
    request = p4r.GetForwardingPipelineConfigRequest(device_id=device_id)
    request.response_type = p4r.GetForwardingPipelineConfigRequest.P4INFO_AND_COOKIE
    try:
        response = await transport.get_pipeline(request)
    except RpcError as error:
        if error.code == Code.FAILED_PRECONDITION:
            return None
        raise
    if not response.HasField("config"):
        return None
    return Pipeline(response.config.cookie.cookie, response.config.p4info)


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
    lines.append(
        f"program: the switch runs another (cookie {pipeline.cookie:#x}), which ours ({program.cookie:#x}) replaces"
    )
    lines += [f"  {line}" for line in changes(pipeline.p4info, program.p4info)]
    lines.append(f"sessions: {_number(controller)} end, because a pushed program empties the switch")
    return Verdict(False, tuple(lines))


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
