"""docs/p4runtime-shell.md: its commands, in its order, in p4runtime-shell itself, on p4soft and on BMv2."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from topo import lab, namespaces, shell, stack
from topo.lab import Lab
from topo.process import poll

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "p4runtime-shell.md"
PATIENCE = 60.0


class Shell:
    """p4runtime-shell with its input in our hands."""

    def __init__(self, made: Lab) -> None:
        log = made.network.logs / "shell.out"
        environment = {**os.environ, **shell.ENVIRONMENT, "IPYTHONDIR": str(made.network.logs / "ipython")}
        with made.network.inside(made.network.topology.switch), log.open("wb") as out:
            self.process = subprocess.Popen(
                shell.command(write=True, push=True),
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        self._log = log
        self._blocks = 0

    def run(self, block: str) -> str:
        """Enter the lines of a block; what was printed until it was through. Errors are failures."""
        self._blocks += 1
        mark = f"block {self._blocks} is through"
        before = len(self._log.read_text())
        # %cpaste takes the lines as one cell, as a terminal does with what is pasted. The mark is put together so that
        # no echo of the input can be taken for it.
        self._write(f"%cpaste -q\n{block}\n--\nprint('block', {self._blocks}, 'is through')\n")

        def through() -> bool:
            assert self.process.poll() is None, self._log.read_text()
            return mark in self._log.read_text()[before:]

        poll(through, PATIENCE, f"block {self._blocks} is through")
        printed = self._log.read_text()[before:]
        assert "Error" not in printed, printed
        assert "Exception" not in printed, printed
        return printed

    def close(self) -> None:
        if self.process.poll() is None:
            self._write("exit\n")
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()

    def _write(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()


def blocks() -> list[str]:
    """The commands of the document, block by block."""
    return re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture(params=["p4soft", "bmv2"])
def made(request: pytest.FixtureRequest) -> Iterator[Lab]:
    if reason := namespaces.unavailable() or shell.unavailable() or stack.unavailable(request.param):
        pytest.skip(reason)
    if reason := lab.unavailable():
        pytest.skip(reason)
    with lab.lab(switch=request.param, mininet=False, controller=False) as made:
        yield made


def test_the_walk_through(made: Lab) -> None:
    """A session installed by hand carries and counts a connection without any controller; then one takes over."""
    surroundings, service, first_syn, entries, inject, counted, afterwards = blocks()
    assert made.network.namespace(made.network.topology.switch) in shell.running_topologies()
    opened = Shell(made)
    try:
        opened.run(surroundings)
        opened.run(service)
        client = made.start_curl("c1", "--local-port", "40000")
        assert "client port 40000" in opened.run(first_syn)
        opened.run(entries)
        opened.run(inject)
        page = lab.page(client)
        assert page.server == "s1"
        assert page.peer == "10.8.0.1:5000"
        assert page.toa == page.client == "10.10.0.1:40000"
        printed = opened.run(counted)
        numbers = {name: int(re.search(rf"{name} (\d+)", printed)[1]) for name in ("in", "out", "here", "TOA")}  # type: ignore[index]
        # SYN, ACK, request, FIN, ACK; SYN-ACK, answer, FIN at least.
        assert numbers["in"] >= 4
        assert numbers["out"] >= 3
        assert numbers["here"] >= 1
        assert numbers["TOA"] >= 2
        opened.run(afterwards)
        assert "client port" not in opened.run("inbound.read(lambda entry: print('client port', entry))")
    finally:
        opened.close()
    # The controller takes over from the shell, whose election id was the higher.
    made.stack.start_controller()
    made.stack.wait_ready()
    assert made.curl("c2").toa is not None
    assert made.errors() == {}


def test_the_shell_only_reads_beside_a_controller() -> None:
    """Without WRITE=1 the shell's election id is below that of any controller, which takes the time in nanoseconds."""

    def election_id(words: list[str]) -> int:
        high, low = words[words.index("--election-id") + 1].split(",")
        return int(high) << 64 | int(low)

    assert election_id(shell.command()) < time.time_ns() < election_id(shell.command(write=True))
