"""What the calls do, whichever protocol they come by. Answers are dictionaries with the fields of their messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from fullnat.api import checks, translate
from fullnat.api.errors import CallError, Kind, Problem, refused
from fullnat.api.identity import Identity, Role
from fullnat.app.changes import Changes, Refused
from fullnat.app.filters import UnknownFilter
from fullnat.app.group.shown import NotNow
from fullnat.app.shown import Json
from fullnat.app.snapshot import SERVICES_PER_TURN, Snapshots
from fullnat.app.tracing import Arrivals, BadRequest, NoSwitch, Tracing
from fullnat.config.errors import ConfigError
from fullnat.config.lists import shown
from fullnat.config.switches import member
from fullnat.core.declared.commands import CommandError, ServiceKey
from fullnat.core.declared.draft import absent
from fullnat.p4rt.errors import P4RuntimeError

COMMANDS_PER_TURN = 500
"""Commands translated, likewise."""

TALKERS = 20
"""Sources that are told where nobody says how many."""

STANDS_BY = "this controller stands by: another one is primary of the switch; send commands to that one"


class Handlers:
    def __init__(
        self, snapshots: Snapshots, changes: Changes, about: Json | None = None, tracing: Tracing | None = None
    ) -> None:
        """``about`` is what the controller says of itself."""
        self._snapshots = snapshots
        self._changes = changes
        self._about = about or {}
        self._tracing = tracing

    # ---- one answer

    async def about(self, _request: Any, caller: Identity) -> Json:
        shared = {name: value for name, value in self._snapshots.shared().items() if name == "leader"}
        snapshots = self._snapshots
        found = {"size": snapshots.room, "switch": snapshots.switch_state}
        return {**self._about, **found, **shared, "role": caller.role.name.lower()}

    async def network(self, _request: Any, _caller: Identity) -> Json:
        return translate.network(self._changes.model)

    async def access(self, request: Any, _caller: Identity) -> Json:
        key = self._wanted(request)
        model = self._changes.model
        found = model.access if key is None else model.services[key].access
        named = {} if key is None else translate.service_name(key)
        return {**named, "deny": shown(found.deny), "allow": shown(found.allow), "refused": found.refused}

    async def stats(self, request: Any, _caller: Identity) -> Json:
        return await self._snapshots.stats(brief=request.brief)

    async def apply(self, request: Any, caller: Identity) -> Json:
        if not request.dry_run:
            self._require_primary()
        translation = await self._translated(request.commands)
        if caller.role < Role.ADMIN:
            _allow_operator(request.commands)
        if not caller.is_owner:
            _deny_programs(request.commands)
        commands = [command for _, command in translation.commands]
        try:
            if request.dry_run:
                return {"changes": self._changes.check(commands)}
            return {"changes": await self._changes.apply(commands)}
        except CommandError as error:
            raise refused(error, translation.commands) from None
        except Refused as error:
            raise CallError(Kind.REFUSED, str(error)) from None

    async def _translated(self, commands: Sequence[Any]) -> translate.Translation:
        translation = translate.Translation(self._changes.model)
        problems = []
        for number, command in enumerate(commands):
            if number % COMMANDS_PER_TURN == COMMANDS_PER_TURN - 1:
                await asyncio.sleep(0)
            try:
                translation.add(number, command)
            except ValueError as error:
                problems.append(Problem(str(error), number))
        if problems:
            raise _invalid(problems)
        return translation

    async def zero(self, request: Any, _caller: Identity) -> Json:
        self._require_primary()
        wanted = self._wanted(request)
        await self._snapshots.zero(None if wanted is None else (wanted,))
        return {}

    def _require_primary(self) -> None:
        """What commands change is not in the file and would be lost here: the primary controller knows nothing of it.
        Without a switch there may be no other controller. Raises CallError."""
        if self._snapshots.stands_by:
            raise CallError(Kind.CONFLICT, STANDS_BY)

    async def reload(self, request: Any, _caller: Identity) -> Json:
        keep = request.keep if request.HasField("keep") else None
        try:
            done = await self._changes.reload(keep, request.dry_run)
        except ConfigError as error:
            raise _invalid([Problem(problem) for problem in error.problems]) from None
        except Refused as error:
            raise CallError(Kind.REFUSED, str(error)) from None
        return {"changes": done.changes, "by_command": done.by_command, "kept": self._changes.keeps(keep)}

    async def compare(self, request: Any, _caller: Identity) -> Json:
        try:
            return {"changes": await self._changes.compare(request.config)}
        except ConfigError as error:
            raise _invalid([Problem(problem) for problem in error.problems]) from None

    # ---- many answers, those of one turn at a time

    async def services(self, request: Any, _caller: Identity) -> AsyncIterator[list[Json]]:
        model = self._changes.model
        wanted = self._wanted(request)
        keys = iter(tuple(model.services) if wanted is None else (wanted,))
        while turn := list(islice(keys, SERVICES_PER_TURN)):
            counted = await self._snapshots.counted(turn, request.counters)
            yield list(self._shown(turn, counted))

    def _shown(self, keys: Iterable[ServiceKey], counted: dict[ServiceKey, list[Json]]) -> Iterator[Json]:
        model = self._changes.model
        for key in keys:
            declared = model.services.get(key)
            if declared is not None:
                own = {str(server): checks.shown(settings.checks) for server, settings in declared.servers.items()}
                yield {
                    **translate.service_name(key),
                    "settings": translate.shown(declared.settings),
                    "servers": [_with_checks(server, own) for server in counted.get(key, [])],
                    "local_addresses": translate.locals_of(model, key),
                    "access": translate.counted(declared.access),
                    "has_quorum": self._snapshots.has_quorum(key),
                    **self._snapshots.need(key),
                    **({"group": self._snapshots.group} if self._snapshots.group else {}),
                }

    async def local_addresses(self, _request: Any, _caller: Identity) -> AsyncIterator[list[Json]]:
        yield self._snapshots.local_addresses()

    async def talkers(self, request: Any, _caller: Identity) -> AsyncIterator[list[Json]]:
        yield self._snapshots.talkers(request.most or TALKERS)

    async def switches(self, _request: Any, _caller: Identity) -> AsyncIterator[list[Json]]:
        yield self._snapshots.switches()

    async def activate(self, request: Any, _caller: Identity) -> Json:
        self._require_primary()
        try:
            return {"before": await self._snapshots.activate(request.name)}
        except NotNow as error:
            raise CallError(Kind.CONFLICT, str(error)) from None

    async def drain_switch(self, request: Any, _caller: Identity) -> Json:
        self._require_primary()
        try:
            return {"announced": self._snapshots.drain(request.name, drains=not request.back)}
        except NotNow as error:
            raise CallError(Kind.CONFLICT, str(error)) from None

    async def upgrade_switch(self, request: Any, _caller: Identity) -> Json:
        self._require_primary()
        try:
            return {"changes": self._snapshots.upgrade(request.name)}
        except NotNow as error:
            raise CallError(Kind.CONFLICT, str(error)) from None

    async def add_switch(self, request: Any, _caller: Identity) -> Json:
        self._require_primary()
        device_id = request.device_id if request.HasField("device_id") else None
        try:
            switch = member(request.name, request.grpc_addr, device_id)
        except ValueError as error:
            raise _invalid([Problem(str(error))]) from None
        return await self._arranged(self._changes.arrange(add=switch))

    async def remove_switch(self, request: Any, _caller: Identity) -> Json:
        self._require_primary()
        return await self._arranged(self._changes.arrange(remove=request.name))

    async def _arranged(self, change: Awaitable[list[str]]) -> Json:
        try:
            return {"changes": await change}
        except Refused as error:
            raise CallError(Kind.CONFLICT, str(error)) from None

    async def sessions(self, request: Any, _caller: Identity) -> AsyncIterator[list[Json]]:
        async for turn in self._filtered(request, self._snapshots.sessions):
            yield turn

    async def templates(self, request: Any, _caller: Identity) -> AsyncIterator[list[Json]]:
        async for turn in self._filtered(request, self._snapshots.templates):
            yield turn

    async def _filtered(
        self, request: Any, listing: Callable[[Mapping[str, str]], AsyncIterator[list[Json]]]
    ) -> AsyncIterator[list[Json]]:
        """Raises CallError for filters that cannot be, and when nothing is found because what they name is not
        there."""
        filters = {field.name: value for field, value in request.ListFields()}
        found = False
        try:
            async for turn in listing(filters):
                found = found or bool(turn)
                yield turn
        except UnknownFilter as error:
            raise CallError(Kind.INVALID, str(error)) from None
        missing = None if found else self._snapshots.missing(filters)
        if missing is not None:
            raise CallError(Kind.UNKNOWN, missing)

    async def trace(self, request: Any, _caller: Identity) -> AsyncIterator[list[Json]]:
        port = request.port if request.HasField("port") else None
        model, tracing = self._changes.model, self._tracing
        network = model.network() if tracing is None else tracing.network(model)
        try:
            arrivals = Arrivals(network, port, to_us=request.to_us).every(request.packets, request.frames)
        except BadRequest as error:
            raise CallError(Kind.INVALID, str(error)) from None
        if tracing is None:
            raise CallError(Kind.UNAVAILABLE, "this controller has no switch to ask")
        try:
            async for told in tracing.follow(arrivals, with_log=request.log):
                yield [told]
                await asyncio.sleep(0)
        except (NoSwitch, P4RuntimeError) as error:
            raise CallError(Kind.UNAVAILABLE, str(error)) from None

    def _wanted(self, request: Any) -> ServiceKey | None:
        """The service that a request names; None when it names none. Raises CallError."""
        if not request.HasField("virtual"):
            if request.HasField("protocol"):
                raise CallError(Kind.INVALID, "a service is named by protocol and virtual, not by the protocol alone")
            return None
        try:
            key = translate.service_key(request.protocol, request.virtual)
        except ValueError as error:
            raise CallError(Kind.INVALID, str(error)) from None
        services = self._changes.model.services
        if key not in services:
            elsewhere = self._changes.share.elsewhere(key)
            raise CallError(Kind.UNKNOWN, elsewhere or absent(key, services.__contains__))
        return key


def _invalid(problems: list[Problem]) -> CallError:
    return CallError(Kind.INVALID, "; ".join(problem.message for problem in problems), problems)


def _with_checks(server: Json, checks_of: Mapping[str, Json | None]) -> Json:
    """``checks_of`` are those of the servers that are configured."""
    found = None if server["draining"] else checks_of.get(server["server"])
    return server if found is None else {**server, "checks": found}


def _deny_programs(commands: Iterable[Any]) -> None:
    for number, kind in checks.owners(commands):
        message = f"a check of type {kind} is set by the owner of the controller, or root, on the control socket"
        raise CallError(Kind.DENIED, message, [Problem(message, number)])


def _allow_operator(commands: Iterable[Any]) -> None:
    for number, command in enumerate(commands):
        if not translate.is_operators(command):
            message = f"an operator may change weights and drain; {command.WhichOneof('command')} is an admin's"
            raise CallError(Kind.DENIED, message, [Problem(message, number)])
