"""Interfaces that are deleted and made again while the switch runs, in a network namespace of the test."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest
from clikit import running, stop
from p4kit import PROGRAMS, until
from p4soft import addresses, links
from p4soft.api import InvalidValue
from p4soft.reattach import Reattacher

from topo import namespaces

PROTOCOL = 0x88B5
"""For experiments (IEEE 802): nobody else sends it."""
PROGRAM = [str(PROGRAMS / "selector.json"), "--p4info", str(PROGRAMS / "selector.p4info.txtpb")]
"""Sends everything by port 2."""
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root and iproute2 for a network namespace"
)


class Place:
    """A namespace with the interfaces ``a`` and ``b``, and the other ends of their wires, ``fa`` and ``fb``."""

    def __init__(self, name: str) -> None:
        self.name = name
        quiet = Path("/proc/sys/net/ipv6/conf/default/disable_ipv6")
        if quiet.exists():
            with namespaces.inside(name):
                quiet.write_text("1")
        for end in ("a", "b"):
            self.make(end)
            self.switch(end, "mtu", "1600")
            self.switch(end, "up")

    def ip(self, *words: str) -> None:
        subprocess.run(["ip", "-n", self.name, "link", *words], check=True)

    def make(self, end: str) -> None:
        self.ip("add", "name", end, "type", "veth", "peer", "name", f"f{end}")

    def address(self, what: str, address: str, end: str) -> None:
        with namespaces.inside(self.name):
            Path("/proc/sys/net/ipv6/conf", end, "disable_ipv6").write_text("0")
        subprocess.run(["ip", "-n", self.name, "address", what, address, "dev", end], check=True)

    def switch(self, end: str, *words: str) -> None:
        """What is said to both ends of a wire."""
        for name in (end, f"f{end}"):
            self.ip("set", "dev", name, *words)

    def opened(self, end: str) -> socket.socket:
        """What the far end of a wire sends and receives."""
        with namespaces.inside(self.name):
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(PROTOCOL))
        made.bind((f"f{end}", PROTOCOL))
        made.settimeout(10)
        return made


@pytest.fixture
def place() -> Iterator[Place]:
    name = namespaces.create("reattach")
    try:
        yield Place(name)
    finally:
        namespaces.remove(name)


def frame(number: int) -> bytes:
    return bytes.fromhex("020000000002020000000001") + PROTOCOL.to_bytes(2, "big") + bytes([number] * 1600)


def passes(sender: socket.socket, receiver: socket.socket, number: int) -> None:
    """A frame gets through the switch."""
    sender.send(frame(number))
    assert receiver.recv(2000) == frame(number)


@needs_root
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_an_interface_that_is_made_again_works_again(place: Place, tmp_path: Path, workers: str) -> None:
    log = tmp_path / "log"
    arguments = [*PROGRAM, "-i", "1@a", "-i", "2@b", "--workers", workers, "--log-file", str(log)]
    address = f"unix:{tmp_path}/s"

    def lines(text: str) -> list[str]:
        return [line for line in log.read_text().splitlines() if text in line]

    async def logged(text: str, times: int) -> None:
        await until(lambda: len(lines(text)) == times)

    async with AsyncExitStack() as alive:
        with namespaces.inside(place.name):
            command = running(*arguments, "--grpc-server-addr", address, command=["-m", "p4soft.cli"])
            process, _ = await alive.enter_async_context(command)
        with ExitStack() as sockets:
            near, far = (sockets.enter_context(place.opened(end)) for end in "ab")
            passes(near, far, 1)
        for turn in (1, 2):
            place.ip("del", "dev", "b")
            await logged("port 2 (b): the interface was deleted", turn)
            place.make("b")
            place.switch("b", "mtu", "1600")
            assert len(lines("attached again")) == 2 * turn - 1, "it waits until it is switched on"
            place.switch("b", "up")
            await logged("port 2 (b): the interface is back and attached again", turn)
            with ExitStack() as sockets:
                near, far = (sockets.enter_context(place.opened(end)) for end in "ab")
                passes(near, far, 2)
                passes(far, far, 3)
        output, errors = await stop(process, signal.SIGTERM)
    # What it says of the link beside that depends on when it looks.
    levels = [line.split()[2] for line in lines("port 2 (b): the interface") if "attached" in line]
    assert levels == ["WARNING", "INFO"] * 2
    assert "Traceback" not in errors + log.read_text()
    rows = {row.split()[0]: row.split() for row in output.splitlines()}
    assert (rows["1"][2], rows["2"][2], rows["2"][7]) == ("3", "2", "5"), "the statistics go on"


class Ports:
    """An engine of which one port has lost its interface."""

    def __init__(self) -> None:
        self.gone = {2: "b"}
        self.refuses = ""
        self.attached: list[int] = []

    def gone_interfaces(self) -> Mapping[int, str]:
        return dict(self.gone)

    def reattach(self, port: int) -> None:
        if self.refuses:
            raise InvalidValue(self.refuses)
        self.attached.append(port)
        del self.gone[port]


def test_what_is_told_of_a_port_is_told_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    on = False
    monkeypatch.setattr(links, "is_on", lambda name: on)
    engine = Ports()
    reattacher = Reattacher(engine)
    with caplog.at_level(logging.INFO):
        reattacher.look()
        reattacher.look()
        assert engine.attached == []
        on, engine.refuses = True, "attaching needs CAP_NET_RAW"
        reattacher.look()
        reattacher.look()
        engine.refuses = ""
        reattacher.look()
        assert engine.attached == [2]
        reattacher.look()
    subject = "port 2 (b): the interface"
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", f"{subject} was deleted; the port is attached again when there is one of this name"),
        ("WARNING", f"{subject} is back, and cannot be attached: attaching needs CAP_NET_RAW"),
        ("INFO", f"{subject} is back and attached again"),
    ]


@needs_root
async def test_what_is_wrong_with_an_interface_is_told(place: Place, tmp_path: Path) -> None:
    """A link that goes, and addresses of the kernel's, which answers there as well."""
    log = tmp_path / "log"
    place.address("add", "192.0.2.1/24", "a")
    place.ip("set", "dev", "fb", "down")
    link = "port 2 (b): the interface has no carrier", "port 2 (b): the interface is up"

    def kernel(port: int, name: str, address: str) -> tuple[str, str]:
        where = f"port {port} ({name}): the kernel has {address} on this interface, and answers there beside the switch"
        return "WARNING", f"{where}; ip address del {address} dev {name} removes it"

    def said() -> list[tuple[str, str]]:
        """Levels and messages, of links and addresses."""
        lines = [line.split(" ", 4) for line in log.read_text().splitlines()]
        return [(level, text) for _, _, level, _, text in lines if text in link or "kernel" in text]

    arguments = [*PROGRAM, "-i", "1@a", "-i", "2@b", "--log-file", str(log), "--grpc-server-addr", f"unix:{tmp_path}/s"]
    async with AsyncExitStack() as alive:
        with namespaces.inside(place.name):
            process, _ = await alive.enter_async_context(running(*arguments, command=["-m", "p4soft.cli"]))
        expected = [("WARNING", link[0]), kernel(1, "a", "192.0.2.1/24")]
        await until(lambda: said() == expected)
        place.ip("set", "dev", "fb", "up")
        expected.append(("INFO", link[1]))
        await until(lambda: said() == expected)
        place.address("add", "2001:db8::1/64", "b")
        expected.append(kernel(2, "b", "2001:db8::1/64"))
        await until(lambda: said() == expected)
        # Once while it is there.
        place.address("del", "192.0.2.1/24", "a")
        place.address("add", "192.0.2.1/24", "a")
        expected.append(kernel(1, "a", "192.0.2.1/24"))
        await until(lambda: said() == expected)
        place.ip("set", "dev", "fb", "down")
        expected.append(("WARNING", link[0]))
        await until(lambda: said() == expected)
        output, errors = await stop(process, signal.SIGTERM)
    assert "Traceback" not in errors + log.read_text()
    rows = {row.split()[0]: row for row in output.splitlines()}
    assert rows["1"].endswith("up")
    assert rows["2"].endswith("no carrier")


def test_addresses_that_nobody_else_can_mean_are_none() -> None:
    """Those of the loopback and link-local ones."""
    assert "lo" not in addresses.of_kernel()
