"""Reports of the switch about sessions: of each session one instead of several that come together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fullnat.core.interface import SessionEvents
from fullnat.net.flow import made
from fullnat.p4constants import SessionEvent

_FIRST_OTHER = int(SessionEvent.RESUMED)
"""Bits below it only tell more: together they say what they say one after the other."""


def joined(reports: Iterable[Sequence[int]]) -> list[SessionEvents]:
    """The same news in fewer ``reports``, which may be plain, each in the place of the first that it is made of. What
    takes something back, or could not be judged, stays as it is, before what follows it."""
    found: list[Sequence[int]] = []
    places: dict[int, int] = {}
    for report in reports:
        session_id, direction, events, seq = report
        if events >= _FIRST_OTHER:
            places.pop(session_id, None)
            found.append(report)
            continue
        place = places.get(session_id)
        if place is None:
            places[session_id] = len(found)
            found.append(report)
        else:
            before = found[place]
            found[place] = (session_id, direction, before[2] | events, seq or before[3])
    return [made(SessionEvents, report) for report in found]
