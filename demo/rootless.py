"""The demonstration without root: p4soft with in-process ports and the controller in this process, and TCP endpoints of
our own on both sides (:mod:`demo.usertcp`)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address
from typing import Any

from fullnat.app.ports import Core
from fullnat.app.runner import CoreRunner
from fullnat.app.shown import session_json
from fullnat.app.snapshot import Snapshots
from fullnat.app.switch import SwitchOwner
from fullnat.config import file
from fullnat.core.controller import Controller
from fullnat.p4rt import program
from fullnat.p4rt.client import Client
from fullnat.p4rt.inprocess import InProcessTransport
from p4soft.embedded import Switch
from rich.console import Console

from demo import tables
from demo.checks import Checks, named
from demo.usertcp import Connection, ConnectionReset, Host
from topo import standard
from topo.world import Answer

ESTABLISHED_TIMEOUT = 2.0
TRANSFER = 4 << 20
CONNECTIONS = 200
PATTERN = bytes(range(256)) * 16


def run(console: Console) -> bool:
    """Tell the story; whether everything was as promised."""
    return asyncio.run(_story(Checks(console)))


@dataclass(slots=True)
class Small:
    """The standard topology in one process."""

    switch: Switch
    snapshots: Snapshots
    core: Core
    hosts: dict[str, Host] = field(default_factory=dict)
    resets: list[str] = field(default_factory=list)
    """TOA of the connections that ended by RST at a server."""

    def sessions(self) -> list[dict[str, Any]]:
        return [session_json(view) for view in self.core.sessions()]

    async def open(self, client: str) -> Connection:
        return await self.hosts[client].connect(standard.VIP, standard.VPORT)

    async def get(self, connection: Connection, path: str = "/") -> bytes:
        """The body of GET ``path`` over an open connection, which stays open."""
        await connection.send(f"GET {path} HTTP/1.1\r\n\r\n".encode())
        head = (await connection.receive_until(b"\r\n\r\n")).decode()
        size = next(line for line in head.split("\r\n") if line.startswith("Content-Length: "))
        return await connection.receive(int(size.removeprefix("Content-Length: ")))

    async def ask(self, connection: Connection) -> Answer:
        body = json.loads(await self.get(connection))
        return Answer(body["server"], body["peer"], body["toa"], body["toa_options"], connection.local_name)


@contextlib.asynccontextmanager
async def _small(config_text: str) -> AsyncIterator[Small]:
    """Switch, controller and hosts, running; stopped at the end."""
    config = file.parse(config_text)
    compiled = program.load()
    loop = asyncio.get_running_loop()
    core = Controller(
        compiled.sizes,
        os.urandom(32),
        random.Random(os.urandom(16)),
        wall_offset=time.time() - loop.time(),
    )
    async with contextlib.AsyncExitStack() as alive:
        switch = await alive.enter_async_context(Switch(1, 255, ports={1: None, 2: None}))

        def connect() -> Client:
            transport = InProcessTransport(switch.service)
            return Client(transport, compiled, device_id=1, election_id=time.time_ns)

        runner = CoreRunner(core)
        runner.reconfigure(config)
        owner = SwitchOwner(runner, connect)
        small = Small(switch, Snapshots(runner, owner), runner.core)
        _add_hosts(small)
        for work in (runner.run(), owner.run(), _wires(small)):
            alive.push_async_callback(_cancel, asyncio.ensure_future(work))
        if not await _until(lambda: owner.serving, 60):
            raise TimeoutError(f"the controller does not serve the switch: {owner.reason}")
        yield small


async def _cancel(task: asyncio.Future[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _add_hosts(small: Small) -> None:
    for number, subnet in enumerate(standard.topology().subnets):
        for host in subnet.hosts:
            assert host.address is not None
            mac = bytes((2, 0x0D, 0, 0, number, host.address.ip.packed[3]))
            send = partial(small.switch.engine.inject, subnet.port)
            made = Host(host.name, host.address.ip, host.address.network, mac, send)
            small.hosts[host.name] = made
            if host.routes:
                made.gateway = IPv4Address(host.routes[0].gateway)
            else:
                made.serve = partial(_serve, small, host.name)


async def _wires(small: Small) -> None:
    """Carry what leaves the switch to the hosts of the port's subnet."""
    lans = {s.port: [small.hosts[host.name] for host in s.hosts] for s in standard.topology().subnets}
    while True:
        frames = small.switch.engine.collect()
        for port, frame in frames:
            for host in lans[port]:
                host.handle(frame)
        await asyncio.sleep(0 if frames else 0.0005)


async def _serve(small: Small, name: str, connection: Connection) -> None:
    """The real server: / tells who answers whom, /bytes/N sends N bytes."""
    try:
        while head := await connection.receive_until(b"\r\n\r\n"):
            path = head.split()[1].decode()
            if path.startswith("/bytes/"):
                body = pattern(int(path.removeprefix("/bytes/")))
            else:
                toa = connection.toa[0] if connection.toa else None
                known = {"server": name, "peer": connection.remote_name, "toa": toa}
                body = json.dumps({**known, "toa_options": len(connection.toa)}).encode()
            await connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        connection.close()
    except ConnectionReset:
        small.resets.extend(connection.toa)


