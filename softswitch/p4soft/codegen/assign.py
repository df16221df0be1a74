"""Assignments: fields, headers, unions and stacks, as C statements."""

from __future__ import annotations

from collections.abc import Callable

from p4soft.api import PipelineError
from p4soft.codegen import model as m
from p4soft.codegen.arith import masked
from p4soft.codegen.expr import Expressions
from p4soft.codegen.layout import Place
from p4soft.codegen.wide import c_type, container, convert

_HEADERS = (m.HeaderRef, m.LastHeader, m.LastUnionHeader, m.StackElement, m.UnionMember)
_UNIONS = (m.UnionRef, m.UnionElement)
_EXPRESSIONS = (m.Const, m.BoolConst, m.Local, m.FieldRef, m.ValidBit, m.Lookahead, m.RegisterCell, m.Op)


class Assignments:
    """Primitives that change headers and metadata; one method each, which returns C statements."""

    def __init__(self, ex: Expressions, program: m.ProgramDef) -> None:
        self.ex = ex
        self.program = program

    # arguments

    @staticmethod
    def expr(arg: m.Argument) -> m.Expr:
        if not isinstance(arg, _EXPRESSIONS):
            raise PipelineError("a number was expected")
        return arg

    def _place(self, arg: m.Argument) -> Place:
        if not isinstance(arg, _HEADERS):
            raise PipelineError("a header was expected")
        return self.ex.place(arg)

    @staticmethod
    def target(arg: m.Argument) -> m.FieldRef:
        if not isinstance(arg, m.FieldRef):
            raise PipelineError("the target has to be a field")
        return arg

    def number(self, arg: m.Argument) -> str:
        """A number cut to 64 bits."""
        return self.ex.at(self.expr(arg), 64)

    # assignment

    def assign(self, ref: m.FieldRef, code: str, width: int, fits: bool) -> list[str]:
        """Write a value of one container to a field."""
        bits = ref.field.bits
        own = self.ex.note(container(0, (1 << bits) - 1))
        if self.ex.is_metadata(ref):
            value = convert(code, width, own, False)
            return [f"{self.ex.variable(ref)} = {value if fits else masked(value, bits, own)};"]
        base = self.ex.base(self.ex.place(ref.header), ref.field)
        if own == 64:
            return [f"p4s_st({base}, {ref.field.offset}, {bits}, {convert(code, width, 64, False)});"]
        out = [f"{{ const {c_type(own)} v = {convert(code, width, own, False)};"]
        for at in range(0, bits, 64):
            size = min(64, bits - at)
            piece = f"(uint64_t)(v >> {at})" if own == 128 else f"v.l[{at // 64}]"
            out.append(f"p4s_st({base}, {ref.field.offset + bits - at - size}, {size}, {piece});")
        return [*out, "}"]

    def set_field(self, ref: m.FieldRef, value: m.Expr) -> list[str]:
        if ref.field.varbit:
            if not isinstance(value, m.FieldRef) or not value.field.varbit:
                raise PipelineError("a variable-length field takes only another one's value")
            return self._copy_varbit(ref, value)
        bits = ref.field.bits
        own = self.ex.note(container(0, (1 << bits) - 1))
        low, high = self.ex.span(value)
        return self.assign(ref, self.ex.at(value, own), own, low >= 0 and high < 1 << bits)

    def _do_assign(self, prim: m.Primitive) -> list[str]:
        return self.set_field(self.target(prim.args[0]), self.expr(prim.args[1]))

    _do_modify_field = _do_assign
    _do_assign_vl = _do_assign

    def _arithmetic(self, prim: m.Primitive, op: str) -> list[str]:
        target = self.target(prim.args[0])
        left, right = prim.args[1:3] if len(prim.args) > 2 else (target, prim.args[1])
        return self.set_field(target, m.Op(op, self.expr(left), self.expr(right)))

    def _do_add_to_field(self, prim: m.Primitive) -> list[str]:
        return self._arithmetic(prim, "+")

    def _do_subtract_from_field(self, prim: m.Primitive) -> list[str]:
        return self._arithmetic(prim, "-")

    _do_add = _do_add_to_field
    _do_subtract = _do_subtract_from_field

    def _do_bit_and(self, prim: m.Primitive) -> list[str]:
        return self._arithmetic(prim, "&")

    def _do_bit_or(self, prim: m.Primitive) -> list[str]:
        return self._arithmetic(prim, "|")

    def _do_bit_xor(self, prim: m.Primitive) -> list[str]:
        return self._arithmetic(prim, "^")

    def _do_shift_left(self, prim: m.Primitive) -> list[str]:
        return self._arithmetic(prim, "<<")

    def _do_shift_right(self, prim: m.Primitive) -> list[str]:
        return self._arithmetic(prim, ">>")

    def _copy_varbit(self, target: m.FieldRef, source: m.FieldRef) -> list[str]:
        """The target header is built anew in its own storage, since its length changes."""
        t, s = self.ex.place(target.header), self.ex.place(source.header)
        before = target.field.offset // 8
        after = t.type.fixed_bytes - before
        room = t.type.max_bytes - t.type.fixed_bytes
        size = max(1, t.type.max_bytes)
        return [
            f"{{ uint8_t x[{size}]; const uint32_t n = {s.length} <= {room} ? {s.length} : {room};",
            f"memcpy(x, {t.pointer}, {before});" if before else "",
            f"memcpy(x + {before}, {s.pointer} + {source.field.offset // 8}, n);",
            f"memcpy(x + {before} + n, {t.pointer} + {before} + {t.length}, {after});" if after else "",
            f"{t.length} = n; {t.pointer} = {t.own}; memcpy({t.pointer}, x, {t.type.fixed_bytes} + n); }}",
        ]

    # headers

    def mark_valid(self, place: Place) -> list[str]:
        return [f"p4s_bclr(V, {b});" for b in place.siblings] + [f"p4s_bset(V, {place.bit});"]

    def _do_add_header(self, prim: m.Primitive) -> list[str]:
        place = self._place(prim.args[0])
        out = [f"if (!p4s_bget(V, {place.bit})) {{", f"{place.pointer} = {place.own};"]
        if place.type.varbit:
            out.append(f"{place.length} = 0;")
        if place.type.fixed_bytes:
            out.append(f"memset({place.pointer}, 0, {place.type.fixed_bytes});")
        return [*out, f"pktlen += {place.type.fixed_bytes};", *self.mark_valid(place), "}"]

    def _do_remove_header(self, prim: m.Primitive) -> list[str]:
        place = self._place(prim.args[0])
        return [f"if (p4s_bget(V, {place.bit})) {{ pktlen -= (uint32_t){place.size()}; p4s_bclr(V, {place.bit}); }}"]

    def copy_header(self, dst: Place, src: Place) -> list[str]:
        out = [f"if (p4s_bget(V, {src.bit})) {{"]
        if dst.type.varbit:
            out.append(f"{dst.pointer} = {dst.own}; {dst.length} = {src.length};")
        if dst.type.max_bytes:
            out.append(f"memmove({dst.pointer}, {src.pointer}, {src.size()});")
        return [*out, *self.mark_valid(dst), f"}} else p4s_bclr(V, {dst.bit});"]

    def _do_assign_header(self, prim: m.Primitive) -> list[str]:
        to, of = prim.args[:2]
        if isinstance(to, m.HeaderRef) and isinstance(of, m.HeaderRef) and to.header.metadata and of.header.metadata:
            if to.header.type is not of.header.type:
                raise PipelineError("the headers have different types")
            copies = [self.set_field(m.FieldRef(to, f), m.FieldRef(of, f)) for f in to.header.type.fields]
            return [statement for copy in copies for statement in copy]
        dst, src = self._place(to), self._place(of)
        if dst.type.max_bytes != src.type.max_bytes:
            raise PipelineError("the headers have different types")
        return self.copy_header(dst, src)

    _do_copy_header = _do_assign_header

    def _do_assign_union(self, prim: m.Primitive) -> list[str]:
        dst, src = prim.args[:2]
        if not isinstance(dst, _UNIONS) or not isinstance(src, _UNIONS):
            raise PipelineError("header unions were expected")
        out: list[str] = []
        for d, s in zip(self.ex.union_bits(dst), self.ex.union_bits(src), strict=True):
            out += self.copy_header(d, s)
        return out

    def _do_assign_header_stack(self, prim: m.Primitive) -> list[str]:
        dst, src = prim.args[:2]
        if not isinstance(dst, m.StackRef) or not isinstance(src, m.StackRef):
            raise PipelineError("header stacks were expected")
        out = [f"s{dst.stack.index}n = s{src.stack.index}n;"]
        for d, s in zip(dst.stack.headers, src.stack.headers, strict=True):
            out += self.copy_header(self.ex.layout.header(d), self.ex.layout.header(s))
        return out

    def _do_assign_union_stack(self, prim: m.Primitive) -> list[str]:
        dst, src = prim.args[:2]
        if not isinstance(dst, m.UnionStackRef) or not isinstance(src, m.UnionStackRef):
            raise PipelineError("header union stacks were expected")
        out = [f"u{dst.stack.index}n = u{src.stack.index}n;"]
        for d, s in zip(dst.stack.unions, src.stack.unions, strict=True):
            for dh, sh in zip(d.members, s.members, strict=True):
                out += self.copy_header(self.ex.layout.header(dh), self.ex.layout.header(sh))
        return out

    # stacks

    def _columns(self, arg: m.Argument) -> tuple[str, int, list[Callable[[str], Place]]]:
        """(counter, depth, one function from index to place per header of an element)."""
        layout = self.ex.layout
        if isinstance(arg, m.StackRef):
            stack = arg.stack
            return f"s{stack.index}n", len(stack.headers), [lambda i: layout.element(stack, i)]
        if isinstance(arg, m.UnionStackRef):
            ustack = arg.stack

            def column(member: int) -> Callable[[str], Place]:
                return lambda i: layout.union_element(ustack, member, i)

            return f"u{ustack.index}n", len(ustack.unions), [column(j) for j in range(len(ustack.members))]
        raise PipelineError("a header stack was expected")

    def _shift_stack(self, prim: m.Primitive, push: bool) -> list[str]:
        name, depth, columns = self._columns(prim.args[0])
        out = [f"{{ uint64_t n = {self.number(prim.args[1])}; if (n > {depth}) n = {depth};"]
        if push:
            out.append(f"{name} = (uint32_t)({name} + n < {depth} ? {name} + n : {depth});")
            loop, source = f"for (uint64_t i = {depth}; i-- > 0;)", "i >= n"
            other = "(i - n)"
        else:
            out.append(f"{name} = (uint32_t)({name} > n ? {name} - n : 0);")
            loop, source = f"for (uint64_t i = 0; i < {depth}; i++)", f"i + n < {depth}"
            other = "(i + n)"
        out.append(f"if (n) {loop} {{")
        for column in columns:
            dst, src = column("i"), column(other)
            out.append(f"if ({source} && p4s_bget(V, {src.bit})) {{ p4s_bset(V, {dst.bit});")
            out.append(f"memmove({dst.own}, {src.pointer}, {src.size()}); {dst.pointer} = {dst.own};")
            if dst.type.varbit:
                out.append(f"{dst.length} = {src.length};")
            out.append(f"}} else p4s_bclr(V, {dst.bit});")
        return [*out, "} }"]

    def _do_push(self, prim: m.Primitive) -> list[str]:
        return self._shift_stack(prim, True)

    def _do_pop(self, prim: m.Primitive) -> list[str]:
        return self._shift_stack(prim, False)
