"""The source tree itself: short files, short functions, and no module that needs itself.

What is generated is left out. Python's imports count where they are carried out when a module is loaded; those within
functions and for types only make no circle.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TREES = ("bench", "chaos", "demo", "p4src", "ptf_tests", "runtime/fullnat", "softswitch/p4soft", "tests", "toa", "topo")
KINDS = {".py", ".c", ".h", ".p4"}
GENERATED = {ROOT / "runtime/fullnat/p4constants.py"}
PACKAGES = {ROOT / "runtime": "fullnat", ROOT / "softswitch": "p4soft", ROOT / "toa/python": "fullnat_toa"}
TOOLS = ("bench", "chaos", "demo", "p4src", "ptf_tests", "topo")
"""Packages that lie at the root."""
_BLOCKS = ("body", "orelse", "finalbody")
"""Of statements."""
LINES = 400
FUNCTION = 60


def sources() -> Iterator[Path]:
    for tree in TREES:
        for path in sorted((ROOT / tree).rglob("*")):
            parts = path.relative_to(ROOT).parts
            if path.suffix in KINDS and path not in GENERATED and not {"compiled", "build"} & set(parts):
                yield path


SOURCES = tuple(sources())


def python_functions(text: str) -> Iterator[tuple[str, int]]:
    """Name and length of each function; what is defined within it counts."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def c_functions(text: str) -> Iterator[tuple[str, int]]:
    """As the tree is formatted: the head begins a line, the body ends with a brace that is one."""
    lines = text.splitlines()
    start, head = 0, ""
    for number, line in enumerate(lines):
        if line[:1].isalpha() and not head:
            start, head = number, line
        if head and line.startswith("}"):
            if re.search(r"\w+\([^;]*\)\s*\{?$", "\n".join(lines[start : start + 6]).split("{")[0].strip()):
                yield head, number - start + 1
            head = ""
        elif head and line.rstrip().endswith(";") and not line[:1].isspace():
            head = ""


def test_no_file_is_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: length for name, length in lengths.items() if length > LINES} == {}


def test_no_function_is_long() -> None:
    found = {}
    for path in SOURCES:
        of = {".py": python_functions, ".c": c_functions, ".h": c_functions}.get(path.suffix)
        for name, length in of(path.read_text()) if of is not None else ():
            if length > FUNCTION:
                found[f"{path.relative_to(ROOT)}: {name}"] = length
    assert found == {}


@pytest.mark.parametrize("brace", [" {\n", "\n{\n"], ids=["behind", "below"])
def test_long_functions_of_c_are_seen(brace: str) -> None:
    body = "  int x;\n" * 70
    text = (
        f"struct s {{\n{body}}};\n\nstatic int f(int a,\n             int b){brace}{body}}}\n\nint g(void){brace}}}\n"
    )
    assert [length > FUNCTION for _, length in c_functions(text)] == [True, False]


# ---- imports


def modules() -> dict[str, Path]:
    """Of our packages, by name."""
    places = [(base, base / name) for base, name in PACKAGES.items()] + [(ROOT, ROOT / name) for name in TOOLS]
    found = {}
    for base, package in places:
        for path in package.rglob("*.py"):
            parts = path.relative_to(base).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def loaded(tree: ast.Module, known: Mapping[str, Path]) -> Iterator[str]:
    """The modules of ``known`` that a module imports when it is loaded."""
    return (name for name in _imported(tree, known) if name in known)


def _imported(tree: ast.Module, known: Mapping[str, Path]) -> Iterator[str]:
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            for alias in node.names:
                within = f"{node.module}.{alias.name}"
                yield within if within in known else node.module
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            parts = [node, *getattr(node, "handlers", ())]
            waiting += [below for part in parts for field in _BLOCKS for below in getattr(part, field, ())]


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_needs_itself() -> None:
    paths = modules()
    graph = {name: set(loaded(ast.parse(path.read_text()), paths)) - {name} for name, path in paths.items()}
    assert graph["fullnat.core.controller"] >= {"fullnat.core.session.expiry"}
    assert circle(graph) == []
    assert circle(graph | {"fullnat.core.interface": {"fullnat.core.controller"}}) != []
