"""Expressions as Python functions of a packet. Python computes with unbounded integers, and so does BMv2."""

from __future__ import annotations

import operator
from collections.abc import Callable

from p4soft.api import PipelineError
from p4soft.codegen import model as m
from p4soft.codegen.spans import BOOL_OPS, MAX_WIDTH, constant_width
from p4soft.interpreter.frame import Frame, Slots

Number = Callable[[Frame], int]
HEADERS = (m.HeaderRef, m.LastHeader, m.LastUnionHeader, m.StackElement, m.UnionMember)
_UNIONS = (m.UnionRef, m.UnionElement)
_PLAIN: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "<<": lambda a, b: a << b if 0 <= b < MAX_WIDTH else 0,
    ">>": lambda a, b: a >> b if b >= 0 else 0,
    # As the native code has it: by zero is zero, and what is negative is cut.
    "/": lambda a, b: 0 if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1),
    "%": lambda a, b: 0 if b == 0 else abs(a) % abs(b) * (-1 if a < 0 else 1),
}


class Expressions:
    """Makes functions; those of truth values return 0 or 1."""

    def __init__(self, program: m.ProgramDef, slots: Slots) -> None:
        self.slots = slots
        self._unions_next = len(program.stacks)

    # headers

    def header(self, e: m.Argument | m.HeaderExpr) -> Number:
        """The header's number."""
        match e:
            case m.HeaderRef(header):
                return _constant(header.index)
            case m.LastHeader(stack):
                return self._last(self.slots.stacks[stack.index], stack.index)
            case m.StackElement(stack, at):
                return _element(self.slots.stacks[stack.index], self.number(at))
            case m.LastUnionHeader(ustack, member):
                column = [element[member] for element in self.slots.unions[ustack.index]]
                return self._last(column, self.cursor(ustack))
            case m.UnionMember(m.UnionRef(union), member):
                return _constant(union.members[member].index)
            case m.UnionMember(m.UnionElement(ustack, at), member):
                column = [element[member] for element in self.slots.unions[ustack.index]]
                return _element(column, self.number(at))
        raise PipelineError("a header was expected")

    def cursor(self, stack: m.Stack | m.UnionStack) -> int:
        """Where ``Frame.next`` has the stack's."""
        return stack.index + (self._unions_next if isinstance(stack, m.UnionStack) else 0)

    @staticmethod
    def _last(numbers: list[int], cursor: int) -> Number:
        """Of an empty stack: the element that stands for none."""
        depth = len(numbers) - 1
        return lambda frame: numbers[frame.next[cursor] - 1 if 0 < frame.next[cursor] <= depth else depth]

    def union_members(self, e: m.UnionRef | m.UnionElement) -> list[Number]:
        count = len(e.union.members if isinstance(e, m.UnionRef) else e.stack.unions[0].members)
        return [self.header(m.UnionMember(e, member)) for member in range(count)]

    # values

    def number(self, e: m.Argument | None) -> Number:
        match e:
            case m.Const(value):
                return _constant(value)
            case m.BoolConst(truth):
                return _constant(int(truth))
            case m.Local(index):
                return lambda frame: frame.params[index]
            case m.FieldRef():
                return self._field(e)
            case m.ValidBit(header):
                return self._valid(header)
            case m.Lookahead(offset, bits):
                return lambda frame: bits_at(frame.data, 8 * frame.cursor + offset, bits)
            case m.Op():
                return self._operation(e)
        raise PipelineError(f"{type(e).__name__} is used as a number")

    def _field(self, e: m.FieldRef) -> Number:
        field = e.field
        if field.varbit:
            raise PipelineError(f"the variable-length field {field.name} is used as a number")
        plain = self.slot(e)
        if not field.signed:
            return plain
        return lambda frame: _extended(plain(frame), field.bits)

    def slot(self, e: m.FieldRef) -> Number:
        """The bits of the field."""
        place = self.place(e)
        if isinstance(place, int):
            return lambda frame: frame.fields[place]
        return lambda frame: frame.fields[place(frame)]

    def place(self, e: m.FieldRef) -> int | Number:
        """Where the field is in ``Frame.fields``; it may depend on the packet."""
        base, at = self.slots.base, e.field.index
        if isinstance(e.header, m.HeaderRef):
            return base[e.header.header.index] + at
        header = self.header(e.header)
        return lambda frame: base[header(frame)] + at

    def _valid(self, e: m.HeaderExpr) -> Number:
        if isinstance(e, m.HeaderRef):
            index = e.header.index
            return lambda frame: frame.valid[index]
        header = self.header(e)
        return lambda frame: frame.valid[header(frame)]

    def _operation(self, e: m.Op) -> Number:
        op, left, right = e.op, e.left, e.right
        if op in ("last_stack_index", "size_stack"):
            if not isinstance(right, m.StackRef | m.UnionStackRef):
                raise PipelineError(f"{op} of something that is not a stack")
            cursor, less = self.cursor(right.stack), int(op == "last_stack_index")
            return lambda frame: frame.next[cursor] - less
        if op == "valid":
            if not isinstance(right, HEADERS):
                raise PipelineError("valid of something that is not a header")
            return self._valid(right)
        if op == "valid_union":
            if not isinstance(right, _UNIONS):
                raise PipelineError("valid_union of something that is not a header union")
            members = self.union_members(right)
            return lambda frame: any(frame.valid[member(frame)] for member in members)
        if op in ("==", "!=") and (same := self._same(left, right)) is not None:
            return same if op == "==" else lambda frame: not same(frame)
        if op in ("not", "d2b", "b2d", "~"):
            of = self.number(right)
            if op == "not":
                return lambda frame: not of(frame)
            return (lambda frame: ~of(frame)) if op == "~" else lambda frame: of(frame) != 0
        if op == "?":
            cond, a, b = self.number(e.cond), self.number(left), self.number(right)
            return lambda frame: a(frame) if cond(frame) else b(frame)
        if op in ("two_comp_mod", "usat_cast", "sat_cast"):
            return self._cast(op, self.number(left), constant_width(e))
        return self._binary(op, self.number(left), right)

    def _binary(self, op: str, a: Number, right: m.Expr | None) -> Number:
        if op in _PLAIN:
            compute = _PLAIN[op]
            if isinstance(right, m.Const):
                value = right.value
                return lambda frame: compute(a(frame), value)
            return plain(op, a, self.number(right))
        b = self.number(right)
        if op == "and":
            return lambda frame: bool(a(frame)) and bool(b(frame))
        if op == "or":
            return lambda frame: bool(a(frame)) or bool(b(frame))
        raise PipelineError(f"operator {op!r} is not supported")

    @staticmethod
    def _cast(op: str, of: Number, bits: int) -> Number:
        if op == "two_comp_mod":
            return lambda frame: _extended(of(frame), bits)
        low, high = (0, (1 << bits) - 1) if op == "usat_cast" else (-(1 << bits - 1), (1 << bits - 1) - 1)
        return lambda frame: min(max(of(frame), low), high)

    # comparisons of what is no number

    def _same(self, left: m.Expr | None, right: m.Expr | None) -> Number | None:
        """None: they are numbers."""
        if isinstance(left, HEADERS) and isinstance(right, HEADERS):
            return self._same_header(self.header(left), self.header(right))
        if isinstance(left, _UNIONS) and isinstance(right, _UNIONS):
            pairs = zip(self.union_members(left), self.union_members(right), strict=True)
            tests = [self._same_header(a, b) for a, b in pairs]
            return lambda frame: any(test(frame) for test in tests)
        if isinstance(left, m.FieldRef) and isinstance(right, m.FieldRef) and left.field.varbit and right.field.varbit:
            a, b = self.slot(left), self.slot(right)
            return lambda frame: a(frame) == b(frame)
        if is_bool(left) and is_bool(right):
            one, other = self.number(left), self.number(right)
            return lambda frame: bool(one(frame)) == bool(other(frame))
        return None

    def _same_header(self, left: Number, right: Number) -> Number:
        """Both are valid, and their fields are alike."""
        base, types = self.slots.base, self.slots.types

        def same(frame: Frame) -> int:
            a, b = left(frame), right(frame)
            if not (frame.valid[a] and frame.valid[b]):
                return False
            count = len(types[a].fields)
            return frame.fields[base[a] : base[a] + count] == frame.fields[base[b] : base[b] + count]

        return same


