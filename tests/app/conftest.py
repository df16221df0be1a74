from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from ipaddress import IPv4Interface

import pytest
from fullnat.app import switch as switch_module
from fullnat.app.runner import CoreRunner
from fullnat.app.switch import SwitchOwner
from fullnat.config.model import Config, Interface
from fullnat.p4rt import program
from fullnat.p4rt.client import Client
from fullnat.p4rt.grpc_transport import GrpcTransport
from p4rt.fake_switch import FakeSwitch

from app.fake_core import FakeCore

CONFIG = Config(
    interfaces=(Interface(port=1, mac=2, address=IPv4Interface("10.0.0.1/24")),), punt_rate=500, punt_burst=50
)


class Rig:
    """A fake switch, a fake core, and the owner that joins them."""

    def __init__(self, compiled: program.Program, election_id: Callable[[], int] | None = None) -> None:
        self.compiled = compiled
        self.switch = FakeSwitch()
        self.core = FakeCore(CONFIG)
        self.address = ""
        numbers = itertools.count(100)
        self.runner = CoreRunner(self.core)
        self.owner = SwitchOwner(
            self.runner,
            lambda: Client(
                GrpcTransport(self.address), compiled, device_id=1, election_id=election_id or (lambda: next(numbers))
            ),
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def start_switch(self) -> None:
        self.address = await self.switch.start(self.address or "127.0.0.1:0")

    def run(self) -> None:
        self._tasks = [asyncio.create_task(self.runner.run()), asyncio.create_task(self.owner.run())]

    async def stop(self) -> None:
        for task in self._tasks:
            assert not task.done(), task
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.switch.stop()


@pytest.fixture(scope="session")
def compiled() -> program.Program:
    return program.load()


@pytest.fixture
async def rig(compiled: program.Program, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(switch_module, "BACKOFF_FIRST", 0.02)
    monkeypatch.setattr(switch_module, "BACKOFF_LAST", 0.05)
    monkeypatch.setattr("fullnat.p4rt.grpc_transport.CONNECT_SECONDS", 0.5)
    made = Rig(compiled)
    await made.start_switch()
    yield made
    await made.stop()
