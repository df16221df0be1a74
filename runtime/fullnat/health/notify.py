"""Programs that are told when real servers and quorums come and go (keepalived: notify_up, notify_down, quorum_up,
quorum_down, omega). Those of one service run one after the other, in the order of what happened."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple

from fullnat.config.model import ServerSettings, ServiceSettings
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.declared.model import Declared, Model
from fullnat.core.interface import Turned
from fullnat.core.protocols.base import BY_NUMBER
from fullnat.health.failed import Failed, Unusable, reason
from fullnat.health.program import Program
from fullnat.net.flow import Endpoint

_LOGGER = logging.getLogger(__name__)
_STATES = {True: "up", False: "down"}


class Known(NamedTuple):
    """How things stand in the core."""

    has_quorum: Callable[[ServiceKey], bool]
    found_well: Callable[[ServiceKey, Endpoint], bool]


class Notifier:
    """Tells nothing but while this controller leads: what another one has told is not for one that stands by to
    undo."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._leads = False
        self._seen: dict[ServiceKey, Declared] = {}
        """All services, as they were last seen,"""
        self._declared: dict[ServiceKey, Declared] = {}
        """and those of them that have programs."""
        self._waiting: dict[ServiceKey, dict[Endpoint | None, bool]] = {}
        """What has yet to be told of each service: of one server the last alone. While another controller leads, what
        has changed."""
        self._told: dict[tuple[ServiceKey, Endpoint | None], bool] = {}
        """What was told last."""
        self._tasks: dict[ServiceKey, asyncio.Task[None]] = {}
        self._closed = False

    def follow(self, model: Model) -> None:
        """The programs are those of ``model``. How the quorum of a service that is new stands is told at once. Services
        that it has as they were are not looked at."""
        known, seen, services = self._declared, self._seen, model.services
        self._seen = services.copy()
        self._declared = {
            key: declared
            for key, declared in services.items()
            if (key in known if seen.get(key) is declared else _tells(declared))
        }
        for key in self._declared:
            if key not in known:
                self.turned(Turned(key, None, self._known.has_quorum(key)))
        for key in self._waiting.keys() - self._declared.keys() - self._tasks.keys():
            del self._waiting[key]
        self._told = {name: is_up for name, is_up in self._told.items() if name[0] in self._declared}

    def lead(self, leads: bool) -> None:
        """Whether the switch is this controller's from now on. When it becomes so, it is told how quorums stand then,
        which servers are down, and what those have become that have changed meanwhile."""
        if self._closed or leads is self._leads:
            return
        self._leads = leads
        if not leads:
            # Another controller may tell otherwise.
            self._told.clear()
            return
        for key, declared in self._declared.items():
            changed = self._waiting.get(key, {})
            for server in declared.servers:
                is_well = self._known.found_well(key, server)
                if server in changed or not is_well:
                    self.turned(Turned(key, server, is_well))
            self.turned(Turned(key, None, self._known.has_quorum(key)))

    def turned(self, event: Turned) -> None:
        """Tell of it, if there is whom to tell."""
        if self._closed or event.service not in self._declared:
            return
        waiting = self._waiting.setdefault(event.service, {})
        waiting.pop(event.server, None)
        waiting[event.server] = event.is_up
        if self._leads and event.service not in self._tasks:
            task = asyncio.get_running_loop().create_task(self._tell(event.service), name="notify")
            self._tasks[event.service] = task

    def end(self) -> None:
        """The controller ends: of services with ``omega``, tell that what is up goes down, if it leads. What follows of
        its ending is not told."""
        if self._closed:
            return
        for key, declared in self._declared.items() if self._leads else ():
            if declared.settings.omega:
                for server in declared.servers:
                    if self._known.found_well(key, server):
                        self.turned(Turned(key, server, False))
                if self._known.has_quorum(key):
                    self.turned(Turned(key, None, False))
        self._closed = True

    async def close(self) -> None:
        """The same, and wait for what has yet to be told."""
        self.end()
        await asyncio.gather(*self._tasks.values())

    async def _tell(self, key: ServiceKey) -> None:
        waiting = self._waiting[key]
        while waiting and self._leads:
            server = next(iter(waiting))
            is_up = waiting.pop(server)
            if self._told.get((key, server)) is not is_up:
                self._told[key, server] = is_up
                await self._run(key, server, is_up)
        if not waiting:
            del self._waiting[key]
        del self._tasks[key]

    async def _run(self, key: ServiceKey, server: Endpoint | None, is_up: bool) -> None:
        declared = self._declared.get(key)
        of_server = None if declared is None or server is None else declared.servers.get(server)
        if declared is None or (server is not None and of_server is None):
            return
        program = _program(declared.settings, of_server, is_up)
        if program is None:
            return
        environment = {
            "FULLNAT_PROTOCOL": BY_NUMBER[key[0]].name,
            "FULLNAT_VIRTUAL": str(key[1]),
            "FULLNAT_STATE": _STATES[is_up],
            **({} if server is None else {"FULLNAT_SERVER": str(server)}),
        }
        try:
            status = await program.run(environment)
        except (Failed, Unusable, OSError) as error:
            _LOGGER.error("%s: %s", program.command, reason(error))
        else:
            level = logging.WARNING if status else logging.INFO
            _LOGGER.log(level, "%s: was told, and says %d", program.command, status)


def _tells(declared: Declared) -> bool:
    settings = declared.settings
    of_servers = (server.notify_up or server.notify_down for server in declared.servers.values())
    return bool(settings.quorum_up or settings.quorum_down) or any(of_servers)


def _program(service: ServiceSettings, server: ServerSettings | None, is_up: bool) -> Program | None:
    if server is None:
        command, user = service.quorum_up if is_up else service.quorum_down, service.notify_user
    else:
        command = server.notify_up if is_up else server.notify_down
        user = server.notify_user or service.notify_user
    return Program(command, user, service.notify_timeout) if command else None
