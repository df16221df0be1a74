"""Compiles p4soft's runtime and the FULLNAT program ahead, for machines that have no C compiler."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fullnat import compiled
from p4soft.codegen.unit import generate
from p4soft.engine.binding import NATIVE, PROGRAM
from p4soft.engine.prebuilt import LEVELS, file_name
from p4soft.engine.toolchain import compile_to, compiler, digest_of

_OWN = "-march=native"


def prebuild(directory: Path) -> list[Path]:
    """The objects, below ``directory`` as :mod:`p4soft.engine.prebuilt` looks for them. Raises ToolchainError."""
    command = compiler(os.environ.get("P4SOFT_CC", ""), False)
    objects = list(_objects())
    jobs = []
    for level in LEVELS[platform.machine()]:
        place = directory / level.name
        place.mkdir(parents=True, exist_ok=True)
        flags = [f"-march={level.name}" if word == _OWN else word for word in command]
        for name, sources, texts, include in objects:
            target = place / file_name(name, digest_of(sources, texts, include))
            jobs.append((target, flags, sources, texts, include))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda job: compile_to(*job), jobs))
    return [target for target, *_ in jobs]


def _objects() -> Iterator[tuple[str, Sequence[Path], Mapping[str, str], Path]]:
    """What :mod:`p4soft.engine.binding` builds: the runtime, and the program for one packet thread and for several.
    A log of single packets (--log-level trace) is another program, and needs a compiler."""
    yield "core", sorted(NATIVE.rglob("*.c")), {}, NATIVE
    config = (compiled.directory() / "fullnat.json").read_bytes()
    for shared in (False, True):
        _, source = generate(config, trace=False, shared=shared)
        yield "program", [], {"program.c": source}, PROGRAM
