"""The table of phases: what is in it leads somewhere, what is not is an error; and the documentation shows it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from fullnat.core.session.lifecycle import STEPS, IllegalStep, Phase, Step, after

ROOT = Path(__file__).parents[2]
CORE = ROOT / "runtime" / "fullnat" / "core"


def test_every_phase_is_reached_and_left() -> None:
    reached = {Phase.NEW}
    for steps in STEPS.values():
        reached |= set(steps.values())
    assert reached == set(Phase)
    assert [phase for phase, steps in STEPS.items() if not steps] == [Phase.GONE]
    assert {step for steps in STEPS.values() for step in steps} == set(Step)


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("step", Step)
def test_a_step_leads_where_the_table_says_or_is_an_error(phase: Phase, step: Step) -> None:
    if step in STEPS[phase]:
        assert after(phase, step) is STEPS[phase][step]
    else:
        with pytest.raises(IllegalStep, match=f"{step.name} in phase {phase.name}"):
            after(phase, step)


def test_nobody_sets_a_phase_by_hand() -> None:
    """Every change goes through Session.step."""
    found = []
    for path in CORE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            targets = node.targets if isinstance(node, ast.Assign) else []
            found += [path.name for target in targets if isinstance(target, ast.Attribute) and target.attr == "phase"]
    assert found == ["sessions.py", "sessions.py"]


def test_the_page_shows_the_tables() -> None:
    script = ROOT / "docs" / "lifecycle_diagram.py"
    check = "import lifecycle_diagram as d; raise SystemExit(d.page(d.PAGE.read_text()) != d.PAGE.read_text())"
    done = subprocess.run([sys.executable, "-c", check], cwd=script.parent, check=False)
    assert done.returncode == 0, "run docs/lifecycle_diagram.py"
