"""The page that maps the LVS design to tests: no section is left out, and every test that it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.links import ROOT

PAGE = ROOT / "docs" / "lvs-design.md"
SCHEDULING = ROOT / "docs" / "scheduling.md"
SECTIONS = {"3", *(f"4.{number}" for number in range(1, 10)), "4.4.1", "4.4.2", "4.6.1", "4.6.2", "5.1", "5.2"}
"""Those of the design that ask for something; 4.6 is its two parts."""
_ROW = re.compile(r"^\| ([\d.]+) \| [^|]+ \| ([^|]+) \|$", flags=re.MULTILINE)
_TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")


def test_every_section_has_tests() -> None:
    rows = _ROW.findall(PAGE.read_text())
    assert {section for section, _ in rows} == SECTIONS - {"4.6"}
    assert [section for section, tests in rows if not _TEST.search(tests)] == []


def test_every_report_about_scheduling_has_tests() -> None:
    rows = re.findall(r"^\| (B\d+) \| [^|]+ \| ([^|]+) \|$", SCHEDULING.read_text(), flags=re.MULTILINE)
    assert [row for row, tests in rows if _TEST.search(tests)] == [f"B{number}" for number in range(13, 19)]


@pytest.mark.parametrize("page", [PAGE, SCHEDULING], ids=lambda page: page.name)
def test_the_tests_exist(page: Path) -> None:
    named = _TEST.findall(page.read_text())
    assert len(named) == page.read_text().count("::"), "some name is not of the form `file.py::test`"
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not re.search(rf"^(?:class|def) {name}\(", (ROOT / file).read_text(), flags=re.MULTILINE)
    ]
    assert missing == []
