"""``make doctor``: what this machine has of what the project can use, and what each missing thing would enable.

Runs on any Python 3 with the standard library alone: it is for machines on which little is installed.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
MIN_PYTHON = (3, 11)


@dataclass(frozen=True)
class Item:
    """Something to look for. ``look`` returns what it found, or None."""

    name: str
    look: Callable[[], str | None]
    enables: str
    get: str
    """How one gets it."""
    needed: bool = False
    """Nothing works without it."""


def items() -> list[Item]:
    """Everything that is looked for, the most important first."""
    return [
        Item("Python 3.11 or newer", _python, "everything", "apt-get install python3 python3-venv", needed=True),
        Item(
            "C compiler", _compiler, "p4soft and the traffic tools", "apt-get install gcc, or `make setup` gets ziglang"
        ),
        Item("environment .venv", _program(BIN / "fullnat"), "every make target", "make setup"),
        Item("root", _root, "kernel TCP in make demo, make e2e, make topo; PTF on BMv2", "sudo"),
        Item("network namespaces", _namespaces, "the same", "a kernel with CONFIG_NET_NS, and CAP_SYS_ADMIN"),
        Item("p4c-bm2-ss", _version("p4c-bm2-ss"), "make p4: changing the P4 program", "docs/installing-p4c.md"),
        Item(
            "simple_switch_grpc",
            _version("simple_switch_grpc"),
            "TARGET=bmv2: every test and network on the reference switch",
            "docs/installing-p4c.md",
        ),
        Item(
            "packet sockets",
            _packet_sockets,
            "p4soft on interfaces with offloads on (and at all)",
            "root or CAP_NET_RAW, and Linux 4.6",
        ),
        Item("mininet", _mininet, "make topo, make topo-test", "apt-get install mininet"),
        Item(
            "p4runtime-shell",
            _program(ROOT / ".venv-shell" / "bin" / "python"),
            "make shell; its walk-through as a test",
            "make shell installs it",
        ),
        Item("p4c-barefoot", _version("p4c-barefoot"), "make tofino", "docs/tofino.md"),
        Item("iperf3", _version("iperf3"), "make topo, make topo-test", "apt-get install iperf3"),
        Item("curl", _version("curl"), "make topo, make topo-test; a step of make demo", "apt-get install curl"),
        Item("nft", _version("nft"), "nftables as a yardstick in make bench", "apt-get install nftables"),
        Item("ethtool", _version("ethtool"), "BMv2 in mininet networks of your own", "apt-get install ethtool"),
    ]


def main() -> int:
    """Print the list. Always 0: nothing on it is an error."""
    found = [(item, item.look()) for item in items()]
    width = max(len(item.name) for item, _ in found)
    for item, what in found:
        print(f"  {'ok' if what else '--'}  {item.name:<{width}}  {what or 'missing'}")
    missing = [item for item, what in found if not what]
    if missing:
        print("\nWhat the missing things would enable, and where they come from:\n")
    for item in missing:
        print(f"  {item.name:<{width}}  {item.enables}{' (needed)' if item.needed else ''}: {item.get}")
    return 0


def _python() -> str | None:
    return platform.python_version() if sys.version_info >= MIN_PYTHON else None


def _compiler() -> str | None:
    words = os.environ.get("CC", "").split() or [name for name in ("cc", "gcc", "clang") if shutil.which(name)]
    if words and shutil.which(words[0]):
        return _first_line([words[0], "--version"]) or words[0]
    ziglang = list((ROOT / ".venv").glob("lib/python*/site-packages/ziglang"))
    return "ziglang in .venv" if ziglang else None


def _program(path: Path) -> Callable[[], str | None]:
    return lambda: str(path.relative_to(ROOT)) if path.exists() else None


def _version(name: str) -> Callable[[], str | None]:
    """Looks for a program on PATH, /usr/sbin included, where nft and ethtool are."""

    def look() -> str | None:
        path = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin")))
        return None if path is None else _first_line([path, "--version"]) or path

    return look


def _first_line(command: list[str]) -> str | None:
    """The first line with a digit of what a command prints."""
    try:
        # Some programs write files into the directory that they are started in.
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=20, cwd=tempfile.gettempdir()
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = [line.strip() for line in (done.stdout or done.stderr).splitlines() if any(c.isdigit() for c in line)]
    return lines[0][:60] if lines and done.returncode == 0 else None


def _root() -> str | None:
    return "yes" if os.geteuid() == 0 else None


def _namespaces() -> str | None:
    if not Path("/proc/self/ns/net").exists():
        return None
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0:
        return "the kernel has them; whether they may be used only root can tell"
    done = subprocess.run([unshare, "--net", "true"], capture_output=True, check=False)
    return "yes" if done.returncode == 0 else None


def _packet_sockets() -> str | None:
    """Receive rings with virtio headers, which tell of unfinished checksums and super-segments."""
    sol_packet, rx_ring, version, vnet_hdr = 263, 5, 10, 15
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
            sock.setsockopt(sol_packet, version, 1)
            sock.setsockopt(sol_packet, vnet_hdr, 1)
            sock.setsockopt(sol_packet, rx_ring, struct.pack("=4I", 65536, 1, 2048, 32))
    except (OSError, AttributeError):
        return None
    return "receive rings with virtio headers: offloads may stay on"


def _mininet() -> str | None:
    from topo import mininet_find

    return None if mininet_find.unavailable() else _version("mn")() or "yes"


if __name__ == "__main__":
    sys.exit(main())
