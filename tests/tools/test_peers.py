"""``make peers`` installs every program of others that a test or a measurement looks for, so that CI skips none."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLACES = ("tests", "topo", "ptf_tests", "demo", "bench")
NOT_PEERS = {
    "cc": "a compiler: the ziglang wheel serves where there is none",
    "gcc": "as cc",
    "clang": "as cc",
    "make": "the README asks for it",
    "unshare": "util-linux is on every system",
    "mount": "as unshare",
    "umount": "as unshare",
    "bash": "on every system",
    "rm": "as bash",
    "apt-get": "on every Debian",
    "dpkg-deb": "as apt-get",
    "promtool": "all of prometheus for the check of two files, which CI has no time for",
    "p4c-bm2-ss": "docs/installing-p4c.md",
    "simple_switch_grpc": "docs/installing-p4c.md",
}
OWN = {"p4soft", "fullnat", "toa-check", "toa-attach"}
BY_VARIABLE: dict[tuple[str, str], tuple[str, ...]] = {
    ("bench/peers.py", "program"): ("haproxy", "iperf3", "nginx", "wrk"),
    ("ptf_tests/targets.py", "self.executable"): ("p4soft", "simple_switch_grpc"),
    ("tests/e2e/test_proxy_protocol.py", "command[0]"): ("dnsdist", "haproxy", "nginx", "postfix"),
    ("tests/e2e/test_toa_preload.py", "name"): ("haproxy", "nginx", "redis-server"),
    ("tests/health/test_by_proxy.py", "name"): ("dnsdist", "haproxy", "nginx"),
    ("tests/install/test_generated.py", "name"): ("bash", "fish", "groff", "shellcheck", "zsh"),
    ("tests/p4rt/switches.py", "target"): ("p4soft", "simple_switch_grpc"),
    ("tests/p4soft/differential/samples.py", "COMPILER"): ("p4c-bm2-ss",),
    ("tests/p4soft/differential/switches.py", "self.name"): ("simple_switch_grpc",),
    ("tests/p4soft/fuzz/fuzzkit.py", "name"): ("clang",),
    ("tests/tools/test_tools.py", "compiler"): ("clang", "gcc"),
    ("topo/doctor.py", "name"): (),
    ("topo/doctor.py", "words[0]"): (),
    ("topo/mininet_nodes.py", "self.program"): ("p4soft", "simple_switch_grpc"),
    ("topo/stack.py", "name"): ("p4soft", "fullnat"),
}
"""What is looked for where no loop around it says so, by file and expression."""


def strings(node: ast.AST) -> list[str]:
    return [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def ran_over(name: str, tree: ast.Module) -> list[str]:
    """The strings of the literals that a loop takes ``name`` from, or the keys of a dictionary of the module."""
    tables = {
        target.id: [key for key in node.value.keys if key]
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.comprehension) and name in {
            n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)
        }:
            keys = [key for n in ast.walk(node.iter) if isinstance(n, ast.Name) for key in tables.get(n.id, ())]
            found += strings(node.iter) if not keys else [word for key in keys for word in strings(key)]
    return found


def looked_for(path: str, tree: ast.Module) -> Iterator[tuple[str, tuple[str, ...] | None]]:
    """Every expression that a program is looked for by, with the names; None where the code does not tell them."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
            continue
        first = node.args[0]
        if node.func.attr == "which":
            words = strings(first) if isinstance(first, ast.Constant) else ran_over(ast.unparse(first), tree)
            yield ast.unparse(first), BY_VARIABLE.get((path, ast.unparse(first)), tuple(words) or None)
        elif node.func.attr in ("run", "Popen") and isinstance(first, ast.List) and first.elts:
            head = first.elts[0]
            if isinstance(head, ast.Constant):
                yield ast.unparse(head), (str(head.value),)


@pytest.fixture(scope="module")
def programs() -> dict[str, set[str]]:
    """The programs of others, and the files that look for them."""
    found: dict[str, set[str]] = {}
    for file in sorted(file for place in PLACES for file in (ROOT / place).rglob("*.py")):
        path = str(file.relative_to(ROOT))
        for expression, names in looked_for(path, ast.parse(file.read_text())):
            assert names is not None, f"{path} looks for {expression}: say in BY_VARIABLE what that may be"
            for name in {*names} - OWN:
                found.setdefault(name, set()).add(path)
    return found


def peers() -> dict[str, str]:
    """Program and package, as the Makefile has them."""
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    (line,) = re.findall(r"^PEERS := (.*)$", text, re.MULTILINE)
    return dict(pair.split("=") for pair in line.split())


def test_every_program_looked_for_is_installed(programs: dict[str, set[str]]) -> None:
    assert {name: files for name, files in programs.items() if name not in {*peers(), *NOT_PEERS}} == {}


def test_no_program_is_installed_for_nothing(programs: dict[str, set[str]]) -> None:
    assert [name for name in peers() if name not in programs] == []
    assert [name for name in NOT_PEERS if name not in programs] == []


def test_known_cases_are_found(programs: dict[str, set[str]]) -> None:
    """One of each way in which the code says what it looks for."""
    for name, path in {
        "tcpdump": "tests/p4soft/engine/test_engine_pcap.py",
        "ifconfig": "topo/mininet_find.py",
        "iperf3": "topo/lab.py",
        "wrk": "bench/toa.py",
        "openssl": "tests/p4rt/certificates.py",
        "haproxy": "tests/e2e/test_toa_preload.py",
    }.items():
        assert path in programs[name]


def test_no_hint_is_stale() -> None:
    sites = set()
    for path in {path for path, _ in BY_VARIABLE}:
        found = looked_for(path, ast.parse((ROOT / path).read_text()))
        sites |= {(path, expression) for expression, _ in found}
    assert [site for site in BY_VARIABLE if site not in sites] == []


def test_make_hands_the_packages_on() -> None:
    # Of the make that may run this test, this one is no part.
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    done = subprocess.run(["make", "-n", "peers"], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == " ".join(("topo/install-peers", *sorted(set(peers().values())))) + "\n"