async def _until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until ``condition`` is true, at most ``seconds``; whether it is."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:  # noqa: ASYNC110 (asked of a core that notifies nobody)
        await asyncio.sleep(0.01)
    return condition()


def pattern(size: int) -> bytes:
    return (PATTERN * (size // len(PATTERN) + 1))[:size]


@contextlib.contextmanager
def _closing(connections: list[Connection]) -> Iterator[None]:
    try:
        yield
    finally:
        for connection in connections:
            connection.close()


# ------------------------------------------------------------------------------------------------------ the story


async def _story(checks: Checks) -> bool:
    console = checks.console
    config = standard.config(established_timeout=ESTABLISHED_TIMEOUT, timeouts={"time_wait": 1.0, "close_wait": 1.0})
    console.rule("[bold]1. Switch and controller in one process")
    started = time.monotonic()
    async with contextlib.AsyncExitStack() as alive:
        with console.status("compiling and loading the pipeline ..."):
            small = await alive.enter_async_context(_small(config))
        console.print(f"  the controller serves the switch: {time.monotonic() - started:.1f} s")
        console.rule("[bold]2. Who answers whom, what the servers know of their clients, and the session table")
        await _http(small, checks)
        console.rule(f"[bold]3. A large transfer: {TRANSFER >> 20} MiB")
        await _transfer(small, checks)
        console.rule(f"[bold]4. {CONNECTIONS} connections")
        await _connections(small, checks)
        console.rule(f"[bold]5. A session expires after {ESTABLISHED_TIMEOUT:g} s without a packet")
        await _expiry(small, checks)
        console.rule("[bold]6. Afterwards")
        await _afterwards(small, checks)
    console.print(checks.summary())
    return checks.passed


async def _http(small: Small, checks: Checks) -> None:
    opened = [await small.open(client) for client in standard.CLIENTS * 3]
    with _closing(opened):
        answers = [await small.ask(connection) for connection in opened]
        checks.console.print(tables.answers(answers))
        await _until(lambda: {session["state"] for session in small.sessions()} == {"ESTABLISHED"}, 5)
        sessions = small.sessions()
        checks.console.print(tables.sessions(sessions))
    counts = Counter(answer.server for answer in answers)
    checks.that(counts == dict.fromkeys(standard.SERVERS, 2), "every server answered in turn", named(counts))
    checks.that(
        all(answer.toa == answer.client and answer.toa_options == 1 for answer in answers),
        "each server learned the client's own address and port from TOA",
    )
    paired = {session["client"]: session["local"] for session in sessions}
    checks.that(
        all(paired[answer.client] == answer.peer for answer in answers),
        "sessions pair the client with the local address that its server sees",
    )


async def _transfer(small: Small, checks: Checks) -> None:
    connection = await small.open("c1")
    with _closing([connection]):
        started = time.monotonic()
        body = await small.get(connection, f"/bytes/{TRANSFER}")
        seconds = time.monotonic() - started
    rate = f"{TRANSFER * 8 / seconds / 1e6:.0f} Mbit/s; the endpoints are Python"
    checks.that(body == pattern(TRANSFER), f"{TRANSFER >> 20} MiB arrived, every byte verified", rate)


async def _connections(small: Small, checks: Checks) -> None:
    async def one(client: str) -> bool:
        connection = await small.open(client)
        with _closing([connection]):
            answer = await small.ask(connection)
            return answer.toa == answer.client

    started = time.monotonic()
    good = await asyncio.gather(*(one(standard.CLIENTS[i % 2]) for i in range(CONNECTIONS)))
    rate = CONNECTIONS / (time.monotonic() - started)
    checks.that(all(good), f"{CONNECTIONS} connections at once, each with its own session and TOA", f"{rate:.0f}/s")


async def _expiry(small: Small, checks: Checks) -> None:
    connection = await small.open("c2")
    answer = await small.ask(connection)
    checks.console.print(f"  {answer.client} is connected to {answer.server} and now says nothing", highlight=False)
    started = time.monotonic()
    outcome = "nothing came"
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(8 * ESTABLISHED_TIMEOUT):
            try:
                await connection.receive(1)
            except ConnectionReset:
                outcome = f"RST with the expected sequence number after {time.monotonic() - started:.1f} s"
    checks.that(outcome.startswith("RST"), "the client was reset", outcome)
    checks.that(await _until(lambda: answer.client in small.resets, 5), f"{answer.server} was reset")


async def _afterwards(small: Small, checks: Checks) -> None:
    damaged = sum(host.damaged for host in small.hosts.values())
    checks.that(damaged == 0, "no checksum errors at any host", f"{damaged} damaged packets")
    await _until(lambda: not small.sessions(), 20)
    stats = await small.snapshots.stats()
    used = sum(local["used"] for local in stats["local_addresses"])
    left = f"{len(small.sessions())} sessions, {used} ports"
    checks.that(not small.sessions() and used == 0, "no session and no local port is left over", left)
