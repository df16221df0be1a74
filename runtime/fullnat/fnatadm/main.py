"""``fnatadm``, the command.

Exit status: 0 done, 1 the controller refuses it or does not answer, 2 wrong command line (as ipvsadm).
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import click

from fullnat.cli import controlclient
from fullnat.cli.output import guarded
from fullnat.config.model import OPEN
from fullnat.fnatadm import commands, doubts, layouts, lines
from fullnat.fnatadm.options import COMMANDS, OPTIONS, Option
from fullnat.fnatadm.parse import Line, UsageError, parse

RATE_SECONDS = 1.0
"""Between the two readings of --rate."""
Json = dict[str, Any]


def main() -> None:
    with guarded("fnatadm"):
        sys.exit(run(sys.argv[1:]))


def run(words: list[str]) -> int:
    """The exit status; what is wrong has been told."""
    try:
        line = parse(words or ["-L"])
        _RUN[line.command.name](line)
    except UsageError as error:
        print(f"fnatadm: {error}", file=sys.stderr)
        return 2
    except controlclient.Refused as error:
        # Two commands of one line may be refused for the same.
        for message in dict.fromkeys(problem["message"] for problem in error.problems or [{"message": str(error)}]):
            print(f"fnatadm: {message}", file=sys.stderr)
        return 1
    except click.ClickException as error:
        print(f"fnatadm: {error.message}", file=sys.stderr)
        return 1
    return 0


# ---------------------------------------------------------------------------------------------- changes


def _socket(line: Line) -> Path | None:
    return Path(line["socket"]) if "socket" in line else None


def _change(line: Line) -> None:
    messages = commands.messages(line)
    commands.check_programs(messages)
    if doubts.concerns(line):
        _warn(line)
    _apply(line, messages)


def _warn(line: Line) -> None:
    """Nothing where there is no such service: the command itself says that."""
    with contextlib.suppress(controlclient.Refused):
        (service,) = _services(line)
        for doubt in doubts.of_service(line, service):
            print(f"fnatadm: warning: {doubt}", file=sys.stderr)


def _apply(line: Line, messages: list[Json]) -> None:
    if messages:
        controlclient.tell(_socket(line), "apply", {"commands": messages})


def _zero(line: Line) -> None:
    controlclient.tell(_socket(line), "zero", commands.service(line) if "service" in line else {})


def _set(line: Line) -> None:
    _apply(line, commands.timeouts(line, _services(line)))


def _restore(line: Line) -> None:
    """Everything is read and understood before anything is asked for, and that is one batch."""
    messages: list[Json] = []
    origins: list[int] = []
    for number, text in enumerate(_read_lines(), 1):
        try:
            found = _of_line(text, messages)
        except (UsageError, ValueError) as error:
            raise UsageError(f"line {number}: {error}") from None
        messages += found
        origins += [number] * len(found)
    try:
        _apply(line, messages)
    except controlclient.Refused as error:
        for problem in error.problems:
            if "command" in problem:
                problem["message"] = f"line {origins[problem['command']]}: {problem['message']}"
        raise


def _read_lines() -> list[str]:
    """Of standard input. Raises UsageError."""
    if sys.stdin is None:
        raise UsageError("-R reads standard input, and there is none")
    try:
        return list(sys.stdin)
    except UnicodeDecodeError:
        raise UsageError("standard input is not UTF-8 text") from None


def _of_line(text: str, before: list[Json]) -> list[Json]:
    words = shlex.split(text, comments=True)
    if not words:
        return []
    line = parse(words)
    if line.command.name == "set":
        # Of the services that the lines before have made.
        return commands.timeouts(line, [each["add_service"] for each in before if "add_service" in each])
    if line.command.name not in commands.CHANGES:
        raise UsageError(f"{line.command.option.names[0]} changes nothing, and a line of -R does")
    return commands.messages(line)


# ---------------------------------------------------------------------------------------------- lists


def _services(line: Line, counters: bool = False) -> list[Json]:
    named = commands.service(line) if "service" in line else {}
    return list(controlclient.ask(_socket(line), "services", {**named, **({"counters": True} if counters else {})}))


def _fin_wait(line: Line) -> float:
    (network,) = controlclient.ask(_socket(line), "network")
    return float(network["globals"]["timeouts"]["fin_wait"])


def _list(line: Line) -> None:
    if "connection" in line:
        _connections(line)
    elif "timeout" in line:
        print(layouts.timeouts(_services(line), _fin_wait(line)))
    elif "daemon" not in line:
        _list_services(line)


def _connections(line: Line) -> None:
    """Templates are among them, as in ipvsadm."""
    sessions, templates = (controlclient.ask(_socket(line), call) for call in ("sessions", "templates"))
    if "json" in line:
        _print_json(chain(sessions, ({**each, "state": layouts.NO_STATE} for each in templates)))
        return
    print(layouts.CONNECTIONS_TITLE)
    for each in chain(sessions, map(layouts.as_connection, templates)):
        print(layouts.connection(each, "numeric" in line))


def _list_services(line: Line) -> None:
    wishes = layouts.Wishes("numeric" in line, "exact" in line, "nosort" not in line)
    asked = next((name for name in layouts.LAYOUTS if name in line), None)
    layout = layouts.LAYOUTS[asked] if asked else layouts.PLAIN
    found = _services(line, layout.counters)
    if asked == "rate":
        start = time.monotonic()
        time.sleep(RATE_SECONDS)
        found = layouts.rates(found, _services(line, layout.counters), time.monotonic() - start)
    if "json" in line:
        _print_json(found)
        return
    if "service" not in line:
        (about,) = controlclient.ask(_socket(line), "about")
        stands_by = about.get("switch") == "standby"
        print(layouts.version(about["version"], about["size"], stands_by, about.get("group", "")))
    print(layout.title)
    for row in layouts.services(found, layout, wishes):
        print(row)


def _locals(line: Line) -> None:
    found = _services(line)
    used = {each["address"]: each for each in controlclient.ask(_socket(line), "local_addresses")}
    if "json" in line:
        _print_json(
            {"protocol": each["protocol"], "virtual": each["virtual"], "local_addresses": _counted(each, used)}
            for each in found
        )
        return
    print(layouts.LOCALS_TITLE)
    for each in found:
        for row in layouts.locals_of(each, used, "numeric" in line):
            print(row)


def _listed(line: Line) -> None:
    """The prefixes of those who may, or may not."""
    kind = "deny" if line.command.name == "denied" else "allow"
    named = [commands.service(line)] if "service" in line else [{}, *map(commands.named, _services(line))]
    for each in named:
        for found in controlclient.ask(_socket(line), "access", each):
            if "json" in line:
                _print_json([found])
                continue
            of = f"{found['protocol'].upper()} {found['virtual']}" if found.get("virtual") else "all services"
            for prefix in found[kind]:
                print(f"{of:<43} {prefix}")
            if found["refused"] != OPEN.refused:
                print(f"{of:<43} refused: {found['refused']}")


def _counted(service: Json, used: Mapping[str, Json]) -> list[Json]:
    return [used.get(local, {"address": local}) for local in service["local_addresses"]]


def _save(line: Line) -> None:
    found = _services(line)
    lists = [answer for each in _with_lists(found) for answer in controlclient.ask(_socket(line), "access", each)]
    for text in lines.saved(found, lists, _fin_wait(line), "numeric" in line):
        print(text)


def _with_lists(services: list[Json]) -> Iterator[Json]:
    """What names all services, and those that have lists of prefixes, or say what those get who are refused."""
    yield {}
    for each in services:
        access = each["access"]
        if access["deny"] or access["allow"] or access["refused"] != OPEN.refused:
            yield commands.named(each)


def _print_json(found: Iterable[Json]) -> None:
    for each in found:
        print(json.dumps(each))


# ---------------------------------------------------------------------------------------------- help


def _version(_line: Line) -> None:
    print(f"fnatadm {importlib.metadata.version('p4-fullnat')}")


def _help(_line: Line) -> None:
    print("fnatadm COMMAND [OPTIONS]: ipvsadm's commands, for a running fullnat\n\nCommands:")
    for command in COMMANDS:
        print(_help_line(command.option))
    print("\nOptions:")
    for option in OPTIONS:
        print(_help_line(option))


def _help_line(option: Option) -> str:
    return f"  {', '.join(option.names) + ' ' + option.metavar:<42} {option.help}"


_RUN: Mapping[str, Callable[[Line], None]] = {
    **dict.fromkeys(commands.CHANGES, _change),
    "list": _list,
    "zero": _zero,
    "locals": _locals,
    "denied": _listed,
    "allowed": _listed,
    "save": _save,
    "restore": _restore,
    "set": _set,
    "help": _help,
    "version": _version,
}

if __name__ == "__main__":
    main()
