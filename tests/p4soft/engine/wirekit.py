"""veth pairs: one end for a port of the engine, the other in the hands of the test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root and iproute2 to make veth pairs"
)
ETH_P_ALL = 3
PACKET_IGNORE_OUTGOING = 23
SOL_PACKET = 263


class Wire:
    """The far end of a port's veth pair, both ends with so many queues."""

    def __init__(self, number: int, queues: int = 1) -> None:
        self.near, self.far = f"p4n{os.getpid()}{number}"[-15:], f"p4f{os.getpid()}{number}"[-15:]
        several = ["numtxqueues", str(queues), "numrxqueues", str(queues)]
        command = ["ip", "link", "add", self.near, *several, "type", "veth", "peer", "name", self.far, *several]
        subprocess.run(command, check=True)
        for name in (self.near, self.far):
            quiet = Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6")
            if quiet.exists():
                quiet.write_text("1")
            subprocess.run(["ip", "link", "set", name, "up"], check=True)
        # Of no protocol until it is bound: it would receive from all interfaces.
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.socket.bind((self.far, ETH_P_ALL))
        self.socket.settimeout(10)

    def close(self) -> None:
        self.socket.close()
        subprocess.run(["ip", "link", "del", self.near], check=False)
