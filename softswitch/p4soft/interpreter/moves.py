"""Assignments of fields, headers, unions and stacks."""

from __future__ import annotations

from collections.abc import Callable

from p4soft.api import PipelineError
from p4soft.codegen import model as m
from p4soft.codegen.scope import header_type
from p4soft.interpreter.expressions import Expressions, Number
from p4soft.interpreter.frame import Frame
from p4soft.interpreter.hashing import joined

_Step = Callable[[Frame], None]
_UNIONS = (m.UnionRef, m.UnionElement)


class Moves:
    """One method for each primitive, which returns a function."""

    def __init__(self, ex: Expressions) -> None:
        self.ex = ex
        self.slots = ex.slots

    def setter(self, ref: m.FieldRef) -> Callable[[Frame, int], None]:
        """Sets the field to the low bits of a number."""
        place, mask = self.ex.place(ref), (1 << ref.field.bits) - 1

        def set_(frame: Frame, value: int) -> None:
            frame.fields[place if isinstance(place, int) else place(frame)] = value & mask

        return set_

    def copy_varbit(self, target: m.FieldRef, source: m.FieldRef) -> _Step:
        place, value = self.ex.place(target), self.ex.slot(source)
        type_ = header_type(target.header)
        room = 8 * (type_.max_bytes - type_.fixed_bytes)

        def copy(frame: Frame) -> None:
            held = value(frame)
            over = max(0, held.bit_length() - 1 - room)
            frame.fields[place if isinstance(place, int) else place(frame)] = held >> over

        return copy

    # headers

    def validate(self, frame: Frame, header: int) -> None:
        """The header is there, and so no other member of its union is."""
        for other in self.slots.siblings[header]:
            frame.valid[other] = False
        frame.valid[header] = True

    def _do_add_header(self, prim: m.Primitive) -> _Step:
        header = self.ex.header(prim.args[0])
        base, types = self.slots.base, self.slots.types

        def add(frame: Frame) -> None:
            number = header(frame)
            if not frame.valid[number]:
                for field in types[number].fields:
                    frame.fields[base[number] + field.index] = int(field.varbit)
                frame.length += types[number].fixed_bytes
                self.validate(frame, number)

        return add

    def _do_remove_header(self, prim: m.Primitive) -> _Step:
        header = self.ex.header(prim.args[0])

        def remove(frame: Frame) -> None:
            number = header(frame)
            if frame.valid[number]:
                frame.length -= (joined(frame, self.slots, number)[1] + 7) // 8
                frame.valid[number] = False

        return remove

    def copy_header(self, frame: Frame, to: int, of: int) -> None:
        if not frame.valid[of]:
            frame.valid[to] = False
            return
        base, count = self.slots.base, len(self.slots.types[of].fields)
        frame.fields[base[to] : base[to] + count] = frame.fields[base[of] : base[of] + count]
        self.validate(frame, to)

    def _do_assign_header(self, prim: m.Primitive) -> _Step:
        to, of = self.ex.header(prim.args[0]), self.ex.header(prim.args[1])
        return lambda frame: self.copy_header(frame, to(frame), of(frame))

    _do_copy_header = _do_assign_header

    def _do_assign_union(self, prim: m.Primitive) -> _Step:
        to, of = prim.args[:2]
        if not isinstance(to, _UNIONS) or not isinstance(of, _UNIONS):
            raise PipelineError("header unions were expected")
        pairs = list(zip(self.ex.union_members(to), self.ex.union_members(of), strict=True))

        def assign(frame: Frame) -> None:
            for a, b in pairs:
                self.copy_header(frame, a(frame), b(frame))

        return assign

    def _do_assign_header_stack(self, prim: m.Primitive) -> _Step:
        (to, to_columns), (of, of_columns) = (self._columns(arg) for arg in prim.args[:2])

        def assign(frame: Frame) -> None:
            frame.next[to] = frame.next[of]
            for a, b in zip(to_columns, of_columns, strict=True):
                for target, source in zip(a, b, strict=True):
                    self.copy_header(frame, target, source)

        return assign

    _do_assign_union_stack = _do_assign_header_stack

    # stacks

    def _columns(self, arg: m.Argument) -> tuple[int, list[list[int]]]:
        """The stack's cursor, and for each header of an element the numbers of all elements."""
        if isinstance(arg, m.StackRef):
            return self.ex.cursor(arg.stack), [self.slots.stacks[arg.stack.index][:-1]]
        if isinstance(arg, m.UnionStackRef):
            elements = self.slots.unions[arg.stack.index][:-1]
            return self.ex.cursor(arg.stack), [list(column) for column in zip(*elements, strict=True)]
        raise PipelineError("a header stack was expected")

    def _do_push(self, prim: m.Primitive) -> _Step:
        return self._shift(prim, 1)

    def _do_pop(self, prim: m.Primitive) -> _Step:
        return self._shift(prim, -1)

    def _shift(self, prim: m.Primitive, sign: int) -> _Step:
        cursor, columns = self._columns(prim.args[0])
        count: Number = self.ex.number(prim.args[1])
        depth = len(columns[0])

        def shift(frame: Frame) -> None:
            by = sign * min(count(frame), depth)
            frame.next[cursor] = min(max(frame.next[cursor] + by, 0), depth)
            order = range(depth - 1, -1, -1) if sign > 0 else range(depth)
            for column in columns if by else ():
                for at in order:
                    source = at - by
                    if 0 <= source < depth:
                        self.copy_header(frame, column[at], column[source])
                    else:
                        frame.valid[column[at]] = False

        return shift
