"""Which variables hold copies of each other, and what follows for registers: those with the same index belong together.
Which register arrays actions use together.

The analysis looks at all assignments and at no order: a variable that ever gets a copy of another is of its class.
What is derived from it may only concern speed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from p4soft.codegen import model as m
from p4soft.codegen.cells import cell_bytes

Place = tuple[str, int, int]
"""A metadata field, or a parameter of an action."""

_INDEX = {"register_read": (1, 2), "register_write": (0, 1)}
"""Positions of array and index in the arguments."""
_LINE = 64


class Copies:
    """Classes of metadata fields and action parameters that are copies of each other somewhere in the program."""

    def __init__(self, program: m.ProgramDef) -> None:
        self._parent: dict[Place, Place] = {}
        for action, prim in _primitives(program):
            if prim.op.lower() not in ("assign", "modify_field") or len(prim.args) < 2:
                continue
            target, source = place(prim.args[0], action), place(prim.args[1], action)
            if target is not None and source is not None:
                self._parent[self.of(target)] = self.of(source)

    def of(self, item: Place) -> Place:
        """The representative of the item's class."""
        while (parent := self._parent.get(item, item)) != item:
            item = parent
        return item


def place(value: m.Argument | None, action: m.ActionDef) -> Place | None:
    """What a plain copy reads or writes; a mask in front of it is overlooked."""
    while isinstance(value, m.Op) and value.op == "&" and isinstance(value.right, m.Const):
        value = value.left
    if isinstance(value, m.Local):
        return ("parameter", id(action), value.index)
    if isinstance(value, m.FieldRef) and isinstance(value.header, m.HeaderRef) and value.header.header.metadata:
        return ("field", value.header.header.index, value.field.index)
    return None


def _primitives(program: m.ProgramDef) -> Iterator[tuple[m.ActionDef, m.Primitive]]:
    for action in program.actions:
        for prim in action.primitives:
            yield action, prim


def register_index(program: m.ProgramDef, copies: Copies) -> dict[int, Place]:
    """For each register array that has but one index, its class."""
    found: dict[int, set[Place | None]] = {}
    for action, prim in _primitives(program):
        if prim.op.lower() not in _INDEX:
            continue
        array_at, index_at = _INDEX[prim.op.lower()]
        if len(prim.args) <= index_at:
            continue
        array, index = prim.args[array_at], place(prim.args[index_at], action)
        if isinstance(array, m.RegisterArray):
            found.setdefault(array.index, set()).add(None if index is None else copies.of(index))
    return {number: only for number, classes in found.items() if len(classes) == 1 and (only := next(iter(classes)))}


def register_locks(program: m.ProgramDef) -> dict[int, int]:
    """The lock of each register array. Arrays that an action uses together have one in common, so that an action never
    needs two."""
    first: dict[int, int] = {}

    def of(array: int) -> int:
        while (parent := first.get(array, array)) != array:
            array = parent
        return array

    for action in program.actions:
        used = arrays_of(action.primitives)
        for array in used[1:]:
            first[of(array)] = of(used[0])
    numbers = {array: number for number, array in enumerate(sorted({of(r.index) for r in program.registers}))}
    return {register.index: numbers[of(register.index)] for register in program.registers}


def arrays_of(primitives: Iterable[m.Primitive]) -> list[int]:
    """The register arrays that these primitives use."""
    return sorted({a.index for prim in primitives for a in prim.args if isinstance(a, m.RegisterArray)})


def arrange_registers(program: m.ProgramDef) -> None:
    """Lay arrays of one size and index out cell beside cell, so that a packet touches one cache line for all. Those
    that no action uses together stay apart where that takes a quarter of the memory less."""
    index = register_index(program, Copies(program))
    groups: dict[tuple[int, Place], list[m.RegisterArray]] = {}
    for register in program.registers:
        if register.index in index:
            groups.setdefault((register.size, index[register.index]), []).append(register)
    locks = register_locks(program)
    for members in groups.values():
        parts: dict[int, list[m.RegisterArray]] = {}
        for register in members:
            parts.setdefault(locks[register.index], []).append(register)
        apart = list(parts.values())
        for part in apart if 4 * sum(map(_stride, apart)) < 3 * _stride(members) else [members]:
            _beside(part)


def _stride(members: Sequence[m.RegisterArray]) -> int:
    """Bytes from one index to the next where they lie together: a power of two, so that none straddles a line."""
    octets = sum(cell_bytes(register.bits) for register in members)
    return 1 << (octets - 1).bit_length()


def _beside(members: list[m.RegisterArray]) -> None:
    stride = _stride(members)
    if stride > _LINE:
        return
    at = 0
    for register in sorted(members, key=lambda register: -cell_bytes(register.bits)):
        register.home = max(members, key=lambda register: cell_bytes(register.bits)).index
        register.offset, register.stride = at, stride
        at += cell_bytes(register.bits)
