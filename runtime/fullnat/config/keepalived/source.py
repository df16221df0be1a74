"""The lines of keepalived.conf and of what it includes, as words with their places (keepalived lib/parser.c).

A line is a keyword and its arguments. ``!`` and ``#`` begin a comment, quotes keep spaces, a backslash at its end goes
on with the next line, ``@id`` and ``@^id`` in front make it conditional, ``$NAME = ...`` defines what ``$NAME`` and
``${NAME}`` stand for, and ``include`` has other files in its place.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fullnat.config.errors import ConfigError, Place

CONFIG_ID = "fullnat"
"""Ours, for ``@fullnat``: lines that keepalived itself shall pass over (its option --config-id)."""
DEEPEST = 16
"""Of files that include one another."""
MOST_LINES = 2_000_000
"""Of a configuration with all that it includes, so that one which includes itself by turns ends."""

_INCLUDES = frozenset(("include", "includea", "includeb", "includem", "includer", "includew"))
_CONDITION = re.compile(r"@(\^?)([A-Za-z0-9_.-]*)\s+(.*)", re.DOTALL)
_DEFINITION = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)", re.DOTALL)
_REFERENCE = re.compile(r"\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPING = frozenset(("regex",))
"""Keywords behind which a backslash means what it means in C, in quotes of either kind and without (keepalived:
alloc_strvec_quoted_escaped)."""
_PIECE = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|((?:[^\s"\'!#\\]|\\.)+)', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]+)|c(.)|([0-7]{1,3})|(.))", re.DOTALL)
_CHARACTERS = dict(zip("abEfnrtv", "\a\b\x1b\f\n\r\t\v", strict=True))
_WORD = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|\'([^\']*)\'|([^\s"\'!#][^\s!#]*)|([!#].*)|(["\'].*))', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Line:
    """``words`` has at least one. ``quoted`` has the numbers of those in quotes, which are never braces."""

    place: Place
    words: tuple[str, ...]
    quoted: frozenset[int] = frozenset()


class SourceError(ConfigError):
    """A line that cannot be read."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__([f"{place}: {message}"], holds_back=True)


def read(path: Path) -> Iterator[Line]:
    """The lines of a file and of those that it includes. Raises ConfigError."""
    return _Reader(path.parent).file(path, str(path), None, 0)


def lines(text: str, name: str = "<config>", directory: Path = Path()) -> Iterator[Line]:
    """As :func:`read`, of a text; relative includes are found from ``directory``."""
    return _Reader(directory).text(text, name, directory, 0)


class _Reader:
    """What is defined so far, over all files."""

    def __init__(self, directory: Path) -> None:
        self._definitions: dict[str, str] = {"_PWD": str(directory)}
        self._lines = 0

    def file(self, path: Path, name: str, asked: Place | None, depth: int) -> Iterator[Line]:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
            raise ConfigError([f"{name}: {reason}" if asked is None else f"{asked}: {name}: {reason}"]) from None
        yield from self.text(text, name, path.parent, depth)

    def text(self, text: str, name: str, directory: Path, depth: int) -> Iterator[Line]:
        for place, raw in _joined(text, name):
            self._count(place)
            found = _conditional(raw)
            if found is None:
                continue
            if definition := _DEFINITION.fullmatch(found):
                self._definitions[definition[1]] = definition[2]
                continue
            for part in self._replaced(place, found).split("\n"):
                line = _words(place, part)
                if line is None:
                    continue
                if line.words[0] in _INCLUDES:
                    yield from self._include(line, directory, depth)
                else:
                    yield line

    def _count(self, place: Place) -> None:
        self._lines += 1
        if self._lines > MOST_LINES:
            raise SourceError(place, f"the configuration has more than {MOST_LINES} lines with all that it includes")

    def _include(self, line: Line, directory: Path, depth: int) -> Iterator[Line]:
        """Files by a pattern, in the order of their names. One that is named outright has to be there."""
        if len(line.words) != 2:
            raise SourceError(line.place, f"{line.words[0]} takes one file name or pattern")
        if depth == DEEPEST:
            raise SourceError(line.place, f"files include one another more than {DEEPEST} times deep")
        pattern = line.words[1]
        if not glob.has_magic(pattern):
            yield from self.file(directory / pattern, str(directory / pattern), line.place, depth + 1)
            return
        for found in sorted(glob.glob(str(directory / pattern))):
            if Path(found).is_file():
                yield from self.file(Path(found), found, line.place, depth + 1)

    def _replaced(self, place: Place, text: str) -> str:
        """``text`` with what its references stand for, which may have references too."""
        for _ in range(DEEPEST):
            if "$" not in text:
                return text
            changed = _REFERENCE.sub(lambda found: self._value(place, found), text)
            if changed == text:
                return text
            if len(changed) > MOST_LINES:
                raise SourceError(place, f"definitions grow to more than {MOST_LINES} characters")
            text = changed
        raise SourceError(place, f"definitions refer to one another more than {DEEPEST} times deep")

    def _value(self, place: Place, found: re.Match[str]) -> str:
        braced, bare = found.groups()
        name = bare if braced is None else braced.strip()
        if name in self._definitions:
            return self._definitions[name]
        if braced is not None and not _NAME.fullmatch(name):
            raise SourceError(place, f"{found[0]}: a definition with parameters is not supported; write its lines out")
        if braced is None:
            return str(found[0])  # not everything with a dollar is ours: a password, a script's argument
        raise SourceError(place, f"{found[0]} is not defined above")


