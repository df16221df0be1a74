"""Values of health checks, as a file has them. All raise ValueError for what they cannot be."""

from __future__ import annotations

import re
import shlex
from typing import Any

from fullnat.health import pcre2

TIMES = 1, 100
"""Results in a row that may be asked for."""
OFFSETS = 0, 1 << 20
"""Bytes of a body that a regular expression is looked for in."""
FACTORS = 0, 65535
"""By which the number in a file counts: it is of a weight."""
_LONGEST = 4096
_DATAGRAM = 1200
_PRINTED = re.compile(r"[\x21-\x7e]+")
_DEVICE = re.compile(r"[^\s/\x00-\x1f]{1,15}")
"""Linux's IFNAMSIZ, and what it refuses in a name."""
_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+")
_MD5 = re.compile(r"[0-9a-fA-F]{32}")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text in quotes")
    if len(value) > _LONGEST or "\x00" in value:
        raise ValueError(f"is longer than {_LONGEST} characters, or has a NUL")
    return value


def _like(pattern: re.Pattern[str], what: str) -> Any:
    def convert(value: Any) -> str:
        if not pattern.fullmatch(_text(value)):
            raise ValueError(f"{value!r} is not {what}")
        return str(value)

    return convert


device = _like(_DEVICE, "the name of a network interface")
host = _like(_HOST, "the name of a host")
user = _like(_USER, "the name of a user")
_digest = _like(_MD5, "an MD5 of 32 hexadecimal digits")


def digest(value: Any) -> str:
    """Of a body; none is any body."""
    return "" if value == "" else str(_digest(value)).lower()


def regex(value: Any) -> str:
    """A regular expression, for :func:`fullnat.health.pcre2.check` to look at with its options."""
    return _text(value)


def regex_options(value: Any) -> str:
    pcre2.options(_text(value))
    return " ".join(value.split())


def payload(value: Any) -> str:
    """Bytes of a datagram, in hexadecimal."""
    try:
        octets = bytes.fromhex(str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value))
    except ValueError:
        raise ValueError(f"{value!r} is not bytes in hexadecimal, like 0d0a") from None
    if len(octets) > _DATAGRAM:
        raise ValueError(f"{len(octets)} bytes do not fit one datagram: {_DATAGRAM} do")
    return octets.hex()


def path(value: Any) -> str:
    """Of a URL."""
    if not _PRINTED.fullmatch(_text(value)) or not value.startswith("/"):
        raise ValueError(f"{value!r} is not a path that begins with / and has no spaces")
    return str(value)


RECORDS = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28, "RRSIG": 46, "DNSKEY": 48}
"""Types of DNS that may be asked for, by name."""
_LABEL = 63
_NAME = 255
"""Bytes of a label, and of a name with the lengths of its labels (RFC 1035 section 2.3.4)."""


def labels(name: str) -> bytes:
    """A domain name as questions have it. Raises ValueError."""
    parts = [] if name == "." else name.removesuffix(".").split(".")
    if not all(part.isascii() and part.isprintable() and 0 < len(part) <= _LABEL for part in parts):
        raise ValueError(f"{name!r} is not the name of a domain")
    found = b"".join(bytes((len(part),)) + part.encode() for part in parts) + b"\x00"
    if len(found) > _NAME:
        raise ValueError(f"{name!r} is longer than the name of a domain may be")
    return found


def domain(value: Any) -> str:
    """Its name; "." is the root."""
    labels(_text(value))
    return str(value)


def absolute(value: Any) -> str:
    """The path of a file."""
    if not _text(value).startswith("/"):
        raise ValueError(f"{value!r} is not an absolute path")
    return str(value)


def command(value: Any) -> str:
    """A program and its arguments. Nothing of it is for a shell but quotes."""
    try:
        words = shlex.split(_text(value))
    except ValueError as error:
        raise ValueError(f"{value!r} is no command: {error}") from None
    if not words or not words[0].startswith("/"):
        raise ValueError(f"{value!r} does not begin with the absolute path of a program")
    return str(value)


def told(value: Any) -> str:
    """A program that is told of a change; none is none."""
    return "" if value == "" else command(value)


def nobody_or_user(value: Any) -> str:
    """The name of a user; none is none."""
    return "" if value == "" else str(user(value))


def ranges(text: str) -> list[tuple[int, int]]:
    """Numbers and ranges, with commas between them. Raises ValueError."""
    found = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not (first.isdecimal() and (last or first).isdecimal() and len(part) <= 16):
            raise ValueError(f"{text!r} is not a list like 200-299,301")
        found.append((int(first), int(last or first)))
    return found


def _numbers(value: Any, lowest: int, highest: int) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value)
    if not all(lowest <= low <= high <= highest for low, high in ranges(text)):
        raise ValueError(f"{text!r} has more than numbers from {lowest} to {highest}")
    return text


def status(value: Any) -> str:
    """Status codes of HTTP."""
    return _numbers(value, 100, 599)


def exit_status(value: Any) -> str:
    """Of a program."""
    return _numbers(value, 0, 255)
