"""The time of day of each controller, which jumps."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.tools import build


class Clocks:
    def __init__(self, directory: Path, names: Iterable[str]) -> None:
        self._files = {name: directory / f"clock-{name}" for name in names}
        for name in self._files:
            self.set(name, 0.0)
        self._library = build.library("wall_clock")

    def environment(self, name: str) -> Mapping[str, str]:
        """With which a process goes by this clock."""
        return {"LD_PRELOAD": str(self._library), "WALL_CLOCK": str(self._files[name])}

    def set(self, name: str, seconds: float) -> None:
        """By how much it differs from the machine's."""
        file = os.open(self._files[name], os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.pwrite(file, struct.pack("=q", int(seconds * 1e9)), 0)
        finally:
            os.close(file)
