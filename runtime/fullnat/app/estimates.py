"""The rates of every service and real server, sampled while the controller runs
(:mod:`fullnat.core.balancing.estimator`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice
from typing import NoReturn

from fullnat.app.ports import Core
from fullnat.core.balancing.estimator import INTERVAL, Estimator
from fullnat.core.declared.modes import Mode
from fullnat.core.views import ServerView, ServiceView
from fullnat.net.flow import Endpoint

PER_TURN = 64
"""Services sampled before other work of the controller gets its turn."""
SHARE = 0.05
"""Of the time that sampling may take: with many servers it is done less often."""
RATES = ("connections", "in_packets", "out_packets", "in_bytes", "out_bytes")

Cells = dict[int, tuple[int, int]]
Read = Callable[[list[int]], Awaitable[tuple[Cells, Cells] | None]]
"""Packets and bytes by server id, in and out; None while the switch does not tell."""
Name = tuple[int, Endpoint, Endpoint | None, Mode | None]
"""Of a service, or of a server of it."""


class Estimates:
    def __init__(self, core: Core, read: Read) -> None:
        self._core = core
        self._read = read
        self._known: dict[Name, Estimator] = {}

    def rates(self, service: ServiceView, server: ServerView | None = None) -> dict[str, float]:
        """Per second, of a service or of one of its servers."""
        known = self._known.get(_name(service, server))
        return dict.fromkeys(RATES, 0.0) if known is None else dict(zip(RATES, known.rates, strict=True))

    async def run(self) -> NoReturn:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await self.sample()
            took = loop.time() - began
            await asyncio.sleep(max(INTERVAL - took, took * (1 / SHARE - 1)))

    async def sample(self) -> None:
        """Of everything once. What has gone is forgotten."""
        known: dict[Name, Estimator] = {}
        views = self._core.each_service(asyncio.get_running_loop().time())
        while services := tuple(islice(views, PER_TURN)):
            ids = [number for service in services for server in service.servers for number in server.ids]
            cells = await self._read(ids)
            if cells is None:
                # Nothing is told: what was known stays.
                known |= {name: self._known[name] for name in self._names(services) if name in self._known}
            else:
                now = asyncio.get_running_loop().time()
                for name, totals in _counted(services, *cells):
                    known[name] = self._sampled(name, totals, now)
            await asyncio.sleep(0)
        self._known = known

    @staticmethod
    def _names(services: Sequence[ServiceView]) -> Iterator[Name]:
        for service in services:
            yield _name(service)
            yield from (_name(service, server) for server in service.servers)

    def _sampled(self, name: Name, totals: Sequence[int], now: float) -> Estimator:
        estimator = self._known.get(name)
        if estimator is None:
            return Estimator(totals, now)
        estimator.sample(totals, now)
        return estimator


def _name(service: ServiceView, server: ServerView | None = None) -> Name:
    return (
        service.protocol,
        service.virtual,
        None if server is None else server.endpoint,
        None if server is None else server.mode,
    )


def _counted(services: Sequence[ServiceView], inward: Cells, outward: Cells) -> Iterator[tuple[Name, Sequence[int]]]:
    """The counters of every service and server, in the order of :data:`RATES`."""
    for service in services:
        sums = [service.connections, 0, 0, 0, 0]
        for server in service.servers:
            (in_packets, in_bytes), (out_packets, out_bytes) = server.counted(inward), server.counted(outward)
            totals = server.connections, in_packets, out_packets, in_bytes, out_bytes
            yield _name(service, server), totals
            sums[1:] = [one + other for one, other in zip(sums[1:], totals[1:], strict=True)]
        yield _name(service), sums
