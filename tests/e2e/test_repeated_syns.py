"""A server that does not answer: its client's kernel repeats the SYN, and each is counted once."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from ipaddress import IPv4Address

from topo import standard
from topo.process import poll

from .conftest import MakeWorld

THIRD = 2.0
"""Seconds from a client's first SYN to its third, at the least (Linux 6.5: one a second; before: 1 s, and 2 s more)."""


def test_a_repeated_syn_is_one_packet_of_its_session(make_world: MakeWorld) -> None:
    world = make_world(standard.config(servers=[(IPv4Address("10.2.0.11"), 80)]))
    # Its answers to the local addresses go nowhere.
    namespace = world.network.namespace("s1")
    subprocess.run(["ip", "-n", namespace, "route", "add", "blackhole", "10.2.0.100/30"], check=True)
    with world.network.inside("c1"):
        client = socket.socket()
    with contextlib.closing(client):
        client.setblocking(False)
        start = time.monotonic()
        client.connect_ex((str(standard.VIP), standard.VPORT))

        def packets() -> int:
            return sum(session["in_packets"] or 0 for session in world.stack.sessions())

        poll(lambda: packets() >= 3, 20, "three SYNs are counted")
        assert time.monotonic() - start > THIRD - 0.2
