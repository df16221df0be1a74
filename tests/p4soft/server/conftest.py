"""Fixtures: a switch on the fake and (where built) the native engine, and clients over gRPC and in-process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fake_engine import FakeEngine
from p4kit import CPU_PORT, DEVICE, Client
from p4soft.embedded import Switch, native_engine
from p4switch import ENGINES, client_of


@pytest.fixture(params=ENGINES)
async def switch(request: pytest.FixtureRequest) -> AsyncIterator[Switch]:
    """A started switch with two memory ports, a CPU port and a gRPC server, and no pipeline."""
    factory = FakeEngine if request.param == "fake" else native_engine
    async with Switch(DEVICE, CPU_PORT, "127.0.0.1:0", {1: None, 2: None}, engine_factory=factory) as running:
        yield running


@pytest.fixture
async def fake_switch() -> AsyncIterator[Switch]:
    """The same on the fake engine only, for what the tests emit themselves."""
    async with Switch(DEVICE, CPU_PORT, "127.0.0.1:0", engine_factory=FakeEngine) as running:
        yield running


@pytest.fixture(params=["grpc", "inprocess"])
async def client(request: pytest.FixtureRequest, switch: Switch) -> AsyncIterator[Client]:
    async for made in client_of(switch, request.param):
        yield made


@pytest.fixture(params=["grpc", "inprocess"])
async def fake_client(request: pytest.FixtureRequest, fake_switch: Switch) -> AsyncIterator[Client]:
    async for made in client_of(fake_switch, request.param):
        yield made


@pytest.fixture
async def primary(client: Client) -> Client:
    """A client whose stream is primary with election id 1, with the kinds program loaded."""
    client.primary_stream, _ = await client.open(1)
    await client.push()
    return client


@pytest.fixture
async def fake_primary(fake_client: Client) -> Client:
    fake_client.primary_stream, _ = await fake_client.open(1)
    await fake_client.push()
    return fake_client
