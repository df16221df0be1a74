"""Keys: what terminals send for them, and what they do, as in top and htop."""

from __future__ import annotations

from collections.abc import Iterator

UP, DOWN, PAGE_UP, PAGE_DOWN, HOME, END = "up", "down", "page up", "page down", "home", "end"
ENTER, ESCAPE, BACKSPACE, TAB, BACK_TAB = "enter", "escape", "backspace", "tab", "back tab"

_SEQUENCES = {
    **dict.fromkeys(("[A", "OA"), UP),
    **dict.fromkeys(("[B", "OB"), DOWN),
    "[5~": PAGE_UP,
    "[6~": PAGE_DOWN,
    **dict.fromkeys(("[H", "OH", "[1~", "[7~"), HOME),
    **dict.fromkeys(("[F", "OF", "[4~", "[8~"), END),
    "[Z": BACK_TAB,
    **dict.fromkeys(("OP", "[11~", "[[A"), "F1"),
    **dict.fromkeys(("OS", "[14~", "[[D"), "F4"),
    **dict.fromkeys(("[17~",), "F6"),
    **dict.fromkeys(("[21~",), "F10"),
}
"""What follows an escape (xterm, VT220, Linux)."""
_SINGLE = {"\r": ENTER, "\n": ENTER, "\x7f": BACKSPACE, "\b": BACKSPACE, "\t": TAB, "\x10": UP, "\x0e": DOWN}

DOES: dict[str, tuple[tuple[str, ...], str]] = {
    "quit": (("q", "F10", "\x03"), "quit"),
    "help": (("h", "?", "F1"), "this list"),
    "view": (("1", "2", "3", "4", "5"), "services, servers, sessions, local addresses, dropped packets"),
    "next": ((TAB,), "the next of these"),
    "previous": ((BACK_TAB,), "the one before"),
    "move": ((UP, DOWN, "k", "j", PAGE_UP, PAGE_DOWN, HOME, END), "choose a row"),
    "enter": ((ENTER,), "servers of the chosen service, sessions of the chosen server"),
    "back": ((ESCAPE,), "back to all, without filter"),
    "left": (("<",), "sort by the column before"),
    "right": ((">", "F6"), "sort by the next column"),
    "invert": (("R", "I"), "the other way round"),
    "filter": (("/", "\\", "o", "F4"), "only rows with a text; of sessions also client=, virtual=, server=, state="),
    "trouble": (("t",), "only what is not as it should be"),
    "idle": (("i",), "without what has no sessions"),
    "freeze": (("Z",), "freeze, and go on"),
    "again": ((" ",), "read now"),
    "delay": (("d", "s"), "seconds between two readings"),
    "colour": (("z",), "with colours, or without"),
    "drain": (("D",), "take the chosen server or service out"),
    "enable": (("E",), "give the chosen server a weight"),
}
"""What a key does, the keys that do it, and that in words."""
BY_KEY = {key: does for does, (keys, _) in DOES.items() for key in keys}
_SHOWN = {"\x03": "^C", " ": "space"}
HELP = [
    (" ".join(_SHOWN.get(key, key) for key in keys) if len(keys) < 6 else "arrows, j k", words)
    for keys, words in DOES.values()
]


def decode(data: bytes) -> Iterator[str]:
    """The keys of what a terminal has sent in one piece. An escape that nothing known follows is one by itself, and the
    rest of an unknown sequence is left out."""
    text = data.decode("utf-8", "replace")
    while text:
        if text[0] == "\x1b" and len(text) > 1:
            known = next((name for name in _SEQUENCES if text.startswith(name, 1)), None)
            if known is not None:
                yield _SEQUENCES[known]
                text = text[1 + len(known) :]
                continue
            if text[1] in "[O":
                text = _after_unknown(text)
                continue
        if text[0] == "\x1b":
            yield ESCAPE
        else:
            yield _SINGLE.get(text[0], text[0])
        text = text[1:]


def _after_unknown(text: str) -> str:
    """Behind the final letter of a control sequence (ECMA-48 5.4)."""
    for place, letter in enumerate(text[2:], 3):
        if "@" <= letter <= "~":
            return text[place:]
    return ""
