"""JSON over HTTP/1.1 (RFC 9112): the part of it that an API needs, one request after the other on a connection."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from ipaddress import ip_address
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from google.protobuf import json_format
from google.protobuf.message import Message

from fullnat.api import large, openapi, said
from fullnat.api.calls import BY_PATH, Call
from fullnat.api.errors import CallError, Kind
from fullnat.api.identity import Identity
from fullnat.api.large import ENCODE
from fullnat.api.server import Dispatcher
from fullnat.page import FILES, HEADERS

HEAD_BYTES = 16384
BODY_BYTES = 32 << 20
OPEN_BODY_BYTES = 16384
"""Where anybody may ask, who may only look."""
IDLE_SECONDS = 300.0
"""That a connection may be without a request."""
BODY_SECONDS = 30.0
"""That a client may take to send a request once it has begun."""
LARGE_BYTES = 65536
"""From which on a request is read beside the loop, which has other work: this much takes 5 ms or so."""
NESTING = 32
"""Objects within objects of a request; the deepest message needs 5."""
PROBLEMS = 100
"""Of a request that are told."""
_ONCE = ("content-length", "host")
"""Headers of which a request has one."""
_TEXT = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    411: "Length Required",
    413: "Content Too Large",
    422: "Unprocessable Content",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}


class _BadRequest(Exception):
    """The connection cannot go on: what follows on it has no meaning."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Request(NamedTuple):
    method: str
    path: str
    query: str
    body: bytes
    keeps: bool
    """Another request may follow."""
    host: str = ""
    origin: str | None = None
    """Of the page that asks, if it is one."""


_NONE = Request("", "", "", b"", keeps=False)
"""What cannot be read."""
_JSON = "application/json"
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""An escape that makes a character with another one alone: protobuf takes no text with half of one (RFC 8259 8.2)."""


async def serve(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    begun: bytes,
    caller: Identity,
    dispatcher: Dispatcher,
    *,
    is_open: bool = False,
) -> None:
    """Answer until the client has had enough. ``begun`` has been read already. ``is_open``: to whoever gets here, so
    that a page of somebody else's must not get here by a name of its own. Raises OSError when the client goes."""
    keeps = True
    while keeps:
        try:
            request = await _read(reader, begun, OPEN_BODY_BYTES if is_open else BODY_BYTES)
        except _BadRequest as error:
            _send(writer, error.status, _error(str(error)), _NONE)
            break
        if request is None:
            break
        begun, keeps = b"", request.keeps
        if is_open and not _is_ours(request.host):
            _send(writer, 403, _error(f"{request.host!r} is no name of this host; use its address"), request)
            continue
        await _answer(writer, request, caller, dispatcher)
        await writer.drain()
        # Neither reading nor writing has to wait: whoever sends many at once has no more turns than others.
        await asyncio.sleep(0)
    await writer.drain()


