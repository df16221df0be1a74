"""fullnat-toa is a distribution of its own: real servers need nothing of the controller."""

from __future__ import annotations

import ast
import http.client
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from fullnat.cli import toa as subcommands
from fullnat.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "toa"
SOURCES = sorted((PROJECT / "python/fullnat_toa").rglob("*.py"))
COMMANDS = tuple(tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["scripts"])
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
IMPORT_ALL = """
import importlib, json, pkgutil, sys
import fullnat_toa
names = [module.name for module in pkgutil.walk_packages(fullnat_toa.__path__, "fullnat_toa.")]
for name in names:
    importlib.import_module(name)
files = [getattr(module, "__file__", None) or "" for module in sys.modules.values()]
print(json.dumps([names, sorted({file for file in files if "-packages" in file})]))
"""


def imported(tree: ast.AST) -> Iterator[str]:
    """The top-level packages that a module imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_imports_the_standard_library_only(path: Path) -> None:
    assert set(imported(ast.parse(path.read_text()))) <= {*sys.stdlib_module_names, "fullnat_toa"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bin/ of a virtual environment in which the wheel is, and nothing else, not even pip."""
    directory = tmp_path_factory.mktemp("server")
    copy = shutil.copytree(PROJECT, directory / "toa", ignore=shutil.ignore_patterns("build", "*.egg-info"))
    offline = ["--no-deps", "--no-index"]
    subprocess.run([*PIP, "wheel", *offline, "--no-build-isolation", "-w", directory, copy], check=True)
    (wheel,) = directory.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory / "venv"], check=True)
    bin_ = directory / "venv/bin"
    subprocess.run([*PIP, "--python", bin_ / "python", "install", *offline, wheel], check=True)
    return bin_


def test_every_module_runs_with_nothing_else_there(server: Path) -> None:
    done = subprocess.run([server / "python", "-I", "-c", IMPORT_ALL], capture_output=True, text=True, check=True)
    names, files = json.loads(done.stdout)
    package = re.escape(str(server.parent)) + r"/lib/.*/site-packages/fullnat_toa/"
    assert len(names) == len(SOURCES) - 1
    assert [file for file in files if not re.match(package, file)] == []
    assert len(files) == len(SOURCES)


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_help(server: Path, name: str) -> None:
    done = subprocess.run([server / name, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"usage: {name} [-h] ")
    assert done.stderr == ""


def test_check_answers_a_caller(server: Path) -> None:
    """No TOA comes over the loopback, which is what the caller and the user are told."""
    command: list[str | Path] = [server / "toa-check", "--listen", "127.0.0.1:0", "--once", "--json", "--timeout", "30"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        port = re.match(r"listening on 127\.0\.0\.1:(\d+): ", process.stderr.readline())
        assert port is not None
        connection = http.client.HTTPConnection("127.0.0.1", int(port[1]), timeout=10)
        connection.request("GET", "/")
        answer = json.load(connection.getresponse())
        connection.close()
        said, summary = process.communicate(timeout=10)
    assert (answer["verdict"], answer["client"], answer["toa_options"]) == ("no_toa", None, 0)
    assert json.loads(said) == answer
    assert (summary, process.returncode) == ("1 connections, 0 with a usable TOA\n", 1)


def test_commands_of_the_controller_are_the_same() -> None:
    """``fullnat toa-check`` calls what ``toa-check`` calls, under its own name."""
    assert tuple(sorted(subcommands.SUMMARIES)) == tuple(sorted(COMMANDS))
    for name in COMMANDS:
        result = CliRunner().invoke(main, [name, "-h"])
        assert (result.exit_code, result.output.partition(" [-h]")[0]) == (0, f"usage: fullnat {name}")
    result = CliRunner().invoke(main, ["toa-check", "--listen", "nowhere"])
    assert (result.exit_code, result.output) == (2, "Error: argument --listen: 'nowhere' is not HOST:PORT\n")


def test_commands_of_the_controller_say_where_theirs_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subcommands, "DISTRIBUTION", "absent")
    result = CliRunner().invoke(main, ["toa-attach", "--cgroup", "/"])
    assert result.exit_code == 1
    assert result.output == (
        "Error: toa-attach is a command of the package absent, which is not installed: pip install ./toa\n"
    )
