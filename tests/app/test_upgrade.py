"""What an upgrade is said to keep."""

from __future__ import annotations

import dataclasses

import pytest
from finsy.proto import p4i
from fullnat.app.upgrade import Controller, changes, installed, judge
from fullnat.p4rt import program
from fullnat.p4rt.pipeline import Pipeline

OURS = program.load()
SAME = Pipeline(OURS.cookie, OURS.p4info)
OTHER = Pipeline(OURS.cookie + 1, OURS.p4info)
BESIDE = Controller(installed(), embedded=False, sessions=12, cookie=OURS.cookie)
INSIDE = dataclasses.replace(BESIDE, embedded=True)


@pytest.mark.parametrize(
    ("controller", "pipeline", "kept", "said"),
    [
        (BESIDE, SAME, True, "sessions: 12 go on; the new controller adopts them"),
        (None, SAME, True, "sessions: all go on; the new controller adopts them"),
        (BESIDE, OTHER, False, "sessions: 12 end, because a pushed program empties the switch"),
        (None, None, True, "sessions: there are none"),
        (INSIDE, None, False, "sessions: 12 end, because the switch ends with the controller"),
    ],
)
def test_what_becomes_of_the_sessions(
    controller: Controller | None, pipeline: Pipeline | None, kept: bool, said: str
) -> None:
    verdict = judge(OURS, controller, pipeline)
    assert verdict.kept is kept
    assert verdict.lines[-1] == said


@pytest.mark.parametrize(
    ("controller", "said"),
    [
        (None, f"controller: none runs here, {installed()} is installed"),
        (BESIDE, f"controller: {installed()} runs and is installed"),
        (dataclasses.replace(BESIDE, version="0.0.1"), f"controller: 0.0.1 runs, {installed()} is installed"),
    ],
)
def test_the_versions(controller: Controller | None, said: str) -> None:
    assert judge(OURS, controller, SAME).lines[0] == said


def test_a_group_goes_on_with_the_old_program_if_the_new_controller_can() -> None:
    group = dataclasses.replace(BESIDE, has_group=True)
    verdict = judge(OURS, group, OTHER)
    assert verdict.kept
    said = "sessions: 12 go on; then give each switch ours in turn: fullnat switches --upgrade"
    assert verdict.lines[-1] == said
    other = Pipeline(1, p4i.P4Info())
    other.p4info.CopyFrom(OURS.p4info)
    other.p4info.tables.remove(next(table for table in other.p4info.tables if table.preamble.name == "next_hop"))
    verdict = judge(OURS, group, other)
    assert not verdict.kept
    assert verdict.lines[-2:] == (
        "  in the way is: no table next_hop",
        "sessions: 12 end, because the new controller cannot work with this program",
    )


def test_what_differs_is_named() -> None:
    old = p4i.P4Info()
    old.CopyFrom(OURS.p4info)
    gone = old.tables.add()
    gone.preamble.name = "conntrack"
    changed = next(table for table in old.tables if table.preamble.name == "session_in")
    changed.size += 1
    new = next(index for index, action in enumerate(old.actions) if action.preamble.name == "own_vip")
    del old.actions[new]
    assert changes(old, OURS.p4info) == [
        "table conntrack is gone",
        "table session_in has changed",
        "action own_vip is new",
    ]
    assert changes(OURS.p4info, OURS.p4info) == ["its tables and actions are the same"]
