"""Objects that P4Info lists and the program does not have: p4c writes P4Info first, and then removes what nothing uses.

They are known, so that a program is not refused for them, and hold nothing: a wildcard read passes over them, whatever
names one is told so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from finsy.proto import p4i

from p4soft.api import Program, Table
from p4soft.server.errors import invalid, unimplemented

_Handler = TypeVar("_Handler")
_OBJECTS: dict[str, tuple[str, Callable[[Program], Mapping[str, Any]]]] = {
    "tables": ("table", lambda p: p.tables),
    "action_profiles": ("action profile", lambda p: p.profiles),
    "counters": ("counter", lambda p: p.counters),
    "meters": ("meter", lambda p: p.meters),
    "registers": ("register", lambda p: p.registers),
    "digests": ("digest", lambda p: p.digests),
    "value_sets": ("value set", lambda p: p.value_sets),
}
"""By field of P4Info: what people call them, and where a program has them."""


class Handlers(dict[int, _Handler]):
    """Handlers by P4Info id; ``removed`` has the names of objects that have none, with their kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.removed: dict[int, str] = {}

    def __missing__(self, number: int) -> _Handler:
        if number not in self.removed:
            raise KeyError(number)
        raise unimplemented(f"{self.removed[number]}: nothing in the program uses it, so the compiler removed it")


def find_removed(info: p4i.P4Info, program: Program) -> dict[str, dict[int, str]]:
    """By field of P4Info, the names of the removed objects by id. INVALID_ARGUMENT if P4Info cannot be the program's:
    it also lacks an object of the kind that the program has."""
    found: dict[str, dict[int, str]] = {}
    for field, (kind, objects) in _OBJECTS.items():
        preambles = [item.preamble for item in getattr(info, field)]
        existing = objects(program)
        names = digest_names(info, program) if field == "digests" else {}
        removed = {p.id: f"{kind} {p.name}" for p in preambles if names.get(p.name, p.name) not in existing}
        listed = {names.get(p.name, p.name) for p in preambles}
        lacking = sorted(name for name, item in existing.items() if name not in listed and not _made_up(item))
        if removed and lacking:
            name = next(iter(removed.values()))
            raise invalid(f"{name}: is in P4Info, but not in the program, which has {', '.join(lacking)}")
        found[field] = removed
    return found


def digest_names(info: p4i.P4Info, program: Program) -> dict[str, str]:
    """What the program calls digests by, where P4Info calls them something else: p4c makes up a name for a digest of a
    tuple, and another one for P4Info. They are taken to be in the same order."""
    named = {digest.preamble.name for digest in info.digests}
    ours = [
        d.preamble.name
        for d in info.digests
        if d.type_spec.HasField("tuple") and d.preamble.name not in program.digests
    ]
    return dict(zip(ours, (name for name in program.digests if name not in named), strict=False))


def _made_up(item: Any) -> bool:
    """Whether the compiler may have made the table for purposes of its own."""
    return isinstance(item, Table) and (not item.fields or bool(item.initial))
