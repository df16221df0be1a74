"""Who knows whom among the C files of p4soft: folders in layers, and no circle."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from p4soft.engine.binding import NATIVE
from p4soft.engine.toolchain import compiler

BELOW = {
    "abi": {"abi"},
    "program": {"program"},
    "engine": {"engine", "program", "abi"},
    "edge": {"edge", "engine", "program"},
    "http2": {"http2", "program"},
    "p4rt": {"p4rt", "http2", "engine", "program"},
}
"""The folders that each folder may include from."""

SOURCES = sorted(NATIVE.rglob("*.[ch]"))
_INCLUDE = re.compile(r'^#include "([^"]+)"$', re.MULTILINE)


def module(path: Path) -> str:
    """A header and the C file of the same name are one module."""
    return path.relative_to(NATIVE).with_suffix("").as_posix()


def included(path: Path) -> list[Path]:
    """Headers of generated programs include each other without their folder, which is where the compiler looks."""
    paths = [NATIVE / name for name in _INCLUDE.findall(path.read_text())]
    return [found if found.exists() else path.with_name(found.name) for found in paths]


def includes() -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for path in SOURCES:
        graph.setdefault(module(path), set()).update(module(p) for p in included(path) if module(p) != module(path))
    return graph


def reached(graph: Mapping[str, set[str]], start: str) -> set[str]:
    """What a module includes, and what that includes."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        waiting += (new := graph[waiting.pop()] - seen)
        seen |= new
    return seen


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """One, or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as e:
        return list(e.args[1])
    return []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(NATIVE).as_posix())
def test_a_file_includes_only_what_lies_below_it(path: Path) -> None:
    folder = path.parent.name
    assert set(BELOW) == {p.parent.name for p in SOURCES}
    assert all(header.is_file() for header in included(path))
    assert {header.parent.name for header in included(path)} <= BELOW[folder]


def test_no_modules_include_each_other() -> None:
    graph = includes()
    assert len(graph) > 40
    assert circle(graph) == []
    assert circle(graph | {"engine/ring": {"engine/forward"}}) != []


@pytest.fixture(scope="module")
def symbols(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[set[str], set[str]]]:
    """The functions and objects that each C file defines, and those that it needs of others."""
    if shutil.which("nm") is None:
        pytest.skip("no nm")
    scratch = tmp_path_factory.mktemp("objects")
    command = [part for part in compiler("", False) if part not in ("-shared", "-O3")]
    found = {}
    for path in SOURCES:
        if path.suffix == ".h":
            continue
        made = scratch / "x.o"
        subprocess.run([*command, "-O0", f"-I{NATIVE}", "-c", "-o", str(made), str(path)], check=True)
        lines = subprocess.run(["nm", str(made)], capture_output=True, text=True, check=True).stdout.splitlines()
        names = [(line.split()[-2], line.split()[-1]) for line in lines]
        found[module(path)] = ({n for kind, n in names if kind in "BDRT"}, {n for kind, n in names if kind == "U"})
    return found


def test_what_a_module_calls_is_declared_by_a_header_that_it_includes(
    symbols: dict[str, tuple[set[str], set[str]]],
) -> None:
    home = {name: where for where, (defined, _) in symbols.items() for name in defined}
    graph = {where: {home[name] for name in needed if name in home} for where, (_, needed) in symbols.items()}
    assert circle(graph) == []
    told = includes()
    assert {w: unknown for w, callees in graph.items() if (unknown := callees - reached(told, w))} == {}


def test_what_no_other_language_calls_is_declared_by_the_header_of_the_same_name(
    symbols: dict[str, tuple[set[str], set[str]]],
) -> None:
    stray: dict[str, str] = {}
    for where, (defined, _) in symbols.items():
        header, source = NATIVE / f"{where}.h", (NATIVE / f"{where}.c").read_text()
        told = header.read_text() if header.exists() else ""
        exported = set(re.findall(r"^EXPORT .*?(\w+)\(", source, re.MULTILINE))
        stray |= {name: where for name in defined - exported if not re.search(rf"\b{name}\b", told)}
    assert stray == {}
