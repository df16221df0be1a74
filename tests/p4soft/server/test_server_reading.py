"""The BMv2 JSON is read in one place: the server knows of a program what its engine does."""

from __future__ import annotations

from pathlib import Path

import p4soft.api
import pytest
from p4kit import PROGRAMS
from p4soft.codegen.describe import api_program, read_program
from p4soft.codegen.unit import generate
from p4soft.server.staging import StagedEngine

COMPILED = Path(__file__).resolve().parents[3] / "p4src" / "compiled"
CONFIGS = [*sorted(PROGRAMS.glob("*.json")), COMPILED / "fullnat.json", COMPILED / "asic.json"]
READS = {
    "codegen/jsonread.py",
    "entries.py",  # adds members to the JSON
    "server/sizes.py",  # changes one member
    "server/translation.py",  # an annotation of P4Info
}


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_a_saved_program_has_the_objects_that_the_engine_runs(config: Path) -> None:
    text = config.read_bytes()
    runs = api_program(generate(text)[0])
    assert runs.tables
    assert read_program(text) == runs
    assert StagedEngine().load(text) == runs


def test_nobody_else_parses_it() -> None:
    sources = Path(p4soft.api.__file__).parent
    found = {path.relative_to(sources).as_posix() for path in sources.rglob("*.py") if "json.load" in path.read_text()}
    assert found == READS
