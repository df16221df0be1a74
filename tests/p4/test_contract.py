"""What core/ asks of a target is in one list, what is missing is said by name, and core files include what they use."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

P4SRC = Path(__file__).resolve().parents[2] / "p4src"
CONTRACT = P4SRC / "core/target.p4"
ASKED = re.findall(r'^#ifndef (\w+)\n#error "(.*)"$', CONTRACT.read_text(), flags=re.M)
"""The macros, and what is said of one that is missing."""
CORE = sorted(path for path in P4SRC.glob("core/**/*.p4") if path.name != "states.p4")
"""What can be included by itself; the states of a parser cannot."""
P4C = pytest.mark.skipif(shutil.which("p4c-bm2-ss") is None, reason="p4c-bm2-ss is not on PATH")
TOP = """
#include <core.p4>
#define V1MODEL_VERSION 20200408
#include <v1model.p4>
#include "arch/v1model/target.p4"
"""


def compiled(directory: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What p4c says of a program that includes files of p4src."""
    program = directory / "program.p4"
    program.write_text(text)
    command = ["p4c-bm2-ss", "--arch", "v1model", "--std", "p4-16", "-I", str(P4SRC), *arguments]
    command += ["-o", str(directory / "program.json"), str(program)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_each_macro_of_the_contract_says_its_name_and_what_it_is() -> None:
    assert len(ASKED) == len({name for name, _ in ASKED}) >= 11
    for name, told in ASKED:
        assert re.fullmatch(rf"the target must define {name}: .{{20,}}", told)


def test_core_uses_no_macro_but_its_own_and_the_contracts() -> None:
    """Names in capitals that neither core/ nor include/ defines are the target's, and listed."""
    texts = [path.read_text() for path in [*P4SRC.glob("core/**/*.p4"), *P4SRC.glob("include/*.p4")]]
    text = re.sub(r"/\*.*?\*/", "", "\n".join(texts), flags=re.S)
    text = re.sub(r'^#(?:ifndef|error) .*$|"[^"\n]*"', "", text, flags=re.M)
    defined = set(re.findall(r"^ *#define (\w+)", text, flags=re.M))
    constants = set(re.findall(r"^(?:@\w+\([^)]*\) )?const [^=]* (\w+) *=", text, flags=re.M))
    members = {
        name
        for body in re.findall(r"^enum [^{]*\{(.*?)\}", text, flags=re.S | re.M)
        for name in re.findall(r"(\w+) *=", body)
    }
    parameters = {
        name for names in re.findall(r"^ *#define \w+\(([^)]*)\)", text, flags=re.M) for name in names.split(", ")
    }
    used = set(re.findall(r"(?<![.\w])([A-Z][A-Z0-9_]{2,})\b", text))
    asked = {name for name, _ in ASKED}
    assert used - defined - parameters - constants - members <= asked | {
        "IPV6",
        "POLICIES",
        "SERVICE_MATCH",
        "STATELESS_SERVICES",
        "SYN_COOKIES",
    }
    assert asked <= used


@P4C
@pytest.mark.parametrize(("name", "told"), ASKED)
def test_a_missing_macro_is_an_error_with_its_name(name: str, told: str, tmp_path: Path) -> None:
    tree = tmp_path / "p4src"
    shutil.copytree(P4SRC, tree, ignore=shutil.ignore_patterns("compiled", "*.py"))
    (tree / "core/target.p4").write_text(f"#undef {name}\n" + CONTRACT.read_text())
    done = compiled(tmp_path, TOP.replace('"arch', f'"{tree}/arch'))
    assert done.returncode != 0
    assert told in done.stderr


def test_every_core_file_includes_the_contract() -> None:
    """Which brings types, numbers and metadata; composites include it by their parts."""
    for path in CORE:
        included = re.findall(r'^#include "(.*)"$', path.read_text(), flags=re.M)
        parts = [path.parent / name for name in included]
        assert path == CONTRACT or any(CONTRACT.samefile(p) or CONTRACT.name in p.read_text() for p in parts), path


@P4C
@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_every_core_file_compiles_behind_the_target_alone(path: Path, tmp_path: Path) -> None:
    """Twice, as each is guarded. What p4c then misses is a program, which it warns of."""
    name = path.relative_to(P4SRC).as_posix()
    done = compiled(tmp_path, TOP + f'#include "{name}"\n' * 2)
    assert "error:" not in done.stderr, done.stderr
    assert "does not contain a `main' module" in done.stderr
