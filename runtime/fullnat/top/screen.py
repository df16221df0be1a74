"""What is on the screen: lines of pieces of text, each with a style, made of a reading and of what the user wants.
Nothing here knows a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from fullnat.top.keys import HELP
from fullnat.top.numbers import duration, short
from fullnat.top.readings import SESSIONS, Reading
from fullnat.top.views import BAD, GOOD, PLAIN, VIEWS, WARN, Column, Row, View, condition, takes_new

HEAD, BAR, QUIET, CHOSEN = "head", "bar", "quiet", "chosen"
"""Styles, beside the moods of rows."""
HEADER_LINES = 4
OTHER_LINES = HEADER_LINES + 2
"""Beside rows: those above them, the heading of the table, and the last line."""
LEAST_ROWS = 3
"""For which all lines but the first of the header go."""
LEAST_NAME = 22
"""Letters of the first column before others go for it,"""
SHORTEST_NAME = 10
"""and before those go that are always wanted."""
TROUBLE = (WARN, BAD)

Piece = tuple[str, str]
Line = list[Piece]


@dataclass(slots=True)
class Wishes:
    """What the user has asked for by keys and options."""

    view: View = VIEWS[0]
    sort: str = ""
    """A column of the view; empty: the view's own."""
    inverted: bool = False
    filter: str = ""
    trouble_only: bool = False
    without_idle: bool = False
    frozen: bool = False
    delay: float = 2.0
    chosen: int = 0
    """A row, from 0."""
    scrolled: int = 0
    """Rows above the screen."""
    shows_help: bool = False
    question: str = ""
    answer: str = ""
    """So far."""
    message: str = ""
    colour: bool = True
    rows: list[Row] = field(default_factory=list)
    """As they were last put in order."""
    columns: list[str] = field(default_factory=list)
    """Those that there was room for."""


def arrange(reading: Reading, wishes: Wishes) -> list[Row]:
    """The rows that are wanted, in their order."""
    wanted = wishes.filter.lower()
    if wishes.view.name == "sessions" and "=" in wanted:
        wanted = ""  # the controller has selected them
    rows = [
        row
        for row in wishes.view.rows(reading)
        if (not wishes.trouble_only or row.mood in TROUBLE)
        and not (wishes.without_idle and row.idle)
        and (not wanted or wanted in " ".join([*map(str, row.values.values()), row.about]).lower())
    ]
    name = wishes.sort or wishes.view.sorted_by
    by_text = next(column.is_text for column in wishes.view.columns if column.name == name)
    rows.sort(key=lambda row: row.values[name], reverse=by_text == wishes.inverted)
    wishes.rows = rows
    return rows


def screen(reading: Reading, wishes: Wishes, now: float, width: int, height: int) -> list[Line]:
    """No more than ``height`` lines of ``width``."""
    if wishes.shows_help:
        return [*_help(width, height)]
    rows = arrange(reading, wishes)
    kept = HEADER_LINES if height > OTHER_LINES + LEAST_ROWS else 1
    room = max(1, height - OTHER_LINES + HEADER_LINES - kept)
    wishes.chosen = max(0, min(wishes.chosen, len(rows) - 1))
    wishes.scrolled = max(0, min(wishes.scrolled, wishes.chosen, len(rows) - room), wishes.chosen - room + 1)
    shown = rows[wishes.scrolled : wishes.scrolled + room]
    columns, name_width = _fit(wishes.view.columns, rows, width)
    wishes.columns = [column.name for column in columns]
    lines = [*islice(header(reading, wishes, now), kept), _heading(columns, name_width, wishes, width)]
    for number, row in enumerate(shown, wishes.scrolled):
        style = CHOSEN if number == wishes.chosen else row.mood
        lines.append([(_cells(row, columns, name_width)[:width].ljust(width), style)])
    lines += [[] for _ in range(room - len(shown))]
    lines.append(_last(wishes, rows, width))
    return [cut(line, width) for line in lines[:height]]


def plain(reading: Reading, wishes: Wishes, now: float, width: int | None) -> list[str]:
    """The same for a file: every row, and what is said of it behind."""
    rows = arrange(reading, wishes)
    columns, name_width = _fit(wishes.view.columns, rows, width)
    lines = ["".join(text for text, _ in line) for line in header(reading, wishes, now)]
    lines.append("".join(text for text, _ in _heading(columns, name_width, wishes, 0)))
    lines += [_cells(row, columns, name_width) + (f"  {row.about}" if row.about else "") for row in rows]
    return [line[:width].rstrip() for line in lines]


# ---------------------------------------------------------------------------------------------- above the table


def header(reading: Reading, wishes: Wishes, now: float) -> Iterator[Line]:
    """What there is of everything."""
    yield _first(reading, wishes, now)
    servers = [server for service in reading.services for server in service["servers"]]
    without = sum(not service.get("has_quorum", True) for service in reading.services)
    down = sum(condition(server)[0] == "down" for server in servers)
    taking = sum(map(takes_new, servers))
    line = [
        ("Services: ", QUIET),
        (f"{len(reading.services)} total, ", HEAD),
        (f"{without} without quorum", BAD if without else PLAIN),
        ("   Servers: ", QUIET),
        (f"{len(servers)} total, {taking} take new, ", HEAD),
        (f"{down} down", BAD if down else PLAIN),
    ]
    yield line
    sessions = reading.stats.get("controller", {}).get("sessions", 0)
    room = reading.about.get("size", 0)

    def rate(name: str) -> float:
        return sum(float(server.get("rates", {}).get(name, 0)) for server in servers)

    yield [
        ("Sessions: ", QUIET),
        (f"{sessions} of {room}", HEAD),
        ("   New/s: ", QUIET),
        (short(rate("connections")), HEAD),
        ("   Packets/s: ", QUIET),
        (f"{short(rate('in_packets'))} in, {short(rate('out_packets'))} out", HEAD),
        ("   Bits/s: ", QUIET),
        (f"{short(8 * rate('in_bytes'))} in, {short(8 * rate('out_bytes'))} out", HEAD),
    ]
    yield _dropped(reading)


