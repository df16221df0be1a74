"""Whatever comes to the socket is answered or closed, changes nothing, and does not hurt others."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import socket
from collections.abc import Iterator

import grpc.aio
import pytest
from cli.samples import CONFIG_TEXT
from fullnat.api.calls import SERVICE
from fullnat.api.http import BODY_BYTES, HEAD_BYTES
from fullnat.api.listener import CONNECTIONS
from fullnat.config.diff import diff, model_of
from fullnat.config.file import parse
from fullnat.config.model import ServiceSettings
from fullnat.core.declared.commands import AddService
from fullnat.net import match
from fullnat.net.flow import marked

from api.apikit import Api

APPLY = "/v1/apply"


def post(body: bytes, head: str = "") -> bytes:
    return f"POST {APPLY} HTTP/1.1\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body


def get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        (b"nonsense\r\n\r\n", 400, "this is no request of HTTP/1.1"),
        (b"GET /v1/about\r\n\r\n", 400, "this is no request of HTTP/1.1"),
        (b"GET /v1/about HTTP/3\r\n\r\n", 505, "HTTP/3 is not supported, HTTP/1.1 is"),
        (b"GET /v1/about HTTP/1.1\r\nno header\r\n\r\n", 400, "a header of the request is none"),
        (b"GET /v1/about HTTP/1.1\r\nHost : x\r\n\r\n", 400, "a header of the request is none"),
        (b"GET /v1/about HTTP/1.1", 400, "the request ends in its head"),
        (b"GET /" + b"x" * HEAD_BYTES + b" HTTP/1.1\r\n\r\n", 431, "the head of a request has at most 16384 bytes"),
        (get("//[/v1"), 400, "the path of the request is none"),
        (get("/v2"), 404, "there is no '/v2'; there are /v1/about, "),
        (get("/v1/sessions?colour=red"), 400, "unknown filter 'colour'; there are client, "),
        (get("/v1/sessions?client=a&client=b"), 400, "the filter 'client' is there twice"),
        (get("/v1/sessions?state=dancing"), 400, "unknown state 'dancing'; there are "),
        (get("/v1/sessions?client=%ff"), 400, "the query is none"),
        (get("/v1/services?counters=perhaps"), 400, "counters: 'perhaps' is not true or false"),
        (get("/v1/services?protocol=tcp"), 400, "a service is named by protocol and virtual"),
        (
            get("/v1/services?protocol=tcp&virtual=203.0.113.81:80"),
            404,
            "there is no virtual server tcp 203.0.113.81:80",
        ),
        (get("/v1/apply"), 405, "/v1/apply is a POST"),
        (b"POST /v1/about HTTP/1.1\r\n\r\n", 405, "/v1/about is a GET"),
        (post(b"nonsense"), 400, "the body is not JSON"),
        (post(b"\xff"), 400, "the body is not JSON"),
        (post(b'{"dry\xed\xa0\x80_run": true}'), 400, "the body is not JSON"),
        (post(b'{"dry\\ud800_run": true}'), 400, "the body has half a character (a lone surrogate)"),
        (post(b'{"commands": [{"clear\\uDC00": {}}]}'), 400, "the body has half a character (a lone surrogate)"),
        (post(b'{"dry\\ud83d\\ude00_run": true}'), 400, "no field of Batch; did you mean dry_run?"),
        (post(b"[1]"), 400, "the body is no JSON object"),
        (post(b"[" * 100_000), 400, "the body is not JSON"),
        (post(b'{"commands": ' * 100 + b"1" + b"}" * 100), 400, "commands: {"),
        (post(b'{"colour": 1}'), 400, "colour: no field of Batch; there are commands, dry_run"),
        (post(b'{"commands": [{"clear": {}, "add_route": {}}]}'), 400, "clear and add_route are 2 commands, in one"),
        (post(b'{"commands": 1}'), 400, "commands: 1 is not a list"),
        (post(b'{"commands": [{"add_interface": {"port": 5}}]}'), 400, "mac is missing"),
        (
            post(b'{"commands": [{"add_interface": {"port": 5, "mac": "+1:00:00:00:00:01"}}]}'),
            400,
            "'+1:00:00:00:00:01'",
        ),
        (
            post(b'{"commands": [{"add_interface": {"port": 5, "mac": "01:00:5e:00:00:01"}}]}'),
            400,
            "'01:00:5e:00:00:01' is not the MAC address of one station",
        ),
        (post(b'{"commands": [{"add_route": {"prefix": "10.0.0.1/8"}}]}'), 400, "10.0.0.1/8 has host bits set"),
        (post(b'{"commands": [{"edit_globals": {"timeouts": {"close": "NaN"}}}]}'), 400, "close nan is not from 0"),
        (post(b"{}", "Content-Length: 3\r\n"), 400, "a header of the request is none"),
        (post(b"{}", "Host: a\r\nHost: a\r\n"), 400, "a header of the request is none"),
        (post(b"{}", "Transfer-Encoding: chunked\r\n"), 411, "a request has a Content-Length"),
        (b"POST /v1/apply HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400, "the Content-Length is no number"),
        (b"POST /v1/apply HTTP/1.1\r\nContent-Length: 5\r\n\r\n{}", 400, "the request ends in its body"),
        (
            f"POST /v1/apply HTTP/1.1\r\nContent-Length: {BODY_BYTES + 1}\r\n\r\n".encode(),
            413,
            f"a request has at most {BODY_BYTES} bytes",
        ),
    ],
)
async def test_wrong_requests_are_answered(api: Api, request_: bytes, status: int, words: str) -> None:
    answer = await api.raw(request_)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    assert words in json.loads(body)["error"]
    assert diff(api.model, model_of(parse(CONFIG_TEXT))) == []


SETTINGS = [
    ("edit_server", {"wieght": 1}, "wieght: no option of a real server; did you mean weight?"),
    (
        "edit_server",
        {"colour": 1},
        "colour: no option of a real server; there are weight, mode, upper_threshold, lower_threshold, quic_id, "
        "checks, sorry, new_rate",
    ),
    ("edit_server", {"weight": "abc"}, "weight: 'abc' is not a number"),
    ("edit_server", {"weight": 1.5}, "weight: 1.5 is not a whole number"),
    ("edit_server", {"weight": -1}, "weight: -1 is not a number from 0 to 4294967295"),
    ("edit_server", {"weight": "-1"}, "weight: '-1' is not a number from 0 to 4294967295"),
    ("edit_server", {"weight": 1 << 32}, "weight: 4294967296 is not a number from 0 to 4294967295"),
    ("edit_server", {"weight": True}, "weight: True is not a number"),
    ("edit_server", {"mode": 3}, "mode: 3 is not text"),
    ("edit_server", {"quic_id": {}}, "quic_id: {} is not text"),
    ("edit_service", {"weight": 1}, "weight: no option of a service; it is one of a real server"),
    ("edit_service", {"toa": "yes"}, "toa: 'yes' is not true or false"),
    ("edit_service", {"slow_start": "nan"}, "slow_start: 'nan' is not a number"),
    ("edit_service", {"timeouts": {"clos": 1}}, "timeouts.clos: no timeout; did you mean close?"),
    ("edit_service", {"timeouts": {"close": "x"}}, "timeouts.close: 'x' is not a number"),
    ("edit_service", {"timeouts": 3}, "timeouts: 3 is not an object"),
    ("edit_service", 3, "settings: 3 is not an object"),
    ("edit_service", {"path": "/"}, "path: no option of a service; it is one of a check"),
    ("edit_service", {"checks": [1]}, "checks: [1] is not an object"),
    (
        "edit_service",
        {"checks": {"check": [{"statuss": "200"}]}},
        "statuss: no option of a check; did you mean status?",
    ),
]


@pytest.mark.parametrize(("command", "settings", "message"), SETTINGS)
async def test_wrong_settings_are_named_as_they_are_written(
    api: Api, command: str, settings: object, message: str
) -> None:
    """In the words of the configuration, and which command of the batch it is; none of it is done."""
    batch = {"commands": [{"clear": {}}, {command: {"protocol": "tcp", "settings": settings}}]}
    answer = json.loads((await api.raw(post(json.dumps(batch).encode()))).partition(b"\r\n\r\n")[2])
    assert answer == {
        "error": message,
        "code": "INVALID_ARGUMENT",
        "problems": [{"message": message, "command": 1}],
    }
    assert diff(api.model, model_of(parse(CONFIG_TEXT))) == []


@pytest.mark.parametrize(("name", "kind"), [("Apply", "Batch"), ("ListServices", "ListServicesRequest")])
async def test_octets_that_are_no_message(api: Api, caplog: pytest.LogCaptureFixture, name: str, kind: str) -> None:
    """By gRPC: told, like any other wrong request, and no failure of the controller."""
    async with grpc.aio.insecure_channel(f"unix:{api.path}") as channel:
        method = f"/{SERVICE.full_name}/{name}"
        called = (
            channel.unary_unary(method)(b"\n\x05ab")
            if name == "Apply"
            else channel.unary_stream(method)(b"\n\x05ab").read()
        )
        with pytest.raises(grpc.aio.AioRpcError) as told:
            await called
    assert (told.value.code().name, told.value.details()) == (
        "INVALID_ARGUMENT",
        f"this is no {kind} of fullnat.api.v1",
    )
    assert caplog.records == []


async def test_everything_wrong_with_a_request_is_told(api: Api) -> None:
    batch = {"dry_rnu": 1, "commands": [{"add_servce": {}}, 3, None, {"arrange_servers": {"servers": ["a", 1]}}]}
    answer = json.loads((await api.raw(post(json.dumps(batch).encode()))).partition(b"\r\n\r\n")[2])
    assert answer["problems"] == [
        {"message": "dry_rnu: no field of Batch; did you mean dry_run?"},
        {"message": "add_servce: no command; did you mean add_service?", "command": 0},
        {"message": "command: 3 is not an object", "command": 1},
        {"message": "command: None is not an object", "command": 2},
        {"message": "servers: 1 is not text", "command": 3},
    ]


async def test_requests_behind_each_other(api: Api) -> None:
    answer = await api.raw(get("/v1/about") + post(b"{}") + get("/v1/services") + get("/v1/none"))
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert answer.count(b"HTTP/1.1 404 Not Found\r\n") == 1
    assert answer.count(b"\r\n0\r\n\r\n") == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/v1/openapi.json", 200), ("/v1/about", 405), ("/v1/apply", 405), ("/nowhere", 404)],
)
async def test_head_gets_no_body(api: Api, path: str, status: int) -> None:
    """What follows it on the connection would be taken for the next answer (RFC 9110 9.3.2)."""
    answer = await api.raw(f"HEAD {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode() + get("/v1/about"))
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]) > 0
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_request_may_end_the_connection(api: Api) -> None:
    for request, number in (
        (b"GET /v1/about HTTP/1.1\r\nConnection: close\r\n\r\n", 1),
        (b"GET /v1/about HTTP/1.0\r\n\r\n", 1),
        (b"GET /v1/about HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 2),
    ):
        assert (await api.raw(request * 2)).count(b"HTTP/1.1 200 OK") == number


async def test_the_description_is_served(api: Api) -> None:
    answer = await api.raw(get("/v1/openapi.json"))
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["info"]["title"] == "p4-fullnat admin API"


# ---- fuzz

SEEDS = (
    get("/v1/services?protocol=tcp&virtual=203.0.113.80:80&counters=true"),
    get("/v1/sessions?client=10.0.0.1&state=established"),
    post(b'{"dry_run": true, "commands": [{"add_service": {"protocol": "tcp", "virtual": "1.2.3.4:5"}}]}'),
    post(b'{"dry_run": true, "commands": [{"edit_globals": {"timeouts": {"close": 1e3}}}]}'),
    post(b'{"dry_run": true, "commands": [{"add_route": {"prefix": "10.0.0.0/8", "gateway": "10.0.0.9"}}]}'),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
)
PIECES = b'\r\n|\0|{|}|[|"|:|%|\xff|-1|1e999|null|/v1/|HTTP/1.1| '.split(b"|")


def mutated(generator: random.Random) -> bytes:
    """One of the seeds with a few changes. Nothing that is not a dry run can become of one."""
    data = bytearray(generator.choice(SEEDS))
    for _ in range(generator.randrange(1, 6)):
        at = generator.randrange(len(data) + 1)
        match generator.randrange(4):
            case 0:
                data[at:at] = generator.choice(PIECES)
            case 1:
                del data[at : at + generator.randrange(1, 9)]
            case 2 if at < len(data):
                data[at] = generator.randrange(256)
            case _:
                data += data[at : at + generator.randrange(40)]
    return bytes(data)


def inputs(seed: int, number: int) -> Iterator[bytes]:
    generator = random.Random(seed)
    for _ in range(number):
        made = mutated(generator)
        yield made if b"dry_run" in made or b"POST" not in made else b""


async def test_fuzz(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Every answer is HTTP, or the connection is closed; nothing is logged, and the next one is served."""
    with caplog.at_level(logging.ERROR):
        for data in inputs(1, 2000):
            answer = await asyncio.wait_for(api.raw(data), 20)
            assert not answer or answer.startswith(b"HTTP/1.1 ") or data.startswith(b"PRI"), data
            assert b"HTTP/1.1 500" not in answer, data
    assert caplog.records == []
    assert (await api.raw(get("/v1/about"))).startswith(b"HTTP/1.1 200 OK")


