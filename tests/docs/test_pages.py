"""The documentation: links lead somewhere, and the reference is complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fullnat.app.metrics import described
from fullnat.p4constants import DropReason, PuntReason

from deploy import reference, site
from deploy.links import ROOT, broken

DOCS = ROOT / "docs"
PAGES = sorted(
    [*DOCS.rglob("*.md"), *(ROOT / name for name in ("README.md", "CHANGELOG.md", *site.ELSEWHERE))],
    key=lambda page: page.as_posix(),
)
MADE = {DOCS / name for name in reference.PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links(page: Path) -> None:
    assert broken(page, MADE) == []


def test_the_sites_links(tmp_path: Path) -> None:
    """Pages from elsewhere and the reference are there, and nothing leads out of the site."""
    pages = site.make(tmp_path)
    assert {page.relative_to(tmp_path).as_posix() for page in pages} >= {"index.md", "toa.md", *reference.PAGES}
    assert {page: found for page in pages if (found := broken(page))} == {}


def test_every_page_is_in_the_navigation(tmp_path: Path) -> None:
    named = set(re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), flags=re.MULTILINE))
    there = {page.relative_to(tmp_path).as_posix() for page in site.make(tmp_path)}
    assert {page for page in there - named if not page.startswith("decisions/")} == set()
    assert named <= there


def test_the_reference_leaves_nothing_out() -> None:
    pages = {name: make() for name, make in reference.PAGES.items()}
    for name, *_ in described():
        assert f"| `{name}` |" in pages["reference/metrics.md"]
    helps = [help_text for *_, help_text in described()]
    # Each says by itself what it counts.
    assert [text for text in helps if text[0].islower() or not text[0].isalnum() or len(text.split()) < 2] == []
    assert sorted({text for text in helps if helps.count(text) > 1}) == []
    for reason in (*DropReason, *PuntReason):
        if not reason.name.endswith("_REASONS") and reason.name != "NONE":
            assert f"| `{reason.name.lower()}` |" in pages["reference/reasons.md"]
    options = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", pages["reference/configuration.md"], flags=re.MULTILINE)
    assert len(options) == sum(len(section) for section in reference.SECTIONS.values())
    assert [name for name, _, words in options if not words] == []
    assert "### fullnat run" in pages["reference/commands.md"] or "## fullnat run" in pages["reference/commands.md"]
    assert "| `session_in` |" in pages["reference/tables.md"]
