"""docs/targets.md: the tests that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_test_named_exists() -> None:
    """`path::name` is a test of that file, and `::name` one of the file named before it; `path` alone a file."""
    text = (ROOT / "docs" / "targets.md").read_text()
    named = re.findall(r"`([\w/]*\.py)?(?:::(\w+))?`", text)
    missing, path = [], ROOT
    for file, name in named:
        if file:
            path = ROOT / ("tests/topo/" + file if "/" not in file else file)
        if (file or name) and not (path.is_file() and re.search(rf"(def|class) {name}\b", path.read_text())) and name:
            missing.append(f"{path.relative_to(ROOT)}::{name}")
        if file and not path.is_file():
            missing.append(file)
    assert len([name for _, name in named if name]) > 10
    assert missing == []
