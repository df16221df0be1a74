"""The core, its tables and packets do no I/O: they may not even import what could."""

from __future__ import annotations

import ast
from pathlib import Path

import fullnat
import pytest

ROOT = Path(str(fullnat.__file__)).parent
PURE = ("core", "net", "tables")
FINDERS = {ROOT / where / "__init__.py" for where in ("core/protocols", "core/schedulers", "tables")}
"""They import the modules beside them, whose names they look up."""
FILES = [path for name in PURE for path in sorted((ROOT / name).rglob("*.py")) if path not in FINDERS]
ALLOWED = {
    "__future__",
    "bisect",
    "collections",
    "collections.abc",
    "dataclasses",
    "enum",
    "functools",
    "hashlib",
    "heapq",
    "ipaddress",
    "itertools",
    "math",
    "random",
    "struct",
    "zlib",
    "typing",
    "fullnat.config.model",
    "fullnat.p4constants",
}


def imports(tree: ast.AST) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, []) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level
            found.append((node.module or "", [alias.name for alias in node.names]))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_imports_nothing_that_does_io_or_tells_time(path: Path) -> None:
    for module, names in imports(ast.parse(path.read_text())):
        assert module in ALLOWED or module.split(".")[:2] in [["fullnat", name] for name in PURE], (
            f"{path.name} imports {module}"
        )
        if module == "random":
            assert names == ["Random"], "randomness is passed in; only the type may be imported"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_calls_nothing_that_does_io(path: Path) -> None:
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"open", "print", "input", "exec", "eval", "__import__", "Random"}


def test_a_frame_is_parsed_where_it_arrives() -> None:
    """What handles a packet-in takes the parsed packet."""
    parsing = [
        path.name
        for path in FILES
        if path.is_relative_to(ROOT / "core")
        and any(
            "parse" in names for module, names in imports(ast.parse(path.read_text())) if module.startswith("fullnat")
        )
    ]
    assert sorted(parsing) == ["arrivals.py", "switch_network.py"]
