"""A program that single packets can be followed through.

It shares nothing with the generated C but what a BMv2 JSON was read into, and so is a second opinion on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from p4soft.api import PipelineError
from p4soft.codegen import model as m
from p4soft.codegen.load import load_program
from p4soft.interpreter import events
from p4soft.interpreter.control import Pipeline
from p4soft.interpreter.events import Event, Sent
from p4soft.interpreter.expressions import Expressions
from p4soft.interpreter.frame import Frame, PacketLost, lay_out
from p4soft.interpreter.hashing import joined
from p4soft.interpreter.parser import Parser
from p4soft.interpreter.primitives import Primitives
from p4soft.interpreter.state import Overlay

_NORMAL = 0
"""standard_metadata.instance_type of a packet that came by a port."""


Headers = dict[str, dict[str, int]]
"""The fields of the headers that there are, in the order of the deparser; a variable-length field is 1 and its bits."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The way of one packet."""

    port: int
    frame: bytes
    events: list[Event]
    parsed: Headers
    left: Headers
    """Those with which the packet leaves, or where it was dropped."""

    @property
    def sent(self) -> Sent | None:
        """What leaves; None if the packet is dropped."""
        last = self.events[-1]
        return last if isinstance(last, Sent) else None


class Interpreter:
    """Follows packets. Raises PipelineError for a program that it cannot follow: one that clones, resubmits or
    recirculates packets, or that has action selectors or direct meters."""

    def __init__(self, config: bytes) -> None:
        program = self.program = load_program(config)
        self._slots = lay_out(program)
        ex = Expressions(program, self._slots)
        prims = Primitives(ex, program)
        self._set = cache(prims.standard)
        self._parser = Parser(program, ex, prims)
        self._ingress = Pipeline(program, program.ingress, ex, prims)
        self._egress = Pipeline(program, program.egress, ex, prims)
        self._spec = ex.number(program.standard["egress_spec"])
        self._group = ex.number(program.standard["mcast_grp"]) if "mcast_grp" in program.standard else None
        self._digests = {
            listed.id: (listed.name, [ex.number(ref) for ref in listed.fields]) for listed in program.learn_lists
        }
        self._checksums = [
            (
                checksum,
                ex.number(checksum.condition) if checksum.condition is not None else lambda frame: True,
                prims.calculations.of(checksum.calculation),
                ex.number(checksum.target),
                prims.setter(checksum.target),
                ex.number(m.ValidBit(checksum.target.header)),
            )
            for checksum in program.checksums
        ]
        self._emitted = [header for header in program.deparser if not header.metadata]

    def follow(self, port: int, data: bytes, overlay: Overlay) -> Trace:
        """What becomes of the frame if ``port`` receives it. Of the switch nothing is changed; ``overlay`` has the
        registers and meters as they are behind the packet."""
        log: list[Event] = [events.Received(port)]
        frame = Frame(self._slots, data, overlay, log)
        parsed: Headers = {}
        try:
            self._parse(frame, port)
            parsed = self._headers(frame)
            self._control(frame)
        except PacketLost as lost:
            log.append(events.Dropped(str(lost)))
        return Trace(port, data, log, parsed, self._headers(frame))

    def _headers(self, frame: Frame) -> Headers:
        found = {}
        for header in self._emitted:
            if frame.valid[header.index]:
                fields, base = header.type.fields, self._slots.base[header.index]
                held = frame.fields[base : base + len(fields)]
                found[header.name] = {field.name: value for field, value in zip(fields, held, strict=True)}
        return found

    def _parse(self, frame: Frame, port: int) -> None:
        self._standard(
            frame,
            instance_type=_NORMAL,
            packet_length=len(frame.data),
            ingress_port=port,
            ingress_global_timestamp=self._time(frame),
        )
        self._parser.run(frame)
        self._standard(frame, parser_error=frame.error, checksum_error=self._is_wrong(frame))

    def _control(self, frame: Frame) -> None:
        self._ingress.run(frame)
        self._tell_digest(frame)
        if self._group is not None and self._group(frame):
            raise PipelineError("a trace does not follow multicast")
        spec = self._spec(frame)
        if spec == m.DROP_PORT:
            frame.tell(events.Dropped("Dropping packet at the end of ingress"))
            return
        self._begin_egress(frame, spec)
        self._egress.run(frame)
        if self._spec(frame) == m.DROP_PORT:
            frame.tell(events.Dropped("Dropping packet at the end of egress"))
            return
        self._update_checksums(frame)
        frame.tell(Sent(spec, self._deparse(frame)[: frame.truncate]))

    def _standard(self, frame: Frame, **fields: int) -> None:
        for name, value in fields.items():
            self._set(name)(frame, value)

    @staticmethod
    def _time(frame: Frame) -> int:
        """Microseconds since the switch started."""
        return (frame.now - frame.start) // 1000

    def _begin_egress(self, frame: Frame, port: int) -> None:
        now = self._time(frame)
        self._standard(
            frame,
            egress_port=port,
            egress_spec=m.DROP_PORT + 1,
            instance_type=_NORMAL,
            egress_rid=0,
            packet_length=frame.length,
            egress_global_timestamp=now,
            enq_timestamp=now,
            enq_qdepth=0,
            deq_timedelta=0,
            deq_qdepth=0,
        )
        frame.tell(events.EgressPort(port))

    def _tell_digest(self, frame: Frame) -> None:
        if frame.digest in self._digests:
            name, fields = self._digests[frame.digest]
            frame.tell(events.Told(name, tuple(int(field(frame)) for field in fields)))

    def _is_wrong(self, frame: Frame) -> bool:
        """Whether a checksum that the program verifies is."""
        return any(
            valid(frame) and condition(frame) and calculate(frame) != number(frame)
            for checksum, condition, calculate, number, _, valid in self._checksums
            if checksum.verify
        )

    def _update_checksums(self, frame: Frame) -> None:
        for checksum, condition, calculate, _, set_, _ in self._checksums:
            if checksum.update and condition(frame):
                set_(frame, calculate(frame))

    def _deparse(self, frame: Frame) -> bytes:
        frame.tell(events.Stage("Deparser 'deparser': start"))
        out = b""
        for header in self._emitted:
            if frame.valid[header.index]:
                frame.tell(events.Deparsed(header.name))
                value, bits = joined(frame, self._slots, header.index)
                out += value.to_bytes(bits // 8, "big")
        return out + frame.data[frame.cursor :]
