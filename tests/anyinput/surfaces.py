"""Where input comes in, and what is asked of each: it is taken, or refused in words, and what is refused has changed
nothing."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from api.apikit import Api
from api.test_wrong import SEEDS, get, post
from cli.samples import CONFIG_TEXT
from fullnat.api import http, large
from fullnat.api.calls import SERVICE, Call
from fullnat.api.errors import CallError, Kind
from fullnat.api.handlers import Handlers
from fullnat.api.identity import Identity, Role
from fullnat.api.server import Dispatcher
from fullnat.config import file, keepalived, probes
from fullnat.config.diff import diff, model_of
from fullnat.config.errors import ConfigError
from fullnat.core.declared.model import Model
from fullnat.fnatadm import commands, names, saved
from fullnat.fnatadm.parse import UsageError, parse
from fullnat.net import described, match, prefixes
from google.protobuf.message import DecodeError

from anyinput import messages, texts

AT_ONCE = 8
"""Requests on a connection before their answers are read."""
SERVICES = 16
"""Beyond which the model is made the file's again: what is asked of many services takes longer, and is no other."""
_MODEL = model_of(file.parse(CONFIG_TEXT))
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [A-Z][A-Za-z ]*\r\nContent-Type: ")
_ANSWERS = frozenset(("INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION", "UNAVAILABLE"))
_CALLERS = (Identity("owner", Role.ADMIN, True), *(Identity(role.name, role) for role in Role))
CHECK = '{"type": "http", "path": "/", "status": "200-299", "fall": 3, "tls": true, "host": "a"}'
REQUESTS = (
    *SEEDS,
    get("/v1/network"),
    get("/v1/stats"),
    post(b'{"commands": [{"clear": {}}, {"drain_all": {"within": 3}}]}'),
    post(
        f'{{"commands": [{{"edit_service": {{"protocol": "tcp", "virtual": "203.0.113.80:80", "settings": {{"checks": '
        f'{{"check": [{CHECK}]}}}}}}}}]}}'.encode()
    ),
    post(
        b'{"commands": [{"add_interface": {"port": 4, "mac": "02:00:00:00:00:04", "address": "10.4.0.1/24", "further": '
        b'["2001:db8::1/64"]}}]}'
    ),
    post(b'{"config": "punt_rate = 5"}').replace(b"/apply", b"/compare"),
)
_REQUESTS = [request.decode("latin-1") for request in REQUESTS]


class Broken(Exception):
    """What an input did that none may do."""


def _state(model: Model) -> tuple[Any, ...]:
    """To be compared: what a service is, is replaced and not edited."""
    return (
        *model.services.items(),
        *model.interfaces.items(),
        *model.routes.items(),
        model.settings,
        model.access,
    )


class Watched(Dispatcher):
    """With an eye on what may have changed."""

    def __init__(self, handlers: Handlers, model: Callable[[], Model]) -> None:
        super().__init__(handlers)
        self._model = model

    async def run(self, call: Call, request: Any, caller: Identity) -> AsyncIterator[list[Any]]:
        before = _state(self._model())
        may_change = call.is_audited and caller.role >= call.role and not getattr(request, "dry_run", False)
        try:
            async for turn in super().run(call, request, caller):
                yield turn
        except CallError as error:
            if error.kind is Kind.FAILED:
                raise Broken(repr(error.__context__)) from error.__context__
            may_change = False
            raise
        finally:
            if not may_change and _state(self._model()) != before:
                raise Broken(f"{call.name} has changed something")


