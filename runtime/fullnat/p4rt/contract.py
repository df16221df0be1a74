"""What the numbers mean that a program and its controller tell each other: by the constants that the program was
compiled with, which its P4Info has as annotations of the package (``p4src/compile.py``)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import IntEnum

from finsy.proto import p4i

from fullnat import p4constants
from fullnat.p4constants import (
    CookieEvent,
    CookieKey,
    Direction,
    DropReason,
    PacketOutAction,
    PacketOutFlag,
    PolicyFlag,
    PuntReason,
    ServiceFlag,
    SessionEvent,
    SessionFlag,
    ToaResult,
)
from fullnat.p4rt.pipeline import narrower

Constants = Mapping[str, int]
_ANNOTATION = re.compile(r'@constants\("(\w*)", "([^"]*)"\)')
_NUMBERS = "Number"
"""Stands for the constants that are of no enumeration."""
_TOLD = (PacketOutAction, PacketOutFlag, ServiceFlag, PolicyFlag, SessionFlag, CookieKey)
"""What the controller says: the program has to know all of it."""
_HEARD = (PuntReason, SessionEvent, Direction)
"""What the program says: the controller has to know all of it."""
_COUNTED = (DropReason, ToaResult, CookieEvent)
"""Either may know more: it is only counted, and shown by name."""
_COUNTS = {
    PuntReason: PuntReason.PUNT_REASONS,
    DropReason: DropReason.DROP_REASONS,
    ToaResult: ToaResult.TOA_RESULTS,
    CookieEvent: CookieEvent.COOKIE_EVENTS,
}
"""How many members there are, by a member of the enumeration itself."""


def constants_of(p4info: p4i.P4Info) -> dict[str, Constants]:
    """By the names of enumerations, those of the program; nothing of one that does not tell."""
    found = (match for text in p4info.pkg_info.annotations if (match := _ANNOTATION.fullmatch(text)))
    return {match[1]: dict(_member(word) for word in match[2].split()) for match in found}


def _member(word: str) -> tuple[str, int]:
    name, _, value = word.partition("=")
    return name, int(value) if value.isdecimal() else -1


def sizes_of(p4info: p4i.P4Info) -> dict[type[IntEnum], int]:
    """How many numbers of each kind the program counts."""
    told = constants_of(p4info)
    return {kind: told.get(kind.__name__, {}).get(count.name, count.value) for kind, count in _COUNTS.items()}


def differences(p4info: p4i.P4Info, own: p4i.P4Info) -> Iterator[str]:
    """What keeps this controller, whose program is ``own``, from understanding another program, beside what
    :class:`fullnat.p4rt.schema.Schema` finds."""
    arch = p4info.pkg_info.arch
    if arch != own.pkg_info.arch:
        yield f"it is for {arch or 'another target'}, and all switches of a group are of one target"
    told = constants_of(p4info)
    if not told:
        yield "it does not say what its numbers mean"
    else:
        for kind in (*_TOLD, *_HEARD, *_COUNTED):
            ours = {member.name: member.value for member in kind if member is not _COUNTS.get(kind)}
            yield from _differences(kind.__name__, ours, told, is_told=kind in _TOLD, is_heard=kind in _HEARD)
        yield from _differences(_NUMBERS, _numbers(), told, is_told=True, is_heard=False)
    yield from narrower(p4info, own)


def _numbers() -> Constants:
    return {name: value for name, value in vars(p4constants).items() if name.isupper() and isinstance(value, int)}


def _differences(
    name: str, ours: Constants, told: Mapping[str, Constants], *, is_told: bool, is_heard: bool
) -> Iterator[str]:
    theirs = dict(told.get(name, {}))
    theirs.pop(next((count.name for kind, count in _COUNTS.items() if kind.__name__ == name), ""), None)
    for member, value in ours.items():
        if theirs.get(member, value) != value or (is_told and member not in theirs):
            yield f"{name}.{member} is {theirs.get(member, 'not there')}, expected {value}"
    for member in sorted(theirs.keys() - ours.keys()) if is_heard else ():
        yield f"{name}.{member} is new"
