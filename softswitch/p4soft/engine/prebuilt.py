"""Shared objects that were compiled elsewhere and came with the package, for machines without a C compiler.

They are ``prebuilt/LEVEL/NAME-HASH.so`` in the package; the hash is that of all that was compiled, so a program that
has changed is not found. ``deploy/prebuild.py`` makes them.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parent.parent / "prebuilt"


@dataclass(frozen=True, slots=True)
class Level:
    """What a processor must have for code of this level: as the x86-64 psABI and glibc-hwcaps have them."""

    name: str
    """Also the value of ``-march=``."""
    flags: frozenset[str] = frozenset()
    """Of /proc/cpuinfo."""


_V2 = frozenset({"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"})
_V3 = _V2 | {"abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "xsave"}
LEVELS = {
    "x86_64": (Level("x86-64-v3", _V3), Level("x86-64")),
    "aarch64": (Level("armv8-a"),),
}
"""By machine, the best first. Others have none."""


def file_name(name: str, digest: str) -> str:
    return f"{name}-{digest[:32]}.so"


def find(name: str, digest: str) -> Path | None:
    """The best object of this name and hash that this processor runs; None when there is none."""
    if not DIRECTORY.is_dir():
        return None
    places = (DIRECTORY / level.name / file_name(name, digest) for level in _usable(processor_flags()))
    return next((place for place in places if place.is_file()), None)


def _usable(flags: frozenset[str]) -> Iterator[Level]:
    return (level for level in LEVELS.get(platform.machine(), ()) if level.flags <= flags)


def processor_flags() -> frozenset[str]:
    """What /proc/cpuinfo says of the first processor; nothing where it cannot be read."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    line = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return frozenset(line.partition(":")[2].split())
