"""Primitives of actions and parser states, as C statements."""

from __future__ import annotations

from collections.abc import Callable

from p4soft.api import PipelineError
from p4soft.codegen import model as m
from p4soft.codegen.expr import Expressions, binary, masked
from p4soft.codegen.hashing import calculation
from p4soft.codegen.layout import Place
from p4soft.codegen.wide import c_type, container, convert, literal

_HEADERS = (m.HeaderRef, m.LastHeader, m.LastUnionHeader, m.StackElement, m.UnionMember)
_UNIONS = (m.UnionRef, m.UnionElement)
_EXPRESSIONS = (m.Const, m.BoolConst, m.Local, m.FieldRef, m.ValidBit, m.Lookahead, m.RegisterCell, m.Op)


class Primitives:
    """One method per primitive; each returns C statements. ``exits`` tells that an exit was generated."""

    def __init__(self, ex: Expressions, program: m.ProgramDef, stage: str) -> None:
        self.ex = ex
        self.program = program
        self.stage = stage
        self.exits = False

    def statement(self, prim: m.Primitive) -> list[str]:
        handler: Callable[[m.Primitive], list[str]] | None = getattr(self, "_do_" + prim.op.lower(), None)
        if handler is None:
            raise PipelineError(f"{prim.where}: primitive {prim.op!r} is not supported")
        try:
            return handler(prim)
        except PipelineError as e:
            text = str(e)
            raise PipelineError(text if prim.where in text else f"{prim.where}: {prim.op}: {text}") from None
        except IndexError:
            raise PipelineError(f"{prim.where}: {prim.op} lacks an argument") from None

    # arguments

    @staticmethod
    def _expr(arg: m.Argument) -> m.Expr:
        if not isinstance(arg, _EXPRESSIONS):
            raise PipelineError("a number was expected")
        return arg

    def _place(self, arg: m.Argument) -> Place:
        if not isinstance(arg, _HEADERS):
            raise PipelineError("a header was expected")
        return self.ex.place(arg)

    @staticmethod
    def _target(arg: m.Argument) -> m.FieldRef:
        if not isinstance(arg, m.FieldRef):
            raise PipelineError("the target has to be a field")
        return arg

    def _number(self, arg: m.Argument) -> str:
        """A number cut to 64 bits."""
        return self.ex.at(self._expr(arg), 64)

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
        return self.set_field(self._target(prim.args[0]), self._expr(prim.args[1]))

    _do_modify_field = _do_assign
    _do_assign_vl = _do_assign

    def _arithmetic(self, prim: m.Primitive, op: str) -> list[str]:
        target = self._target(prim.args[0])
        left, right = prim.args[1:3] if len(prim.args) > 2 else (target, prim.args[1])
        return self.set_field(target, m.Op(op, self._expr(left), self._expr(right)))

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
        dst, src = self._place(prim.args[0]), self._place(prim.args[1])
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
        out = [f"{{ uint64_t n = {self._number(prim.args[1])}; if (n > {depth}) n = {depth};"]
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

    # what happens to the packet

    def standard(self, name: str, value: str) -> list[str]:
        """Set a standard metadata field, if the program has it, to a 64-bit value."""
        ref = self.program.standard.get(name)
        return self.assign(ref, value, 64, False) if ref is not None else []

    def _do_mark_to_drop(self, _: m.Primitive) -> list[str]:
        return self.standard("egress_spec", str(m.DROP_PORT)) + self.standard("mcast_grp", "0")

    _do_drop = _do_mark_to_drop

    def _do_generate_digest(self, prim: m.Primitive) -> list[str]:
        return [f"digest = (uint32_t){self._number(prim.args[1])} & 0xffff;"]

    def _do_clone_ingress_pkt_to_egress(self, prim: m.Primitive) -> list[str]:
        listed = self._number(prim.args[1]) if len(prim.args) > 1 else "0"
        session = f"p->clone = ((uint32_t)({self._number(prim.args[0])}) & 0x7fff) | P4S_CLONE_VALID;"
        return [session, f"p->clone_list = (uint32_t)({listed}) & 0xffff;"]

    _do_clone_egress_pkt_to_egress = _do_clone_ingress_pkt_to_egress

    def _do_resubmit(self, prim: m.Primitive) -> list[str]:
        return [f"p->resubmit = (uint32_t)({self._number(prim.args[0])}) & 0xffff;"]

    def _do_recirculate(self, prim: m.Primitive) -> list[str]:
        return [f"p->recirculate = (uint32_t)({self._number(prim.args[0])}) & 0xffff;"]

    def _do_truncate(self, prim: m.Primitive) -> list[str]:
        return [f"p->truncate = (uint32_t)({self._number(prim.args[0])});"]

    def _do_exit(self, _: m.Primitive) -> list[str]:
        self.exits = True
        return ["left = true;"]

    def _do_no_op(self, _: m.Primitive) -> list[str]:
        return []

    _do_log_msg = _do_no_op

    def _do_assert(self, prim: m.Primitive) -> list[str]:
        return [f"if (!{self.ex.truth(self._expr(prim.args[0]))}) {{ c->failed_asserts++; return P4S_DROP; }}"]

    _do_assume = _do_assert

    # state

    def _do_count(self, prim: m.Primitive) -> list[str]:
        array = prim.args[0]
        if not isinstance(array, m.CounterArray):
            raise PipelineError("a counter was expected")
        at = self.ex.index(self._expr(prim.args[1]))
        return [f"p4s_count(c, {array.index}, {array.size}, {at}, p->ingress_len);"]

    def _do_execute_meter(self, prim: m.Primitive) -> list[str]:
        array = prim.args[0]
        if not isinstance(array, m.MeterArray) or array.index < 0:
            raise PipelineError("an indirect meter was expected")
        at = self.ex.index(self._expr(prim.args[1]))
        amount = "p->ingress_len" if array.bytes else "1"
        color = f"p4s_meter_run(&c->meters[{array.index}][i], c->now, {amount})"
        target = self._target(prim.args[2])
        return [
            f"{{ const uint64_t i = {at}; if (i < {array.size}) {{",
            *self.assign(target, f"(uint64_t){color}", 64, target.field.bits >= 2),
            "} }",
        ]

    def _register(self, arg: m.Argument) -> m.RegisterArray:
        if not isinstance(arg, m.RegisterArray):
            raise PipelineError("a register array was expected")
        return arg

    def _do_register_read(self, prim: m.Primitive) -> list[str]:
        target, register = self._target(prim.args[0]), self._register(prim.args[1])
        width = self.ex.note(container(0, (1 << register.bits) - 1))
        cell = f"(c->registers[{register.index}].data + i * {cell_bytes(register.bits)})"
        fits = register.bits <= target.field.bits
        return [
            f"{{ const uint64_t i = {self.ex.index(self._expr(prim.args[2]))}; {c_type(width)} r = "
            f"{literal(0, width)}; if (i < {register.size}) r = {load_cell(cell, register.bits)};",
            *self.assign(target, "r", width, fits),
            "}",
        ]

    def _do_register_write(self, prim: m.Primitive) -> list[str]:
        register = self._register(prim.args[0])
        width = self.ex.note(container(0, (1 << register.bits) - 1))
        value = masked(self.ex.at(self._expr(prim.args[2]), width), register.bits, width)
        cell = f"(c->registers[{register.index}].data + i * {cell_bytes(register.bits)})"
        return [
            f"{{ const uint64_t i = {self.ex.index(self._expr(prim.args[1]))}; if (i < {register.size}) {{",
            f"const {cell_type(register.bits)} r = ({cell_type(register.bits)}){value};"
            if width <= 64
            else f"const {c_type(width)} r = {value};",
            f"memcpy({cell}, &r, {cell_bytes(register.bits)}); }} }}",
        ]

    def _do_modify_field_with_hash_based_offset(self, prim: m.Primitive) -> list[str]:
        target, calc = self._target(prim.args[0]), prim.args[2]
        if not isinstance(calc, m.Calculation):
            raise PipelineError("a calculation was expected")
        base, size = prim.args[1], self._expr(prim.args[3])
        out = ["{ uint64_t r;", *calculation(calc, self.ex, "r")]
        if isinstance(size, m.Const):
            modulus = max(1, size.value)
            if modulus < 1 << 64 and not (modulus >= 1 << 16 and calc.algorithm in ("csum16", "cksum16", "crc16")):
                out.append(f"r %= UINT64_C({modulus});")
        else:
            out.append(f"{{ const uint64_t n = {self._number(size)}; r = n ? r % n : 0; }}")
        code = binary("+", "r", self._number(base), 64)
        return [*out, *self.assign(target, code, 64, False), "}"]

    def _do_modify_field_rng_uniform(self, prim: m.Primitive) -> list[str]:
        target = self._target(prim.args[0])
        return [
            f"{{ const uint64_t a = {self._number(prim.args[1])}, b = {self._number(prim.args[2])}; if (a <= b) {{",
            *self.assign(target, "p4s_random_between(c, a, b)", 64, False),
            "} }",
        ]


def cell_bytes(bits: int) -> int:
    """Bytes that a number of so many bits takes in registers and action parameters."""
    return next((n for n in (1, 2, 4, 8) if bits <= 8 * n), (bits + 63) // 64 * 8)


def cell_type(bits: int) -> str:
    """The C type of a stored number of at most 64 bits."""
    return f"uint{8 * cell_bytes(bits)}_t"


def load_cell(pointer: str, bits: int) -> str:
    """C code that reads a stored number into its container."""
    size = cell_bytes(bits)
    if size <= 8:
        return f"p4s_cell{8 * size}({pointer})"
    if size == 16:
        return f"p4s_cell128({pointer})"
    return f"(w{size // 8}){{{{" + ", ".join(f"p4s_cell64({pointer} + {8 * i})" for i in range(size // 8)) + "}}"
