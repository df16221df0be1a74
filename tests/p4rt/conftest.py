from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from fullnat.p4rt import program
from fullnat.p4rt.client import Client
from fullnat.p4rt.grpc_transport import GrpcTransport

from p4rt.fake_switch import FakeSwitch

Connect = Callable[..., Awaitable[Client]]


@pytest.fixture(scope="session")
def compiled() -> program.Program:
    return program.load()


@pytest.fixture
async def switch() -> AsyncIterator[FakeSwitch]:
    fake = FakeSwitch()
    fake.address = await fake.start()  # type: ignore[attr-defined]
    yield fake
    await fake.stop()


@pytest.fixture
async def connect(switch: FakeSwitch, compiled: program.Program) -> AsyncIterator[Connect]:
    """Opens a client that has asked to be primary; the arbitration's answer is still to be received."""
    clients: list[Client] = []

    async def make(election_id: int = 10) -> Client:
        transport = GrpcTransport(switch.address)  # type: ignore[attr-defined]
        client = Client(transport, compiled, device_id=1, election_id=lambda: election_id)
        clients.append(client)
        await client.open()
        return client

    yield make
    await asyncio.gather(*(client.close() for client in clients))
