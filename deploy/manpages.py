"""Manual pages, made of the command lines (:mod:`deploy.commands`) and the configuration's example."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.commands import Command, Option, every, programs

ROOT = Path(__file__).resolve().parents[1]
SECTION = "8"

FILES = (
    ("/etc/fullnat/fullnat.toml", "the configuration"),
    ("/etc/default/fullnat, /etc/default/p4soft", "further options of the services"),
    ("/run/fullnat/fullnat.sock", "the running controller's socket"),
    ("/run/p4soft/p4runtime.sock", "P4Runtime of the service p4soft"),
    ("/var/lib/fullnat/secret", "the secret of initial sequence numbers, made at the first start"),
)
ENVIRONMENT = {
    "fullnat": (
        ("NOTIFY_SOCKET, WATCHDOG_USEC", "set by a service manager: see sd_notify(3)"),
        ("XDG_RUNTIME_DIR, XDG_STATE_HOME", "where socket and secret are for users other than root"),
    ),
    "p4soft": (
        ("NOTIFY_SOCKET, WATCHDOG_USEC", "set by a service manager: see sd_notify(3)"),
        ("P4SOFT_CC", "the C compiler to use, a command line, also where a program came compiled with the package"),
        ("P4SOFT_CACHE_DIR", "where compiled programs are kept (default ~/.cache/p4soft)"),
    ),
}
SIGNALS = (
    ("SIGHUP", "fullnat: the configuration is read again; one with errors changes nothing"),
    ("SIGTERM, SIGINT", "end. The controller leaves the sessions in the switch; the switch forgets them"),
)
STATUS = (
    ("0", "done"),
    ("1", "something is wrong that one line on standard error tells"),
    ("2", "wrong command line"),
)


@dataclass(frozen=True, slots=True)
class Page:
    name: str
    section: str
    text: str

    @property
    def file(self) -> str:
        return f"{self.name}.{self.section}"


def pages(version: str) -> Iterator[Page]:
    """Every page, in roff."""
    for program in programs():
        for command in every(program):
            if command.name != "p4soft run":
                name = command.name.replace(" ", "-")
                yield Page(name, SECTION, "\n".join(_command(program, command, version)) + "\n")
    yield Page("fullnat.toml", "5", "\n".join(_configuration(version)) + "\n")


def _command(program: Command, command: Command, version: str) -> Iterator[str]:
    name = command.name.replace(" ", "-")
    yield from _head(name, SECTION, version, command.summary)
    yield ".SH SYNOPSIS"
    yield f".B {_roff(command.name)}"
    yield ".RI [ options ]"
    for argument in command.arguments:
        yield f"\\fI{_roff(argument.metavar)}\\fR" if argument.required else f"[\\fI{_roff(argument.metavar)}\\fR]"
    if command.commands:
        yield ".br"
        yield f".B {_roff(command.name)}"
        yield ".I command"
        yield ".RI [ ... ]"
    yield ".SH DESCRIPTION"
    yield _text(command.description)
    below = [inner for inner in command.commands if inner.name != "p4soft run"]
    yield from _section("COMMANDS", [(f"{i.name.replace(' ', '-')}({SECTION})", i.summary) for i in below])
    yield from _section("ARGUMENTS", [(a.metavar, a.help) for a in command.arguments if a.help])
    yield from _section("OPTIONS", [(_synopsis(option), option.help) for option in command.options])
    if program.commands and command in (program, *(c for c in program.commands if c.word == "run")):
        yield from _section("FILES", FILES)
        yield from _section("ENVIRONMENT", ENVIRONMENT[program.name])
        yield from _section("SIGNALS", SIGNALS)
    yield from _section("EXIT STATUS", STATUS)
    yield ".SH SEE ALSO"
    others = sorted({"fullnat(8)", "fnatadm(8)", "fullnat.toml(5)", "p4soft(8)"} - {f"{name}({SECTION})"})
    yield _text(", ".join(others))


def _configuration(version: str) -> Iterator[str]:
    yield from _head("fullnat.toml", "5", version, "configuration of the FULLNAT load balancer.")
    yield ".SH DESCRIPTION"
    yield _text("The file is TOML. fullnat check says everything that is wrong with one; SIGHUP, which is what")
    yield _text("systemctl reload sends, reads it again. Every option, with its default or an example:")
    yield ".PP\n.nf\n.in +2"
    yield from (_text(line) or ".sp" for line in (ROOT / "docs" / "example.toml").read_text().splitlines())
    yield ".in\n.fi"
    yield ".SH SEE ALSO"
    yield _text("fullnat(8), fullnat-check(8)")


def _head(name: str, section: str, version: str, summary: str) -> Iterator[str]:
    yield f'.TH {_roff(name).upper()} {section} "" "p4-fullnat {version}"'
    yield ".SH NAME"
    yield f"{_roff(name)} \\- {_roff(summary[0].lower() + summary[1:].rstrip('.'))}"


def _section(title: str, items: list[tuple[str, str]] | tuple[tuple[str, str], ...]) -> Iterator[str]:
    if items:
        yield f".SH {title}"
    for term, text in items:
        yield ".TP"
        yield f"\\fB{_roff(term)}\\fR"
        yield _text(text[:1].upper() + text[1:] + "." * (text != "" and text[-1] not in ".)"))


def _synopsis(option: Option) -> str:
    return ", ".join(option.names) + (f" {option.metavar}" if option.metavar else "")


def _roff(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")


def _text(text: str) -> str:
    """A line that roff does not take for a request."""
    escaped = _roff(text)
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
