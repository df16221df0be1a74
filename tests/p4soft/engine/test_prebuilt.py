"""Shared objects that came with the package: found by content and processor, and a compiler asked for comes first."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
from p4soft.api import ToolchainError
from p4soft.engine import prebuilt, toolchain

TEXTS = {"x.c": "int x;"}
LEVELS = (prebuilt.Level("best", frozenset({"avx512"})), prebuilt.Level("any"))


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of objects for a machine without compiler."""
    monkeypatch.setattr(prebuilt, "DIRECTORY", tmp_path / "prebuilt")
    monkeypatch.setitem(prebuilt.LEVELS, platform.machine(), LEVELS)
    monkeypatch.setattr(toolchain, "_candidates", list)
    monkeypatch.setenv("P4SOFT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("P4SOFT_CC", raising=False)
    monkeypatch.delenv("P4SOFT_SANITIZE", raising=False)
    toolchain.compiler.cache_clear()
    name = prebuilt.file_name("x", toolchain.digest_of([], TEXTS, tmp_path))
    for level in LEVELS:
        (tmp_path / "prebuilt" / level.name).mkdir(parents=True)
        (tmp_path / "prebuilt" / level.name / name).touch()
    return tmp_path


@pytest.mark.parametrize(("flags", "level"), [({"sse2"}, "any"), (set(), "any"), ({"sse2", "avx512"}, "best")])
def test_the_best_for_this_processor(
    shipped: Path, monkeypatch: pytest.MonkeyPatch, flags: set[str], level: str
) -> None:
    monkeypatch.setattr(prebuilt, "processor_flags", lambda: frozenset(flags))
    assert toolchain.build("x", [], TEXTS, shipped).parent.name == level


def test_another_program_is_not_found(shipped: Path) -> None:
    with pytest.raises(ToolchainError, match="no working C compiler"):
        toolchain.build("x", [], {"x.c": "int y;"}, shipped)


def test_a_compiler_that_is_asked_for_compiles(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P4SOFT_CC", "false")
    with pytest.raises(ToolchainError, match="no working C compiler"):
        toolchain.build("x", [], TEXTS, shipped)


def test_the_flags_of_this_processor_are_read() -> None:
    assert prebuilt.processor_flags() or platform.machine() not in prebuilt.LEVELS
