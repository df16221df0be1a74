"""The parser: one label per state, a cursor into the packet, a jump to ``parsed`` on errors."""

from __future__ import annotations

from p4soft.api import PipelineError
from p4soft.codegen import model as m
from p4soft.codegen import value_sets
from p4soft.codegen.expr import Expressions
from p4soft.codegen.layout import Place
from p4soft.codegen.prims import Primitives
from p4soft.codegen.trace import Tracer, escaped
from p4soft.codegen.wide import c_type, container

_MAX_STEPS = 4096
"""States that one packet may pass through; a loop that reads nothing would never end otherwise."""


class ParserWriter:
    """Emits the parser. It reads pk (first byte), plen (bytes) and cur (bytes consumed); it sets perr."""

    def __init__(
        self,
        program: m.ProgramDef,
        ex: Expressions,
        prims: Primitives,
        useful: set[str] | None = None,
        trace: Tracer = Tracer(False),  # noqa: B008  (it has no state)
    ) -> None:
        """With ``useful``, a set of states, the parser ends before any other one, and changes nothing but metadata."""
        self.program = program
        self.ex = ex
        self.prims = prims
        self.useful = useful
        self.trace = trace

    def write(self) -> list[str]:
        parser = self.program.parser
        if parser.init is None:
            return []
        out = [self._jump(parser.init)]
        for state in parser.states.values():
            if self.useful is not None and state.name not in self.useful:
                continue
            out.append(f"P{state.index}: P4_LABEL; /* {comment(state.name)} */")
            out.append(f"if (P4_UNLIKELY(++steps > {_MAX_STEPS})) {self._fail('ParserTimeout')}")
            out += self.trace.line(f"Parser 'parser' entering state '{state.name}'")
            self.prims.exits = False
            for op in state.ops:
                out += self._op(op)
            out += self._transition(state)
        return out

    def _fail(self, error: str) -> str:
        return f"{{ perr = {self.program.errors[error]}; goto parsed; }}"

    def _op(self, op: m.ParserOp) -> list[str]:
        if isinstance(op, m.Extract):
            return self._extract(op)
        if isinstance(op, m.Verify):
            code = self.ex.at(op.error, 64)
            return [f"if (!{self.ex.truth(op.condition)}) {{ perr = (uint32_t)({code}); goto parsed; }}"]
        if isinstance(op, m.Advance):
            return [
                f"{{ const uint64_t bits = {self.ex.index(op.bits)};",
                f"if (bits & 7) {self._fail('ParserInvalidArgument')}",
                f"if (bits / 8 > plen - cur) {self._fail('PacketTooShort')}",
                "cur += (uint32_t)(bits / 8); }",
            ]
        if self.useful is not None and not sets_metadata(op.primitive):
            return []
        return self._lookahead_checks(op.primitive) + self.prims.held(
            [op.primitive], self.prims.statement(op.primitive)
        )

    def _lookahead_checks(self, prim: m.Primitive) -> list[str]:
        out = []
        for arg in prim.args:
            if isinstance(arg, m.Op | m.Lookahead):
                out += [self._room(look) for look in _lookaheads(arg)]
        return out

    def _room(self, look: m.Lookahead) -> str:
        return f"if (plen - cur < {(look.offset + look.bits + 7) // 8}) {self._fail('PacketTooShort')}"

    def _extract(self, op: m.Extract) -> list[str]:
        out: list[str] = []
        advance = ""
        if isinstance(op.target, m.Header):
            if op.target.metadata:
                raise PipelineError(f"{op.target.name}: metadata cannot be extracted")
            place = self.ex.layout.header(op.target)
            out += self.trace.line(f"Extracting header '{op.target.name}'")
        elif isinstance(op.target, m.Stack):
            name = f"s{op.target.index}n"
            out.append(f"if ({name} >= {len(op.target.headers)}) {self._fail('StackOutOfBounds')}")
            place, advance = self.ex.layout.element(op.target, name), f"{name}++;"
            out += self.trace.line(f"Extracting to header stack '{escaped(op.target.name)}', element %u", name)
        else:
            stack, member = op.target
            name = f"u{stack.index}n"
            out.append(f"if ({name} >= {len(stack.unions)}) {self._fail('StackOutOfBounds')}")
            place, advance = self.ex.layout.union_element(stack, member, name), f"{name}++;"
            out += self.trace.line(f"Extracting to header union stack '{escaped(stack.name)}', element %u", name)
        out += self._take(place, op.length)
        if advance:
            out.append(advance)
        return out

    def _take(self, place: Place, length: m.Expr | None) -> list[str]:
        fixed = place.type.fixed_bytes
        out: list[str] = []
        if length is None:
            if place.type.varbit:
                out.append(f"{place.length} = 0;")
            out.append(f"if (plen - cur < {fixed}) {self._fail('PacketTooShort')}")
            out += [f"{place.pointer} = pk + cur;", *self.prims.mark_valid(place), f"cur += {fixed};"]
            return out
        if not place.type.varbit:
            raise PipelineError(f"header type {place.type.name} has no variable-length field")
        return [
            f"{{ const uint64_t bits = {self.ex.index(length)};",
            f"if (bits & 7) {self._fail('ParserInvalidArgument')}",
            f"if (bits / 8 > plen - cur || {fixed} + bits / 8 > plen - cur) {self._fail('PacketTooShort')}",
            f"if ({fixed} + bits / 8 > {place.type.max_bytes}) {self._fail('HeaderTooShort')}",
            f"{place.length} = (uint32_t)(bits / 8); {place.pointer} = pk + cur;",
            *self.prims.mark_valid(place),
            f"cur += {fixed} + {place.length}; }}",
        ]

    # select

    def _jump(self, name: str | None) -> str:
        if name is None or (self.useful is not None and name not in self.useful):
            return "goto parsed;"
        return f"goto P{self.program.parser.states[name].index};"

    def _transition(self, state: m.ParserState) -> list[str]:
        default = next((t for t in state.transitions if t.values is None), None)
        fallback = self._jump(default.next_state if default else None)
        cases = [t for t in state.transitions if t.values is not None]
        if not cases or not state.key:
            return [fallback]
        out = ["{"]
        for i, (expr, bits) in enumerate(state.key):
            if isinstance(expr, m.Lookahead):
                out.append(self._room(expr))
            width = self.ex.note(container(0, (1 << bits) - 1))
            out.append(f"const {c_type(width)} k{i} = {self.ex.at(_unsigned(expr), width)};")
        self.ex.params = [f"k{i}" for i in range(len(state.key))]
        values = [(f"k{i}", bits) for i, (_, bits) in enumerate(state.key)]
        out += self.trace.numbers(f"Parser state '{escaped(state.name)}': key is %s", values)
        out += [self._case(state, case) for case in cases]
        return [*out, fallback, "}"]

    def _case(self, state: m.ParserState, case: m.Transition) -> str:
        jump = self._jump(case.next_state)
        if case.value_set is not None:
            return value_sets.lookup(case.value_set, [bits for _, bits in state.key], self.ex, jump)
        return f"if ({self._matches(state, case)}) {jump}"

    def _matches(self, state: m.ParserState, case: m.Transition) -> str:
        tests = []
        for i, (_, bits) in enumerate(state.key):
            full = (1 << bits) - 1
            value = case.values[i] if case.values else 0
            mask = (case.masks[i] if case.masks else full) & full
            if mask == 0:
                continue
            left: m.Expr = m.Local(i, bits)
            if mask != full:
                left = m.Op("&", left, m.Const(mask))
            tests.append(self.ex.truth(m.Op("==", left, m.Const(value & mask))))
        return " && ".join(tests) or "true"


def _unsigned(expr: m.Expr) -> m.Expr:
    if isinstance(expr, m.FieldRef) and expr.field.signed:
        return m.Op("&", expr, m.Const((1 << expr.field.bits) - 1))
    return expr


def sets_metadata(prim: m.Primitive) -> bool:
    """Whether a parser's statement assigns to a field of metadata."""
    target = prim.args[0] if prim.args else None
    return (
        prim.op in ("assign", "modify_field")
        and isinstance(target, m.FieldRef)
        and isinstance(target.header, m.HeaderRef)
        and target.header.header.metadata
    )


def _lookaheads(e: m.Expr | None) -> list[m.Lookahead]:
    if isinstance(e, m.Lookahead):
        return [e]
    if isinstance(e, m.Op):
        return _lookaheads(e.left) + _lookaheads(e.right) + _lookaheads(e.cond)
    return []


def comment(text: str) -> str:
    return text.replace("*/", "* /").encode("ascii", "replace").decode()