def _is_ours(host: str) -> bool:
    """Whether ``host`` of a request is an address or a name of this machine (else: DNS rebinding)."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return name in ("localhost", socket.gethostname())
    return True


# ---------------------------------------------------------------------------------------------- requests


async def _read(reader: asyncio.StreamReader, begun: bytes, most: int) -> Request | None:
    """The next request; None when the client is done. Raises _BadRequest."""
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            head = begun + await reader.readuntil(b"\r\n\r\n")
    except TimeoutError:
        return None
    except asyncio.LimitOverrunError:
        raise _BadRequest(431, f"the head of a request has at most {HEAD_BYTES} bytes") from None
    except asyncio.IncompleteReadError as error:
        if begun or error.partial:
            raise _BadRequest(400, "the request ends in its head") from None
        return None
    line, *lines = head[:-4].decode("latin-1").split("\r\n")
    method, _, rest = line.partition(" ")
    target, _, version = rest.rpartition(" ")
    if not method.isupper() or not target.startswith("/") or not version.startswith("HTTP/"):
        raise _BadRequest(400, "this is no request of HTTP/1.1")
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        raise _BadRequest(505, f"{version} is not supported, HTTP/1.1 is")
    headers = _headers(lines)
    body = await _body(reader, headers, most)
    try:
        parts = urlsplit(target)
    except ValueError:
        raise _BadRequest(400, "the path of the request is none") from None
    wishes = headers.get("connection", "").lower()
    keeps = "close" not in wishes if version == "HTTP/1.1" else "keep-alive" in wishes
    return Request(method, parts.path, parts.query, body, keeps, headers.get("host", ""), headers.get("origin"))


def _headers(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        # Request smuggling is made of these (RFC 9112 5.1, 6.3, 3.2).
        is_again = name.lower() in _ONCE and name.lower() in found
        if not colon or not name or name != name.strip() or is_again:
            raise _BadRequest(400, "a header of the request is none")
        found[name.lower()] = value.strip()
    return found


async def _body(reader: asyncio.StreamReader, headers: dict[str, str], most: int) -> bytes:
    if "transfer-encoding" in headers:
        raise _BadRequest(411, "a request has a Content-Length, and no Transfer-Encoding")
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdecimal() or len(length) > 12:
        raise _BadRequest(400, "the Content-Length is no number")
    if int(length) > most:
        raise _BadRequest(413, f"a request has at most {most} bytes")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await reader.readexactly(int(length))
    except asyncio.IncompleteReadError:
        raise _BadRequest(400, "the request ends in its body") from None
    except TimeoutError:
        raise _BadRequest(400, f"the request is not complete after {BODY_SECONDS:.0f} s") from None


def message(call: Call, request: Request) -> Any:
    """What is asked for. Raises CallError."""
    found: Message = call.request()
    if request.method == "GET":
        document: Any = _of_query(found, request.query)
    elif not request.body:
        document = {}
    else:
        document = _of_body(request.body)
    try:
        return json_format.ParseDict(document, found, max_recursion_depth=NESTING)
    except (json_format.ParseError, ValueError, TypeError, RecursionError, OverflowError, AttributeError) as error:
        problems = list(islice(said.problems(document, found.DESCRIPTOR), PROBLEMS))
        if problems:
            raise CallError(Kind.INVALID, "; ".join(problem.message for problem in problems), problems) from None
        raise CallError(Kind.INVALID, f"this is no {found.DESCRIPTOR.name}: {_one_line(str(error))}") from None


def _of_body(body: bytes) -> Any:
    try:
        text = body.decode()
        document = json.loads(text)
        if _SURROGATE.search(text) is not None:
            json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise CallError(Kind.INVALID, "the body has half a character (a lone surrogate)") from None
    except (ValueError, RecursionError):
        raise CallError(Kind.INVALID, "the body is not JSON") from None
    if not isinstance(document, dict):
        raise CallError(Kind.INVALID, "the body is no JSON object")
    return document


def _of_query(found: Message, query: str) -> dict[str, Any]:
    """Fields of a query have no types of their own."""
    document: dict[str, Any] = {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=100, errors="strict")
    except ValueError:
        raise CallError(Kind.INVALID, "the query is none") from None
    for name, value in pairs:
        field = found.DESCRIPTOR.fields_by_name.get(name)
        if field is None or name in document:
            known = ", ".join(found.DESCRIPTOR.fields_by_name) or "none"
            twice = f"the filter {name!r} is there twice"
            raise CallError(Kind.INVALID, twice if field else f"unknown filter {name!r}; there are {known}")
        is_flag = field.type == field.TYPE_BOOL
        document[name] = {"true": True, "1": True, "false": False, "0": False}.get(value, value) if is_flag else value
    return document


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]


# ---------------------------------------------------------------------------------------------- answers


async def _answer(writer: asyncio.StreamWriter, request: Request, caller: Identity, dispatcher: Dispatcher) -> None:
    if _answer_file(writer, request):
        return
    call = BY_PATH.get(request.path)
    if call is None:
        there = ", ".join(BY_PATH)
        _send(writer, 404, _error(f"there is no {request.path!r}; there are {there} and {openapi.PATH}"), request)
        return
    if request.method != call.method:
        _send(writer, 405, _error(f"{call.path} is a {call.method}"), request, f"Allow: {call.method}\r\n")
        return
    if request.origin is not None and request.origin.partition("://")[2] != request.host:
        # A browser shows its client certificate whoever's page it is that asks.
        _send(writer, 403, _error(f"a page of {request.origin} may not ask"), request)
        return
    try:
        is_large = len(request.body) > LARGE_BYTES
        asked = await asyncio.to_thread(message, call, request) if is_large else message(call, request)
        turns = dispatcher.run(call, asked, caller)
        if call.answers is not None:
            await _stream(writer, turns, request.keeps)
        else:
            async for (only,) in turns:
                _whole(writer, 200, _JSON, await large.encoded(only), request)
    except CallError as error:
        _send(writer, error.kind.status, _refusal(error), request)


def _answer_file(writer: asyncio.StreamWriter, request: Request) -> bool:
    """Whether it is one that is asked for."""
    if request.method not in ("GET", "HEAD"):
        return False
    if request.path == openapi.PATH:
        _send(writer, 200, openapi.document(), request)
        return True
    file = FILES.get(request.path)
    if file is not None:
        _whole(writer, 200, file.content, file.body, request, HEADERS)
    return file is not None


async def _stream(writer: asyncio.StreamWriter, turns: AsyncIterator[list[Any]], keeps: bool) -> None:
    """One JSON object a line, in chunks; an error that comes too late for a status is the last line. Raises CallError
    for one that does not."""
    begun = False
    try:
        async for turn in turns:
            if turn and not begun:
                _head(writer, 200, "application/x-ndjson", "Transfer-Encoding: chunked\r\n", keeps)
                begun = True
            _chunk(writer, "".join([f"{ENCODE(answer)}\n" for answer in turn]).encode())
            await writer.drain()
            await asyncio.sleep(0)
    except CallError as error:
        if not begun:
            raise
        _chunk(writer, f"{ENCODE(_refusal(error))}\n".encode())
    if not begun:
        _head(writer, 200, "application/x-ndjson", "Transfer-Encoding: chunked\r\n", keeps)
    writer.write(b"0\r\n\r\n")


def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    """None for no data, which would be the end (RFC 9112 7.1)."""
    if data:
        writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def _send(writer: asyncio.StreamWriter, status: int, answer: Any, request: Request, more: str = "") -> None:
    _whole(writer, status, _JSON, f"{ENCODE(answer)}\n".encode(), request, more)


def _whole(
    writer: asyncio.StreamWriter, status: int, content: str, body: bytes, request: Request, more: str = ""
) -> None:
    """HEAD gets the head of it (RFC 9110 9.3.2)."""
    _head(writer, status, content, f"{more}Content-Length: {len(body)}\r\n", request.keeps)
    if request.method != "HEAD":
        writer.write(body)


def _head(writer: asyncio.StreamWriter, status: int, content: str, more: str, keeps: bool) -> None:
    end = "" if keeps else "Connection: close\r\n"
    writer.write(f"HTTP/1.1 {status} {_TEXT[status]}\r\nContent-Type: {content}\r\n{more}{end}\r\n".encode())


def _error(text: str) -> dict[str, Any]:
    return {"error": text}


def _refusal(error: CallError) -> dict[str, Any]:
    problems = [{key: value for key, value in each._asdict().items() if value is not None} for each in error.problems]
    return {"error": str(error), "code": error.kind.code, "problems": problems}
