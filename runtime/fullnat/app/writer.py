"""Carries out the Write effects of a switch: many effects a request, two requests in flight, order kept per entry."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, Protocol

from fullnat.core.histogram import SETUP_BOUNDS, Histogram
from fullnat.core.interface import Failure, Op, Outcome, Write, Written
from fullnat.net.flow import made
from fullnat.p4rt.errors import code_name
from fullnat.p4rt.outcomes import outcome
from fullnat.p4rt.packetio import PacketOut
from fullnat.p4rt.schema import Schema
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import Entry, EntryKey, table_of

BATCH_UPDATES = 512
REQUESTS_IN_FLIGHT = 2
WORTH_A_REQUEST = 128
"""Updates that are sent while another request is in flight; fewer wait, because a request costs more than they."""

_ROOM = 4096
"""Server ids that are made room for at a time."""

_LOGGER = logging.getLogger(__name__)


class WriteClient(Protocol):
    """The part of :class:`fullnat.p4rt.client.Client` used here."""

    @property
    def schema(self) -> Schema: ...

    @property
    def immediate(self) -> bool: ...

    async def write(self, updates: list[bytes]) -> dict[int, tuple[int, str]]: ...


@dataclass(slots=True, eq=False)
class Group:
    """The Writes of one list of effects, and the packet-outs that must follow them."""

    jobs: int = 0
    packets: list[PacketOut] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Job:
    """One Write effect."""

    write: Write
    group: Group
    left: int
    failed: dict[int, Failure] = field(default_factory=dict)


_NO_JOB = _Job(Write(()), Group(), 0)
"""Of updates that nobody waits for."""


class Update:
    """What is to become of one entry. ``keys`` identify the switch's entries that it touches, ``after`` those that it
    leads to: nothing, if updates are carried out ``in_order`` anyway."""

    __slots__ = ("after", "entry", "job", "keys", "op", "position", "wires")

    def __init__(
        self, op: Op, entry: Entry, in_order: bool = False, job: _Job | None = None, position: int = 0
    ) -> None:
        """``position``: in the Write effect of ``job``, if it is of one."""
        self.op = op
        self.entry = entry
        self.job = job or _NO_JOB
        self.position = position
        self.keys: tuple[EntryKey, ...] = ()
        self.after: tuple[EntryKey, ...] = ()
        self.wires: tuple[bytes, ...] = ()
        """As the switch takes it, once it is encoded."""
        if not in_order:
            table = table_of(entry)
            self.keys = table.keys(entry)
            if op is not Op.DELETE:
                self.after = table.requires(entry)

    def unencoded(self) -> Update:
        """The same, without bytes that are another program's."""
        other = Update(self.op, self.entry, in_order=True)
        other.keys, other.after = self.keys, self.after
        return other


class Wait(Protocol):
    """For others who are to hold the same."""

    def then(self, call: Callable[[], None]) -> None:
        """``call`` is called once they do, or are given up."""
        ...


class Copies(Protocol):
    """Who has to hold what the switch holds."""

    def took(self, updates: list[Update], schema: Schema) -> Wait | None:
        """The switch, whose schema this is, has carried these out; None: nobody waits for the others."""
        ...


