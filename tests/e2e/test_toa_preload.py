"""Unmodified servers behind the balancer see their clients with libtoa_preload: nginx, haproxy, Redis, http.server."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from fullnat_toa import Trusted
from fullnat_toa.ebpf import attach
from fullnat_toa.ebpf.bpf import BpfError
from pyroute2 import IPRoute

from bench.tools import toa as preload
from topo import cgroups, rawtcp, standard
from topo.process import Process, poll
from topo.world import World

from .checks import CLOSING
from .conftest import MakeWorld, Sizes

TRUSTED = "10.2.0.100/30"
PYTHON_PORT, HAPROXY_PORT, REDIS_PORT, CHECK_PORT = 8001, 8002, 6379, 8003
NGINX = ("10.2.0.11", 8080)
VIP = str(standard.VIP)
FORGED = rawtcp.toa("192.0.2.66", 666)
NGINX_CONFIG = """
user root; daemon off; worker_processes 2; pid {directory}/nginx.pid; error_log {directory}/error.log;
events {{ worker_connections 1024; }}
http {{
  log_format who "$remote_addr:$remote_port";
  access_log {directory}/access.log who;
  client_body_temp_path {directory}/a; proxy_temp_path {directory}/b; fastcgi_temp_path {directory}/c;
  uwsgi_temp_path {directory}/d; scgi_temp_path {directory}/e;
  server {{
    listen {address}:{port} backlog=4096 reuseport;
    location / {{ return 200 "$remote_addr:$remote_port"; }}
    location /only-c1/ {{ alias {directory}/; allow 10.1.0.1; deny all; }}
  }}
}}
"""
HAPROXY_CONFIG = """
global
  maxconn 100
defaults
  mode http
  timeout client 5s
  timeout connect 5s
  timeout server 5s
frontend who
  bind {address}:{port}
  http-request return status 200 content-type text/plain lf-string "%[src]:%[src_port]"
