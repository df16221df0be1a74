"""The documentation: links lead somewhere, the reference is complete, and the tutorial works as it stands."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fullnat.app.metrics import described
from fullnat.p4constants import DropReason, PuntReason

from deploy import reference, site
from deploy.links import ROOT, broken
from topo import namespaces

DOCS = ROOT / "docs"
PAGES = sorted(
    [*DOCS.rglob("*.md"), *(ROOT / name for name in ("README.md", "CHANGELOG.md", *site.ELSEWHERE))],
    key=lambda page: page.as_posix(),
)
MADE = {DOCS / name for name in reference.PAGES}
_BLOCK = re.compile(r"^```sh\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)


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


@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_tutorial(tmp_path: Path) -> None:
    """All of its commands in their order, in a mount and network namespace where its names are free."""
    if (reason := namespaces.unavailable()) is not None:
        pytest.skip(reason)
    text = (DOCS / "tutorial.md").read_text()
    blocks = _BLOCK.findall(text)
    assert len(blocks) == text.count("```sh")
    hide = "mkdir -p /run/netns; mount -t tmpfs tmpfs /run/netns; mount -t tmpfs tmpfs /tmp; set -eux\n"
    script = tmp_path / "tutorial"
    script.write_text(hide + "\n".join(blocks).replace("kill $(jobs -p)", "kill $(jobs -p); wait || true"))
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", str(script)]
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(Path.home())}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.splitlines()
    # What the page shows below its commands, and more that they print.
    for shown in re.findall(r"^```\n\n    (\S.*)$", text, flags=re.MULTILINE):
        assert shown in lines
    assert re.search(r"^10\.0\.0\.10[0-3] .*GET / HTTP", done.stdout, flags=re.MULTILINE)
    (adopted,) = re.findall(r"sessions_adopted\s+(\d+)", done.stdout)
    assert int(adopted) >= 1
