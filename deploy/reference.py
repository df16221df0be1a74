"""The reference of the documentation site, made of what defines it: parsers, option tables, metrics, P4 and P4Info."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from finsy.proto import p4i
from fullnat.app import metrics
from fullnat.config import check_options, file, networks, scalars, snat
from fullnat.p4rt import program

from deploy import keepalived_reference
from deploy.commands import Command, every, programs

ROOT = Path(__file__).resolve().parents[1]
_CONSTANTS = ROOT / "p4src" / "include" / "constants.p4"
_EXAMPLE = ROOT / "docs" / "example.toml"
SECTIONS: Mapping[str, Mapping[str, tuple[Callable[[Any], Any], Any]]] = {
    "": file.GLOBAL,
    "timeouts": file.TIMEOUTS,
    "interface": networks.INTERFACE,
    "route": networks.ROUTE,
    "virtual_server": file.VIRTUAL_SERVER,
    "virtual_server.real_server": file.REAL_SERVER,
    "virtual_server.real_server.check": check_options.CHECK,
    "snat": snat.SNAT,
}
"""The configuration's, as it is read."""
_MATCHES = {number: name.lower() for name, number in p4i.MatchField.MatchType.items()}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """In Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------------------------------------- commands


def commands() -> str:
    parts = ["# Commands\n"]
    for command in (inner for outer in programs() for inner in every(outer)):
        if command.name != "p4soft run":
            parts += _command(command)
    parts.append("Exit status of all: 0 done, 1 something is wrong that one line tells, 2 wrong command line.\n")
    return "\n".join(parts)


def _command(command: Command) -> Iterator[str]:
    yield f"## {command.name}\n"
    words = [a.metavar if a.required else f"[{a.metavar}]" for a in command.arguments]
    words += ["COMMAND"] if command.commands and not words else []
    yield f"    {' '.join([command.name, '[OPTIONS]', *words])}\n"
    yield f"{command.description}\n"
    rows = []
    for option in command.options:
        names = ", ".join(f"`{name}`" for name in option.names)
        value = " ".join(f"`{choice}`" for choice in option.choices) or (
            f"`{option.metavar}`" if option.metavar else ""
        )
        rows.append((names, value, option.help + ("; may be repeated" if option.multiple else "")))
    yield table(("option", "value", ""), rows)


# ---------------------------------------------------------------------------------------------- configuration


def options() -> str:
    parts = [
        "# Configuration\n",
        "What `fullnat run` reads, a TOML file. `fullnat check FILE` says what is wrong with one.\n",
    ]
    words = _comments(_EXAMPLE.read_text())
    # What means the same in several sections is explained in one of them.
    of_key = {key: text for (_, key), text in words.items() if text}
    for name, section in SECTIONS.items():
        parts.append(f"## {_title(name)}\n")
        rows = []
        for key, (_, default) in section.items():
            shown = "required" if default is scalars.REQUIRED else "-" if default is None else f"`{_toml(default)}`"
            rows.append((f"`{key}`", shown, words.get((name, key)) or of_key.get(key, "")))
        parts.append(table(("option", "default", ""), rows))
    return "\n".join(parts)


def _title(section: str) -> str:
    if not section:
        return "At the top"
    return f"[{section}]" if section == "timeouts" else f"[[{section}]]"


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)


def _comments(text: str) -> dict[tuple[str, str], str]:
    """What the example says beside an option, by section and option."""
    found: dict[tuple[str, str], str] = {}
    section = ""
    for line in text.splitlines():
        if header := re.fullmatch(r"\[+([\w.]+)\]+", line.strip()):
            section = header[1]
        elif option := re.match(r"(\w+) = .*?\s#\s*(.+)$", line):
            found.setdefault((section, option[1]), option[2])
    return found


def keepalived() -> str:
    parts = [
        "# keepalived.conf\n",
        "What `fullnat run` makes of each keyword, in a file whose name ends in `.conf`. Unknown ones are errors.\n",
    ]
    for title, rows in keepalived_reference.sections():
        parts += [f"## {title}\n", table(("keyword", "sets"), rows)]
    return "\n".join(parts)


# ---------------------------------------------------------------------------------------------- metrics and drops


def metric_names() -> str:
    parts = [
        "# Metrics\n",
        "What `--metrics-addr` serves at `/metrics`. Counters begin with the switch or the controller.\n",
    ]
    rows = [(f"`{name}`", kind, ", ".join(labels), text) for name, kind, labels, text in metrics.described()]
    parts.append(table(("metric", "type", "labels", ""), rows))
    return "\n".join(parts)


def reasons() -> str:
    parts = ["# Why packets are dropped, and why they come to the controller\n"]
    text = _CONSTANTS.read_text()
    for name, title in (("DropReason", "Drops"), ("PuntReason", "To the controller"), ("ToaResult", "TOA")):
        parts += [f"## {title}\n", table(("name", ""), list(_enumeration(text, name)))]
    return "\n".join(parts)


def _enumeration(text: str, name: str) -> Iterator[tuple[str, str]]:
    found = re.search(rf"enum bit<\d+> {name} {{(.*?)}}", text, flags=re.DOTALL)
    if found is None:
        raise ValueError(f"{_CONSTANTS} has no enumeration {name}")
    for member, comment in re.findall(r"(\w+)\s*=\s*\d+,[ \t]*(?:/\*\s*(.*?)\s*\*/)?", found[1], flags=re.DOTALL):
        if member != "NONE":
            yield f"`{member.lower()}`", " ".join(comment.split())


# ---------------------------------------------------------------------------------------------- tables


def tables() -> str:
    info = program.load().p4info
    actions = {action.preamble.id: action for action in info.actions}
    parts = [
        "# Tables of the P4 program\n",
        "From its P4Info; what they are for is in [architecture](../architecture.md).\n",
    ]
    rows = []
    for entry in sorted(info.tables, key=lambda each: str(each.preamble.name)):
        if entry.is_const_table or not entry.match_fields:
            continue
        keys = ", ".join(f"{f.name} ({_MATCHES.get(f.match_type, '?')}, {f.bitwidth})" for f in entry.match_fields)
        done = ", ".join(_action(actions[ref.id]) for ref in entry.action_refs)
        rows.append((f"`{entry.preamble.name}`", keys, done, str(entry.size)))
    parts.append(table(("table", "key (match, bits)", "actions", "entries"), rows))
    return "\n".join(parts)


def _action(action: p4i.Action) -> str:
    return f"`{action.preamble.name}({', '.join(param.name for param in action.params)})`"


PAGES: Mapping[str, Callable[[], str]] = {
    "reference/commands.md": commands,
    "reference/configuration.md": options,
    "reference/keepalived.md": keepalived,
    "reference/metrics.md": metric_names,
    "reference/reasons.md": reasons,
    "reference/tables.md": tables,
}
"""Of the site, none of them a file."""
