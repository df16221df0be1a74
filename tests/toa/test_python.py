"""fullnat_toa in Python servers: plain sockets, Listener, asyncio, WSGI, ASGI, and its errors."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import http.server
import io
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import fullnat_toa as toa
import pytest

from topo import namespaces
from topo.rawtcp import Wire
from topo.rawtcp import toa as option

from .conftest import KERNEL, LOCAL, PORT, TRUSTED, set_sysctl

CLIENT, CLIENT6 = toa.Address("203.0.113.9", 40000), toa.Address("2001:db8::9", 40000)
V4, V6 = option(*CLIENT), option(*CLIENT6)


@pytest.fixture
def listener(network: str, wire: Wire) -> Iterator[socket.socket]:
    with namespaces.inside(network), socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        toa.keep_syns(made)
        made.bind((KERNEL, PORT))
        made.listen()
        made.settimeout(10)
        yield made


@pytest.fixture
def special(network: str, wire: Wire) -> Iterator[toa.Listener]:
    with namespaces.inside(network), toa.Listener.bound("::", PORT, TRUSTED) as made:
        made.settimeout(10)
        yield made


@contextlib.contextmanager
def opened(
    listener: socket.socket, wire: Wire, options: bytes, local: tuple[str, int] = LOCAL
) -> Iterator[socket.socket]:
    """An accepted connection."""
    connection = wire.connect((KERNEL, PORT), local, options)
    with listener.accept()[0] as sock:
        yield sock
        connection.reset()


@pytest.mark.parametrize(("options", "client"), [(V4, CLIENT), (V6, CLIENT6)])
def test_client_address(listener: socket.socket, wire: Wire, options: bytes, client: toa.Address) -> None:
    """Told as often as asked, though the kernel tells the SYN once."""
    with opened(listener, wire, options) as sock:
        for _ in range(3):
            assert toa.client_address(sock, TRUSTED) == client
            assert toa.client_address(sock, ["192.0.2.0/24", "10.2.0.101"]) == client


def test_errors(listener: socket.socket, wire: Wire) -> None:
    with opened(listener, wire, V4, ("192.0.2.7", 7)) as sock:
        with pytest.raises(toa.UntrustedPeer, match=r"192\.0\.2\.7:7 is not one of .* \(10\.2\.0\.100/30, fd00::/64\)"):
            toa.client_address(sock, TRUSTED)
        with pytest.raises(toa.UntrustedPeer, match="nobody"):
            toa.client_address(sock, "")
        assert toa.client_address(sock, "0.0.0.0/0") == CLIENT
    with opened(listener, wire, b"") as sock:
        for _ in range(2):
            with pytest.raises(toa.NoToaOption, match=r"10\.2\.0\.101:5000 has no TOA option"):
                toa.client_address(sock, TRUSTED)
    with opened(listener, wire, V4, ("10.2.0.101", 5001)) as sock:
        toa.saved_syn(sock)
        with pytest.raises(toa.NoSavedSyn, match="it was read before"):
            toa.client_address(sock, TRUSTED)
    with pytest.raises(toa.NotTcp, match="no peer"):
        toa.client_address(listener, TRUSTED)
    left, right = socket.socketpair()
    with left, right:
        with pytest.raises(toa.NotTcp):
            toa.client_address(left, TRUSTED)
        with pytest.raises(toa.NotTcp):
            toa.keep_syns(left)
    with pytest.raises(ValueError, match="10"):
        toa.Trusted("10.2.0.300")


def test_syn_cookies(listener: socket.socket, wire: Wire) -> None:
    set_sysctl("ipv4/tcp_syncookies", "2")
    with opened(listener, wire, b"\x02\x04\x05\xb4" + V4) as sock, pytest.raises(toa.NoSavedSyn, match="SYN cookie"):
        toa.client_address(sock, TRUSTED)


def test_nothing_is_kept_of_closed_sockets(listener: socket.socket, wire: Wire) -> None:
    """Not even after an error, whose traceback would hold the socket."""
    from fullnat_toa import client

    gc.collect()
    before = len(client._known)
    for options in (V4, b""):
        with opened(listener, wire, options) as sock:
            try:
                toa.client_address(sock, TRUSTED)
            except toa.NoToaOption:
                assert not options
        del sock
    assert len(client._known) == before


def test_listener(special: toa.Listener, wire: Wire) -> None:
    """accept() tells clients, mapped on a dual-stack socket; getpeername() stays the kernel's."""
    for options, host in ((V4, "::ffff:203.0.113.9"), (V6, "2001:db8::9"), (b"", "::ffff:10.2.0.101")):
        connection = wire.connect((KERNEL, PORT), LOCAL, options)
        sock, address = special.accept()
        connection.reset()
        sock.close()
        assert address[:2] == (host, 40000 if options else 5000)


