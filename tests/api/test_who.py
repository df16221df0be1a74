"""Who may do what: by the socket's credentials, by certificate; and what the audit log says of it."""

from __future__ import annotations

import asyncio
import grp
import http.client
import json
import logging
import os
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from cli.samples import CONFIG_TEXT
from fullnat.api.calls import CALLS
from fullnat.api.identity import Grants, Identity, Role
from fullnat.api.listener import ApiError, Tcp
from fullnat.config.diff import diff, model_of
from fullnat.config.file import parse
from p4rt.certificates import Authority, Pair

from api.apikit import SERVER, VIRTUAL, Api, call, served

WEIGHT = {"commands": [{"edit_server": {**SERVER, "settings": {"weight": 3}}}]}
MODE = {"commands": [{"edit_server": {**SERVER, "settings": {"weight": 3, "mode": "nat"}}}]}
REMOVE = {"commands": [{"remove_service": VIRTUAL}]}
ALLOWED = {
    Role.NONE: set[str](),
    Role.READ: {
        "GetAbout",
        "ListServices",
        "ListLocalAddresses",
        "GetNetwork",
        "ListSessions",
        "ListTemplates",
        "GetStats",
        "Compare",
        "GetAccess",
        "ListTalkers",
        "Trace",
        "ListSwitches",
    },
}
EVERY = {each.name for each in CALLS}
OF_ADMIN = {"AddSwitch", "RemoveSwitch", "UpgradeSwitch"}
ALLOWED[Role.OPERATOR] = EVERY - OF_ADMIN
TAKEN = (
    "OK",
    "INVALID_ARGUMENT: no packet is given",
    "INVALID_ARGUMENT: '' is not a name",
    "FAILED_PRECONDITION: there is one switch",
)
"""How answers begin of calls that are allowed, whatever becomes of them."""


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["admin=cn:ops", "read=group:root"], None),
        (["chief=cn:ops"], "'chief=cn:ops' is not ROLE=group:NAME or ROLE=cn:NAME with read, operator or admin"),
        (["none=cn:ops"], "'none=cn:ops' is not"),
        (["read=user:ops"], "'read=user:ops' is not"),
        (["read=cn:"], "'read=cn:' is not"),
        (["read=group:no-such-group"], "there is no group 'no-such-group'"),
    ],
)
def test_grants_in_words(words: list[str], wrong: str | None) -> None:
    if wrong is None:
        grants = Grants.parse(words)
        assert (grants.names, grants.groups) == ({"ops": Role.ADMIN}, {0: Role.READ})
    else:
        with pytest.raises(ValueError, match=wrong):
            Grants.parse(words)


# ---- the socket

_CLIENT = """
import http.client, json, os, socket, sys
path, user, group, more, requests = sys.argv[1], *map(json.loads, sys.argv[2:])
os.setgroups(more); os.setgid(group); os.setuid(user)
for method, target, body in requests:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.connect(path)
    except PermissionError:
        print("refused")
        continue
    connection.request(method, target, body)
    print(connection.getresponse().status)
"""


async def as_user(api: Api, group: int, more: list[int], *requests: tuple[str, str, Any]) -> list[str]:
    """The statuses of requests of a user who is not root."""
    asked = json.dumps([(method, target, json.dumps(body)) for method, target, body in requests])
    words = [sys.executable, "-c", _CLIENT, str(api.path), "65533", str(group), json.dumps(more), asked]
    done = await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.fixture
