"""p4soft, of which a trace says beforehand what every packet of every test will come to."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from p4soft.api import Digest, Event, PacketIn, Program
from p4soft.engine import NativeEngine
from p4soft.interpreter import events
from p4soft.interpreter.interpreter import Interpreter, Trace
from p4soft.interpreter.live import LiveState
from p4soft.interpreter.state import Overlay

DRAIN = 10.0
"""Seconds."""
_DIGEST = "digest"


_ALL = -1
_OF_TIME = {"service_pace": _ALL, "source_pace": _ALL, "cookie_sent": _ALL, "fragment_flow": 0xFF << 48}
"""Bits of registers that are of a moment, which is a later one for the switch."""


class Disagreement(AssertionError):
    """The switch did something else than the trace said."""


class WitnessedEngine(NativeEngine):
    """Follows each frame, and compares with what leaves, is told, is counted and is written to registers.

    Frames are run one after the other, so that each is followed on what the one before has left."""

    def __init__(self, device_id: int, cpu_port: int | None) -> None:
        super().__init__(device_id, cpu_port)
        self._one = threading.Lock()
        self._interpreter: Interpreter | None = None
        self._expected: dict[Any, deque[tuple[Any, Trace]]] = {}
        """By port, or for digests: what is to come, and the packet that it comes of."""
        self._counted: Counter[tuple[str, int]] = Counter()
        self._before: Counter[tuple[str, int]] = Counter()
        self._last: Trace | None = None
        self.wrong: list[str] = []
        self.traces: list[Trace] | None = None
        """All of them, where they are kept."""
        self._still: LiveState | None = None

    def load(self, config: bytes) -> Program:
        program = super().load(config)
        self._interpreter = Interpreter(config)
        self._before = self._all_counts()
        self._counted.clear()
        return program

    @contextmanager
    def unchanged_tables(self) -> Iterator[None]:
        """Nobody writes to tables meanwhile: those that are not exact are read once, and not for each frame."""
        with self._one:
            self._still = LiveState(self)
        try:
            yield
        finally:
            with self._one:
                self._still = None

    def inject(self, port: int, data: bytes) -> None:
        with self._one:
            if self._interpreter is None:
                super().inject(port, data)
                return
            self._compare_registers()
            trace = self._interpreter.follow(port, data, Overlay(self._still or LiveState(self)))
            if self.traces is not None:
                self.traces.append(trace)
            self._expect(trace)
            self._last = trace
            super().inject(port, data)

    def _expect(self, trace: Trace) -> None:
        for event in trace.events:
            if isinstance(event, events.Counted):
                self._counted[event.counter, event.at] += 1
            elif isinstance(event, events.Told):
                self._expected.setdefault(_DIGEST, deque()).append(((event.digest, event.fields), trace))
        if trace.sent is not None and (trace.sent.port == self.cpu_port or trace.sent.port in self._ports):
            self._expected.setdefault(trace.sent.port, deque()).append((trace.sent.frame, trace))

    def _compare_registers(self) -> None:
        """Those that the last packet wrote, which may be still on its way."""
        self.drain(DRAIN)
        trace, self._last = self._last, None
        if trace is None:
            return
        told = [event for event in trace.events if isinstance(event, events.RegisterWritten)]
        timeless = {event.register: ~_OF_TIME.get(event.register, 0) for event in told}
        written = {(event.register, event.at): event.value & timeless[event.register] for event in told}
        held = {(name, at): self.read_register(name, at) & timeless[name] for name, at in written}
        self._compare(trace, "registers", written, held)

    def write_counter(self, name: str, index: int, packets: int, bytes_: int) -> None:
        super().write_counter(name, index, packets, bytes_)
        self._before[name, index] = packets
        self._counted.pop((name, index), None)

    def collect(self) -> list[tuple[int, bytes]]:
        frames = super().collect()
        for port, frame in frames:
            self._came(port, frame)
        return frames

    def poll(self, limit: int = 1024) -> list[Event]:
        came = super().poll(limit)
        for event in came:
            if isinstance(event, PacketIn):
                self._came(self.cpu_port, event.data)
            elif isinstance(event, Digest):
                self._came(_DIGEST, (event.name, self._fields(event)))
        return came

    def _fields(self, digest: Digest) -> tuple[int, ...]:
        assert self.program is not None
        values, at = [], 0
        for bits in self.program.digests[digest.name]:
            size = (bits + 7) // 8
            values.append(int.from_bytes(digest.data[at : at + size], "big"))
            at += size
        return tuple(values)

    def _came(self, where: Any, what: Any) -> None:
        awaited = self._expected.get(where)
        if not awaited:
            self.wrong.append(f"no trace said that {_shown(what)} comes by {where}")
            return
        expected, trace = awaited.popleft()
        self._compare(trace, f"what comes by {where}", expected, what)

    def _compare(self, trace: Trace, what: str, expected: Any, came: Any) -> None:
        if expected != came:
            self.wrong.append(
                f"{what}, of {trace.frame.hex()} by port {trace.port}: "
                f"the trace says {_shown(expected)}, and it is {_shown(came)}"
            )

    def _all_counts(self) -> Counter[tuple[str, int]]:
        assert self.program is not None
        return Counter({(name, i): packets for name in self.program.counters for i, packets, _ in self.counts(name)})

    def check(self) -> None:
        """Raises Disagreement if something was not as a trace said. Everything has been collected."""
        with self._one:
            self._compare_registers()
            wrong, self.wrong = self.wrong, []
            after = self._all_counts()
            counted = +(after - self._before), +(self._before - after)
            if counted != (+self._counted, Counter()):
                wrong.append(f"counters: the traces say {dict(self._counted)}, and there are {counted}")
            self._before = after
            self._counted.clear()
            left = [(where, _shown(what)) for where, awaited in self._expected.items() for what, _ in awaited]
            self._expected.clear()
            if left:
                wrong.append(f"traces said that there would be {left}")
        if wrong:
            raise Disagreement("\n".join(wrong))


def _shown(what: Any) -> Any:
    return what.hex() if isinstance(what, bytes) else what
