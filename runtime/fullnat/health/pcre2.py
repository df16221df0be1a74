"""Regular expressions by the system's PCRE2, keepalived's engine, in a process of their own.

As a program it searches what its standard input asks for. Neither a pattern nor the page that it is looked for in can
be trusted to end: each search has so many seconds of CPU time, then the kernel ends the process.
"""

from __future__ import annotations

import ctypes
import json
import resource
import signal
import sys
from functools import cache, lru_cache
from typing import Any, BinaryIO

LIBRARY = "libpcre2-8.so.0"
OPTIONS = {
    name: 1 << bit
    for bit, name in enumerate(
        (
            *("allow_empty_class", "alt_bsux", "auto_callout", "caseless", "dollar_endonly", "dotall", "dupnames"),
            *("extended", "firstline", "match_unset_backref", "multiline", "never_ucp", "never_utf", "no_auto_capture"),
            *("no_auto_possess", "no_dotstar_anchor", "no_start_optimize", "ucp", "ungreedy", "utf"),
            *("never_backslash_c", "alt_circumflex", "alt_verbnames", "use_offset_limit"),
        )
    )
}
"""keepalived's names of PCRE2's options, and their bits (pcre2.h)."""
_LIMITED = OPTIONS["use_offset_limit"]
_NO_MATCH = -1
_HEAP = 65536
"""KiB that a search may take."""
_MEMORY = 512 << 20
"""Bytes of the whole process."""


class BadPattern(ValueError):
    """It is no regular expression, or there is no PCRE2; the message is why."""


@cache
def _library() -> Any:
    """Raises BadPattern."""
    try:
        found = ctypes.CDLL(LIBRARY)
    except OSError:
        raise BadPattern(f"needs {LIBRARY}: apt-get install libpcre2-8-0") from None
    size, pointer = ctypes.c_size_t, ctypes.c_void_p
    for name, result, arguments in (
        ("compile", pointer, (ctypes.c_char_p, size, ctypes.c_uint32, pointer, pointer, pointer)),
        ("match_data_create", pointer, (ctypes.c_uint32, pointer)),
        ("match_context_create", pointer, (pointer,)),
        ("set_offset_limit", ctypes.c_int, (pointer, size)),
        ("set_heap_limit", ctypes.c_int, (pointer, ctypes.c_uint32)),
        ("match", ctypes.c_int, (pointer, ctypes.c_char_p, size, size, ctypes.c_uint32, pointer, pointer)),
        ("get_error_message", ctypes.c_int, (ctypes.c_int, ctypes.c_char_p, size)),
    ):
        function = getattr(found, f"pcre2_{name}_8")
        function.restype, function.argtypes = result, arguments
    return found


def options(names: str) -> int:
    """The bits of these, with spaces between them. Raises ValueError."""
    bits = 0
    for name in names.split():
        if name not in OPTIONS:
            raise ValueError(f"{name!r} is not one of {', '.join(OPTIONS)}")
        bits |= OPTIONS[name]
    return bits


def _said(code: int) -> str:
    room = ctypes.create_string_buffer(256)
    _library().pcre2_get_error_message_8(code, room, len(room))
    return room.value.decode()


@lru_cache(maxsize=64)
def _compiled(pattern: str, bits: int) -> int:
    """Raises BadPattern."""
    code, at, raw = ctypes.c_int(), ctypes.c_size_t(), pattern.encode()
    library = _library()
    found = library.pcre2_compile_8(raw, len(raw), bits | _LIMITED, ctypes.byref(code), ctypes.byref(at), None)
    if not found:
        raise BadPattern(f"{_said(code.value)}, at its character {at.value + 1}")
    return int(found)


def check(pattern: str, bits: int) -> None:
    """Raises BadPattern."""
    _compiled(pattern, bits)


def _search(asked: dict[str, Any], subject: bytes) -> str:
    """ "match" or "none", or what went wrong. A match begins at bytes from ``start`` to ``last``."""
    library = _library()
    code = _compiled(asked["pattern"], asked["options"])
    context = library.pcre2_match_context_create_8(None)
    library.pcre2_set_heap_limit_8(context, _HEAP)
    if asked["last"] is not None:
        library.pcre2_set_offset_limit_8(context, asked["last"])
    if asked["start"] > len(subject):
        return "none"
    room = library.pcre2_match_data_create_8(1, None)
    found = library.pcre2_match_8(code, subject, len(subject), asked["start"], 0, room, context)
    library.pcre2_match_data_free_8(ctypes.c_void_p(room))
    library.pcre2_match_context_free_8(ctypes.c_void_p(context))
    # 0: there was no room for groups, which nobody asks for.
    return "match" if found >= 0 else "none" if found == _NO_MATCH else _said(found)


def serve(asks: BinaryIO, answers: BinaryIO) -> None:
    """Until ``asks`` ends: a line of JSON, and so many bytes to search, are answered by a line."""
    while line := asks.readline():
        asked = json.loads(line)
        subject = asks.read(asked["size"])
        signal.setitimer(signal.ITIMER_PROF, asked["seconds"])
        try:
            told = _search(asked, subject)
        except BadPattern as error:
            told = str(error)
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(told.encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    # Nothing of Python is asked when it goes off, as it is PCRE2 that runs.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    serve(sys.stdin.buffer, sys.stdout.buffer)