"""


def service(port: int, server: tuple[str, int]) -> str:
    """One more [[virtual_server]] of the configuration."""
    own = ", ".join(f'"{address}"' for address in standard.LOCAL_ADDRESSES)
    return (
        f'\n[[virtual_server]]\naddress = "{VIP}"\nport = {port}\nlocal_addresses = [{own}]\n'
        f'\n[[virtual_server.real_server]]\naddress = "{server[0]}"\nport = {server[1]}\n'
    )


@pytest.fixture(scope="module")
def world(make_world: MakeWorld) -> World:
    config = standard.config(servers=[(IPv4Address(NGINX[0]), NGINX[1])], timeouts=CLOSING)
    config += service(PYTHON_PORT, ("10.2.0.12", PYTHON_PORT)) + service(HAPROXY_PORT, ("10.2.0.12", HAPROXY_PORT))
    config += service(REDIS_PORT, ("10.2.0.13", REDIS_PORT)) + service(CHECK_PORT, ("10.2.0.13", CHECK_PORT))
    return make_world(config)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if reason := preload.unavailable():
        pytest.skip(reason)
    return preload.library(tmp_path_factory.mktemp("toa"))


Serve = Callable[..., Process]


@pytest.fixture
def serve(world: World, library: Path) -> Iterator[Serve]:
    """Start an unmodified server on a host with the library; returns when it takes connections."""
    with contextlib.ExitStack() as running:

        def start(host: str, port: int, name: str, *arguments: str) -> Process:
            program = shutil.which(name)
            if program is None:
                pytest.skip(f"{name} is not installed")
            env = {"LD_PRELOAD": str(library), "TOA_TRUSTED": TRUSTED}
            process = world.network.start(host, f"{Path(name).name}-{port}", [program, *arguments], env)
            running.callback(process.stop)

            def listening() -> bool:
                process.check_running()
                with contextlib.suppress(OSError), connect(world, host, str(world.network.address(host)), port):
                    return True
                return False

            poll(listening, 10, f"{name} listens")
            return process

        yield start


@pytest.fixture
def nginx(serve: Serve, tmp_path: Path) -> Path:
    """nginx on s1; its directory."""
    (tmp_path / "nginx.conf").write_text(NGINX_CONFIG.format(directory=tmp_path, address=NGINX[0], port=NGINX[1]))
    serve("s1", NGINX[1], "nginx", "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "error.log"))
    return tmp_path


def connect(world: World, host: str, target: str = VIP, port: int = standard.VPORT) -> socket.socket:
    with world.network.inside(host):
        return socket.create_connection((target, port), timeout=10)


def own(sock: socket.socket) -> str:
    return "{}:{}".format(*sock.getsockname())


def get(sock: socket.socket, path: str = "/") -> tuple[int, str]:
    """Status and body of a GET, after which the server closes."""
    sock.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
    text = b""
    while more := sock.recv(65536):
        text += more
    head, _, body = text.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def test_nginx(world: World, nginx: Path) -> None:
    """$remote_addr, the access log and access rules."""
    seen = []
    for client in ("c1", "c2") * 3:
        with connect(world, client) as sock:
            seen.append(own(sock))
            assert get(sock) == (200, own(sock))
    for client, status in (("c1", 200), ("c2", 403)):
        with connect(world, client) as sock:
            seen.append(own(sock))
            assert get(sock, "/only-c1/nginx.conf")[0] == status
    assert logged(nginx) >= Counter(seen)


def logged(directory: Path) -> Counter[str]:
    return Counter((directory / "access.log").read_text().splitlines())


def test_every_client_is_right(world: World, nginx: Path, sizes: Sizes) -> None:
    """Connections from 50 addresses, four at a time: each is answered its own address, and the access log agrees."""
    sources = {"c1": [f"10.1.0.{n}" for n in range(101, 126)], "c2": [f"10.1.0.{n}" for n in range(126, 151)]}
    for host, addresses in sources.items():
        with world.network.inside(host), IPRoute() as ip:
            index = ip.link_lookup(ifname="eth0")[0]
            for address in addresses:
                ip.addr("add", index=index, address=address, prefixlen=24)

    def client(host: str, addresses: list[str]) -> list[tuple[str, str]]:
        with world.network.inside(host):
            return [asked(address) for _ in range(sizes.connections // 50) for address in addresses]

    jobs = [(host, addresses[half::2]) for host, addresses in sources.items() for half in (0, 1)]
    with ThreadPoolExecutor(len(jobs)) as pool:
        answers = [answer for found in pool.map(lambda job: client(*job), jobs) for answer in found]
    assert len(answers) == sizes.connections
    assert [answer for answer in answers if answer[0] != answer[1]] == []
    assert Counter(name.partition(":")[0] for name, _ in answers) == dict.fromkeys(
        sources["c1"] + sources["c2"], sizes.connections // 50
    )
    assert logged(nginx) == Counter(name for name, _ in answers)
    world.drained()


def asked(source: str) -> tuple[str, str]:
    """Our own name on a connection from ``source``, and what nginx says it is."""
    with socket.create_connection((VIP, standard.VPORT), timeout=20, source_address=(source, 0)) as sock:
        return own(sock), get(sock)[1]


def test_nginx_on_toa_attach(world: World, tmp_path: Path) -> None:
    """The same without the library, by programs in the kernel: they see the TOA of the handshake's last segment."""
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("nginx is not installed")
    if reason := cgroups.unavailable():
        pytest.skip(reason)
    (tmp_path / "nginx.conf").write_text(NGINX_CONFIG.format(directory=tmp_path, address=NGINX[0], port=NGINX[1]))
    with cgroups.made("toa-nginx") as cgroup:
        try:
            attach.attach(cgroup, Trusted(TRUSTED))
        except BpfError as error:
            pytest.skip(f"the kernel does not allow the programs: {error}")
        command = [program, "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "error.log")]
        process = world.network.start("s1", "nginx-attached", cgroups.within(cgroup, command))
        try:
            poll(lambda: _answers(world), 10, "nginx listens")
            for client in standard.CLIENTS * 100:
                with connect(world, client) as sock:
                    assert get(sock) == (200, own(sock))
            with connect(world, "s2", *NGINX) as sock:
                assert get(sock) == (200, own(sock))
        finally:
            process.stop()


def _answers(world: World) -> bool:
    with contextlib.suppress(OSError), connect(world, "s1", *NGINX):
        return True
    return False


def test_direct_connection(world: World, nginx: Path) -> None:
    """Not through the balancer: the real peer."""
    with connect(world, "s2", *NGINX) as sock:
        assert get(sock) == (200, own(sock))


@pytest.mark.parametrize(
    ("host", "source", "to"), [("c1", "10.1.0.200", (VIP, standard.VPORT)), ("s3", "10.2.0.200", NGINX)]
)
def test_forged(world: World, nginx: Path, host: str, source: str, to: tuple[str, int]) -> None:
    """A client's own TOA option is not believed: the balancer removes it; on a direct connection nobody trusts it."""
    with world.network.inside(host):
        for name in ("ip_forward", "conf/eth0/proxy_arp"):
            Path("/proc/sys/net/ipv4", name).write_text("1")
        with rawtcp.Wire("raw0", addresses=(), routes=(f"{source}/32",)) as wire:
            connection = wire.connect(to, (source, 5555), FORGED)
            connection.send(b"GET / HTTP/1.0\r\n\r\n")
            answer = ""
            with contextlib.suppress(ConnectionResetError):
                while not re.search(r"\r\n\r\n.", answer):
                    answer += connection.read().decode()
            connection.reset()
    assert answer.endswith(f"\r\n\r\n{source}:5555")


def test_http_server(world: World, serve: Serve, tmp_path: Path) -> None:
    """Python's http.server logs the client."""
    arguments = ("-S", "-u", "-m", "http.server", str(PYTHON_PORT), "--directory", str(tmp_path))
    process = serve("s2", PYTHON_PORT, sys.executable, *arguments)
    for client in standard.CLIENTS:
        with connect(world, client, VIP, PYTHON_PORT) as sock:
            assert get(sock, f"/?{client}")[0] == 200
    lines = [line.split() for line in process.err.read_text().splitlines() if "GET" in line]
    assert [(line[0], line[6]) for line in lines] == [("10.1.0.1", "/?c1"), ("10.1.0.2", "/?c2")]


def test_haproxy(world: World, serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "haproxy.cfg").write_text(HAPROXY_CONFIG.format(address="10.2.0.12", port=HAPROXY_PORT))
    serve("s2", HAPROXY_PORT, "haproxy", "-f", str(tmp_path / "haproxy.cfg"))
    for client in standard.CLIENTS:
        with connect(world, client, VIP, HAPROXY_PORT) as sock:
            assert get(sock) == (200, own(sock))


def test_redis(world: World, serve: Serve) -> None:
    """CLIENT LIST asks getpeername() of every open connection, long after accept()."""
    options = ("--port", str(REDIS_PORT), "--bind", "10.2.0.13", "--save", "", "--protected-mode", "no")
    serve("s3", REDIS_PORT, "redis-server", *options)
    with contextlib.ExitStack() as opened:
        socks = [opened.enter_context(connect(world, client, VIP, REDIS_PORT)) for client in standard.CLIENTS * 5]
        for sock in socks:
            sock.sendall(b"PING\r\n")
            assert sock.recv(100) == b"+PONG\r\n"
        socks[0].sendall(b"CLIENT LIST\r\n")
        answer = ""
        while answer.count("id=") < len(socks):
            answer += socks[0].recv(65536).decode()
        clients = [own(sock) for sock in socks]
    assert sorted(re.findall(r" addr=(\S+)", answer)) == sorted(clients)


def test_toa_check(world: World) -> None:
    """Through the VIP: good, with the local address; a direct call: told as such."""
    command: list[str | Path] = [
        Path(sys.executable).with_name("toa-check"),
        "--listen",
        f"10.2.0.13:{CHECK_PORT}",
    ]
    process = world.network.start("s3", "toa-check", [*command, "--trusted", TRUSTED, "--count", "2", "--json"])
    poll(lambda: "listening" in process.err.read_text() or not process.running, 20, "toa-check listens")
    with connect(world, "c1", VIP, CHECK_PORT) as sock:
        client = own(sock)
        said = json.loads(get(sock)[1])
    assert (said["verdict"], said["client"], said["toa_options"]) == ("ok", client, 1)
    local = said["peer"].partition(":")[0]
    assert local in map(str, standard.LOCAL_ADDRESSES)
    assert said["advice"] == f"TOA arrives from the local address {local}"
    with connect(world, "s2", "10.2.0.13", CHECK_PORT) as sock:
        direct = own(sock)
        assert json.loads(get(sock)[1])["verdict"] == "direct"
    assert process.wait(10) == 1
    assert [json.loads(line)["peer"] for line in process.output.splitlines()] == [said["peer"], direct]
    assert process.err.read_text().splitlines()[-1] == "2 connections, 1 with a usable TOA"