def open_path() -> Iterator[Path]:
    """Where others than root get to. Not tmp_path: every start of pytest closes the directory above it to them."""
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o711)
        yield Path(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_groups_on_the_socket(open_path: Path) -> None:
    names = [grp.getgrgid(number).gr_name for number in (1, 2, 3)]
    grants = Grants({names[0]: Role.READ, names[1]: Role.OPERATOR, names[2]: Role.ADMIN})
    asked: tuple[tuple[str, str, Any], ...] = (
        ("GET", "/v1/services", {}),
        ("POST", "/v1/apply", WEIGHT),
        ("POST", "/v1/apply", MODE),
    )
    async with served(open_path, grants=grants) as api:
        assert await as_user(api, 65533, [], *asked) == ["403", "403", "403"]
        assert await as_user(api, 65533, [1], *asked) == ["200", "403", "403"]
        assert await as_user(api, 1, [], *asked) == ["200", "403", "403"]
        assert diff(api.model, model_of(parse(CONFIG_TEXT))) == []
        assert await as_user(api, 65533, [1, 2], *asked) == ["200", "200", "403"]
        assert await as_user(api, 65533, [2, 3], *asked) == ["200", "200", "200"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_without_grants_nobody_else_gets_to_the_socket(open_path: Path) -> None:
    async with served(open_path) as api:
        assert await as_user(api, 1, [1, 2], ("GET", "/v1/services", {}), ("POST", "/v1/apply", REMOVE)) == [
            "refused",
            "refused",
        ]


# ---- certificates


class Tls:
    """An API with mutual TLS, and clients of it."""

    def __init__(self, directory: Path, port: int) -> None:
        self.authority = Authority(directory)
        self.port = port
        server = self.authority.issue("localhost")
        ca = self.authority.pair.cert
        self.tcp = Tcp(address=("127.0.0.1", port), cert=server.cert, key=server.key, ca=ca)
        self.ca = ca

    def http(self, pair: Pair | None, name: str, body: Any = None) -> int:
        """The status of an answer by HTTP. Raises OSError when there is none."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if pair is not None:
            context.load_cert_chain(pair.cert, pair.key)
        connection = http.client.HTTPSConnection("localhost", self.port, context=context, timeout=20)
        connection.request("GET" if body is None else "POST", f"/v1/{name}", body and json.dumps(body))
        status = connection.getresponse().status
        connection.close()
        return status

    def channel(self, pair: Pair | None) -> grpc.aio.Channel:
        keys = (pair.key.read_bytes(), pair.cert.read_bytes()) if pair is not None else (None, None)
        credentials = grpc.ssl_channel_credentials(self.ca.read_bytes(), *keys)
        return grpc.aio.secure_channel(f"localhost:{self.port}", credentials)


async def outcome(channel: grpc.aio.Channel, name: str, fields: Any = None) -> str:
    try:
        await call(channel, name, fields)
    except grpc.aio.AioRpcError as error:
        return f"{error.code().name}: {error.details()}"
    return "OK"


async def status(channel: grpc.aio.Channel, name: str, fields: Any = None) -> str:
    async with channel:
        return (await outcome(channel, name, fields)).partition(":")[0]


async def test_certificates(tmp_path: Path, unused_tcp_port: int) -> None:
    """The same for both protocols; only what the CA has signed gets in, and only who is named may do anything."""
    tls = Tls(tmp_path, unused_tcp_port)
    grants = Grants.parse(["read=cn:monitor", "operator=cn:ops", "admin=cn:boss"])
    who = {name: tls.authority.issue(name) for name in ("monitor", "ops", "boss", "stranger")}
    other = Authority(tmp_path, "other").issue("client")
    async with served(tmp_path, tls.tcp, grants) as api:
        for name, read, weight, mode in (
            ("stranger", 403, 403, 403),
            ("monitor", 200, 403, 403),
            ("ops", 200, 200, 403),
            ("boss", 200, 200, 200),
        ):
            assert await asyncio.to_thread(tls.http, who[name], "services") == read
            assert await asyncio.to_thread(tls.http, who[name], "apply", WEIGHT) == weight
            assert await asyncio.to_thread(tls.http, who[name], "apply", MODE) == mode
            codes = {200: "OK", 403: "PERMISSION_DENIED"}
            assert await status(tls.channel(who[name]), "ListServices") == codes[read]
            assert await status(tls.channel(who[name]), "Apply", WEIGHT) == codes[weight]
            assert await status(tls.channel(who[name]), "Apply", MODE) == codes[mode]
        for pair in (None, other):
            with pytest.raises((OSError, http.client.HTTPException)):
                await asyncio.to_thread(tls.http, pair, "services")
            assert await status(tls.channel(pair), "ListServices") == "UNAVAILABLE"
        connection = http.client.HTTPConnection("localhost", unused_tcp_port, timeout=20)  # in plain text
        await asyncio.to_thread(connection.request, "GET", "/v1/about")
        with pytest.raises((OSError, http.client.HTTPException)):
            await asyncio.to_thread(connection.getresponse)
        assert api.model.services


async def test_files_that_are_no_certificates(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.pem"
    for text in (None, "nothing"):
        if text is not None:
            nothing.write_text(text)
        with pytest.raises(ApiError, match=r"nothing\.pem are not the certificate, its key and a CA for the API"):
            Tcp(address=("127.0.0.1", 1), cert=nothing, key=nothing, ca=nothing).context()


# ---- roles and calls


@pytest.mark.parametrize("role", list(Role))
async def test_roles_and_calls(tmp_path: Path, role: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call with every role: what is not allowed is not begun."""
    monkeypatch.setattr(Grants, "of_socket", lambda _self, _socket: Identity("somebody", role))
    async with served(tmp_path) as api, grpc.aio.insecure_channel(f"unix:{api.path}") as channel:
        allowed = set()
        for each in CALLS:
            needs, has = each.role.name.lower(), role.name.lower()
            answer = await outcome(channel, each.name)
            if answer.startswith(TAKEN):
                allowed.add(each.name)
            else:
                assert answer == f"PERMISSION_DENIED: {each.name} needs the role {needs}, and somebody has {has}"
        assert allowed == ALLOWED.get(role, EVERY)


async def test_the_audit_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Changes and attempts, not questions; one line each, whatever is in them."""

    def ask() -> None:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(api.path))
        evil = {"commands": [{"remove_service": {"protocol": "tcp", "virtual": "x\n\x1b[2Jy"}}]}
        for method, target, body in (
            ("GET", "/v1/services", None),
            ("POST", "/v1/apply", json.dumps(WEIGHT)),
            ("POST", "/v1/apply", json.dumps(evil)),
            ("POST", "/v1/apply", json.dumps({"commands": WEIGHT["commands"] * 100})),
        ):
            connection.request(method, target, body)
            connection.getresponse().read()
        connection.close()

    with caplog.at_level(logging.INFO, "fullnat.audit"):
        await asyncio.to_thread(ask)
    lines = [record.getMessage() for record in caplog.records if record.name == "fullnat.audit"]
    who = f"root (pid {os.getpid()}) as admin: Apply "
    assert len(lines) == 3
    assert all(line.startswith(who) and line.isprintable() for line in lines)
    assert lines[0].removeprefix(who) == f"{json.dumps(WEIGHT)}: done"
    assert lines[1].endswith("is not an address with a port, like 192.0.2.1:80 or [2001:db8::1]:80")
    assert lines[2].endswith("bytes, 100 commands): done")