def _joined(text: str, name: str) -> Iterator[tuple[Place, str]]:
    """Lines with those that go on, each with the place of its first. A definition keeps its ends of lines."""
    first, parts = 0, list[str]()
    for number, raw in enumerate(text.splitlines(), 1):
        parts.append(raw)
        first = first or number
        if raw.endswith("\\"):
            parts[-1] = raw[:-1]
            continue
        yield Place(name, first), _join(parts)
        first, parts = 0, []
    if parts:
        yield Place(name, first), _join(parts)


def _join(parts: list[str]) -> str:
    kept = "\n" if parts[0].lstrip().startswith("$") and "=" in parts[0] else " "
    return kept.join(part.strip() for part in parts)


def _conditional(raw: str) -> str | None:
    """The line without its condition; None if that is not ours."""
    if not raw.startswith("@"):
        return raw
    condition = _CONDITION.fullmatch(raw)
    if condition is None:
        return None
    negated, identity, rest = condition.groups()
    return rest if (identity == CONFIG_ID) != bool(negated) else None


def _unescaped(text: str) -> str:
    def character(found: re.Match[str]) -> str:
        hexadecimal, control, octal, other = found.groups()
        if hexadecimal is not None or octal is not None:
            return chr((int(hexadecimal, 16) if octal is None else int(octal, 8)) & 0xFF)
        return chr(ord(control) & 0x1F) if control is not None else _CHARACTERS.get(other, other)

    return _ESCAPE.sub(character, text)


def _escaped_word(raw: str, position: int) -> tuple[str, int]:
    """The word at ``position``, of pieces in quotes and without, and where it ends."""
    while raw[position : position + 1].isspace():
        position += 1
    word, begin = "", position
    while found := _PIECE.match(raw, position):
        word += _unescaped(next(piece for piece in found.groups() if piece is not None))
        position = found.end()
    return (word, position) if position > begin else ("", 0)


def _words(place: Place, raw: str) -> Line | None:
    words: list[str] = []
    quoted: set[int] = set()
    position, end = 0, len(raw.rstrip())
    while position < end:
        if words and words[0] in _ESCAPING:
            word, after = _escaped_word(raw, position)
            if after:
                quoted.add(len(words))
                words.append(word)
                position = after
                continue
        found = _WORD.match(raw, position)
        if found is None:
            raise SourceError(place, f"cannot read {raw[position:].strip()!r}")
        double, single, bare, comment, unclosed = found.groups()
        if comment is not None:
            break
        if unclosed is not None:
            raise SourceError(place, f"the quote of {unclosed[:20]!r} is not closed")
        if bare is None:
            quoted.add(len(words))
            words.append(re.sub(r"\\(.)", r"\1", double) if double is not None else single)
        elif bare.endswith("{") and bare != "{":
            words += [bare[:-1], "{"]
        else:
            words.append(bare)
        position = found.end()
    return Line(place, tuple(words), frozenset(quoted)) if words else None
