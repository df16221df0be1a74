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
TWINS = {"target", "headers", "parser", "received", "session_state", "punt_limit", "verdict", "deparser", "prims"}
"""What each target has in its own way; beside them v1model has checksums, tunnels and answers to solicitations, and TNA
what egress does."""
OWN = {"v1model": {"access", "checksum", "solicitation", "tunnel"}, "tna": {"rewrite", "session_seq", "banks"}}
OPTION_TWINS = ("arch/v1model/option_list", "arch/layouts")
"""Two ways to take TCP options: any list, and by layout."""


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


def test_enumerations_are_of_these_sources() -> None:
    module = compile_module()
    assert module.ENUMERATIONS.read_text() == module.enumerations(), "p4src changed: run make p4"  # type: ignore[attr-defined]


@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("p4c-bm2-ss") is None, reason="p4c-bm2-ss is not on PATH")
def test_p4c_makes_the_committed_artifacts() -> None:
    run = subprocess.run([sys.executable, P4SRC / "compile.py", "--check"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_core_has_no_target_construct() -> None:
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in sorted([*P4SRC.rglob("core/**/*.p4"), *P4SRC.glob("include/*.p4")])
        for number, line in enumerate(re.sub(r"/\*.*?\*/", blank, path.read_text(), flags=re.S).splitlines(), 1)
        if TARGET_WORDS.search(line)
    ]
    assert not found


def blank(comment: re.Match[str]) -> str:
    """The comment's line breaks, so that line numbers stay."""
    return "\n" * comment[0].count("\n")


@pytest.mark.parametrize("arch", ["v1model", "tna"])
def test_target_twins_are_the_written_list(arch: str) -> None:
    assert {path.stem for path in P4SRC.glob(f"arch/{arch}/*.p4")} == TWINS | OWN[arch]
    page = (P4SRC.parent / "docs/tofino.md").read_text()
    rows = re.findall(r"^\| ([\w, ]+) \|", page[page.index("| twin |") :], flags=re.M)
    told = {name for row in rows for name in row.split(", ")}
    assert told >= TWINS | OWN[arch], "docs/tofino.md does not tell of them all"


def test_option_twins_are_alike() -> None:
    names = [{path.stem for path in (P4SRC / place).glob("*.p4")} for place in OPTION_TWINS]
    assert names[0] == names[1] == {"headers", "states", "edit"}


def test_every_program_applies_all_of_core_in_the_same_order() -> None:
    """The composite controls, by the names of their folders; what an ASIC does between them is in arch/asic."""
    for top in ("fullnat_v1model.p4", "fullnat_v1model_asic.p4", "fullnat_tna.p4"):
        text = (P4SRC / top).read_text().replace("rewrite_segment.apply", "rewrite.apply")
        applied = re.findall(r"\b(received|check|look_up|decide|forward|rewrite|verdict)\.apply\(", text)
        expected = ["received", "check", "look_up", "decide", "forward", "rewrite", "verdict"]
        if "arch/asic" in text:
            # Egress comes behind the end of ingress.
            expected = [*expected[:5], "verdict", "rewrite"]
        assert applied == expected, top
    folders = {path.name for path in (P4SRC / "core").iterdir() if path.is_dir()} - {"parse"}
    assert folders == {"check", "lookup", "decide", "forward", "rewrite"}


def test_every_control_of_core_is_applied() -> None:
    """By the composite of its folder or a control that this applies, or as a composite by the programs."""
    for folder in (path for path in (P4SRC / "core").iterdir() if path.is_dir() and path.name != "parse"):
        composite = folder / f"{folder.name}.p4"
        declared = {
            name
            for path in folder.glob("*.p4")
            for name in re.findall(r"^control (\w+)\(", path.read_text(), flags=re.M)
        }
        tops = re.findall(r"^control (\w+)\(", composite.read_text(), flags=re.M)
        assert len(tops) == 1, composite
        text = "".join(path.read_text() for path in folder.glob("*.p4"))
        assert not {name for name in declared - set(tops) if not re.search(rf"^    {name}\(\) \w+;", text, flags=re.M)}
        included = set(re.findall(r'^#include "(\w+\.p4)"', composite.read_text(), flags=re.M))
        assert included == {path.name for path in folder.glob("*.p4")} - {composite.name}


def test_program_names_no_path_of_the_machine_that_compiled_it() -> None:
    assert not re.search(r'"filename": "/', (P4SRC / "compiled/fullnat.json").read_text())
