"""Engines with in-process ports. The programs are compiled from the .p4 files beside the JSON by
``p4c-bm2-ss --std p4-16 --arch v1model X.p4 -o X.json``."""

from __future__ import annotations

from pathlib import Path

import pytest
from p4soft.engine import NativeEngine

PROGRAMS = Path(__file__).resolve().parent.parent / "programs"
CPU_PORT = 255
with_workers = pytest.mark.parametrize("bench", [1, 2], indirect=True, ids=["1 worker", "2 workers"])
"""Tests that hold whatever the number of packet threads."""


class Bench(NativeEngine):
    """An engine with ports 1, 2 and 3, and the CPU port 255."""

    def __init__(self, name: str, *, workers: int = 1, spread: str = "flow") -> None:
        super().__init__(0, CPU_PORT, workers=workers, spread=spread)
        self.load((PROGRAMS / f"{name}.json").read_bytes())
        for port in (1, 2, 3):
            self.add_memory_port(port)

    def table(self, name: str) -> int:
        assert self.program is not None
        return next(t.index for t in self.program.tables.values() if t.name.split(".")[-1] == name)

    def action(self, table: str, name: str) -> int:
        assert self.program is not None
        found = next(t for t in self.program.tables.values() if t.name.split(".")[-1] == table)
        return next(a.index for a in found.actions if a.name.split(".")[-1] == name)

    def send(self, data: bytes, port: int = 1) -> list[tuple[int, bytes]]:
        """Everything that leaves because of one packet."""
        self.inject(port, data)
        assert self.drain(10)
        return self.collect()
