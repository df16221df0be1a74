"""Primitives of actions and parser states, as Python functions of a packet."""

from __future__ import annotations

from collections.abc import Callable

from p4soft.api import PipelineError
from p4soft.codegen import model as m
from p4soft.interpreter import events
from p4soft.interpreter.expressions import Expressions, Number, plain
from p4soft.interpreter.frame import Frame, PacketLost
from p4soft.interpreter.hashing import Calculations
from p4soft.interpreter.moves import Moves

Step = Callable[[Frame], None]
_ARITHMETIC = {
    "add_to_field": "+",
    "add": "+",
    "subtract_from_field": "-",
    "subtract": "-",
    "bit_and": "&",
    "bit_or": "|",
    "bit_xor": "^",
    "shift_left": "<<",
    "shift_right": ">>",
}


class Primitives(Moves):
    """One method each, which returns a function."""

    def __init__(self, ex: Expressions, program: m.ProgramDef) -> None:
        super().__init__(ex)
        self.program = program
        self.calculations = Calculations(ex)

    def step(self, prim: m.Primitive) -> Step:
        """Raises PipelineError for what a trace cannot follow."""
        op = prim.op.lower()
        try:
            if op in _ARITHMETIC:
                return self._arithmetic(prim, _ARITHMETIC[op])
            make: Callable[[m.Primitive], Step] | None = getattr(self, "_do_" + op, None)
            if make is None:
                raise PipelineError(f"a trace does not follow {prim.op!r}")
            return make(prim)
        except PipelineError as error:
            raise PipelineError(f"{prim.where}: {error}") from None

    def standard(self, name: str) -> Callable[[Frame, int], None]:
        """Sets a field of the standard metadata, if the program has it."""
        ref = self.program.standard.get(name)
        return self.setter(ref) if ref is not None else lambda frame, value: None

    # what happens to the packet

    def _do_mark_to_drop(self, prim: m.Primitive) -> Step:
        given = prim.args[0] if prim.args else None
        if not isinstance(given, m.HeaderRef) or given.header.name == "standard_metadata":
            return self._do_drop(prim)
        fields = given.header.type.by_name
        places = [self.setter(m.FieldRef(given, fields[n])) for n in ("egress_spec", "mcast_grp") if n in fields]

        def drop(frame: Frame) -> None:
            for set_, value in zip(places, (m.DROP_PORT, 0), strict=False):
                set_(frame, value)

        return drop

    def _do_drop(self, _: m.Primitive) -> Step:
        spec, group = self.standard("egress_spec"), self.standard("mcast_grp")

        def drop(frame: Frame) -> None:
            spec(frame, m.DROP_PORT)
            group(frame, 0)

        return drop

    def _do_generate_digest(self, prim: m.Primitive) -> Step:
        number = self.ex.number(prim.args[1])

        def digest(frame: Frame) -> None:
            frame.digest = number(frame) & 0xFFFF

        return digest

    def _do_truncate(self, prim: m.Primitive) -> Step:
        length = self.ex.number(prim.args[0])

        def truncate(frame: Frame) -> None:
            n = length(frame)
            if n >= 0 and (frame.truncate is None or n < frame.truncate):
                frame.truncate = n

        return truncate

    def _do_exit(self, _: m.Primitive) -> Step:
        def leave(frame: Frame) -> None:
            frame.exited = True

        return leave

    def _do_no_op(self, _: m.Primitive) -> Step:
        return lambda frame: None

    def _do_log_msg(self, prim: m.Primitive) -> Step:
        text, values = prim.args[0], prim.args[1] if len(prim.args) > 1 else ()
        if not isinstance(text, str) or not isinstance(values, tuple):
            raise PipelineError("a text and a list of values were expected")
        numbers = [self.ex.number(value) for value in values]

        def message(frame: Frame) -> None:
            parts = text.split("{}", len(numbers))
            shown = [str(int(number(frame))) for number in numbers[: len(parts) - 1]]
            joined = "".join(part + value for part, value in zip(parts, [*shown, ""], strict=True))
            frame.tell(events.Message(joined))

        return message

    def _do_assert(self, prim: m.Primitive) -> Step:
        holds = self.ex.number(prim.args[0])

        def check(frame: Frame) -> None:
            if not holds(frame):
                raise PacketLost(f"{prim.where} {prim.op} failed: dropping packet")

        return check

    _do_assume = _do_assert

    # state

    def _do_count(self, prim: m.Primitive) -> Step:
        array, at = prim.args[0], self.ex.number(prim.args[1])
        if not isinstance(array, m.CounterArray):
            raise PipelineError("a counter was expected")

        def count(frame: Frame) -> None:
            index = at(frame)
            if 0 <= index < array.size:
                frame.tell(events.Counted(array.name, index))

        return count

    def _do_execute_meter(self, prim: m.Primitive) -> Step:
        array, at, target = prim.args[0], self.ex.number(prim.args[1]), self.target(prim.args[2])
        if not isinstance(array, m.MeterArray) or array.index < 0:
            raise PipelineError("an indirect meter was expected")

        def meter(frame: Frame) -> None:
            index = at(frame)
            if 0 <= index < array.size:
                colour = frame.overlay.colour(array, index, frame.now, len(frame.data) if array.bytes else 1)
                frame.tell(events.Metered(array.name, index, colour))
                target(frame, colour)

        return meter

    @staticmethod
    def _register(arg: m.Argument) -> m.RegisterArray:
        if not isinstance(arg, m.RegisterArray):
            raise PipelineError("a register array was expected")
        return arg

    def _do_register_read(self, prim: m.Primitive) -> Step:
        target, register, at = self.target(prim.args[0]), self._register(prim.args[1]), self.ex.number(prim.args[2])

        def read(frame: Frame) -> None:
            index = at(frame)
            if 0 <= index < register.size:
                value = frame.overlay.register(register, index)
                frame.tell(events.RegisterRead(register.name, index, value))
                target(frame, value)

        return read

    def _do_register_write(self, prim: m.Primitive) -> Step:
        register, at, value = self._register(prim.args[0]), self.ex.number(prim.args[1]), self.ex.number(prim.args[2])
        mask = (1 << register.bits) - 1

        def write(frame: Frame) -> None:
            index = at(frame)
            if 0 <= index < register.size:
                written = value(frame) & mask
                frame.overlay.write(register, index, written)
                frame.tell(events.RegisterWritten(register.name, index, written))

        return write

    def _do_modify_field_with_hash_based_offset(self, prim: m.Primitive) -> Step:
        calculation = prim.args[2]
        if not isinstance(calculation, m.Calculation):
            raise PipelineError("a calculation was expected")
        target, base, size = self.target(prim.args[0]), self.ex.number(prim.args[1]), self.ex.number(prim.args[3])
        calculate = self.calculations.of(calculation)
        least = int(isinstance(prim.args[3], m.Const))

        def hash_(frame: Frame) -> None:
            modulus = max(least, size(frame))
            target(frame, base(frame) + (calculate(frame) % modulus if modulus else 0))

        return hash_

    # assignments of numbers

    def target(self, arg: m.Argument) -> Callable[[Frame, int], None]:
        if not isinstance(arg, m.FieldRef):
            raise PipelineError("the target has to be a field")
        return self.setter(arg)

    def _assigned(self, ref: m.FieldRef, number: Number) -> Step:
        place, mask = self.ex.place(ref), (1 << ref.field.bits) - 1
        if isinstance(place, int):

            def assign(frame: Frame) -> None:
                frame.fields[place] = number(frame) & mask

            return assign
        set_ = self.setter(ref)
        return lambda frame: set_(frame, number(frame))

    def _do_assign(self, prim: m.Primitive) -> Step:
        target, value = prim.args[:2]
        if not isinstance(target, m.FieldRef):
            raise PipelineError("the target has to be a field")
        if not target.field.varbit:
            return self._assigned(target, self.ex.number(value))
        if not isinstance(value, m.FieldRef) or not value.field.varbit:
            raise PipelineError("a variable-length field takes only another one's value")
        return self.copy_varbit(target, value)

    _do_modify_field = _do_assign
    _do_assign_vl = _do_assign

    def _arithmetic(self, prim: m.Primitive, op: str) -> Step:
        target = prim.args[0]
        if not isinstance(target, m.FieldRef):
            raise PipelineError("the target has to be a field")
        left, right = prim.args[1:3] if len(prim.args) > 2 else (target, prim.args[1])
        a, b = self.ex.number(left), self.ex.number(right)
        return self._assigned(target, plain(op, a, b))