class Closed:
    """The end of a connection whose client reads nothing."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    async def drain(self) -> None:
        pass

    @property
    def answer(self) -> bytes:
        return b"".join(self.pieces)


class Ground:
    """A controller whose calls are made in this process, another one behind its socket, and what comes to them."""

    def __init__(self, generator: random.Random, near: Api, far: Api, channel: grpc.aio.Channel) -> None:
        self.generator = generator
        self.near = near
        self.far = far
        self.channel = channel
        near.dispatcher = Watched(near.handlers, lambda: near.model)
        self.last: object = None
        """That is being tried."""

    def tidy(self) -> None:
        for api in (self.near, self.far):
            if len(api.model.services) > SERVICES or len(api.model.interfaces) > SERVICES:
                api.runner.apply(diff(api.model, _MODEL))


@contextlib.asynccontextmanager
async def ground(generator: random.Random, directory: Path) -> AsyncIterator[Ground]:
    (directory / "near").mkdir()
    (directory / "far").mkdir()
    near, far = Api(directory / "near"), Api(directory / "far")
    await far.listener.start()
    try:
        async with grpc.aio.insecure_channel(f"unix:{far.path}") as channel:
            yield Ground(generator, near, far, channel)
    finally:
        await far.listener.stop()


# ---------------------------------------------------------------------------------------------- the API


async def _served(api: Api, data: bytes, caller: Identity) -> bytes:
    reader, writer = asyncio.StreamReader(limit=http.HEAD_BYTES), Closed()
    reader.feed_data(data)
    reader.feed_eof()
    served: Any = writer
    await http.serve(reader, served, b"", caller, api.dispatcher)
    return _well(writer.answer)


def _well(answer: bytes) -> bytes:
    if b"HTTP/1.1 500" in answer or b"the controller failed" in answer:
        raise Broken(answer[-300:])
    return answer


def _octets(at: Ground) -> bytes:
    return texts.mutated(at.generator, at.generator.choice(_REQUESTS)).encode("latin-1", "replace")


async def _http(at: Ground) -> int:
    at.last = data = _octets(at)
    await _served(at.near, data, at.generator.choice(_CALLERS))
    return 1


def _requests(at: Ground) -> list[bytes]:
    at.last = requests = [messages.http(at.generator) for _ in range(AT_ONCE)]
    return requests


def _all_answered(answer: bytes) -> None:
    found = len(_STATUS.findall(answer))
    if found != AT_ONCE:
        raise Broken(f"{AT_ONCE} requests have {found} answers: {answer[-300:]!r}")


async def _json(at: Ground) -> int:
    """Requests behind each other, whose heads are right."""
    _all_answered(await _served(at.near, b"".join(_requests(at)), at.generator.choice(_CALLERS)))
    return AT_ONCE


async def _http_socket(at: Ground) -> int:
    """The same by the socket; and one that may be no request, nor HTTP/1.1."""
    _all_answered(_well(await at.far.raw(b"".join(_requests(at)))))
    at.last = data = _octets(at)
    _well(await at.far.raw(data))
    return AT_ONCE + 1


async def _messages(at: Ground) -> int:
    """What gRPC hands on: octets, and the message that they are."""
    call, octets = messages.grpc(at.generator)
    for data in messages.variants(at.generator, octets):
        at.last = call, data
        with contextlib.suppress(CallError, DecodeError):
            asked = call.request.FromString(data)
            async for turn in at.near.dispatcher.run(call, asked, at.generator.choice(_CALLERS)):
                for answer in turn:
                    (await large.message(call.response, answer)).SerializeToString()
    return texts.VARIANTS


async def _grpc_socket(at: Ground) -> int:
    """Calls at once on one connection that is kept."""
    calls = [messages.grpc(at.generator) for _ in range(AT_ONCE // 2)]
    at.last = calls = [(call, each) for call, data in calls for each in (data, messages.other(at.generator, data))]
    await asyncio.gather(*(_called(at.channel, call, data) for call, data in calls))
    return AT_ONCE


async def _called(channel: grpc.aio.Channel, call: Call, data: bytes) -> None:
    method = f"/{SERVICE.full_name}/{call.name}"
    try:
        if call.answer:
            await channel.unary_unary(method)(data)
        else:
            async for _ in channel.unary_stream(method)(data):
                pass
    except grpc.aio.AioRpcError as error:
        if error.code().name not in _ANSWERS:
            raise Broken(f"{call.name}: {data!r}: {error.code().name}: {error.details()}") from None


# ---------------------------------------------------------------------------------------------- the parsers


def _toml(text: str) -> None:
    try:
        file.parse(text)
    except ConfigError as error:
        _told(error.problems)


def _keepalived(text: str) -> None:
    """Without what other files have."""
    try:
        document, problems, vain = keepalived.parse(text.replace("include", "exclude"), "f")
        file.of_document(document, problems, vain=vain)
    except ConfigError as error:
        _told(error.problems)


def _told(problems: Any) -> None:
    """Each in one line."""
    for problem in problems:
        if "\n" in problem:
            raise Broken(repr(problem))


def _lines(text: str) -> None:
    _, problems = saved.document(text.split("\n"))
    _told(problems)


def _line(text: str) -> None:
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    try:
        line = parse(words)
        if line.command.name in commands.CHANGES:
            commands.messages(line)
    except UsageError as error:
        _told([str(error)])


def _parser(make: Callable[[random.Random], str], read: Callable[[str], None]) -> Callable[[Ground], Awaitable[int]]:
    async def tried(at: Ground) -> int:
        for text in texts.variants(at.generator, make(at.generator)):
            at.last = text
            read(text)
        return texts.VARIANTS

    return tried


_WORDS: tuple[tuple[Callable[[str], object], tuple[str, ...]], ...] = (
    (described.described, messages._PACKET),
    (match.parse, ("dst=192.0.2.0/24,dport=80-90,iif=1", "src=2001:db8::/32,sport=1")),
    (prefixes.parse, ("10.0.0.0/8", "2001:db8::/32", "192.0.2.1")),
    (lambda text: [*prefixes.lines(text)], ("10.0.0.0/8 # a\n192.0.2.1\n",)),
    (probes.ranges, ("200-299,301", "0")),
    (probes.digest, ("d41d8cd98f00b204e9800998ecf8427e",)),
    (probes.payload, ("0x00ff", "hello\\n")),
    (probes.path, ("/up?a=b", "/")),
    (probes.domain, ("a.example.", "_x.b")),
    (probes.command, ("/bin/true 'a b'",)),
    (lambda text: names.endpoint(text, "tcp"), ("10.0.0.1:80", "[2001:db8::1]:http", "a.example")),
)
"""Small languages, and of what an input is made. Each takes it or raises ValueError, or UsageError."""


async def _words(at: Ground) -> int:
    read, seeds = at.generator.choice(_WORDS)
    for text in texts.variants(at.generator, at.generator.choice(seeds)):
        at.last = text
        with contextlib.suppress(ValueError, UsageError):
            read(text)
    return texts.VARIANTS


SURFACES: Mapping[str, tuple[Callable[[Ground], Awaitable[int]], int]] = {
    "http": (_http, 24),
    "json": (_json, 1),
    "messages": (_messages, 4),
    "toml": (_parser(texts.toml, _toml), 3),
    "keepalived": (_parser(texts.keepalived, _keepalived), 2),
    "lines": (_parser(texts.lines, _lines), 2),
    "line": (_parser(texts.line, _line), 6),
    "words": (_words, 8),
}
"""What is done, and how often its turn is."""
SOCKETS: Mapping[str, Callable[[Ground], Awaitable[int]]] = {"http socket": _http_socket, "grpc socket": _grpc_socket}
"""The same behind a socket, which takes longer: after every :data:`BETWEEN` of the others."""
BETWEEN = 1000
