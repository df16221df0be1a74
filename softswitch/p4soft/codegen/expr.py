"""Expressions: BMv2 computes with unbounded integers; here every value gets the smallest container that is exact.

``span`` bounds a value (:mod:`p4soft.codegen.spans`). ``at(e, width)`` is C code equal to e modulo 2**width. Addition,
multiplication, bit operations and left shifts commute with that modulus; everything else first asks for a container
that holds its operands exactly.
"""

from __future__ import annotations

from p4soft.api import PipelineError
from p4soft.codegen import model as m
from p4soft.codegen.arith import binary, divide, nonzero, shift, unary_not
from p4soft.codegen.layout import Layout, Place
from p4soft.codegen.spans import BOOL_OPS, COMPARISONS, MAX_WIDTH, Spans, constant_width
from p4soft.codegen.wide import container, convert, literal

_HEADERS = (m.HeaderRef, m.LastHeader, m.LastUnionHeader, m.StackElement, m.UnionMember)


class Expressions:
    """Turns expressions into C. ``params`` are the C expressions of the current action's parameters."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.params: list[str] = []
        self.used: set[str] = set()
        self.variables: dict[str, m.FieldDef] = {}
        self.limbs: set[int] = set()
        self._spans = Spans()

    # metadata variables

    def variable(self, ref: m.FieldRef) -> str:
        """The C variable of a metadata field."""
        if not isinstance(ref.header, m.HeaderRef):
            raise PipelineError("metadata cannot be in a stack")
        header = ref.header.header
        name = f"m{header.index}_{ref.field.index}"
        self.variables[name] = ref.field
        self.used.add(name)
        self.note(container(0, (1 << ref.field.bits) - 1))
        return name

    def note(self, width: int) -> int:
        """Remember that a container is in use."""
        if width > MAX_WIDTH:
            raise PipelineError(f"a value of more than {MAX_WIDTH} bits is computed; mask it earlier")
        if width > 128:
            self.limbs.add(width // 64)
        return width

    # headers

    def place(self, ref: m.HeaderExpr) -> Place:
        if isinstance(ref, m.HeaderRef):
            return self.layout.header(ref.header)
        if isinstance(ref, m.LastHeader):
            stack = ref.stack
            return self.layout.element(stack, f"p4s_last(s{stack.index}n, {len(stack.headers)})")
        if isinstance(ref, m.StackElement):
            depth = len(ref.stack.headers)
            return self.layout.element(ref.stack, f"p4s_clamp({self.index(ref.at)}, {depth})")
        if isinstance(ref, m.LastUnionHeader):
            depth = len(ref.stack.unions)
            return self.layout.union_element(ref.stack, ref.member, f"p4s_last(u{ref.stack.index}n, {depth})")
        if isinstance(ref.union, m.UnionRef):
            return self.layout.header(ref.union.union.members[ref.member])
        ustack = ref.union.stack
        return self.layout.union_element(
            ustack, ref.member, f"p4s_clamp({self.index(ref.union.at)}, {len(ustack.unions)})"
        )

    def index(self, e: m.Expr) -> str:
        """An array index: 64 bits, anything out of range stays out of range."""
        low, high = self.span(e)
        if low >= 0 and high < 1 << 64:
            return self.at(e, 64)
        width = self.note(container(low, high))
        code = self.at(e, width)
        if width == 64:
            return code
        big = f"({code}) > UINT64_MAX" if width == 128 else f"w{width // 64}_shr({code}, 64).l[0] != 0"
        return f"(({big}) ? UINT64_MAX : {convert(code, width, 64, False)})"

    def union_bits(self, ref: m.UnionRef | m.UnionElement) -> list[Place]:
        """The members of a union."""
        count = len(ref.union.members if isinstance(ref, m.UnionRef) else ref.stack.unions[0].members)
        return [self.place(m.UnionMember(ref, i)) for i in range(count)]

    def span(self, e: m.Expr) -> tuple[int, int]:
        """The smallest and largest value of e."""
        return self._spans.of(e)

    # code

    def exact(self, e: m.Expr, *others: m.Expr) -> tuple[int, bool]:
        """A container for the values of all operands, and whether they are to be read as signed."""
        spans = [self.span(x) for x in (e, *others)]
        low, high = min(s[0] for s in spans), max(s[1] for s in spans)
        return self.note(container(low, high)), low < 0

    def at(self, e: m.Expr, width: int) -> str:
        """C code that equals e modulo 2**width, of type c_type(width)."""
        low, high = self.span(e)
        own = container(low, high)
        if isinstance(e, m.Const):
            return literal(e.value, width)
        if own < width:
            return convert(self.at(e, self.note(own)), own, width, low < 0)
        self.note(width)
        if isinstance(e, m.Local):
            return convert(self.params[e.index], container(0, (1 << e.bits) - 1), width, False)
        if isinstance(e, m.FieldRef):
            return self.load(e, width)
        if isinstance(e, m.ValidBit):
            return f"((uint64_t){self.valid(e.header)})"
        if isinstance(e, m.BoolConst):
            return "1" if e.value else "0"
        if isinstance(e, m.Lookahead):
            return self.load_bits("(pk + cur)", e.offset, e.bits, width)
        if isinstance(e, m.RegisterCell):
            raise PipelineError("registers inside expressions (P4_14) are not supported")
        if isinstance(e, m.Op):
            return self._op_at(e, width)
        raise PipelineError(f"{type(e).__name__} is used as a number")

    def _op_at(self, e: m.Op, width: int) -> str:
        op = e.op
        if op in BOOL_OPS:
            return f"((uint64_t)({self.truth(e)}))"
        if op == "b2d":
            return f"((uint64_t)({self.truth(self._operand(e.right)[0])}))"
        if op in ("last_stack_index", "size_stack"):
            ref = e.right
            if not isinstance(ref, m.StackRef | m.UnionStackRef):
                raise PipelineError(f"{op} of something that is not a stack")
            name = f"{'s' if isinstance(ref, m.StackRef) else 'u'}{ref.stack.index}n"
            return f"((uint64_t){name} - 1)" if op == "last_stack_index" else f"((uint64_t){name})"
        if op == "~":
            return unary_not(self.at(self._operand(e.right)[0], width), width)
        left, right = self._operand(e.left, e.right)
        if op in ("+", "-", "*", "&", "|", "^"):
            return binary(op, self.at(left, width), self.at(right, width), width)
        if op == "<<":
            return shift("shl", self.at(left, width), self.index(right), width, right)
        if op == ">>":
            return self._shift_right(left, right, width)
        if op == "?":
            cond = self.truth(self._operand(e.cond)[0])
            return f"(({cond}) ? {self.at(left, width)} : {self.at(right, width)})"
        if op == "two_comp_mod":
            bits = constant_width(e)
            inner = self.note(max(64, (bits + 63) // 64 * 64))
            code = self.at(left, inner)
            pad = inner - bits
            if pad:
                const = m.Const(pad)
                code = shift("sar", shift("shl", code, str(pad), inner, const), str(pad), inner, const)
            return convert(code, inner, width, True)
        if op in ("/", "%"):
            inner, signed = self.exact(left, right)
            code = divide(op, self.at(left, inner), self.at(right, inner), inner, signed)
            return convert(code, inner, width, signed)
        if op in ("usat_cast", "sat_cast"):
            low, high = self.span(e)
            clamped = m.Op(
                "?",
                m.Const(high),
                m.Op("?", m.Const(low), left, m.Op("<", left, m.Const(low))),
                m.Op(">", left, m.Const(high)),
            )
            inner, signed = self.exact(left, m.Const(low), m.Const(high))
            return convert(self.at(clamped, inner), inner, width, signed)
        raise PipelineError(f"operator {op!r} is not supported")

    def _shift_right(self, left: m.Expr, right: m.Expr, width: int) -> str:
        if isinstance(left, m.FieldRef) and isinstance(right, m.Const) and not left.field.signed:
            keep = left.field.bits - right.value
            if right.value >= 0 and keep > 0 and not self.is_metadata(left):
                take = min(keep, width)
                place = self.place(left.header)
                offset = left.field.offset + left.field.bits - right.value - take
                return self.load_bits(self.base(place, left.field), offset, take, width)
        inner, signed = self.exact(left)
        code = shift("sar" if signed else "shr", self.at(left, inner), self.index(right), inner, right)
        return convert(code, inner, width, signed)

    @staticmethod
    def _operand(*operands: m.Expr | None) -> list[m.Expr]:
        out = [o for o in operands if o is not None]
        if len(out) != len(operands):
            raise PipelineError("an operator lacks an operand")
        return out

    # fields

    @staticmethod
    def is_metadata(ref: m.FieldRef) -> bool:
        return isinstance(ref.header, m.HeaderRef) and ref.header.header.metadata

    @staticmethod
    def base(place: Place, field: m.FieldDef) -> str:
        """Pointer that the field's bit offset counts from."""
        varbit = place.type.varbit
        if varbit is not None and field.index > varbit.index:
            return f"({place.pointer} + {place.length})"
        return f"({place.pointer})"

    def load(self, ref: m.FieldRef, width: int) -> str:
        """The field modulo 2**width; ``width`` is not larger than the field's container."""
        field = ref.field
        if field.varbit:
            raise PipelineError(f"the variable-length field {field.name} is used as a number")
        full = self.note(container(0, (1 << field.bits) - 1))
        if self.is_metadata(ref):
            code = self.variable(ref)
        else:
            take = min(field.bits, width)
            base = self.base(self.place(ref.header), field)
            code, full = self.load_bits(base, field.offset + field.bits - take, take, width), width
            if take < field.bits:
                return code
        pad = full - field.bits
        if field.signed and pad > 0:
            const = m.Const(pad)
            code = shift("sar", shift("shl", code, str(pad), full, const), str(pad), full, const)
        return convert(code, full, width, field.signed)

    @staticmethod
    def load_bits(pointer: str, offset: int, bits: int, width: int) -> str:
        """``bits`` bits at a bit offset as a number in a container of at least that size."""
        pieces = []
        end = offset + bits
        while end > offset:
            start = max(offset, end - 64)
            pieces.append(f"p4s_ld({pointer}, {start}, {end - start})")
            end = start
        if width == 64:
            return pieces[0]
        pieces += ["0"] * (width // 64 - len(pieces))
        if width == 128:
            return f"P4_U128({pieces[1]}, {pieces[0]})"
        return f"(w{width // 64}){{{{" + ", ".join(pieces) + "}}"

    # booleans

    def valid(self, ref: m.HeaderExpr) -> str:
        if isinstance(ref, m.HeaderRef) and ref.header.metadata:
            return "true"
        return f"p4s_bget(V, {self.place(ref).bit})"

    def truth(self, e: m.Expr) -> str:
        """C code of a boolean expression."""
        if isinstance(e, m.BoolConst):
            return "true" if e.value else "false"
        if not isinstance(e, m.Op):
            width, _ = self.exact(e)
            return nonzero(self.at(e, width), width)
        op = e.op
        if op == "not":
            return f"(!{self.truth(self._operand(e.right)[0])})"
        if op in ("and", "or"):
            left, right = self._operand(e.left, e.right)
            return f"({self.truth(left)} {'&&' if op == 'and' else '||'} {self.truth(right)})"
        if op == "valid":
            return self._valid_of(self._operand(e.right)[0])
        if op == "valid_union":
            ref = e.right
            if not isinstance(ref, m.UnionRef | m.UnionElement):
                raise PipelineError("valid_union of something that is not a header union")
            return "(" + " || ".join(f"p4s_bget(V, {p.bit})" for p in self.union_bits(ref)) + ")"
        if op == "d2b":
            return self.truth(self._operand(e.right)[0])
        if op in COMPARISONS:
            return self._compare(e)
        if op == "?" and e.left is not None and self.is_bool(e.left):
            left, right, cond = self._operand(e.left, e.right, e.cond)
            return f"({self.truth(cond)} ? {self.truth(left)} : {self.truth(right)})"
        width, _ = self.exact(e)
        return nonzero(self.at(e, width), width)

    def _valid_of(self, e: m.Expr) -> str:
        if not isinstance(e, _HEADERS):
            raise PipelineError("valid of something that is not a header")
        return self.valid(e)

    def is_bool(self, e: m.Expr) -> bool:
        """Whether BMv2 treats e as a boolean."""
        if isinstance(e, m.BoolConst):
            return True
        if not isinstance(e, m.Op):
            return False
        return e.op in BOOL_OPS or (e.op == "?" and e.left is not None and self.is_bool(e.left))

    def _compare(self, e: m.Op) -> str:
        left, right = self._operand(e.left, e.right)
        negate = "!" if e.op == "!=" else ""
        if isinstance(left, _HEADERS) and isinstance(right, _HEADERS):
            return negate + self._same_header(self.place(left), self.place(right))
        if isinstance(left, m.UnionRef | m.UnionElement) and isinstance(right, m.UnionRef | m.UnionElement):
            pairs = zip(self.union_bits(left), self.union_bits(right), strict=True)
            return negate + "(" + " || ".join(self._same_header(a, b) for a, b in pairs) + ")"
        if self.is_bool(left) and self.is_bool(right):
            return f"({self.truth(left)} {e.op} {self.truth(right)})"
        if isinstance(left, m.FieldRef) and isinstance(right, m.FieldRef) and left.field.varbit and right.field.varbit:
            return negate + self._same_varbit(left, right)
        width, signed = self.exact(left, right)
        a, b = self.at(left, width), self.at(right, width)
        if width <= 128:
            if signed and e.op not in ("==", "!="):
                cast = "int64_t" if width == 64 else "p4i128"
                a, b = f"({cast})({a})", f"({cast})({b})"
            return f"({a} {e.op} {b})"
        t = f"w{width // 64}"
        if e.op in ("==", "!="):
            return f"({negate}{t}_eq({a}, {b}))"
        less = f"{t}_{'slt' if signed else 'ult'}"
        return {
            "<": f"{less}({a}, {b})",
            ">": f"{less}({b}, {a})",
            "<=": f"(!{less}({b}, {a}))",
            ">=": f"(!{less}({a}, {b}))",
        }[e.op]

    def _same_varbit(self, left: m.FieldRef, right: m.FieldRef) -> str:
        a, b = self.place(left.header), self.place(right.header)
        first, second = f"{a.pointer} + {left.field.offset // 8}", f"{b.pointer} + {right.field.offset // 8}"
        return f"({a.length} == {b.length} && memcmp({first}, {second}, {a.length}) == 0)"

    @staticmethod
    def _same_header(a: Place, b: Place) -> str:
        length = f" && {a.length} == {b.length}" if a.type.varbit else ""
        return (
            f"(p4s_bget(V, {a.bit}) && p4s_bget(V, {b.bit}){length} && "
            f"memcmp({a.pointer}, {b.pointer}, {a.size()}) == 0)"
        )
