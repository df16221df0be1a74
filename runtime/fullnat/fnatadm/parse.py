"""Command lines, by the tables of :mod:`fullnat.fnatadm.options`; getopt_long(3) in what words may look like."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fullnat.config import hints
from fullnat.core.protocols.base import PROTOCOLS
from fullnat.fnatadm.options import (
    BY_NAME,
    COMMANDS,
    FLAGS,
    MISTAKEN,
    OF_DPVS,
    OPTIONS,
    REFUSED,
    TOGETHER,
    Command,
    Option,
    Value,
)
from fullnat.net.flow import MARK

_COMMANDS = {command.option: command for command in COMMANDS}
_ALL = (*_COMMANDS, *OPTIONS)
_SHORT = {letter: option for option in _ALL for letter in option.short}
_LONG = {option.long: option for option in _ALL} | {word: BY_NAME[name] for word, name in OF_DPVS.items()}
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_DEFAULT_PERSISTENCE = 360
"""IPVS_SVC_PERSISTENT_TIMEOUT of ipvsadm."""


class UsageError(Exception):
    """The command line is wrong; the message says what, in one line."""


@dataclass(slots=True)
class Line:
    command: Command
    given: dict[str, Any] = field(default_factory=dict)
    """By name: True for a flag, text, a list of it for one that may be repeated. A service's ``protocol`` as well."""

    def __contains__(self, name: str) -> bool:
        return name in self.given

    def __getitem__(self, name: str) -> Any:
        return self.given[name]

    def get(self, name: str, otherwise: Any = None) -> Any:
        return self.given.get(name, otherwise)


def parse(words: Sequence[str]) -> Line:
    """Raises UsageError."""
    left = list(words)
    commands: list[Command] = []
    given: dict[str, Any] = {}
    while left:
        word = left.pop(0)
        for option, value in _taken(word, left):
            if option in _COMMANDS:
                commands.append(_COMMANDS[option])
                if option.value is not Value.NONE:
                    given[option.name] = value
            else:
                _add(given, option, value)
    if len(commands) != 1:
        both = " and ".join(command.option.names[0] for command in commands)
        raise UsageError(f"{both} are two commands" if commands else "there is no command; fnatadm -h lists them")
    (command,) = commands
    _check(command, given)
    return Line(command, given)


def _taken(word: str, left: list[str]) -> list[tuple[Option, Any]]:
    """The options of a word, with their values, which may be the words that are ``left``."""
    if word.startswith("--") and len(word) > 2:
        name, equals, value = word[2:].partition("=")
        option = _long(name)
        if equals and option.value is Value.NONE:
            raise UsageError(f"--{name} takes no value")
        return [(option, value if equals and option.value is not Value.THREE else _value(option, f"--{name}", left))]
    if not word.startswith("-") or len(word) < 2:
        flag = ": flags of schedulers are not supported, and -b is FULLNAT here" if word in FLAGS else ""
        raise UsageError(f"unexpected {word!r}{flag}")
    found: list[tuple[Option, Any]] = []
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        if f"-{letter}" in REFUSED:
            raise UsageError(REFUSED[f"-{letter}"])
        option = _SHORT.get(letter)  # type: ignore[assignment]
        if option is None:
            raise UsageError(f"unknown option {_shown(f'-{letter}')}")
        if option.value is Value.NONE:
            found.append((option, True))
        elif letters and (option.value is Value.ONE or _NUMBER.fullmatch(letters)):
            found.append((option, letters))
            break
        elif letters:
            found.append((option, None))
        else:
            found.append((option, _value(option, f"-{letter}", left)))
    return found


def _shown(word: str) -> str:
    """In one line, whatever is in it."""
    return word if word.isprintable() else repr(word)


def _long(name: str) -> Option:
    if f"--{name}" in REFUSED:
        raise UsageError(REFUSED[f"--{name}"])
    option = _LONG.get(name)
    if option is None:
        meant = hints.close(name, _LONG)
        raise UsageError(f"unknown option {_shown(f'--{name}')}" + (f"; did you mean --{meant}?" if meant else ""))
    return option


def _value(option: Option, name: str, left: list[str]) -> Any:
    if option.value is Value.NONE:
        return True
    if option.value is Value.MAYBE:
        return left.pop(0) if left and _NUMBER.fullmatch(left[0]) else None
    number = 3 if option.value is Value.THREE else 1
    if len(left) < number:
        raise UsageError(f"{name} needs {option.metavar}")
    if option.name in MISTAKEN and left[0].startswith("-"):
        raise UsageError(MISTAKEN[option.name])
    values = [left.pop(0) for _ in range(number)]
    return values if number > 1 else values[0]


def _add(given: dict[str, Any], option: Option, value: Any) -> None:
    name = option.name
    if name in ("service", "udp"):
        if "service" in given:
            raise UsageError("there are two services")
        given["service"], given["protocol"] = value, "udp" if name == "udp" else "tcp"
    elif name == "fwmark":
        _add_mark(given, value)
    elif option.multiple:
        given.setdefault(name, []).append(value)
    elif name in given and option.value is not Value.NONE:
        raise UsageError(f"{option.names[0]} is there twice")
    else:
        given[name] = str(_DEFAULT_PERSISTENCE) if value is None else value


def _add_mark(given: dict[str, Any], value: str) -> None:
    """As a service that the API calls so."""
    if "service" in given:
        raise UsageError("there are two services")
    number, _, protocol = value.partition("/")
    if not (number.isascii() and number.isdecimal() and len(number) < 9) or protocol not in ("", *PROTOCOLS):
        raise UsageError(f"-f {value!r} is not a number, or a number and /udp, /icmp or /icmpv6")
    given["service"], given["protocol"] = f"{MARK}:{int(number)}", protocol or "tcp"


def _check(command: Command, given: dict[str, Any]) -> None:
    shown = command.option.names[0]
    allowed = [*command.needs, *command.may, command.name, "protocol", "socket"]
    allowed += ["ipv6"] if "service" in allowed else []
    for name in given:
        if name not in allowed:
            raise UsageError(f"{BY_NAME[name].names[0]} does not go with {shown}")
    for name in command.needs:
        if name not in given:
            option = "-t, -u or -f" if name == "service" else BY_NAME[name].names[0]
            raise UsageError(f"{shown} needs {option}")
    for names in TOGETHER:
        there = [BY_NAME[name].names[0] for name in names if name in given]
        if len(there) > 1:
            raise UsageError(f"{there[0]} and {there[1]} do not go together")
    if "netmask" in given and "persistent" not in given:
        raise UsageError("-M needs -p")
    for name, value in given.items():
        choices = BY_NAME[name].choices if name in BY_NAME else ()
        if choices and value not in choices:
            raise UsageError(f"{BY_NAME[name].names[0]} is {' or '.join(choices)}")
