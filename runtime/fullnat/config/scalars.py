"""Values of options that are numbers, words and names, as a file has them. All raise ValueError for what they cannot
be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fullnat.core.declared.modes import Mode
from fullnat.core.declared.values import SECONDS, check_buckets, check_name, check_quic_id, check_toa_kind
from fullnat.net.match import Match, parse

Convert = Callable[[Any], Any]
REQUIRED = object()
"""In place of a default."""


def integer(low: int, high: int) -> Convert:
    def convert(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"{value!r} is not a number from {low} to {high}")
        return value

    return convert


def seconds(value: Any) -> float:
    longest = SECONDS[1]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.1 <= value <= longest:
        raise ValueError(f"{value!r} is not a number of seconds from 0.1 to {longest}")
    return float(value)


def duration(value: Any) -> float:
    """Seconds, of which 0 is none."""
    return 0.0 if value == 0 and not isinstance(value, bool) else seconds(value)


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is not true or false")
    return value


def one_of(*words: str) -> Convert:
    def convert(value: Any) -> str:
        if value not in words:
            raise ValueError(f"{value!r} is not {'one of ' if len(words) > 1 else ''}{', '.join(words)}")
        return str(value)

    return convert


def toa_kind(value: Any) -> int:
    check_toa_kind(value)
    return int(value)


def buckets(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{value!r} is not a whole number")
    check_buckets(value)
    return value


def mode(value: Any) -> Mode:
    return Mode(one_of(*Mode)(value))


def name(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text in quotes")
    check_name(value)
    return value


def matches(value: Any) -> tuple[Match, ...]:
    """The rules of a service by match."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{value!r} is not a list of rules like 'dst=203.0.113.80,dport=80'")
    return tuple(map(parse, value))


def quic_id(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text in quotes")
    check_quic_id(value)
    return value.lower()
