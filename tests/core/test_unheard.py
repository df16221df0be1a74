"""A connection to the switch was lost, and with it what the switch was about to tell."""

from __future__ import annotations

import pytest
from fullnat.core.interface import SwitchDown

from .builders import config
from .helpers import nothing_left, only, opened
from .switch import Rig


def back(rig: Rig) -> None:
    rig.send(SwitchDown("lost"))
    rig.advance(5)
    rig.up()


def test_one_that_may_have_been_established_meanwhile_is_not_taken_for_half_open() -> None:
    """It was reset after 30 s of silence, while both ends wanted it."""
    rig = Rig(config())
    entry = opened(rig)
    rig.hit(entry.session_id, into=2, out=1)
    back(rig)
    assert only(rig).state == "SYN_RECV"
    rig.advance(60)
    assert only(rig).state == "ESTABLISHED"
    assert rig.controller.stats()["promoted"] == 1
    rig.advance(40)
    rig.advance(10)
    nothing_left(rig)


@pytest.mark.parametrize(("into", "out"), [(0, 1), (3, 0)], ids=["a SYN and its answer", "SYNs without answer"])
def test_one_that_cannot_have_been_is_half_open(into: int, out: int) -> None:
    rig = Rig(config())
    entry = opened(rig)
    rig.hit(entry.session_id, into=into, out=out)
    back(rig)
    rig.advance(31)
    rig.advance(9)
    nothing_left(rig)


def test_one_that_begins_later_is_heard() -> None:
    rig = Rig(config())
    back(rig)
    entry = opened(rig)
    rig.hit(entry.session_id, into=2, out=1)
    rig.advance(31)
    rig.advance(9)
    nothing_left(rig)
