"""Sessions whose directions pass different switches: they are idle only where no switch has seen a packet of them, and
what is counted of them is added up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from fullnat.app.outgoing import Link, probed
from fullnat.core.interface import ProbeResult
from fullnat.p4rt.errors import ConnectionLost
from fullnat.tables.session import SessionEntry

Answer = tuple[tuple[int, ProbeResult | None], ...]


class Asked:
    """A connection to a switch that tells ``answer``; None: that is lost."""

    def __init__(self, answer: Answer | None) -> None:
        self.client = self
        self._answer = answer

    async def probe(self, _sessions: Sequence[SessionEntry]) -> Answer:
        if self._answer is None:
            raise ConnectionLost("lost")
        return self._answer


async def told(*answers: Answer | None) -> Answer:
    links = cast(list[Link], [Asked(answer) for answer in answers])
    return await probed(links[0], links, cast(Any, ()))


THERE = ProbeResult(2.0, 5, 500, 0, 0, 2.0)
"""What the client sends passes this switch, and nothing else."""
BACK = ProbeResult(7.0, 0, 0, 4, 400, 90.0)


async def test_a_session_is_as_idle_as_on_the_switch_that_has_seen_it_last() -> None:
    together = ProbeResult(2.0, 5, 500, 4, 400, 2.0)
    assert await told(((1, THERE),), ((1, BACK),)) == ((1, together),)
    assert await told(((1, BACK),), ((1, THERE),)) == ((1, together),)


async def test_one_that_cannot_be_asked_may_have_seen_a_packet_a_moment_ago() -> None:
    assert await told(((1, BACK),), None) == ((1, BACK._replace(idle=0.0, idle_in=0.0)),)


async def test_only_the_switch_that_is_written_to_knows_which_sessions_there_are() -> None:
    assert await told(((1, None), (2, BACK)), ((1, THERE), (2, None))) == ((1, None), (2, BACK))


async def test_one_that_does_not_tell_idle_times_has_none_known() -> None:
    found = await told(((1, THERE),), ((1, BACK._replace(idle=None, idle_in=None)),))
    assert found == ((1, ProbeResult(None, 5, 500, 4, 400, None)),)
