"""The sources of the documentation site, for mkdocs: docs/, pages from elsewhere, and the generated reference."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from deploy.links import LINK, ROOT, Link
from deploy.reference import PAGES

DOCS = ROOT / "docs"
OUT = ROOT / "build" / "docs"
ELSEWHERE = {
    "softswitch/README.md": "p4soft.md",
    "toa/README.md": "toa.md",
    "ptf_tests/README.md": "packet-tests.md",
    "p4src/compiled/tofino/report.md": "tofino-report.md",
    "CHANGELOG.md": "changelog.md",
}
"""Pages outside docs/, and what they are on the site."""
_TO_NOWHERE = re.compile(r"\[([^\]]*)\]\(NOWHERE\)")


def make(out: Path = OUT) -> list[Path]:
    """Write everything; the pages that were written."""
    shutil.rmtree(out, ignore_errors=True)
    sources = {path: path.relative_to(DOCS) for path in sorted(DOCS.rglob("*.md"))}
    sources |= {ROOT / source: Path(name) for source, name in ELSEWHERE.items()}
    pages = [_page(source, out, name) for source, name in sources.items()]
    for name, content in PAGES.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(content())
        pages.append(out / name)
    for path in DOCS.rglob("*"):
        if path.suffix in (".svg", ".png", ".toml"):
            (out / path.relative_to(DOCS)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, out / path.relative_to(DOCS))
    return pages


def _page(source: Path, out: Path, name: Path) -> Path:
    target = out / name
    target.parent.mkdir(parents=True, exist_ok=True)
    text = LINK.sub(lambda found: _moved(Link(source, found[1]), name), source.read_text())
    target.write_text(_TO_NOWHERE.sub(r"\1", text))
    return target


def _moved(link: Link, name: Path) -> str:
    """The link as it is in the site's page ``name``; NOWHERE for what the site has not."""
    if link.elsewhere or link.target.startswith("#"):
        return link.target
    if link.file.is_relative_to(DOCS):
        place = str(link.file.relative_to(DOCS))
    elif link.file.is_relative_to(ROOT) and str(link.file.relative_to(ROOT)) in ELSEWHERE:
        place = ELSEWHERE[str(link.file.relative_to(ROOT))]
    else:
        return "NOWHERE"
    return os.path.relpath(place, name.parent) + (f"#{link.anchor}" if link.anchor else "")


def main() -> int:
    pages = make()
    print(f"{len(pages)} pages in {OUT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
