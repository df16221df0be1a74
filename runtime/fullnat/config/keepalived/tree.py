"""The blocks of keepalived.conf: keywords with arguments, and what stands between their braces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fullnat.config.errors import Place
from fullnat.config.keepalived.source import Line, SourceError

DEEPEST = 16
"""Of blocks in blocks."""


@dataclass(slots=True)
class Node:
    """A keyword with its arguments; ``below`` is its block, None if it has none."""

    place: Place
    keyword: str
    arguments: tuple[str, ...]
    below: list[Node] | None = None


@dataclass(slots=True)
class _Open:
    """A block that is not closed yet."""

    nodes: list[Node] = field(default_factory=list)
    of: Node | None = None


def grow(lines: Iterable[Line]) -> list[Node]:
    """The blocks of these lines. Braces may stand on a line of their own, or on one with words. Raises ConfigError."""
    blocks = [_Open()]
    last: Line | None = None
    for line in lines:
        last = line
        words: list[str] = []
        for number, word in enumerate(line.words):
            if number in line.quoted or word not in ("{", "}"):
                words.append(word)
            elif word == "{":
                _open(blocks, line, words)
                words = []
            else:
                _add(blocks, line, words)
                words = []
                _close(blocks, line)
        _add(blocks, line, words)
    if blocks[-1].of is not None and last is not None:
        of = blocks[-1].of
        raise SourceError(of.place, f"the block of {of.keyword} is not closed ({last.place} is its last line)")
    return blocks[0].nodes


def _add(blocks: list[_Open], line: Line, words: list[str]) -> None:
    if words:
        blocks[-1].nodes.append(Node(line.place, words[0], tuple(words[1:])))


def _open(blocks: list[_Open], line: Line, words: list[str]) -> None:
    """The block of the words in front of the brace, or else of the last line."""
    if len(blocks) > DEEPEST:
        raise SourceError(line.place, f"blocks are nested more than {DEEPEST} deep")
    _add(blocks, line, words)
    nodes = blocks[-1].nodes
    if not nodes or nodes[-1].below is not None:
        raise SourceError(line.place, "a block without a keyword in front of its {")
    nodes[-1].below = []
    blocks.append(_Open(nodes[-1].below, nodes[-1]))


def _close(blocks: list[_Open], line: Line) -> None:
    if blocks[-1].of is None:
        raise SourceError(line.place, "a } that closes no block")
    blocks.pop()
