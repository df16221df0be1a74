"""etcd itself, as a process."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest


def free_ports(count: int) -> list[int]:
    """Of which nobody listens on any now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Member:
    """Of a cluster, in ``directory``."""

    def __init__(self, directory: Path, name: str, ports: tuple[int, int], cluster: str, *words: str) -> None:
        self._log = (directory / f"{name}.log").open("ab")
        self.url = f"http://127.0.0.1:{ports[0]}"
        self._command = [
            *("etcd", "--name", name, "--data-dir", str(directory / name)),
            *("--listen-client-urls", self.url, "--advertise-client-urls", self.url),
            *("--listen-peer-urls", f"http://127.0.0.1:{ports[1]}"),
            *("--initial-advertise-peer-urls", f"http://127.0.0.1:{ports[1]}"),
            *("--initial-cluster", cluster, *words),
        ]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=self._log, stderr=self._log)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        self.kill()
        self._log.close()


def cluster(directory: Path, size: int = 1) -> list[Member]:
    """That has been started; skips where there is no etcd."""
    if shutil.which("etcd") is None:
        pytest.skip("etcd is not on PATH: make peers")
    ports = free_ports(2 * size)
    names = [f"m{number}" for number in range(size)]
    peers = ",".join(f"{name}=http://127.0.0.1:{port}" for name, port in zip(names, ports[size:], strict=True))
    made = [
        Member(directory, name, (client, peer), peers)
        for name, client, peer in zip(names, ports[:size], ports[size:], strict=True)
    ]
    for member in made:
        member.start()
    return made
