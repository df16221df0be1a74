"""Health checks by the data plane's own path, of a real nginx that is killed, hung, unreachable and wrong.

The controller asks by ``check0``, whose other end is port 3 of the switch: checks are routed by the pipeline.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socketserver
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from http.client import HTTPConnection
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest
from fullnat.config.model import IpInterface
from pyroute2 import IPRoute

from topo import namespaces, standard
from topo.model import Host, HostRoute, Subnet, Topology
from topo.netns import Network
from topo.process import Process, poll
from topo.stack import Stack, takes_offloads
from topo.world import World, endpoint

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed: run `make peers`")
CHECKER: dict[int, IpInterface] = {4: ip_interface("10.3.0.1/24"), 6: ip_interface("fd00:3::1/64")}
GATEWAY: dict[int, IpInterface] = {4: ip_interface("10.3.0.254/24"), 6: ip_interface("fd00:3::fe/64")}
"""By family, as what follows."""
NGINX_PORT = 8080
CONFIG = """
user root; daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log {directory}/access.log;
  client_body_temp_path {directory}/a; proxy_temp_path {directory}/b; fastcgi_temp_path {directory}/c;
  uwsgi_temp_path {directory}/d; scgi_temp_path {directory}/e;
  server {{
    listen {address};
    location / {{ {answer}; }}
  }}
}}
"""
CHECK = """
[[virtual_server.check]]
type = "http"
device = "check0"
interval = 0.5
timeout = 1
retry_interval = 0.2
fall = 2
rise = 2
"""


def topology(family: int) -> Topology:
    plain = standard.topology(v6=family == 6)
    clients, servers = plain.subnets
    back = HostRoute(prefix=CHECKER[family].network, gateway=standard.FAMILIES[family].gateways[1].ip)
    hosts = tuple(replace(host, routes=(*host.routes, back)) for host in servers.hosts)
    checker = Subnet(name="checks", port=3, hosts=(Host(name="checker", address=None),))
    return Topology(subnets=(clients, replace(servers, hosts=hosts), checker))


def config(family: int = 4, weight: int = 1, options: Sequence[str] = (), of_other: str = "") -> str:
    """``options`` are those of the service, ``of_other`` one of the server beside nginx."""
    (nginx, _), other, _ = standard.FAMILIES[family].servers
    servers = [(nginx, NGINX_PORT), other]
    text = standard.config(families=(family,), servers=servers, weights=(weight, 1), scheduler="wrr", options=options)
    head, first, rest = text.partition("\n[[virtual_server.real_server]]")
    port = f'[[interface]]\nport = 3\nmac = "02:f4:00:00:00:03"\naddress = "{GATEWAY[family]}"\n'
    return f"{port}\n{head}{CHECK}{first}{rest.rstrip()}\n{of_other}\n"


def join(network: Network, family: int) -> None:
    """Give the checker's end of the wire to the namespace of the controller."""
    with namespaces.inside(network.namespace("checker")), IPRoute() as ip:
        there = namespaces.handle(network.namespace(network.topology.switch))
        ip.link("set", index=ip.link_lookup(ifname="eth0")[0], ifname="check0", net_ns_fd=there)
    with network.inside(network.topology.switch), IPRoute() as ip:
        index = ip.link_lookup(ifname="check0")[0]
        for name in ("disable_ipv6", "accept_dad") if family == 6 else ():
            Path("/proc/sys/net/ipv6/conf/check0", name).write_text("0")
        ip.link("set", index=index, state="up")
        checker = CHECKER[family]
        ip.addr("add", index=index, address=str(checker.ip), prefixlen=checker.network.prefixlen)
        servers = standard.FAMILIES[family].gateways[1].network
        ip.route("add", dst=str(servers), gateway=str(GATEWAY[family].ip), oif=index)