@pytest.mark.parametrize(("host", "nobody"), [("::", ("::", 0, 0, 0)), (KERNEL, ("0.0.0.0", 0))])
def test_listener_tells_nobody_for_who_is_missing(
    network: str, wire: Wire, host: str, nobody: tuple[object, ...]
) -> None:
    with namespaces.inside(network), toa.Listener.bound(host, PORT, TRUSTED, missing="unspecified") as listener:
        told = []
        for peer, options in ((LOCAL, b""), (LOCAL, V4), (("192.0.2.7", 99), b"")):
            connection = wire.connect((KERNEL, PORT), peer, options)
            sock, address = listener.accept()
            connection.reset()
            sock.close()
            told.append(address)
    assert told[0] == nobody
    assert [address[0].removeprefix("::ffff:") for address in told[1:]] == ["203.0.113.9", "192.0.2.7"]


def test_listener_refuses_who_is_missing(network: str, wire: Wire) -> None:
    with namespaces.inside(network), toa.Listener.bound(KERNEL, PORT, TRUSTED, missing="refuse") as listener:
        connection = wire.connect((KERNEL, PORT), LOCAL, b"")
        with pytest.raises(ConnectionAbortedError, match="no TOA option"):
            listener.accept()
        with pytest.raises(ConnectionResetError):
            connection.read_line()


def test_http_server(network: str, wire: Wire) -> None:
    """A standard server on a Listener knows its clients."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.client_address)
            self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n\n")

    with namespaces.inside(network):
        server = http.server.HTTPServer((KERNEL, PORT), Handler, bind_and_activate=False)
        server.socket.close()
        server.socket = toa.Listener.bound(KERNEL, PORT, TRUSTED)
        server.timeout = 10
        with server, ThreadPoolExecutor(1) as pool:
            handled = pool.submit(server.handle_request)
            connection = wire.connect((KERNEL, PORT), LOCAL, V4)
            connection.send(b"GET / HTTP/1.0\r\n\r\n")
            handled.result(10)
            connection.reset()
    assert seen == [CLIENT]


class Teller(toa.ToaProtocol, asyncio.Protocol):
    toa_trusted = toa.Trusted(TRUSTED)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(f"{self.client} {type(self.toa_error).__name__}\n".encode())


async def test_protocol(listener: socket.socket, wire: Wire) -> None:
    listener.settimeout(0)
    server = await asyncio.get_running_loop().create_server(Teller, sock=listener)
    for options, said in ((V4, f"{CLIENT} NoneType"), (b"", f"{toa.Address(*LOCAL)} NoToaOption")):
        connection = await asyncio.to_thread(wire.connect, (KERNEL, PORT), LOCAL, options)
        assert (await asyncio.to_thread(connection.read_line)).decode() == said + "\n"
        connection.reset()
    server.close()
    await server.wait_closed()


async def test_asgi(special: toa.Listener, wire: Wire) -> None:
    """A server that asks getpeername(), as uvicorn does: the client is found as long as the connection is open."""
    scopes: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)

    async def send(message: Any) -> None: ...

    async def receive() -> dict[str, Any]:
        return {}

    middleware = toa.AsgiMiddleware(application)
    connection = wire.connect((KERNEL, PORT), LOCAL, V4)
    sock, _ = special.accept()
    peer, own = sock.getpeername()[:2], sock.getsockname()[:2]
    await middleware({"type": "http", "client": peer, "server": own}, receive, send)
    await middleware({"type": "http", "client": ("10.2.0.101", 5000), "server": (KERNEL, PORT)}, receive, send)
    await middleware({"type": "lifespan"}, receive, send)
    connection.reset()
    sock.close()
    del sock
    await middleware({"type": "http", "client": peer, "server": own}, receive, send)
    assert [scope.get("client") for scope in scopes] == [tuple(CLIENT), tuple(CLIENT), None, peer]
    assert scopes[0]["extensions"]["toa"] == {"peer": peer}
    with pytest.raises(toa.UnknownClient, match="no TOA is known"):
        await toa.AsgiMiddleware(application, required=True)({"type": "http", "client": None}, receive, send)


def wsgi(sock: object, *, required: bool = False) -> dict[str, Any]:
    """The environment that an application sees."""
    seen: dict[str, Any] = {}

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.update(environ)
        return []

    environ = {"gunicorn.socket": sock, "REMOTE_ADDR": "10.2.0.101", "wsgi.errors": io.StringIO()}

    def start_response(status: str, headers: list[tuple[str, str]], error: Any = None, /) -> Any: ...

    toa.WsgiMiddleware(application, TRUSTED, required=required)(environ, start_response)
    return seen


def test_wsgi(listener: socket.socket, wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    with opened(listener, wire, V4) as sock:
        for _ in range(2):
            seen = wsgi(sock)
            assert (seen["REMOTE_ADDR"], seen["REMOTE_PORT"], seen["toa.peer"]) == (*map(str, CLIENT), "10.2.0.101")
    with opened(listener, wire, b"", ("10.2.0.101", 5001)) as sock:
        seen = wsgi(sock)
        assert seen["REMOTE_ADDR"] == "10.2.0.101"
        assert isinstance(seen["toa.error"], toa.NoToaOption)
        with pytest.raises(toa.NoToaOption):
            wsgi(sock, required=True)
    assert isinstance(wsgi(None)["toa.error"], toa.NotTcp)
    assert "gives no socket" in caplog.text
