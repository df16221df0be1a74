"""Which switch of a group begins, when none is active: of those that are there the one that most likely holds all."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic

from fullnat.app.group.member import Member, Role
from fullnat.app.group.remembered import Remembered

PATIENCE = 3.0
"""Seconds to wait for a switch that is known to be better than those that are there."""


def first(members: Mapping[str, Member], remembered: Remembered, since: float) -> Member | None:
    """``since``: when there was no active one for the first time. None: a better one may come yet, or another
    controller has it."""
    last = members.get(remembered.active or "")
    if last is not None and last.owner.stands_by:
        return None
    there = [each for each in members.values() if each.role is Role.WAITING]
    if not there:
        return None
    best = min(there, key=lambda member: _rank(member, remembered))
    if any(_is_coming(each) and _rank(each, remembered) < _rank(best, remembered) for each in members.values()):
        return None
    is_last = best is last and not best.counts.emptied
    return best if is_last or len(there) == len(members) or monotonic() - since > PATIENCE else None


def _is_coming(member: Member) -> bool:
    """It is ours, and will be there in a moment, or not at all. One whose pipeline is being set is empty then."""
    client = member.owner.client
    return member.role is Role.AWAY and member.owner.is_held and client is not None and not client.pushing


def _rank(member: Member, remembered: Remembered) -> tuple[bool, bool, bool, bool]:
    """How much worse it is than others to begin with."""
    has_all = not member.counts.emptied
    was_active = has_all and member.name == remembered.active
    is_full = has_all and member.name in remembered.full
    return not was_active, not is_full, not member.has_gate, not has_all
