"""What health checks find, as the core takes it: a real server that fails takes no new sessions until it is well again,
and one whose checks say so has another weight.

The finding is no part of the model: weights, commands and the file are what they were, and hold when the server is
well. TCP sessions of a server that fails go on, as those of one with weight 0; the next datagram of a UDP session is
scheduled anew.
"""

from __future__ import annotations

from typing import NamedTuple

from fullnat.core.balancing.servers import Server
from fullnat.core.balancing.service import Service
from fullnat.core.balancing.warming import Warming
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.interface import Effect, Log, Turned
from fullnat.core.memory import Kind
from fullnat.core.protocols.base import BY_NUMBER
from fullnat.core.session.datagrams import Datagrams
from fullnat.core.session.store import SessionStore
from fullnat.core.switch.configured import Configured
from fullnat.net.flow import Endpoint


class Verdict(NamedTuple):
    """What checks have found of one real server of one service."""

    service: ServiceKey
    server: Endpoint
    healthy: bool
    reason: str = ""
    """Why, in words."""
    weight: int | None = None
    """That it is to have while it is configured with one; None: that."""


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
        if service is None or server is None:
            return
        if (server.healthy, server.asked) == (verdict.healthy, verdict.weight):
            return
        if server.asked != verdict.weight:
            server.asked = verdict.weight
            fields = _fields("server_weight", service, server, weight=server.share)
            out.append(Log("INFO", f"{name(service, server)}: weighs {server.share} by its checks", fields))
        if server.healthy is not verdict.healthy:
            server.healthy = verdict.healthy
            self._store.memory.touch(service.memory_key(Kind.DOWN, server))
            self.turned(service, server, verdict.healthy, verdict.reason, out)
        self.settle(service, server, now, is_up, out)

    @staticmethod
    def turned(service: Service, server: Server, is_up: bool, why: str, out: list[Effect]) -> None:
        """Tell that ``server`` is up or down."""
        state, level = ("up", "INFO") if is_up else ("down", "WARNING")
        fields = _fields(f"server_{state}", service, server, reason=why)
        out.append(Log(level, f"{name(service, server)}: {state}{f': {why}' if why else ''}", fields))
        out.append(Turned(service.key, server.endpoint, is_up))

    def settle(self, service: Service, server: Server, now: float, is_up: bool, out: list[Effect]) -> None:
        """``server`` of ``service`` is another one by what is known of it: have the rest follow."""
        was_up = service.quorum.is_up
        service.quorum.judge(service.servers.values())
        self.compare(service, was_up, out)
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

    @staticmethod
    def compare(service: Service, was_up: bool, out: list[Effect]) -> None:
        """Tell when the quorum of ``service`` is gained or lost."""
        quorum = service.quorum
        if quorum.is_up is was_up:
            return
        state, level = ("gained", "INFO") if quorum.is_up else ("lost", "WARNING")
        fields = _fields(f"quorum_{state}", service, weight=quorum.weight)
        out.append(Log(level, f"{name(service)}: quorum {state}: servers of weight {quorum.weight} are well", fields))
        out.append(Turned(service.key, None, quorum.is_up))


def name(service: Service, server: Server | None = None) -> str:
    """What messages call it."""
    protocol, virtual = service.key
    of = f"virtual server {BY_NUMBER[protocol].name} {virtual}"
    return of if server is None else f"{of}, real server {server.endpoint}"


def _fields(event: str, service: Service, server: Server | None = None, **more: object) -> dict[str, object]:
    protocol, virtual = service.key
    of = {"protocol": BY_NUMBER[protocol].name, "virtual": str(virtual)}
    return {"event": event, **of, **({} if server is None else {"server": str(server.endpoint)}), **more}
