"""What a controller does that shares its switches with others: it stands by, hearing what the leader writes, until it
leads; then it has the switches, until it leads no more."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, NamedTuple, NoReturn, Protocol

from fullnat.app.changes import Changes
from fullnat.app.ports import Remembering
from fullnat.app.runner import CoreRunner
from fullnat.app.shared.scribe import Deposed, Scribe
from fullnat.app.shared.store import SharedStore
from fullnat.app.shown import Json, histogram_json
from fullnat.app.state import StateError
from fullnat.app.switch import Switches
from fullnat.config.errors import ConfigError
from fullnat.core.declared.model import Model
from fullnat.core.memory import Kind, Memo, MemoryKey
from fullnat.etcd.client import Change
from fullnat.etcd.election import Clock, Election
from fullnat.etcd.errors import EtcdError
from fullnat.etcd.settings import Settings
from fullnat.p4rt.client import HIGHEST_BID
from fullnat.p4rt.errors import ConnectionLost

TERM_BITS = 64
"""Of an election id are below the term: an id that is a time of day is below the first term, and bids where nobody is
primary go up from the term without coming to the next."""
FAREWELL_SECONDS = 1.0
"""What writing the last memos and giving up the lead may take when the controller ends."""
STORED_SECONDS = 1.0
"""What a command waits for etcd to have what it changes."""
LOOK_SECONDS = 0.5

_LOGGER = logging.getLogger(__name__)


class Bids(NamedTuple):
    """Election ids."""

    first: int
    highest: int = HIGHEST_BID
    """That bids where nobody is primary may come to."""


class Reviewed(Remembering, Protocol):
    def review(self, keys: Iterable[MemoryKey]) -> None: ...


class Recalling(Protocol):
    """The part of :class:`fullnat.core.controller.Controller` used here."""

    @property
    def memory(self) -> Reviewed: ...

    def recall(self, memos: list[tuple[MemoryKey, Memo]], now: float) -> None: ...


class Role:
    def __init__(
        self,
        store: SharedStore,
        settings: Settings,
        runner: CoreRunner,
        core: Recalling,
        clock: Clock | None = None,
    ) -> None:
        self.store = store
        self.election = Election(
            store.etcd,
            store.keys.leader,
            settings.name,
            settings.address,
            silence=settings.silence,
            holds=lambda: self._owner is not None and self._owner.is_held,
            clock=clock,
        )
        self.scribe: Scribe | None = None
        """While we lead."""
        self._runner = runner
        self._core = core
        self._owner: Switches | None = None
        self._changes: Changes | None = None
        self._adopting = asyncio.Event()
        self._adopted = asyncio.Event()
        self._last: Scribe | None = None
        self._written = 0
        """Memos, in earlier terms."""
        self._connections = 0
        """To switches, so far."""
        store.on_change(self._adopting.set, self.election.changed)

    def bids(self) -> Bids:
        """Those of a new connection to a switch, higher than of the one before: a switch that has not noticed yet that
        this one is gone refuses another connection with the same. Raises ConnectionLost for who is not sure to lead."""
        if not self.election.confirmed:
            raise ConnectionLost("etcd does not confirm that this controller leads")
        first = self.store.raised + self.election.term << TERM_BITS
        self._connections += 1
        return Bids(first + self._connections, first | (1 << TERM_BITS) - 1)

    def remember(self, switches: bytes) -> None:
        """Have the next leader know this of the switches of a group."""
        if self.scribe is not None:
            self.scribe.remember(switches)

    async def remembered(self) -> None:
        """Until it would."""
        if self.scribe is not None:
            await self.scribe.switches_current()

    def shown(self) -> Json:
        """For operators."""
        leader, scribe, members = self.election.leader, self.scribe, self.store.etcd.members
        return {
            "leads": bool(self.election.term),
            "leader": "" if leader is None else leader.name,
            "leader_address": "" if leader is None else leader.address,
            "leader_since": 0.0 if leader is None else round(leader.since, 3),
            "term": 0 if leader is None else leader.term,
            "unconfirmed_for": round(self.election.unconfirmed_for, 3),
            "elections": self.election.elections,
            "memos_waiting": 0 if scribe is None else scribe.depth,
            "memos_written": self._written + (0 if scribe is None else scribe.written),
            "up": members.up,
            "calls": members.calls,
            "failures": members.failures,
            "seconds": histogram_json(members.seconds),
        }

    # ---- at work

    async def run(self, owner: Switches, changes: Changes) -> NoReturn:
        """Until cancelled."""
        self._owner, self._changes = owner, changes
        self._runner.on_change(self._model_changed)
        try:
            while True:
                term = await self._stand_by(owner, changes)
                reason = await self._lead(term, owner, changes)
                _LOGGER.warning("no longer leading: %s", reason)
                self._last = None
                await self.election.resign()
        finally:
            await self._leave()

    def _model_changed(self, _model: Model) -> None:
        if self.scribe is not None:
            self.scribe.changed()

    async def _stand_by(self, owner: Switches, changes: Changes) -> int:
        """The term in which we lead."""
        self._show()
        self._adopted.clear()
        async with self.store.followed(), _beside(self._follow_config(changes), self._keep_showing()):
            term = await self.election.lead()
            await self.store.reached(term)
            await self._adopted.wait()
        _LOGGER.info("leading with term %d", term)
        return term

    async def _lead(self, term: int, owner: Switches, changes: Changes) -> str:
        """Why we do not any more."""
        self._recall()
        scribe = Scribe(
            self.store.etcd, self.store.keys, term, self.store.found, self._core.memory, lambda: changes.model
        )
        scribe.config, self.scribe, self._last = self.store.config, scribe, scribe
        owner.stand_by(None)
        changes.close("")
        changes.keep(self._stored)
        work: dict[str, Coroutine[Any, Any, Any]] = {
            "switches": self._serve(owner),
            "memos": scribe.keep_memos(),
            "config": scribe.keep_config(),
            "group": scribe.keep_switches(),
            "lead": self.election.lost(),
            "secret": self._keep_secret(term),
        }
        tasks = [asyncio.create_task(each, name=f"leader-{name}") for name, each in work.items()]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Nothing more is written to a switch once this has begun: cancelling ends the connection at the next turn.
            self._close()
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            self.store.config = scribe.config
            self._written += scribe.written
            self.scribe = None
        return _reason(results)

    async def _keep_secret(self, term: int) -> NoReturn:
        while True:
            try:
                await self.store.keep_secret(term)
            except EtcdError:
                await asyncio.sleep(LOOK_SECONDS)
            else:
                await asyncio.Event().wait()

    async def _serve(self, owner: Switches) -> None:
        """Connect to the switch again where it has heard of later terms."""
        while True:
            async with _beside(owner.run()):
                surpassed = await _until(lambda: owner.surpassed)
                await self._raise_terms(surpassed >> TERM_BITS)

    async def _raise_terms(self, surpassed: int) -> None:
        """A switch has had a later term than etcd's, and nobody is primary: etcd was made anew or put back from a
        backup, if it is still we who lead."""
        term = self.election.term
        raised = surpassed + 1 - term
        try:
            if not await self.store.etcd.write(
                (self.store.keys.leader, term), [Change(self.store.keys.raised, b"%d" % raised)]
            ):
                raise Deposed
        except EtcdError:
            await asyncio.sleep(LOOK_SECONDS)
            return
        self.store.raised = raised
        _LOGGER.warning(
            "the switch has obeyed a later leader than etcd knows: was etcd put back? Terms go on from %d",
            raised + term,
        )

    def _recall(self) -> None:
        """Have the core know what the leader before did. What checks have found, ours have as well."""
        known = self.store.found if self.store.config is not None else self.store.lost | self.store.found
        memos = [(key, memo) for key, memo in known.items() if key.kind is not Kind.DOWN]
        self._core.recall(memos, asyncio.get_running_loop().time())
        self._core.memory.review(list(self.store.found))
        if self.store.config is None:
            # etcd is new, or was made anew: it has nothing of what we know.
            self._core.memory.review([key for key, _ in self._core.memory.everything()])
        self._runner.apply(())

    async def _stored(self) -> None:
        """Until the next leader would know what has just changed, if that does not take long."""
        if (scribe := self.scribe) is None:
            return
        try:
            async with asyncio.timeout(STORED_SECONDS):
                await scribe.current()
        except TimeoutError:
            _LOGGER.warning("etcd does not have the change yet: until then it would be lost with this controller")

    async def _leave(self) -> None:
        """The controller ends."""
        with contextlib.suppress(TimeoutError, EtcdError, Deposed):
            if self._last is not None:
                async with asyncio.timeout(FAREWELL_SECONDS):
                    await self._farewell(self._last)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self.election.resign()

    async def _farewell(self, scribe: Scribe) -> None:
        await scribe.write_switches()
        await scribe.write_memos()

    # ---- standing by

    async def _follow_config(self, changes: Changes) -> NoReturn:
        """Run what the leader runs."""
        self._adopting.set()
        while True:
            await self._adopting.wait()
            self._adopting.clear()
            try:
                text = self.store.config_text()
                if text is not None:
                    await changes.adopt(text, self.store.config_name)
            except ConfigError as error:
                for problem in error.problems:
                    _LOGGER.error("what the leader runs cannot be run here: %s", problem)
            except StateError as error:
                _LOGGER.error("%s", error)
            if not self._adopting.is_set():
                self._adopted.set()

    async def _keep_showing(self) -> NoReturn:
        while True:
            self._show()
            await asyncio.sleep(LOOK_SECONDS)

    def _show(self) -> None:
        leader = self.election.leader
        self._close(f"{leader} leads" if leader is not None else "no controller leads")

    def _close(self, reason: str = "this controller leads no more") -> None:
        if self._owner is not None and self._changes is not None:
            self._owner.stand_by(reason)
            self._changes.close(f"{reason}; send commands to the leader")
            self._changes.keep(None)


async def _until(what: Callable[[], int]) -> int:
    """The first that is not 0, looked at now and then."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if found := what():
            return found


@contextlib.asynccontextmanager
async def _beside(*work: Coroutine[Any, Any, NoReturn]) -> Any:
    """Meanwhile; what fails of it is raised at the end."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


def _reason(results: list[Any]) -> str:
    """Of what has ended first, or with an error."""
    for result in results:
        if isinstance(result, str):
            return result
        if isinstance(result, Deposed):
            return "another controller leads"
        if isinstance(result, Exception):
            _LOGGER.error("what a leader does has failed", exc_info=result)
            return f"internal error: {result}"
    return "it is given up"
