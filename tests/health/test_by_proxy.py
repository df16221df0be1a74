"""Checks of servers that expect PROXY protocol: without a header they would refuse the check, and be taken for down."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from fullnat.config.model import Check, ServerSettings, ServiceSettings
from fullnat.core.declared.model import Declared, Model
from fullnat.health.connect import LOCAL, Target
from fullnat.health.prober import Prober
from fullnat.health.watch import Watch

from topo.process import Process, poll

from .conftest import HOST
from .test_watch import KEY, SERVER

NGINX = """
user root; daemon off; pid {directory}/nginx.pid; error_log {directory}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {directory}/a; proxy_temp_path {directory}/b; fastcgi_temp_path {directory}/c;
  uwsgi_temp_path {directory}/d; scgi_temp_path {directory}/e;
  server {{ listen {host}:{port} proxy_protocol; location / {{ return 200 "well"; }} }}
}}
"""
HAPROXY = """
global
  maxconn 100
defaults
  mode http
  timeout client 5s
  timeout connect 5s
  timeout server 5s
frontend who
  bind {host}:{port} accept-proxy
  http-request return status 200 content-type text/plain string well
"""
DNSDIST = """
setLocal("{host}:{port}")
setProxyProtocolACL({{"127.0.0.0/8"}})
setSecurityPollSuffix("")
newServer({{address="127.0.0.1:9", healthCheckMode="up"}})
addAction(AllRule(), RCodeAction(DNSRCode.NOERROR))
"""
PROGRAMS: dict[str, tuple[str, Callable[[Path], list[str | Path]], Check]] = {
    "nginx": (NGINX, lambda path: ["-c", path, "-e", path.parent / "error.log"], Check(type="http")),
    "haproxy": (HAPROXY, lambda path: ["-f", path], Check(type="http")),
    "dnsdist": (
        DNSDIST,
        lambda path: ["--supervised", "--disable-syslog", "-C", path],
        Check(type="dns", timeout=0.5, name="www.example.org"),
    ),
}


async def asked(check: Check, target: Target) -> str:
    return (await Prober(check, target, lambda: None)._once())[0]


@pytest.mark.parametrize("name", PROGRAMS)
def test_servers_of_debian_are_well(name: str, tmp_path: Path) -> None:
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"{name} is not installed")
    config, arguments, check = PROGRAMS[name]
    with socket.create_server((HOST, 0)) as free:
        port = int(free.getsockname()[1])
    path = tmp_path / "config"
    path.write_text(config.format(directory=tmp_path, host=HOST, port=port))
    process = Process(name, [program, *arguments(path)], namespace=None, logs=tmp_path)
    try:
        told = Target(HOST, port, False, by_proxy=True)
        poll(lambda: asyncio.run(asked(check, told)) == "" or not process.running, 20, f"{name} is well")
        process.check_running()
        assert asyncio.run(asked(check, told._replace(by_proxy=False))) != ""
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("check", "answers"),
    [
        (Check(type="http"), [b"HTTP/1.0 200 OK\r\n\r\n"]),
        (Check(type="smtp"), [b"220 me\r\n", b"250 you\r\n", b"221 bye\r\n"]),
    ],
    ids=["http", "smtp"],
)
def test_the_first_bytes_of_a_connection(check: Check, answers: list[bytes]) -> None:
    """A server that speaks first as well."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readexactly(len(LOCAL)) == LOCAL:
            for answer in answers:
                writer.write(answer)
        writer.close()

    async def ask() -> str:
        async with await asyncio.start_server(serve, HOST, 0) as server:
            return await asked(check, Target(HOST, server.sockets[0].getsockname()[1], False, by_proxy=True))

    assert asyncio.run(ask()) == ""


class Picky(asyncio.DatagramProtocol):
    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if data == LOCAL + b"ask":
            self._transport.sendto(b"answer", addr)


def test_every_datagram() -> None:
    async def ask() -> str:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Picky, (HOST, 0))
        target = Target(HOST, transport.get_extra_info("sockname")[1], False, by_proxy=True)
        try:
            check = Check(type="udp", timeout=5.0, payload=b"ask".hex(), require_reply=True)
            return await asked(check, target)
        finally:
            transport.close()

    assert asyncio.run(ask()) == ""


@pytest.mark.parametrize(
    ("changes", "proxy", "by_proxy"),
    [
        ({}, "first", True),
        ({}, "clients", True),
        ({}, "off", False),
        ({"port": 8443}, "first", False),
        ({"address": IPv4Address("192.0.2.9")}, "first", False),
    ],
)
def test_who_expects_it(changes: dict[str, Any], proxy: str, by_proxy: bool) -> None:
    """As the service says, and nobody but its servers; a change of the service alone keeps what is known."""

    async def run() -> None:
        watch = Watch(lambda _: None)
        check = Check(type="http", **changes)
        for says, expected in ((proxy, by_proxy), ("off", False)):
            settings = ServiceSettings(proxy_protocol=says)
            watch.follow(Model(services={KEY: Declared(settings, {SERVER: ServerSettings(checks=(check,))})}))
            checks = watch.of(KEY, SERVER)
            assert checks is not None
            assert [prober.target.by_proxy for prober in checks.probers.values()] == [expected]
            assert len(watch._tasks) == 1
        await watch.close()

    asyncio.run(run())
