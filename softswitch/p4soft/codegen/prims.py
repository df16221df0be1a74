"""Primitives of actions and parser states, as C statements."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from p4soft.api import PipelineError
from p4soft.codegen import model as m
from p4soft.codegen.arith import binary, masked
from p4soft.codegen.assign import Assignments
from p4soft.codegen.cells import cell_bytes, cell_type, load_cell
from p4soft.codegen.expr import Expressions
from p4soft.codegen.flow import arrays_of
from p4soft.codegen.hashing import calculation
from p4soft.codegen.trace import Tracer
from p4soft.codegen.wide import c_type, container


class Primitives(Assignments):
    """All primitives. ``exits`` tells that an exit was generated."""

    def __init__(
        self,
        ex: Expressions,
        program: m.ProgramDef,
        trace: Tracer = Tracer(False),  # noqa: B008  (it has no state)
        locks: dict[int, int] | None = None,
    ) -> None:
        """``locks`` of register arrays, if several workers run the program."""
        super().__init__(ex, program)
        self.trace = trace
        self.exits = False
        self._locks = locks or {}

    def held(self, primitives: Sequence[m.Primitive], code: list[str]) -> list[str]:
        """``code``, which runs the primitives, so that nobody else uses their registers meanwhile (as BMv2 does it)."""
        locks = {self._locks[array] for array in arrays_of(primitives) if array in self._locks}
        return ["{", *(f"P4S_HOLD({lock});" for lock in locks), *code, "}"] if locks else code

    def statement(self, prim: m.Primitive) -> list[str]:
        handler: Callable[[m.Primitive], list[str]] | None = getattr(self, "_do_" + prim.op.lower(), None)
        if handler is None:
            raise PipelineError(f"{prim.where}: primitive {prim.op!r} is not supported")
        try:
            return handler(prim)
        except PipelineError as e:
            text = str(e)
            raise PipelineError(text if prim.where in text else f"{prim.where}: {prim.op}: {text}") from None
        except (IndexError, ValueError):
            raise PipelineError(f"{prim.where}: {prim.op} lacks an argument") from None

    # what happens to the packet

    def standard(self, name: str, value: str) -> list[str]:
        """Set a standard metadata field, if the program has it, to a 64-bit value."""
        ref = self.program.standard.get(name)
        return self.assign(ref, value, 64, False) if ref is not None else []

    def _do_mark_to_drop(self, prim: m.Primitive) -> list[str]:
        """Of the instance it is given: an action with an inout parameter marks a copy, which p4c copies back."""
        given = prim.args[0] if prim.args else None
        if not isinstance(given, m.HeaderRef) or given.header.name == "standard_metadata":
            return self._do_drop(prim)
        fields = given.header.type.by_name
        if "egress_spec" not in fields:
            raise PipelineError(f"{given.header.name} has no field egress_spec")
        out = self.set_field(m.FieldRef(given, fields["egress_spec"]), m.Const(m.DROP_PORT))
        if "mcast_grp" in fields:
            out += self.set_field(m.FieldRef(given, fields["mcast_grp"]), m.Const(0))
        return out

    def _do_drop(self, _: m.Primitive) -> list[str]:
        return self.standard("egress_spec", str(m.DROP_PORT)) + self.standard("mcast_grp", "0")

    def _do_generate_digest(self, prim: m.Primitive) -> list[str]:
        return [f"digest = (uint32_t){self.number(prim.args[1])} & 0xffff;"]

    def _do_clone_ingress_pkt_to_egress(self, prim: m.Primitive) -> list[str]:
        listed = self.number(prim.args[1]) if len(prim.args) > 1 else "0"
        session = f"p->clone = ((uint32_t)({self.number(prim.args[0])}) & 0x7fff) | P4S_CLONE_VALID;"
        return [session, f"p->clone_list = (uint32_t)({listed}) & 0xffff;"]

    _do_clone_egress_pkt_to_egress = _do_clone_ingress_pkt_to_egress

    def _do_resubmit(self, prim: m.Primitive) -> list[str]:
        return [f"p->resubmit = (uint32_t)({self.number(prim.args[0])}) & 0xffff;"]

    def _do_recirculate(self, prim: m.Primitive) -> list[str]:
        return [f"p->recirculate = (uint32_t)({self.number(prim.args[0])}) & 0xffff;"]

    def _do_truncate(self, prim: m.Primitive) -> list[str]:
        at = self.ex.index(self.expr(prim.args[0]))
        return [f"{{ const uint64_t n = {at}; if (n < p->truncate) p->truncate = (uint32_t)n; }}"]

    def _do_exit(self, _: m.Primitive) -> list[str]:
        self.exits = True
        return ["left = true;"]

    def _do_no_op(self, _: m.Primitive) -> list[str]:
        return []

    def _do_log_msg(self, prim: m.Primitive) -> list[str]:
        text, values = prim.args[0], prim.args[1] if len(prim.args) > 1 else ()
        if not isinstance(text, str) or not isinstance(values, tuple):
            raise PipelineError("a text and a list of values were expected")
        if not self.trace.on:
            return []
        shown = []
        for value in values:
            low, high = self.ex.span(value)
            bits = max(1, low.bit_length() + 1, high.bit_length()) if low < 0 else max(1, high.bit_length())
            shown.append((self.ex.at(value, self.ex.note(container(0, (1 << bits) - 1))), bits))
        return self.trace.message(text, shown)

    def _do_assert(self, prim: m.Primitive) -> list[str]:
        failed = ["c->failed_asserts++;", *self.trace.line(f"{prim.where} {prim.op} failed: dropping packet")]
        return [f"if (!{self.ex.truth(self.expr(prim.args[0]))}) {{", *failed, "return P4S_DROP; }"]

    _do_assume = _do_assert

    # state

    def _do_count(self, prim: m.Primitive) -> list[str]:
        array = prim.args[0]
        if not isinstance(array, m.CounterArray):
            raise PipelineError("a counter was expected")
        at = self.ex.index(self.expr(prim.args[1]))
        return [f"p4s_count(c, {array.index}, {array.size}, {at}, p->ingress_len);"]

    def _do_execute_meter(self, prim: m.Primitive) -> list[str]:
        array = prim.args[0]
        if not isinstance(array, m.MeterArray) or array.index < 0:
            raise PipelineError("an indirect meter was expected")
        at = self.ex.index(self.expr(prim.args[1]))
        amount = "p->ingress_len" if array.bytes else "1"
        color = f"p4s_meter_run(&c->objects.meters[{array.index}][i], c->now, {amount})"
        target = self.target(prim.args[2])
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
        target, register = self.target(prim.args[0]), self._register(prim.args[1])
        width = self.ex.note(container(0, (1 << register.bits) - 1))
        cell = f"(c->objects.registers[{register.index}].data + i * {register.stride})"
        fits = register.bits <= target.field.bits
        return [
            # Out of range, the target keeps its value, as in BMv2.
            f"{{ const uint64_t i = {self.ex.index(self.expr(prim.args[2]))}; if (i < {register.size}) {{",
            f"const {c_type(width)} r = {load_cell(cell, register.bits)};",
            *self.assign(target, "r", width, fits),
            "} }",
        ]

    def _do_register_write(self, prim: m.Primitive) -> list[str]:
        register = self._register(prim.args[0])
        width = self.ex.note(container(0, (1 << register.bits) - 1))
        value = masked(self.ex.at(self.expr(prim.args[2]), width), register.bits, width)
        cell = f"(c->objects.registers[{register.index}].data + i * {register.stride})"
        return [
            f"{{ const uint64_t i = {self.ex.index(self.expr(prim.args[1]))}; if (i < {register.size}) {{",
            f"const {cell_type(register.bits)} r = ({cell_type(register.bits)}){value};"
            if width <= 64
            else f"const {c_type(width)} r = {value};",
            f"memcpy({cell}, &r, {cell_bytes(register.bits)}); }} }}",
        ]

    def _do_modify_field_with_hash_based_offset(self, prim: m.Primitive) -> list[str]:
        target, calc = self.target(prim.args[0]), prim.args[2]
        if not isinstance(calc, m.Calculation):
            raise PipelineError("a calculation was expected")
        base, size = prim.args[1], self.expr(prim.args[3])
        out = ["{ uint64_t r;", *calculation(calc, self.ex, "r")]
        if isinstance(size, m.Const):
            modulus = max(1, size.value)
            if modulus < 1 << 64 and not (modulus >= 1 << 16 and calc.algorithm in ("csum16", "cksum16", "crc16")):
                out.append(f"r %= UINT64_C({modulus});")
        else:
            out.append(f"{{ const uint64_t n = {self.number(size)}; r = n ? r % n : 0; }}")
        code = binary("+", "r", self.number(base), 64)
        return [*out, *self.assign(target, code, 64, False), "}"]

    def _do_modify_field_rng_uniform(self, prim: m.Primitive) -> list[str]:
        target = self.target(prim.args[0])
        return [
            f"{{ const uint64_t a = {self.number(prim.args[1])}, b = {self.number(prim.args[2])}; if (a <= b) {{",
            *self.assign(target, "p4s_random_between(c, a, b)", 64, False),
            "} }",
        ]
