"""Which engines there are to test on, and clients of a switch over either transport."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import AsyncIterator

import grpc.aio
import pytest
from finsy.proto import p4r_grpc
from p4kit import Client
from p4soft.embedded import Switch

NATIVE = importlib.util.find_spec("p4soft.engine") is not None and hasattr(
    importlib.import_module("p4soft.engine"), "NativeEngine"
)
ENGINES = ["fake", pytest.param("native", marks=pytest.mark.skipif(not NATIVE, reason="no native engine"))]


async def client_of(switch: Switch, transport: str) -> AsyncIterator[Client]:
    if transport == "inprocess":
        yield Client(switch.stub())
        return
    assert switch.address is not None
    options = [("grpc.max_metadata_size", 1 << 20)]
    async with grpc.aio.insecure_channel(switch.address, options=options) as channel:
        client = Client(p4r_grpc.P4RuntimeStub(channel))
        yield client
        client.close()