def plain(op: str, left: Number, right: Number) -> Number:
    """An operator of numbers."""
    compute = _PLAIN[op]
    return lambda frame: compute(left(frame), right(frame))


def _constant(value: int) -> Number:
    return lambda frame: value


def _element(numbers: list[int], at: Number) -> Number:
    depth = len(numbers) - 1

    def element(frame: Frame) -> int:
        index = at(frame)
        return numbers[index if 0 <= index < depth else depth]

    return element


def _extended(value: int, bits: int) -> int:
    """The low bits as a two's complement number."""
    half = 1 << bits - 1
    return (value + half & 2 * half - 1) - half


def is_bool(e: m.Expr | None) -> bool:
    """Whether BMv2 treats it as a truth value."""
    if isinstance(e, m.BoolConst):
        return True
    return isinstance(e, m.Op) and (e.op in BOOL_OPS or (e.op == "?" and is_bool(e.left)))


def bits_at(data: bytes, offset: int, bits: int) -> int:
    """Bits from an offset in bits on; those behind the end are 0."""
    end = offset + bits
    octets = data[offset // 8 : (end + 7) // 8].ljust((end + 7) // 8 - offset // 8, b"\0")
    return int.from_bytes(octets, "big") >> -end % 8 & (1 << bits) - 1
