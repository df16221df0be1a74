"""The parser, as functions of a packet."""

from __future__ import annotations

from collections.abc import Callable

from p4soft.api import PipelineError
from p4soft.codegen import model as m
from p4soft.interpreter import events
from p4soft.interpreter.expressions import Expressions, Number, bits_at
from p4soft.interpreter.frame import Frame, ParserError
from p4soft.interpreter.primitives import Primitives, Step
from p4soft.interpreter.tables import pack_exact

_MAX_STEPS = 4096
"""States that one packet may pass through, as in the native code."""

Choice = Callable[[Frame], str | None]


class Parser:
    """Runs a packet through the parser. It ends where the program says, or with an error."""

    def __init__(self, program: m.ProgramDef, ex: Expressions, prims: Primitives) -> None:
        self._program = program
        self._errors = program.errors
        self._names = {number: name for name, number in program.errors.items()}
        self._ex = ex
        self._prims = prims
        self._states = {
            state.name: ([self._op(op) for op in state.ops], self._choice(state))
            for state in program.parser.states.values()
        }

    def run(self, frame: Frame) -> None:
        frame.tell(events.Stage("Parser 'parser': start"))
        frame.error = self._errors["NoError"]
        try:
            self._run(frame)
        except ParserError as error:
            frame.error = error.number
            frame.tell(events.ParserFailed(self._names.get(error.number, str(error.number))))
        frame.tell(events.Stage(f"Parser 'parser': end, {frame.cursor} bytes parsed"))

    def _run(self, frame: Frame) -> None:
        at = self._program.parser.init
        while at is not None:
            frame.steps += 1
            if frame.steps > _MAX_STEPS:
                self._fail("ParserTimeout")
            frame.tell(events.EnteredState(at))
            ops, choose = self._states[at]
            for op in ops:
                op(frame)
            at = choose(frame)

    def _fail(self, error: str) -> None:
        raise ParserError(self._errors[error])

    def _require(self, frame: Frame, octets: int) -> None:
        if len(frame.data) - frame.cursor < octets:
            self._fail("PacketTooShort")

    # statements

    def _op(self, op: m.ParserOp) -> Step:
        if isinstance(op, m.Extract):
            return self._extract(op)
        if isinstance(op, m.Verify):
            holds, error = self._ex.number(op.condition), self._ex.number(op.error)

            def verify(frame: Frame) -> None:
                if not holds(frame):
                    raise ParserError(error(frame))

            return verify
        if isinstance(op, m.Advance):
            bits = self._ex.number(op.bits)

            def advance(frame: Frame) -> None:
                frame.cursor += self._octets(frame, bits(frame))

            return advance
        return self._call(op.primitive)

    def _octets(self, frame: Frame, bits: int) -> int:
        """Whole bytes that are there."""
        if bits % 8:
            self._fail("ParserInvalidArgument")
        if bits < 0:
            self._fail("PacketTooShort")
        self._require(frame, bits // 8)
        return bits // 8

    def _call(self, prim: m.Primitive) -> Step:
        step = self._prims.step(prim)
        needed = [(look.offset + look.bits + 7) // 8 for arg in prim.args for look in _lookaheads(arg)]
        if not needed:
            return step

        def call(frame: Frame) -> None:
            self._require(frame, max(needed))
            step(frame)

        return call

    def _extract(self, op: m.Extract) -> Step:
        slots = self._ex.slots
        if isinstance(op.target, m.Header):
            if op.target.metadata:
                raise PipelineError(f"{op.target.name}: metadata cannot be extracted")
            take, index = self._take(op.target.type, op.length), op.target.index
            event = events.Extracted(op.target.name)

            def extract(frame: Frame) -> None:
                frame.tell(event)
                take(frame, index)

            return extract
        stack, is_union = (op.target, False) if isinstance(op.target, m.Stack) else (op.target[0], True)
        if isinstance(op.target, m.Stack):
            numbers = slots.stacks[op.target.index][:-1]
        else:
            numbers = [element[op.target[1]] for element in slots.unions[op.target[0].index][:-1]]
        cursor, take_element = self._ex.cursor(stack), self._take(slots.types[numbers[0]], op.length)

        def extract_element(frame: Frame) -> None:
            at = frame.next[cursor]
            if at >= len(numbers):
                self._fail("StackOutOfBounds")
            frame.tell(events.Extracted(stack.name, at, is_union))
            take_element(frame, numbers[at])
            frame.next[cursor] += 1

        return extract_element

    def _take(self, type_: m.HeaderType, length: m.Expr | None) -> Callable[[Frame, int], None]:
        base, prims = self._ex.slots.base, self._prims
        varbit_bits: Number = self._ex.number(length) if length is not None else lambda frame: 0
        if length is not None and type_.varbit is None:
            raise PipelineError(f"header type {type_.name} has no variable-length field")

        def take(frame: Frame, number: int) -> None:
            more = varbit_bits(frame)
            octets = type_.fixed_bytes + (self._octets(frame, more) if more else 0)
            self._require(frame, octets)
            if octets > type_.max_bytes:
                self._fail("HeaderTooShort")
            data, first = frame.data[frame.cursor : frame.cursor + octets], base[number]
            whole, left = int.from_bytes(data, "big"), 8 * octets
            for field in type_.fields:
                bits = more if field.varbit else field.bits
                left -= bits
                value = whole >> left & (1 << bits) - 1
                frame.fields[first + field.index] = value | 1 << bits if field.varbit else value
            prims.validate(frame, number)
            frame.cursor += octets

        return take

    # select

    def _choice(self, state: m.ParserState) -> Choice:
        default = next((t.next_state for t in state.transitions if t.values is None), None)
        cases = [self._case(state, t) for t in state.transitions if t.values is not None]
        if not cases or not state.key:
            return lambda frame: default
        parts = [self._key_part(expr, bits) for expr, bits in state.key]

        def choose(frame: Frame) -> str | None:
            key = tuple(part(frame) for part in parts)
            frame.tell(events.Selected(state, key))
            for matches, target in cases:
                if matches(frame, key):
                    return target
            return default

        return choose

    def _key_part(self, expr: m.Expr, bits: int) -> Number:
        mask = (1 << bits) - 1
        if isinstance(expr, m.Lookahead):
            needed = (expr.offset + expr.bits + 7) // 8

            def look(frame: Frame) -> int:
                self._require(frame, needed)
                return bits_at(frame.data, 8 * frame.cursor + expr.offset, expr.bits) & mask

            return look
        number = self._ex.number(expr)
        return lambda frame: number(frame) & mask

    def _case(
        self, state: m.ParserState, case: m.Transition
    ) -> tuple[Callable[[Frame, tuple[int, ...]], bool], str | None]:
        widths = [bits for _, bits in state.key]
        if case.value_set is not None:
            value_set = case.value_set

            def is_member(frame: Frame, key: tuple[int, ...]) -> bool:
                joined = 0
                for value, bits in zip(key, widths, strict=True):
                    joined = joined << bits | value
                return frame.overlay.state.entry(value_set.table, pack_exact(value_set.table, (joined,))) is not None

            return is_member, case.next_state
        full = [(1 << bits) - 1 for bits in widths]
        masks = [mask & all_ for mask, all_ in zip(case.masks or full, full, strict=True)]
        values = [value & mask for value, mask in zip(case.values or [0] * len(full), masks, strict=True)]
        if not any(masks):
            return (lambda frame, key: True), case.next_state
        wanted = list(zip(masks, values, strict=True))
        return (
            lambda frame, key: all(part & mask == value for part, (mask, value) in zip(key, wanted, strict=True)),
            case.next_state,
        )


def _lookaheads(e: m.Argument | None) -> list[m.Lookahead]:
    if isinstance(e, m.Lookahead):
        return [e]
    if isinstance(e, m.Op):
        return _lookaheads(e.left) + _lookaheads(e.right) + _lookaheads(e.cond)
    return []
