"""From the arguments of a keyword to the value that the TOML file would have. All raise ValueError."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network

from fullnat.config.texts import TEXTS
from fullnat.core.declared.values import PROXIES, SYN_PROXIES
from fullnat.fnatadm import letters

Value = int | float | bool | str
Convert = Callable[[tuple[str, ...]], Value | list[Value]]


def proxy(arguments: tuple[str, ...]) -> str:
    """DPVS's words, or our own. Raises ValueError."""
    word = letters.PROXIES.get(arguments[0], arguments[0])
    if word not in PROXIES:
        raise ValueError(
            letters.ONLY_V2 if word.startswith("v1") else f"{word} is not one of {', '.join(letters.PROXIES)}"
        )
    return word


def syn_proxy(arguments: tuple[str, ...]) -> str:
    """A flag, as keepalived of LVS and DPVS has it, or one of our own words. Raises ValueError."""
    word = arguments[0] if arguments else "always"
    if word not in SYN_PROXIES:
        raise ValueError(f"{word} is not one of {', '.join(SYN_PROXIES)}")
    return word


def whole(arguments: tuple[str, ...]) -> int:
    """A number without sign or fraction."""
    text = arguments[0]
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def seconds(arguments: tuple[str, ...]) -> float:
    """Seconds, with a fraction if need be."""
    text = arguments[0]
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number of seconds") from None
    if not 0 <= number < 1e9:
        raise ValueError(f"{text!r} is not a number of seconds")
    return number


def persistence(arguments: tuple[str, ...]) -> float:
    """Seconds, of which none and no number are ipvsadm's default; 0 is off."""
    return seconds(arguments) if arguments else 360.0


def granularity(arguments: tuple[str, ...]) -> int:
    """A mask of IPv4, or bits of a prefix; keepalived has the former for IPv4, the latter for IPv6."""
    text = arguments[0]
    if "." not in text:
        return whole(arguments)
    try:
        return IPv4Network((0, text)).prefixlen
    except ValueError:
        raise ValueError(f"{text!r} is not a mask like 255.255.255.0") from None


def switched_on(arguments: tuple[str, ...]) -> bool:
    """A flag: on by itself, or as told."""
    if not arguments or arguments[0].lower() in ("true", "on", "yes"):
        return True
    if arguments[0].lower() in ("false", "off", "no"):
        return False
    raise ValueError(f"{arguments[0]!r} is not true or false")


def retries(arguments: tuple[str, ...]) -> int:
    """Failures in a row that count: the first one, and so many more."""
    return whole(arguments) + 1


def first_word(arguments: tuple[str, ...]) -> str:
    """As it stands. Behind a user may be a group, but the user's own is taken."""
    return arguments[0]


def all_words(arguments: tuple[str, ...]) -> str:
    return " ".join(arguments)


def capitals(arguments: tuple[str, ...]) -> str:
    return arguments[0].upper()


def codes(arguments: tuple[str, ...]) -> str:
    """Numbers and ranges."""
    return ",".join(arguments)


def command(arguments: tuple[str, ...]) -> str:
    """A program and its arguments, in one word or several."""
    return arguments[0] if len(arguments) == 1 else shlex.join(arguments)


def factor(arguments: tuple[str, ...]) -> int:
    """By which the number of a file counts; ``reverse`` has the opposite sign, and is read apart."""
    text, *rest = arguments
    if rest not in ([], ["reverse"], ["noreverse"]):
        raise ValueError(f"{rest[0]!r} is not reverse or noreverse")
    number = whole((text.removeprefix("-"),))
    return -number if text.startswith("-") else number


def as_option(name: str) -> Convert:
    """As the option ``name`` of the TOML file is: text stays as it stands, even if it looks like a number."""
    return text_or_list if name in TEXTS else as_toml


def text_or_list(arguments: tuple[str, ...]) -> Value | list[Value]:
    return arguments[0] if len(arguments) == 1 else as_toml(arguments)


def as_toml(arguments: tuple[str, ...]) -> Value | list[Value]:
    """As the TOML file would have it: several words are a list, and none is a flag."""
    values = [_typed(argument) for argument in arguments]
    return True if not values else values[0] if len(values) == 1 else values


def _typed(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    for convert in (whole, seconds):
        try:
            return convert((text,))
        except ValueError:
            continue
    return text


def one_of(names: Mapping[str, str], unlike: Mapping[str, str] | None = None) -> Convert:
    """One of ``names``, in any case, as what each stands for; ``unlike`` says why others are none."""

    def convert(arguments: tuple[str, ...]) -> str:
        name = arguments[0].lower()
        if name in names:
            return names[name]
        why = (unlike or {}).get(name)
        raise ValueError(f"{arguments[0]!r} is not {', '.join(names)}{f': {why}' if why else ''}")

    return convert
