"""Links of Markdown pages: found, resolved, and whether they lead anywhere."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
_FENCE = re.compile(r"^(```|~~~).*?^\1", flags=re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^(?: {4}|\t).*$", flags=re.MULTILINE)
_HEADING = re.compile(r"^#+ +(.+?) *#*$", flags=re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Link:
    page: Path
    target: str
    """As written."""

    @property
    def elsewhere(self) -> bool:
        """Of the web, and not checked."""
        return "://" in self.target or self.target.startswith("mailto:")

    @property
    def file(self) -> Path:
        path = self.target.partition("#")[0]
        return (self.page.parent / path).resolve() if path else self.page

    @property
    def anchor(self) -> str:
        return self.target.partition("#")[2]


def links(page: Path) -> Iterator[Link]:
    text = _INDENTED.sub("", _FENCE.sub("", page.read_text()))
    return (Link(page, target) for target in LINK.findall(text))


def anchors(page: Path) -> set[str]:
    """Those of the headings, as GitHub and mkdocs make them."""
    return {slug(heading) for heading in _HEADING.findall(_FENCE.sub("", page.read_text()))}


def slug(heading: str) -> str:
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")


def broken(page: Path, made: Collection[Path] = ()) -> list[str]:
    """The links of a page that lead nowhere. ``made`` are pages that the site has and the sources have not."""
    found = []
    for link in links(page):
        if link.elsewhere or link.file in made:
            continue
        if not link.file.exists():
            found.append(f"{link.target}: there is no such file")
        elif link.anchor and link.file.suffix == ".md" and link.anchor not in anchors(link.file):
            found.append(f"{link.target}: there is no such heading")
    return found
