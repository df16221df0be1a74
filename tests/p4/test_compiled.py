"""The committed output of p4c is that of the committed P4, and the core of the program knows no target."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

P4SRC = Path(__file__).resolve().parents[2] / "p4src"
TARGET_WORDS = re.compile(
    r"\b(standard_metadata|mark_to_drop|register|direct_counter|counter<|meter<|digest|hash\(|varbit|header_union|"
    r"lookahead|clone|resubmit|recirculate|verify|Register\w*|Digest|ig_intr_\w+|support_timeout|idle_timeout)\b"
)
TWINS = {"headers", "parser", "checksum", "session_state", "tcp_options", "verdict", "deparser", "prims"}


def compile_module() -> object:
    spec = importlib.util.spec_from_file_location("p4src_compile", P4SRC / "compile.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_compiled_artifacts_are_of_these_sources() -> None:
    manifest = json.loads((P4SRC / "compiled/manifest.json").read_text())
    assert manifest["sources_sha256"] == compile_module().source_hash(), "p4src changed: run make p4"  # type: ignore[attr-defined]


def test_constants_are_of_these_sources() -> None:
    constants = json.loads((P4SRC / "compiled/fullnat.constants.json").read_text())
    assert constants == compile_module().constants()  # type: ignore[attr-defined]


@pytest.mark.skipif(shutil.which("p4c-bm2-ss") is None, reason="p4c-bm2-ss is not on PATH")
def test_p4c_makes_the_committed_artifacts() -> None:
    run = subprocess.run([sys.executable, P4SRC / "compile.py", "--check"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_core_has_no_target_construct() -> None:
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in sorted([*P4SRC.glob("core/*.p4"), *P4SRC.glob("include/*.p4")])
        for number, line in enumerate(re.sub(r"/\*.*?\*/", blank, path.read_text(), flags=re.S).splitlines(), 1)
        if TARGET_WORDS.search(line)
    ]
    assert not found


def blank(comment: re.Match[str]) -> str:
    """The comment's line breaks, so that line numbers stay."""
    return "\n" * comment[0].count("\n")


def test_target_twins_are_the_written_list() -> None:
    assert {path.stem for path in P4SRC.glob("arch/v1model/*.p4")} == TWINS


def test_program_names_no_path_of_the_machine_that_compiled_it() -> None:
    assert not re.search(r'"filename": "/', (P4SRC / "compiled/fullnat.json").read_text())
