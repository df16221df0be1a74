"""What operators see: sessions, services, counters and the state of the switch, ready for JSON, with stable names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from itertools import islice
from typing import Protocol

from fullnat.app.estimates import Estimates
from fullnat.app.filters import FILTERS, OF_TEMPLATES, check, is_of, matches
from fullnat.app.runner import CoreRunner
from fullnat.app.selection import names_of, selects
from fullnat.app.session_log import SessionLog
from fullnat.app.shown import (
    COUNTED,
    OF_CHECK,
    Cells,
    Json,
    histogram_json,
    need_json,
    rounded,
    seconds,
    server_json,
    service_json,
    session_json,
    template_json,
)
from fullnat.app.switch import Switches
from fullnat.config.share import ALONE, Share
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.histogram import Histogram
from fullnat.core.interface import ProbeResult
from fullnat.core.views import ServerView, ServiceView, SessionView, TemplateView
from fullnat.health.watch import Watch
from fullnat.net.flow import Endpoint, text
from fullnat.p4constants import CookieEvent, DropReason, PuntReason, ToaResult
from fullnat.p4rt.binding import Array
from fullnat.p4rt.errors import P4RuntimeError

SERVICES_PER_TURN = 16
"""Services looked at before other work of the controller gets its turn."""
SESSIONS_PER_TURN = 64
"""Sessions, likewise: about 3 ms."""
SERVERS_PER_TURN = 128
"""Real servers of one service, likewise."""
CELLS_PER_TURN = 512
"""Counters of the switch that are asked for at once."""
TEMPLATES_PER_TURN = 256
"""Templates, likewise."""
COUNTER_SECONDS = 3.0
"""What the switch may take to tell its counters; without them the rest is shown."""
_ServerKey = tuple[ServiceKey, str, str]


class Shared(Protocol):
    """:class:`fullnat.app.shared.role.Role`."""

    def shown(self) -> Json: ...


class Grouped(Protocol):
    """:class:`fullnat.app.changes.Changes`."""

    @property
    def share(self) -> Share: ...


class Snapshots:
    def __init__(
        self,
        runner: CoreRunner,
        owner: Switches,
        watch: Watch | None = None,
        log: SessionLog | None = None,
        shared: Shared | None = None,
        grouped: Grouped | None = None,
    ) -> None:
        """``shared``: with other controllers; ``grouped``: of one of several groups."""
        self._runner = runner
        self._core = runner.core
        self._owner = owner
        self._watch = watch
        self._session_log = log
        self._shared = shared
        self._grouped = grouped
        self.estimates = Estimates(self._core, self._cells)
        self._zero: dict[_ServerKey, dict[str, int]] = {}
        """Counts of servers where they are to begin."""

    @property
    def switch_state(self) -> str:
        """As :attr:`fullnat.app.switch.SwitchOwner.state`."""
        return self._owner.state

    def shared(self) -> Json:
        """Who leads and how etcd is; empty for a controller alone."""
        return {} if self._shared is None else self._shared.shown()

    @property
    def stands_by(self) -> bool:
        return self._owner.stands_by

    def switches(self) -> list[Json]:
        """What each of them does."""
        return self._owner.shown(self._core.stats()["sessions"])

    @property
    def room(self) -> int:
        """How many sessions the switch has room for, or the smallest of a group."""
        return self._core.capacity.room.session_ids

    async def activate(self, name: str) -> str:
        """Have another switch of the group forward; the name of the one before. Raises NotNow."""
        return await self._owner.activate(name)

    def upgrade(self, name: str) -> list[str]:
        """Have a switch run the controller's program; what that changes. Raises NotNow."""
        return self._owner.upgrade(name)

    def drain(self, name: str, *, drains: bool) -> str:
        """Have routers send nothing to a switch, or again; how it is announced then. Raises NotNow."""
        return self._owner.drain(name, drains=drains)

    def sessions(self, filters: Mapping[str, str]) -> AsyncIterator[list[Json]]:
        """Sessions in no particular order, those of :data:`SESSIONS_PER_TURN` at a time: the core may go on between two
        of the lists, which may be empty. Each session is as it is when its list is made, with its packets and the time
        since the last one as the switch tells them then; if it does not, as the core knows them. Raises
        UnknownFilter."""
        check(filters, FILTERS)
        views = iter(self._core.sessions(asyncio.get_running_loop().time()))
        return self._turns(views, filters)

    async def templates(self, filters: Mapping[str, str]) -> AsyncIterator[list[Json]]:
        """Templates of persistence, likewise. Raises UnknownFilter."""
        check(filters, OF_TEMPLATES)
        views = iter(self._core.templates(asyncio.get_running_loop().time()))
        while turn := list(islice(views, TEMPLATES_PER_TURN)):
            names: dict[ServiceKey, tuple[str, ...]] = {}
            found = [view for view in turn if is_of(view, filters, self._found_by(view, names))] if filters else turn
            yield [template_json(view) for view in found]
            await asyncio.sleep(0)

    def _found_by(self, view: TemplateView, known: dict[ServiceKey, tuple[str, ...]]) -> tuple[str, ...]:
        """What the service of a template is found by."""
        key = view.protocol, view.virtual
        if key not in known:
            known[key] = tuple(self._names(*key))
        return known[key]

    def missing(self, filters: Mapping[str, str]) -> str | None:
        """Why no session is found by ``filters``, if what they name is not there at all."""
        services = self._core.services()
        there: dict[str, tuple[str, Iterable[str]]] = {
            "virtual": (
                "virtual server",
                (each for service in services for each in self._names(service.protocol, service.virtual)),
            ),
            "server": (
                "real server",
                (each for service in services for server in service.servers for each in names_of(server.endpoint)),
            ),
            "local": ("local address", (text(local.address) for local in self._core.local_addresses())),
        }
        for name, wanted in filters.items():
            what, found = there.get(name, ("", ()))
            if what and not any(selects(wanted, value) or selects(value, wanted) for value in found):
                return f"there is no {what} {wanted}"
        return None

    def _names(self, protocol: int, virtual: Endpoint) -> Iterator[str]:
        declared = self._core.model.services.get((protocol, virtual))
        return names_of(virtual, () if declared is None else declared.settings.match)

    def has_quorum(self, service: ServiceKey) -> bool:
        """Whether servers of enough weight are well."""
        return self._core.has_quorum(service)

    def need(self, service: ServiceKey) -> Json:
        """What a flood makes of it."""
        view = self._core.service(service, asyncio.get_running_loop().time())
        return {} if view is None else need_json(view)

    def talkers(self, most: int) -> list[Json]:
        """Of the sources that ask for new sessions the first ones."""
        found = self._core.talkers(most, asyncio.get_running_loop().time())
        return [{**talker._asdict(), "source": str(talker.source)} for talker in found]

    def local_addresses(self) -> list[Json]:
        return [{**local._asdict(), "address": text(local.address)} for local in self._core.local_addresses()]

    async def counted(self, keys: Iterable[ServiceKey], counters: bool) -> dict[ServiceKey, list[Json]]:
        """The servers of services, counted since :meth:`zero`; packets and bytes only with ``counters``."""
        now = asyncio.get_running_loop().time()
        views = [view for key in keys if (view := self._core.service(key, now)) is not None]
        inward, outward = await self._server_counters(views) if counters else ({}, {})
        return {
            (view.protocol, view.virtual): [
                self._since_zero(view, server_json(server, inward, outward) | self._beside(view, server))
                for server in view.servers
            ]
            for view in views
        }

    async def zero(self, keys: Iterable[ServiceKey] | None = None) -> None:
        """What :meth:`counted` shows of these services, or of all of them, begins at zero now."""
        zero: dict[_ServerKey, dict[str, int]] = {}
        asked = iter(tuple(self._core.model.services if keys is None else keys))
        now = asyncio.get_running_loop().time()
        while turn := list(islice(asked, SERVICES_PER_TURN)):
            views = [view for key in turn if (view := self._core.service(key, now)) is not None]
            inward, outward = await self._server_counters(views)
            for view in views:
                for server in view.servers:
                    found = server_json(server, inward, outward)
                    zero[_server_key(view, found)] = {name: found[name] for name in COUNTED}
            await asyncio.sleep(0)
        self._zero = zero if keys is None else self._zero | zero

    def _since_zero(self, view: ServiceView, server: Json) -> Json:
        zero = self._zero.get(_server_key(view, server))
        if zero is None:
            return server
        # A counter below what it was has begun anew: the switch has.
        return server | {name: server[name] - zero[name] * (server[name] >= zero[name]) for name in COUNTED}

    async def _server_counters(self, views: Iterable[ServiceView]) -> tuple[Cells, Cells]:
        """Packets and bytes by server id; none when the switch is not there to tell them."""
        ids = [number for view in views for server in view.servers for number in server.ids]
        return await self._cells(ids) or ({}, {})

    async def _turns(self, views: Iterator[SessionView], filters: Mapping[str, str]) -> AsyncIterator[list[Json]]:
        reads = True
        while turn := list(islice(views, SESSIONS_PER_TURN)):
            found = [view for view in turn if matches(view, filters)] if filters else turn
            results = await self._probe(found) if reads else None
            if results is None:
                reads = False
            else:
                pairs = zip(found, results, strict=True)
                found = [view.read(result) if result else view for view, (_, result) in pairs]
            yield [session_json(view) for view in found]

    async def _probe(self, views: Sequence[SessionView]) -> Sequence[tuple[int, ProbeResult | None]] | None:
        """What the switch tells of these sessions; None when it does not."""
        client = self._owner.client
        if client is None or self._owner.state != "serving":
            return None
        try:
            async with asyncio.timeout(COUNTER_SECONDS):
                return await client.probe([view.entry for view in views]) if views else ()
        except (P4RuntimeError, TimeoutError):
            return None

    async def stats(self, *, brief: bool = False) -> Json:
        """Everything there is to count, ``brief``: but for services; ``switch_counters`` is false when those of the
        switch could not be read."""
        services, told = ([], True) if brief else await self._all_services()
        reasons = await self._reasons() if told else None
        owner = self._owner
        writer = owner.writer
        return {
            "switch": {
                "state": owner.state,
                "reason": owner.reason,
                "connects": owner.counts.connects,
                "pipeline_pushes": owner.counts.pushes,
                "orphans": owner.counts.orphans,
                "updates": writer.updates if writer else 0,
                "write_requests": writer.requests if writer else 0,
                "failed_updates": writer.failures if writer else 0,
                "packet_outs": owner.counts.packet_outs,
                "events": {kind.__name__: count for kind, count in self._runner.events.items()},
                "core_errors": self._runner.errors,
                "stream_errors": owner.client.stream_errors if owner.client else 0,
                "name": owner.active_name,
            },
            "switch_counters": reasons is not None,
            "services": services,
            "local_addresses": self.local_addresses(),
            "controller": dict(self._core.stats()),
            **(reasons or {group: {} for group in ("drops", "punts", "toa", "cookies")}),
            "queues": self._queues(),
            "histograms": {name: histogram_json(one) for name, one in self._histograms().items()},
            "session_log": self._session_log.counts if self._session_log else {},
            "switches": self.switches(),
            **self._of_groups(),
            **({"etcd": self.shared()} if self._shared is not None else {}),
        }

    @property
    def group(self) -> str:
        """Which of several is ours; "": there are none."""
        return "" if self._grouped is None else self._grouped.share.own

    def _of_groups(self) -> dict[str, str]:
        share = ALONE if self._grouped is None else self._grouped.share
        return {} if share.spread is None else {"group": share.own, "spread": share.spread.digest}

    def _queues(self) -> dict[str, int]:
        outgoing, log = self._owner.outgoing, self._session_log
        of_switch = {"updates": 0, "packet_outs": 0, "farewells": 0} if outgoing is None else outgoing.queues
        return {**self._runner.queues, **of_switch, "session_log": log.depth if log else 0}

    def _histograms(self) -> dict[str, Histogram]:
        return {**self._core.histograms(), "wait": self._runner.waited, "write": self._owner.counts.writes}

    async def _all_services(self) -> tuple[list[Json], bool]:
        """With their rates per second, smoothed; and whether the switch has told its counters. Others have their turn
        in between."""
        found: list[Json] = []
        told, views = True, self._core.each_service(asyncio.get_running_loop().time())
        while turn := list(islice(views, SERVICES_PER_TURN)):
            ids = [number for view in turn for server in view.servers for number in server.ids]
            # A switch that has not answered is not waited for again.
            cells = await self._cells(ids) if told else None
            told = cells is not None
            for view in turn:
                servers = [each async for some in self._servers(view, *(cells or ({}, {}))) for each in some]
                found.append({**service_json(view, servers), "rates": rounded(self.estimates.rates(view))})
            await asyncio.sleep(0)
        return found, told

    async def _servers(self, view: ServiceView, inward: Cells, outward: Cells) -> AsyncIterator[list[Json]]:
        """Those of a service, some at a time."""
        servers = iter(view.servers)
        while turn := list(islice(servers, SERVERS_PER_TURN)):
            yield [server_json(server, inward, outward) | self._beside(view, server) for server in turn]
            if len(turn) == SERVERS_PER_TURN:
                await asyncio.sleep(0)

    def _beside(self, service: ServiceView, server: ServerView) -> Json:
        """What others than the core and the switch know of a server."""
        return {"rates": rounded(self.estimates.rates(service, server)), **self._checked(service, server)}

    def _checked(self, service: ServiceView, server: ServerView) -> Json:
        """What health checks tell of it: why it is down, or the last one failed, and when that was."""
        key = service.protocol, service.virtual
        checks = None if self._watch is None or server.draining else self._watch.of(key, server.endpoint)
        if checks is None:
            return {}
        counts = [dict(zip(OF_CHECK, each, strict=True)) for each in checks.counts()]
        since = seconds(checks.since(asyncio.get_running_loop().time()))
        return {"reason": checks.trouble, "checked": since, "check_counts": counts}

    async def _cells(self, server_ids: list[int]) -> tuple[Cells, Cells] | None:
        """Packets and bytes of servers, in and out; None when the switch is not there to tell them."""
        client = self._owner.client
        if client is None or self._owner.state != "serving":
            return None
        inward: Cells = {}
        outward: Cells = {}
        try:
            async with asyncio.timeout(COUNTER_SECONDS):
                for start in range(0, len(server_ids), CELLS_PER_TURN):
                    some = server_ids[start : start + CELLS_PER_TURN]
                    inward |= await self._owner.counters(client.schema.server_in_counter, some)
                    outward |= await self._owner.counters(client.schema.server_out_counter, some)
        except (P4RuntimeError, TimeoutError):
            return None
        return inward, outward

    async def _reasons(self) -> Json | None:
        """What the switch counts by reason; None when it is not there to tell it."""
        client = self._owner.client
        if client is None or self._owner.state != "serving":
            return None
        owner, schema = self._owner, client.schema
        try:
            async with asyncio.timeout(COUNTER_SECONDS):
                return {
                    "drops": await _by_name(owner, schema.drop_counter, DropReason, DropReason.NONE),
                    "punts": await _by_name(owner, schema.punt_counter, PuntReason),
                    "toa": await _by_name(owner, schema.toa_counter, ToaResult),
                    "cookies": await _cookies(owner, schema.cookie_counter),
                }
        except (P4RuntimeError, TimeoutError):
            return None


async def _cookies(owner: Switches, array: Array | None) -> Json:
    """Nothing of a program that makes none."""
    return {} if array is None else await _by_name(owner, array, CookieEvent)


async def _by_name(owner: Switches, array: Array, names: type[IntEnum], skip: IntEnum | None = None) -> Json:
    """Packets and bytes of every cell that has a name."""
    indexes = {cell.name: cell.value for cell in names if cell is not skip and cell < array.size}
    cells = await owner.counters(array, indexes.values())
    return {name.lower(): _count(cells, index) for name, index in indexes.items()}


def _count(cells: Cells, index: int) -> Json:
    packets, octets = cells.get(index, (0, 0))
    return {"packets": packets, "bytes": octets}


def _server_key(view: ServiceView, server: Json) -> _ServerKey:
    return (view.protocol, view.virtual), server["server"], server["mode"]