async def test_a_burst_of_clients_waits_to_be_accepted(api: Api) -> None:
    """None is refused while the controller has other work; all of them come before its turn."""
    with contextlib.ExitStack() as open_ones:
        clients = [open_ones.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(CONNECTIONS)]
        for client in clients:
            client.setblocking(False)
            client.connect(str(api.path))
            client.send(get("/v1/about"))
        loop = asyncio.get_running_loop()
        answers = [await asyncio.wait_for(loop.sock_recv(client, 65536), 10) for client in clients]
    assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 200 OK"}


async def test_many_requests_at_once_leave_the_loop_to_others(api: Api) -> None:
    number, turns = 300, 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    answers = await api.raw(get("/v1/openapi.json") * number)
    counting.cancel()
    assert answers.count(b"HTTP/1.1 200 OK") == number
    assert turns > number


async def test_a_service_by_match_of_the_other_family_is_named(api: Api) -> None:
    settings = ServiceSettings(match=(match.parse("dst=2001:db8:3::1"),))
    api.core.apply((AddService((6, marked(2, v6=True)), settings),), 0.0)
    answer = await api.raw(get("/v1/services?protocol=tcp&virtual=fwmark:2"))
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"there is no virtual server tcp fwmark:2; there is fwmark6:2 (-6)" in answer
