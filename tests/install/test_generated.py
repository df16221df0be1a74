"""Manual pages, completions and scripts of the package: sound by the tools that read them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from deploy import completions, manpages
from deploy.commands import Command, Takes, every, programs

DEBIAN = Path(__file__).resolve().parents[2] / "deploy" / "debian"
PROGRAMS = programs()
COMMANDS = [command for program in PROGRAMS for command in every(program)]


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed")


def run(command: Sequence[str], text: str = "") -> tuple[int, str]:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_every_command_and_option_is_described() -> None:
    assert {"fullnat run", "fullnat upgrade", "fnatadm", "p4soft", "p4soft entries"} <= {c.name for c in COMMANDS}
    for command in COMMANDS:
        assert command.summary.endswith("."), command.name
        for option in command.options:
            assert option.help.partition(" (default")[0], (command.name, option.names)
            assert (option.takes is Takes.CHOICE) == bool(option.choices), option


def test_defaults_are_told_as_help_tells_them() -> None:
    pages = {page.name: page.text for page in manpages.pages("1.2")}
    assert "P4Runtime server of the switch (default 127.0.0.1:9559)" in pages["fullnat-run"]
    assert "(default 255)" in pages["fullnat-run"]
    assert [name for name, text in pages.items() if "UNSET" in text or "default None" in text] == []


@needs("groff")
@pytest.mark.parametrize("page", list(manpages.pages("1.2")), ids=lambda page: page.file)
def test_manual_pages_have_no_fault(page: manpages.Page) -> None:
    status, said = run(["groff", "-man", "-Tutf8", "-ww", "-z"], page.text)
    assert (status, said) == (0, "")


@needs("groff")
def test_a_manual_page_reads_well() -> None:
    (page,) = (page for page in manpages.pages("1.2") if page.name == "fullnat-run")
    _, shown = run(["groff", "-man", "-Tascii", "-P-cbou"], page.text)
    shown = " ".join(shown.split())
    for line in (
        "NAME fullnat-run - run the controller with the configuration file CONFIG, until SIGTERM",
        "--grpc-addr ",
        "/etc/fullnat/fullnat.toml",
        "EXIT STATUS",
    ):
        assert line in shown


@needs("bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["fullnat", "st"], ["stats"]),
        (["fullnat", "run", "--grpc-tls-c"], ["--grpc-tls-ca", "--grpc-tls-cert"]),
        (["fullnat", "run", "--log-level", "w"], ["warning"]),
        (["fullnat", "run", "-i", "lo"], ["lo"]),
        (["fnatadm", "--add-s"], ["--add-service", "--add-server"]),
        (["fnatadm", "-A", "-t", "192.0.2.1:80", "-s", "wr"], ["wrr"]),
        (["fnatadm", "-A", "-j", ""], ["enable", "auto", "disable"]),
        (["p4soft", "--spr"], ["--spread"]),
        (["p4soft", "--spread", ""], ["flow", "port"]),
        (["p4soft", "ent"], ["entries"]),
    ],
)
def test_bash_completes(words: list[str], expected: list[str]) -> None:
    (program,) = (program for program in PROGRAMS if program.name == words[0])
    quoted = " ".join(f"'{word}'" for word in words)
    script = f"{completions.bash(program)}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}\n"
    status, said = run(["bash", "-s"], f'{script}_{program.name}; printf "%s\\n" "${{COMPREPLY[@]}}"')
    assert (status, said.split()) == (0, expected)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
@pytest.mark.parametrize(
    ("shell", "check"),
    [pytest.param("zsh", ["zsh", "-n"], marks=needs("zsh")), pytest.param("fish", ["fish", "-n"], marks=needs("fish"))],
)
def test_other_shells_take_them(program: Command, shell: str, check: list[str], tmp_path: Path) -> None:
    file = tmp_path / program.name
    file.write_text(getattr(completions, shell)(program))
    assert run([*check, str(file)]) == (0, "")
    assert f"{'-l ' if shell == 'fish' else '--'}" in file.read_text()


@needs("fish")
def test_fish_completes(tmp_path: Path) -> None:
    file = tmp_path / "fullnat.fish"
    file.write_text(completions.fish(PROGRAMS[0]))
    _, said = run(["fish", "-c", f"source {file}; complete -C 'fullnat run --log-level '"])
    assert {line.split("\t")[0] for line in said.splitlines()} == {"debug", "info", "warning", "error"}


@needs("shellcheck")
@pytest.mark.parametrize("name", ["postinst", "prerm", "postrm"])
def test_maintainer_scripts(name: str) -> None:
    assert run(["shellcheck", str(DEBIAN / name)]) == (0, "")
