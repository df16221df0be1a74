"""What health checks find, as the core takes it: a real server that fails takes no new sessions until it is well again.

The finding is no part of the model: weights, commands and the file are what they were, and hold when the server is
well. TCP sessions of a server that fails go on, as those of one with weight 0; the next datagram of a UDP session is
scheduled anew.
"""

from __future__ import annotations

from typing import NamedTuple

from fullnat.core.commands import ServiceKey
from fullnat.core.configured import Configured
from fullnat.core.datagrams import Datagrams
from fullnat.core.interface import Effect, Log
from fullnat.core.protocols.base import BY_NUMBER
from fullnat.core.store import SessionStore
from fullnat.core.warming import Warming
from fullnat.net.flow import Endpoint


class Verdict(NamedTuple):
    """What checks have found of one real server of one service."""

    service: ServiceKey
    server: Endpoint
    healthy: bool
    reason: str = ""
    """Why, in words."""


class Health:
    def __init__(self, store: SessionStore, tables: Configured, warming: Warming, datagrams: Datagrams) -> None:
        self._store = store
        self._tables = tables
        self._warming = warming
        self._datagrams = datagrams

    def judge(self, verdict: Verdict, now: float, is_up: bool, out: list[Effect]) -> None:
        """Take ``verdict`` over; nothing happens when it is what is known, or the server is not configured any more.
        While the switch is not ``is_up``, it learns when it comes."""
        service = self._store.services.by_key.get(verdict.service)
        server = None if service is None else service.servers.get(verdict.server)
        if service is None or server is None or server.healthy == verdict.healthy:
            return
        name = f"{BY_NUMBER[verdict.service[0]].name} {verdict.service[1]}"
        state, level = ("up", "INFO") if verdict.healthy else ("down", "WARNING")
        why = f": {verdict.reason}" if verdict.reason else ""
        out.append(Log(level, f"virtual server {name}, real server {server.endpoint}: {state}{why}"))
        server.healthy = verdict.healthy
        if server.wanted and service.slow_start and len(service.taking()) > 1:
            self._store.services.arrived[server] = service
            self._warming.begin(now)
        self._store.services.rebalance(service)
        answered = service.answers_echo
        service.judge_echo()
        if not is_up:
            return
        if service.answers_echo != answered:
            self._tables.change((service.key,), (), out)
        self._datagrams.leave((service,), now, out)
