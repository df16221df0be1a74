"""What a trace asks of the switch that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from p4soft.api import Entry, MeterState
from p4soft.codegen import model as m


class State(Protocol):
    """A switch's state at one moment. Keys and parameters are packed as :mod:`p4soft.api` says."""

    def entry(self, table: m.TableDef, key: bytes) -> Entry | None:
        """That of an exact table."""

    def entries(self, table: m.TableDef) -> Sequence[Entry]:
        """Those of any other table."""

    def default(self, table: m.TableDef) -> tuple[int, bytes] | None:
        """Action and parameters of a miss."""

    def register(self, register: m.RegisterArray, index: int) -> int: ...

    def meter(self, meter: m.MeterArray, index: int) -> MeterState | None:
        """None: it is not configured, so that everything is green."""

    def clock(self) -> tuple[int, int]:
        """Nanoseconds: what time it is, as meters keep it, and when the switch started."""


class Overlay:
    """Registers and meters that packets have changed, of a switch that knows nothing of it."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._registers: dict[tuple[int, int], int] = {}
        self._meters: dict[tuple[int, int], MeterState | None] = {}

    def copy(self) -> Overlay:
        other = Overlay(self.state)
        other._registers |= self._registers
        other._meters |= self._meters
        return other

    def register(self, register: m.RegisterArray, index: int) -> int:
        at = register.index, index
        if at not in self._registers:
            self._registers[at] = self.state.register(register, index)
        return self._registers[at]

    def write(self, register: m.RegisterArray, index: int, value: int) -> None:
        self._registers[register.index, index] = value

    def colour(self, meter: m.MeterArray, index: int, now: int, amount: int) -> int:
        """RFC 2698, colour blind, as the native code has it: 0 green, 1 yellow, 2 red."""
        at = meter.index, index
        if at not in self._meters:
            self._meters[at] = self.state.meter(meter, index)
        was = self._meters[at]
        if was is None:
            return 0
        passed = max(0, now - was.last) * 1e-9
        committed = min(was.committed + passed * was.cir, float(was.cburst))
        peak = min(was.peak + passed * was.pir, float(was.pburst))
        colour = 2 if peak < amount else 1 if committed < amount else 0
        if colour < 2:
            peak -= amount
        if colour < 1:
            committed -= amount
        self._meters[at] = replace(was, last=max(now, was.last), committed=committed, peak=peak)
        return colour