class Checked:
    """The world, and nginx on s1."""

    def __init__(self, world: World, directory: Path) -> None:
        self.nginx_address, _ = world.plan.servers[0]
        self.world = world
        self.directory = directory
        self.nginx: Process | None = None
        self._starts = 0

    def start(self, status: int = 200, answer: str = "") -> None:
        """``answer`` is what nginx does with a request, in its own words; by default it says ``status``."""
        self._starts += 1
        answer = answer or f'return {status} "nginx"'
        path = self.directory / "nginx.conf"
        path.write_text(CONFIG.format(directory=self.directory, address=self._endpoint, answer=answer))
        command = ["nginx", "-c", str(path), "-e", str(self.directory / "error.log")]
        nginx = self.nginx = self.world.network.start("s1", f"nginx{self._starts}", command)

        def listens() -> bool:
            nginx.check_running()
            return self.world.network.listens("s1", NGINX_PORT)

        poll(listens, 10, "nginx listens")

    @property
    def _endpoint(self) -> str:
        return endpoint((str(self.nginx_address), NGINX_PORT))

    def stop(self) -> None:
        assert self.nginx is not None
        self.nginx.stop()

    def worker(self) -> int:
        """The process that serves."""
        assert self.nginx is not None
        return int(Path(f"/proc/{self.nginx.pid}/task/{self.nginx.pid}/children").read_text().split()[0])

    def servers(self) -> list[dict[str, Any]]:
        (service,) = self.world.stack.stats()["services"]
        return list(service["servers"])

    def shown(self) -> dict[str, Any]:
        return next(server for server in self.servers() if server["server"] == self._endpoint)

    def becomes(self, healthy: bool) -> str:
        """Wait until it is; the reason that is shown."""
        poll(lambda: self.shown()["healthy"] is healthy, 20, f"nginx is {'up' if healthy else 'down'}")
        return str(self.shown()["reason"])

    def answers(self, count: int = 6) -> set[bool]:
        """Whether nginx answers clients, who all get an answer."""
        found = set()
        for _ in range(count):
            with contextlib.closing(self.world.http("c1")) as connection:
                found.add(self._asks(connection))
        return found

    @staticmethod
    def _asks(connection: HTTPConnection) -> bool:
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read() == b"nginx"

    def route(self, action: str) -> None:
        """Whether answers to checks leave s1."""
        with self.world.network.inside("s1"), IPRoute() as ip:
            checker = CHECKER[self.world.family].ip
            ip.route(action, dst=f"{checker}/{checker.max_prefixlen}", type="blackhole")


def _is_checked(server: dict[str, Any]) -> bool:
    return bool(server["healthy"]) and server["checked"] is not None


@pytest.fixture(scope="module")
def checked(request: pytest.FixtureRequest, target: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checked]:
    family = int(request.param)
    with Network(topology(family), offloads=takes_offloads(target)) as network:
        join(network, family)
        world = World(network, Stack(network, config(family), target), family)
        world.start_servers()
        made = Checked(world, tmp_path_factory.mktemp("nginx"))
        made.start()
        world.stack.start()
        poll(lambda: all(map(_is_checked, made.servers())), 20, "both servers are up by their checks")
        yield made


V4 = pytest.mark.parametrize("checked", [4], ids=["ipv4"], indirect=True)
BOTH = pytest.mark.parametrize("checked", [4, 6], ids=["ipv4", "ipv6"], indirect=True)


@BOTH
def test_a_server_that_is_killed_leaves_and_returns(checked: Checked) -> None:
    checked.becomes(True)
    assert checked.answers() == {True, False}
    checked.stop()
    assert checked.becomes(False) == "connection refused"
    assert checked.answers() == {False}
    checked.start()
    checked.becomes(True)
    assert checked.answers() == {True, False}


@V4
def test_a_reload_while_it_is_down_changes_nothing_but_what_the_file_says(checked: Checked) -> None:
    """acassen/keepalived#187: the weight that the file has in the meantime holds when the server is well again."""
    checked.stop()
    checked.becomes(False)
    stack = checked.world.stack
    assert stack.controller is not None
    stack.configure(config(weight=2))
    stack.controller.signal(signal.SIGHUP)
    poll(lambda: checked.shown()["weight"] == 2, 20, "the file is read")
    assert not checked.shown()["healthy"]
    assert checked.answers() == {False}
    checked.start()
    checked.becomes(True)
    assert checked.shown()["effective_weight"] == 2
    stack.configure(config())
    stack.controller.signal(signal.SIGHUP)
    poll(lambda: checked.shown()["weight"] == 1, 20, "the file is read")
    assert checked.shown()["healthy"]


@V4
def test_a_server_that_answers_wrongly(checked: Checked) -> None:
    checked.becomes(True)
    checked.stop()
    checked.start(status=503)
    poll(lambda: checked.shown()["reason"] == "status 503, not 200-299", 20, "the answer is the reason")
    assert checked.becomes(False) == "status 503, not 200-299"
    checked.stop()
    checked.start()
    checked.becomes(True)


