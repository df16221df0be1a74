"""A controller core without a switch, and its API on a socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import grpc.aio
from cli.samples import CONFIG_TEXT
from fullnat.api.calls import BY_NAME, SERVICE
from fullnat.api.handlers import Handlers
from fullnat.api.identity import Grants
from fullnat.api.listener import Listener, Tcp, Where
from fullnat.api.server import Dispatcher
from fullnat.app.changes import Changes
from fullnat.app.runner import CoreRunner
from fullnat.app.snapshot import Snapshots
from fullnat.app.switch import SwitchOwner
from fullnat.config import file
from fullnat.core.controller import Controller
from fullnat.core.declared.model import Model
from fullnat.core.interface import Sizes
from fullnat.p4rt.client import Client
from google.protobuf import json_format

VIRTUAL = {"protocol": "tcp", "virtual": "203.0.113.80:80"}
SERVER = {**VIRTUAL, "server": "10.0.0.11:8080"}
ABOUT = {"version": "1.2", "embedded": False, "cookie": 77}


class Api:
    def __init__(
        self,
        directory: Path,
        tcp: Tcp | None = None,
        grants: Grants | None = None,
        page: tuple[str, int] | None = None,
    ) -> None:
        self.path = directory / "s"
        self.config = directory / "fullnat.toml"
        self.config.write_text(CONFIG_TEXT)
        self.core = Controller(Sizes(1 << 10, 1 << 10), bytes(32), Random(1))
        self.runner = CoreRunner(self.core)
        self.runner.reconfigure(file.parse(CONFIG_TEXT))
        self.changes = Changes(self.runner, self.config)
        snapshots = Snapshots(self.runner, SwitchOwner(self.runner, Client))  # type: ignore[arg-type]
        self.handlers = Handlers(snapshots, self.changes, ABOUT)
        self.dispatcher = Dispatcher(self.handlers)
        self.listener = Listener(Where(self.path, tcp, page, grants or Grants()), self.dispatcher)

    @property
    def model(self) -> Model:
        return self.core.model

    async def raw(self, request: bytes) -> bytes:
        """What is answered to these bytes, until the other end closes."""
        reader, writer = await asyncio.open_unix_connection(self.path)
        writer.write(request)
        with contextlib.suppress(OSError):
            await writer.drain()
            writer.write_eof()
        answer = b""
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(65536):
                answer += piece
        writer.close()
        return answer


@contextlib.asynccontextmanager
async def served(
    directory: Path,
    tcp: Tcp | None = None,
    grants: Grants | None = None,
    page: tuple[str, int] | None = None,
) -> AsyncIterator[Api]:
    api = Api(directory, tcp, grants, page)
    try:
        await api.listener.start()
        yield api
    finally:
        await api.listener.stop()


async def call(channel: grpc.aio.Channel, name: str, fields: Any = None) -> Any:
    """The answer, or all of them, of a call by gRPC, as JSON."""
    one = BY_NAME[name]
    method = f"/{SERVICE.full_name}/{name}"
    kind = channel.unary_unary if one.answer else channel.unary_stream
    multi = kind(
        method, request_serializer=one.request.SerializeToString, response_deserializer=one.response.FromString
    )
    asked = json_format.ParseDict(fields or {}, one.request())
    if one.answer:
        return _json(await multi(asked))
    return [_json(found) async for found in multi(asked)]


def _json(message: Any) -> Any:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)