def _first(reading: Reading, wishes: Wishes, now: float) -> Line:
    switch = reading.stats.get("switch", {})
    state = switch.get("state", "unknown")
    line = [
        ("fullnat top", HEAD),
        (f" {reading.about.get('version', '')}, switch ", PLAIN),
        (state, GOOD if state == "serving" else BAD),
        (f" ({switch['reason']})" if switch.get("reason") else "", PLAIN),
    ]
    if reading.problem:
        old = f" {duration(now - reading.at)} ago" if reading.at else ""
        line = [*line[:1], (f"{old}: {reading.problem}", BAD)]
    if wishes.frozen:
        line.append((", frozen", WARN))
    if wishes.filter:
        line.append((f", only {wishes.filter}", WARN))
    for is_so, words in ((wishes.trouble_only, "trouble only"), (wishes.without_idle, "without idle")):
        if is_so:
            line.append((f", {words}", WARN))
    return line


def _dropped(reading: Reading) -> Line:
    """The reasons that lead, for as many as there is room."""
    rates = sorted(((cell["packets"], reason) for reason, cell in reading.drop_rates.items()), reverse=True)
    said = ", ".join(f"{reason} {short(rate)}" for rate, reason in rates[:4] if rate)
    return [("Drops/s: ", QUIET), (said or "none", WARN if said else PLAIN)]


# ---------------------------------------------------------------------------------------------- the table


def _fit(columns: Sequence[Column], rows: Iterable[Row], width: int | None) -> tuple[list[Column], int]:
    """The columns that there is room for, and how wide the first one is. Without a width there is room for all."""
    name, *others = columns
    wanted = max([len(str(row.values[name.name])) for row in rows] + [len(name.name)])
    if width is None:
        return [name, *others], wanted
    least = min(wanted, LEAST_NAME)
    for rank in sorted({column.rank for column in others}, reverse=True):
        if least + sum(column.width + 1 for column in others) <= width or not rank:
            break
        others = [column for column in others if column.rank < rank]
    while others and width - sum(column.width + 1 for column in others) < SHORTEST_NAME:
        others.pop()
    left = width - sum(column.width + 1 for column in others)
    return [name, *others], left


def _cells(row: Row, columns: Sequence[Column], name_width: int) -> str:
    name, *others = columns
    cells = [_cut(str(row.values[name.name]), name_width).ljust(name_width)]
    for column in others:
        text = _cut(column.shown(row.values[column.name]), column.width)
        cells.append(text.ljust(column.width) if column.is_text else text.rjust(column.width))
    return " ".join(cells)


def _heading(columns: Sequence[Column], name_width: int, wishes: Wishes, width: int) -> Line:
    """The column that rows are sorted by has a mark, for terminals without colour."""
    by = wishes.sort or wishes.view.sorted_by
    name, *others = columns
    pieces = [_mark(name.name, by, wishes.inverted).ljust(name_width)]
    for column in others:
        text = _mark(column.name, by, wishes.inverted)
        pieces.append(text.ljust(column.width) if column.is_text else text.rjust(column.width))
    return [(" ".join(pieces).ljust(width), BAR)]


def _mark(name: str, by: str, inverted: bool) -> str:
    return f"{'^' if inverted else '*'}{name}" if name == by else name


def _cut(text: str, width: int) -> str:
    """A ``+`` says that there is more, as in top."""
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}+"


# ---------------------------------------------------------------------------------------------- below


def _last(wishes: Wishes, rows: Sequence[Row], width: int) -> Line:
    if wishes.question:
        answer = f"{wishes.answer}_"[-width:]
        return [(_cut(wishes.question, max(1, width - len(answer))), PLAIN), (answer, HEAD)]
    if wishes.message:
        return [(_cut(wishes.message, width), WARN)]
    if rows and rows[wishes.chosen].about:
        return [(_cut(rows[wishes.chosen].about, width), rows[wishes.chosen].mood)]
    views = " ".join(f"{number}:{view.name}" for number, view in enumerate(VIEWS, 1))
    count = f"{len(rows)} {wishes.view.name}"
    if wishes.view.name == "sessions" and len(rows) == SESSIONS:
        count = f"the first {SESSIONS} sessions; filter with /client=..."
    return [(_cut(f"{views}  /:filter <>:sort Z:freeze h:help q:quit  {count}", width), QUIET)]


def _help(width: int, height: int) -> Iterator[Line]:
    yield [("fullnat top: keys", HEAD)]
    for keys, words in list(HELP)[: max(0, height - 2)]:
        yield cut([(f"  {keys:<18}", HEAD), (words, PLAIN)], width)
    yield [("any key goes back", QUIET)]


def cut(line: Line, width: int) -> Line:
    """No more than ``width`` letters, none of which a terminal takes for a command."""
    found: Line = []
    for text, style in line:
        if width <= 0:
            break
        found.append(("".join(letter if letter.isprintable() else "?" for letter in text[:width]), style))
        width -= len(text)
    return found