@V4
def test_a_server_that_hangs(checked: Checked) -> None:
    checked.becomes(True)
    worker = checked.worker()
    os.kill(worker, signal.SIGSTOP)
    try:
        assert checked.becomes(False) == "no answer in 1 s"
        assert checked.answers() == {False}
    finally:
        os.kill(worker, signal.SIGCONT)
    checked.becomes(True)


class Slow(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """What nginx asks in turn: it answers rightly, after ``delay`` seconds."""

    daemon_threads = True
    delay = 0.0
    answered = 0


class _Answer(socketserver.StreamRequestHandler):
    server: Slow

    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        ended.wait(self.server.delay)
        with contextlib.suppress(OSError):
            self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nnginx")
            self.server.answered += 1


ended = threading.Event()
"""Never set: what is slow waits for it."""


@pytest.fixture
def slow(checked: Checked) -> Iterator[Slow]:
    """Behind nginx, which is as it was again afterwards."""
    path = checked.directory / "slow"
    with Slow(str(path), _Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        checked.stop()
        checked.start(answer=f"proxy_ignore_client_abort on; proxy_pass http://unix:{path}")
        yield server
        checked.stop()
        checked.start()
        checked.becomes(True)
        server.shutdown()
    path.unlink()


@V4
def test_a_server_that_is_slower_than_the_timeout(checked: Checked, slow: Slow) -> None:
    """It answers all the while, and rightly; a reload in between changes nothing."""
    stack = checked.world.stack
    assert stack.controller is not None
    checked.becomes(True)
    assert checked.answers() == {True, False}
    slow.delay = 1.5
    assert checked.becomes(False) == "no answer in 1 s"
    assert checked.answers() == {False}
    failed = slow.answered
    stack.configure(config(weight=2))
    stack.controller.signal(signal.SIGHUP)
    poll(lambda: checked.shown()["weight"] == 2, 20, "the file is read")
    poll(lambda: slow.answered > failed + 1, 20, "it answers, too late")
    assert not checked.shown()["healthy"]
    slow.delay = 0.3
    checked.becomes(True)
    stack.configure(config())
    stack.controller.signal(signal.SIGHUP)
    poll(lambda: checked.shown()["weight"] == 1, 20, "the file is read")
    assert checked.answers() == {True, False}


@BOTH
def test_a_server_whose_answers_get_lost(checked: Checked) -> None:
    checked.becomes(True)
    checked.route("add")
    try:
        assert checked.becomes(False) == "no answer in 1 s"
    finally:
        checked.route("del")
    checked.becomes(True)
    assert checked.answers() == {True, False}


def _is_remembered(memory: str) -> bool:
    """Of the last line that is of a server that is down, or was."""
    told = [line for line in memory.splitlines() if '"down"' in line]
    return bool(told) and not told[-1].endswith("null]")


@V4
def test_a_sorry_server_serves_meanwhile_and_a_restart_changes_no_state(checked: Checked) -> None:
    """The controller is killed while nginx is down: when it is back, nginx is down still."""
    stack, book = checked.world.stack, checked.directory / "book"
    program = checked.directory / "told"
    program.write_text(f'#!/bin/sh\necho "$1 $FULLNAT_STATE" >>{book}\n')
    program.chmod(0o755)
    told = [f'quorum_{state} = "{program} quorum"' for state in ("up", "down")]
    assert stack.controller is not None

    def reads(*lines: str) -> None:
        found = poll(lambda: book.exists() and len(book.read_text().splitlines()) >= len(lines), 20, f"{lines}: told")
        assert found
        assert book.read_text().splitlines() == list(lines)

    checked.becomes(True)
    stack.configure(config(options=told, of_other="sorry = true"))
    stack.controller.signal(signal.SIGHUP)
    reads("quorum up")
    assert checked.answers() == {True}
    checked.stop()
    checked.becomes(False)
    assert checked.answers() == {False}
    reads("quorum up", "quorum down")
    poll(lambda: _is_remembered((stack.state / "memory").read_text()), 10, "it is remembered")
    stack.controller.kill()
    stack.start_controller()
    stack.wait_ready()
    assert not checked.shown()["healthy"]
    assert checked.answers() == {False}
    checked.start()
    checked.becomes(True)
    assert checked.answers() == {True}
    reads("quorum up", "quorum down", "quorum down", "quorum up")
    stack.configure(config())
    stack.controller.signal(signal.SIGHUP)
    poll(lambda: checked.answers() == {True, False}, 20, "the file is read")