class Writer:
    """``spawn`` runs a coroutine under the owner's supervision; ``written`` and ``release`` tell it what is done."""

    def __init__(
        self,
        client: WriteClient,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        written: Callable[[Written], None],
        release: Callable[[list[PacketOut]], None],
        took: Histogram | None = None,
        copies: Copies | None = None,
    ) -> None:
        """``took`` has the seconds that requests take; ``copies`` hear of what is done."""
        self.updates = 0
        self.requests = 0
        self.failures = 0
        self._client = client
        self._spawn = spawn
        self._written = written
        self._release = release
        self._pending: deque[Update] = deque()
        self._busy: set[EntryKey] = set()
        self._flying: list[list[Update]] = []
        """Requests that are not answered."""
        self._landing: asyncio.Event | None = None
        """Somebody waits for an answer."""
        self._held = False
        self._copies = copies
        self._took = took or Histogram(SETUP_BOUNDS)
        self._told = False
        """The log has it that counters cannot be set."""
        self._counted: dict[type[Entry], bytearray] | None = None
        """By kind of entry and server id, 1 where a server has been since the switch was empty; None: it never was."""

    @property
    def depth(self) -> int:
        """Updates that wait."""
        return len(self._pending)

    @property
    def idle(self) -> bool:
        """Nothing is waiting and nothing is on its way."""
        return not self._pending and not self._flying

    async def landed(self) -> None:
        """Until nothing is on its way."""
        while self._flying:
            self._landing = self._landing or asyncio.Event()
            await self._landing.wait()

    def emptied(self) -> None:
        """The switch has just been given its pipeline: no cell of a counter has counted anything."""
        self._counted = {}

    def hold(self) -> None:
        """Send nothing more until :meth:`move`."""
        self._held = True

    def move(self, client: WriteClient, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        """Go on with another switch, which has all that was answered. What is under way may never be: it is written
        there first."""
        for batch in reversed(self._flying):
            self._pending.extendleft(reversed(batch))
        self._flying.clear()
        self._busy.clear()
        self._tell_landing()
        self._client, self._spawn = client, spawn
        self._counted = None
        self._held = False

    def submit(self, write: Write, group: Group) -> None:
        """Queue a Write; :meth:`pump` sends it."""
        job = _Job(write, group, len(write.updates))
        group.jobs += 1
        if not write.updates:
            self._finish(job)
        in_order = self._client.immediate and self._copies is None
        for position, (op, entry) in enumerate(write.updates):
            self._pending.append(Update(op, entry, in_order, job, position))

    def pump(self) -> None:
        """Start as many requests as there is work and room for."""
        while self._pending and len(self._flying) < REQUESTS_IN_FLIGHT and not self._held:
            if self._flying and len(self._pending) < WORTH_A_REQUEST:
                return
            batch = self._next_batch()
            if not batch:
                return
            self._flying.append(batch)
            if self._client.immediate:
                _finish_now(self._carry_out(batch))
            else:
                self._spawn(self._carry_out(batch))

    def _next_batch(self) -> list[Update]:
        """Those of which no order counts; a switch in this process carries them out in theirs."""
        pending = self._pending
        if self._client.immediate:
            return [pending.popleft() for _ in range(min(len(pending), BATCH_UPDATES))]
        return next_batch(pending, self._busy)

    async def _carry_out(self, batch: list[Update]) -> None:
        cells: list[bytes] = []
        wires: list[bytes] = []
        owners: list[int] = []
        failed: dict[int, Failure] = {}
        schema = self._client.schema
        for index, update in enumerate(batch):
            try:
                encoded = schema.encode(update.op, update.entry)
            except ValueError as error:
                failed[index] = Failure(Outcome.REFUSED, str(error))
                continue
            update.wires = encoded
            for wire in encoded:
                wires.append(wire)
                owners.append(index)
            if (
                type(update.entry) is not SessionEntry
                and self._has_counted(update)
                and (cell := schema.cell_to_clear(update.op, update.entry)) is not None
            ):
                cells.append(cell)
        if wires:
            self.requests += 1
            self.updates += len(wires)
            began = monotonic()
            errors = await self._client.write(cells + wires)
            if not self._is_flying(batch):
                return
            self._took.observe(monotonic() - began)
            if errors and cells:
                errors = self._but_cells(errors, len(cells))
            if errors:
                failed.update(_per_update(batch, owners, errors))
                await self._roll_back(batch, owners, errors)
                if not self._is_flying(batch):
                    return
        self._flying = [other for other in self._flying if other is not batch]
        self._tell_landing()
        if self._busy:
            for update in batch:
                self._busy.difference_update(update.keys)
        wait: Wait | None = None
        if self._copies is not None:
            done = [update for index, update in enumerate(batch) if _is_done(update, failed.get(index))]
            wait = self._copies.took(done, schema)
        if failed:
            self._log(batch, failed)
        if wait is None:
            self._answer(batch, failed)
        else:
            wait.then(partial(self._answer, batch, failed))
        if not self._client.immediate:
            self.pump()

    def _answer(self, batch: list[Update], failed: dict[int, Failure]) -> None:
        for index, update in enumerate(batch):
            job = update.job
            if index in failed:
                job.failed[update.position] = failed[index]
            job.left -= 1
            if not job.left:
                self._finish(job)

    def _tell_landing(self) -> None:
        if self._landing is not None:
            self._landing.set()
            self._landing = None

    def _is_flying(self, batch: list[Update]) -> bool:
        """Whether its answer still counts: it has not been taken to another switch meanwhile."""
        return any(other is batch for other in self._flying)

    def _has_counted(self, update: Update) -> bool:
        """Whether it is a new server whose cell may be another than zero."""
        entry = update.entry
        if update.op is not Op.INSERT or not isinstance(entry, ServerIn | ServerOut):
            return False
        if self._counted is None:
            return True
        known = self._counted.setdefault(type(entry), bytearray())
        if entry.server_id >= len(known):
            known.extend(bytes(entry.server_id + 1 - len(known) + _ROOM))
        before, known[entry.server_id] = known[entry.server_id], 1
        return bool(before)

    def _but_cells(self, errors: dict[int, tuple[int, str]], cells: int) -> dict[int, tuple[int, str]]:
        """The errors of what follows the first ``cells`` updates, which set counters: a server with what another one
        has counted is better than none."""
        ours = sorted(wire for wire in errors if wire < cells)
        if ours and not self._told:
            self._told = True
            code, message = errors[ours[0]]
            _LOGGER.warning(
                "%d counters of new real servers go on from what they were, as further ones may: %s %s",
                len(ours),
                code_name(code),
                message,
            )
        return {wire - cells: error for wire, error in errors.items() if wire >= cells}

    async def _roll_back(self, batch: list[Update], owners: list[int], errors: dict[int, tuple[int, str]]) -> None:
        """Remove the half of an inserted session whose other half failed."""
        halves = []
        for wire in errors:
            update = batch[owners[wire]]
            if update.op is Op.INSERT and isinstance(update.entry, SessionEntry):
                first = owners.index(owners[wire])
                other = first if wire != first else first + 1
                if other not in errors:
                    halves.append(self._client.schema.sessions.delete_half(update.entry, inward=other == first))
        if halves:
            failed = await self._client.write(halves)
            for code, message in failed.values():
                _LOGGER.warning("half a session could not be rolled back: %s %s", code_name(code), message)

    def _finish(self, job: _Job) -> None:
        if job.write.token:
            self._written(made(Written, (job.write.token, job.failed)))
        group = job.group
        group.jobs -= 1
        if not group.jobs and group.packets:
            packets, group.packets = group.packets, []
            self._release(packets)

    def _log(self, batch: list[Update], failed: dict[int, Failure]) -> None:
        self.failures += len(failed)
        silent = [index for index in failed if not batch[index].job.write.token]
        if silent:
            failure = failed[silent[0]]
            update = batch[silent[0]]
            _LOGGER.warning(
                "%d of %d updates failed; the first: %s %s: %s",
                len(silent),
                len(batch),
                update.op.value,
                update.entry,
                failure.message,
            )


def next_batch(pending: deque[Update], busy: set[EntryKey]) -> list[Update]:
    """Take the next updates that touch or lead to no entry of each other or ``busy``, to which theirs are added: the
    switch may reorder them."""
    batch: list[Update] = []
    while pending and len(batch) < BATCH_UPDATES:
        update = pending[0]
        if not (busy.isdisjoint(update.keys) and busy.isdisjoint(update.after)):
            break
        busy.update(update.keys)
        batch.append(pending.popleft())
    return batch


def _finish_now(work: Coroutine[Any, Any, None]) -> None:
    """Run what waits for nothing. Raises what it raises."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("a Write that was to be done at once is waiting")


def _is_done(update: Update, failure: Failure | None) -> bool:
    """What is not there any more is deleted as well."""
    return failure is None or (update.op is Op.DELETE and failure.outcome is Outcome.ABSENT)


def _per_update(batch: list[Update], owners: list[int], errors: dict[int, tuple[int, str]]) -> dict[int, Failure]:
    """The errors by position in ``batch``; of two, the first, but ABSENT only when there is no other."""
    failed: dict[int, Failure] = {}
    for wire in sorted(errors):
        code, message = errors[wire]
        index = owners[wire]
        if index not in failed or failed[index].outcome is Outcome.ABSENT:
            failed[index] = Failure(outcome(batch[index].op, code), f"{code_name(code)} {message}")
    return failed
