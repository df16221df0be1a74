"""Who leads, of several controllers: a key in etcd, made by a transaction when it is not there, with a lease that its
maker keeps alive.

The revision that has made the key is the *term*. It grows with every election, and is the upper half of the leader's
election id of P4Runtime: a switch that has heard of a term obeys no earlier one, so that it is etcd's majority that
decides who leads, and each switch that sees to it.

A leader is *confirmed* for a while counted from before the request that etcd has answered was sent, so that a clock
that only runs evenly is enough. One that etcd does not confirm any more (there is no majority, or it is on the wrong
side of a partition) begins nothing: it connects to no switch. What it has it keeps as long as every switch holds it for
primary; with the first one that does not, it leads no more. Nobody is then primary on one switch while another is on a
second one.

A lease of etcd ends no earlier than its time, and often later: never before 2 s, looked at every 0.5 s, and prolonged
when etcd itself elects (etcd-io/etcd#6025, #9395). Who stands by therefore asks how much of the leader's lease is left,
and takes its key away when it has not been renewed for ``silence`` seconds.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple, Protocol

from fullnat.etcd.client import Change, Held, Lease, Left
from fullnat.etcd.errors import EtcdError, Unreachable

RENEWALS = 3
"""In ``silence`` seconds."""
MARGIN = 0.9
"""Of ``silence``: how long a leader is confirmed."""
POLL_SECONDS = 0.1
"""Between two looks at the leader's lease."""
RETRY_SECONDS = 0.2
LONGEST = 200
"""Characters of a name and an address that are kept."""

_LOGGER = logging.getLogger(__name__)


class Ballots(Protocol):
    """The part of :class:`fullnat.etcd.client.Etcd` used here."""

    async def get(self, key: bytes) -> Held | None: ...

    async def create(self, key: bytes, value: bytes, lease: int = 0) -> int | None: ...

    async def write(self, while_: tuple[bytes, int], changes: Iterable[Change]) -> bool: ...

    async def grant(self, seconds: int) -> Lease: ...

    async def keep_alive(self, lease: int, seconds: float) -> bool: ...

    async def time_to_live(self, lease: int) -> Left: ...

    async def revoke(self, lease: int) -> None: ...


class Leader(NamedTuple):
    name: str
    address: str
    """For operators; may be empty."""
    since: float
    """Time of day."""
    term: int

    def __str__(self) -> str:
        return f"{self.name} ({self.address})" if self.address else self.name


class Clock(NamedTuple):
    """What time is told by."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    of_day: Callable[[], float] = time.time


class Election:
    def __init__(
        self,
        etcd: Ballots,
        key: bytes,
        name: str,
        address: str,
        *,
        silence: int,
        holds: Callable[[], bool],
        clock: Clock | None = None,
    ) -> None:
        """``holds``: every switch has us as primary."""
        self.leader: Leader | None = None
        """Who leads, as far as we know."""
        self.term = 0
        """Ours, while we lead."""
        self.elections = 0
        """Times that we have become the leader."""
        self._etcd = etcd
        self._key = key
        self._name, self._address = name[:LONGEST], address[:LONGEST]
        self._silence = silence
        self._holds = holds
        self._clock = clock or Clock()
        self._lease: Lease | None = None
        self._until = 0.0
        self._news = asyncio.Event()
        self._trouble = ""

    @property
    def confirmed(self) -> bool:
        """etcd has said a moment ago that we lead."""
        return bool(self.term) and self._clock.now() < self._until

    @property
    def unconfirmed_for(self) -> float:
        """Seconds; 0 for who is confirmed or does not lead."""
        return max(0.0, self._clock.now() - self._until) if self.term else 0.0

    def changed(self) -> None:
        """The key has changed: look at once."""
        self._news.set()

    # ---- to lead

    async def lead(self) -> int:
        """Stand by until we lead; the term."""
        while True:
            self._news.clear()
            sent = self._clock.now()
            try:
                held = await self._etcd.get(self._key)
                self._see(held)
                if held is None:
                    await self._stand()
                elif self._lease is not None and held.lease == self._lease.id:
                    # The answer to what has made it was lost.
                    self._begin(held.created, sent)
                else:
                    await self._observe(held)
            except EtcdError as error:
                self._tell(error)
                await self._clock.sleep(RETRY_SECONDS)
            if self.term:
                self.elections += 1
                return self.term

    async def _stand(self) -> None:
        """Make the key, if nobody else does."""
        self._lease = await self._etcd.grant(self._silence + 1)
        sent = self._clock.now()
        term = await self._etcd.create(self._key, self._said(), self._lease.id)
        if term is None:
            lease, self._lease = self._lease, None
            await self._etcd.revoke(lease.id)
        else:
            self._begin(term, sent)

    def _said(self) -> bytes:
        said = {"name": self._name, "address": self._address, "since": round(self._clock.of_day(), 3)}
        return json.dumps(said).encode()

    def _begin(self, term: int, sent: float) -> None:
        self.term = term
        self.leader = Leader(self._name, self._address, self._clock.of_day(), term)
        self._confirm(sent)

    def _confirm(self, sent: float) -> None:
        self._until = sent + MARGIN * self._silence
        self._trouble = ""

    async def _observe(self, held: Held) -> None:
        """Until the key changes, or its maker is silent; then it is taken away."""
        while not self._news.is_set():
            left = await self._etcd.time_to_live(held.lease)
            if left.seconds < 0 or left.granted - left.seconds - 1 >= self._silence:
                if await self._etcd.write((self._key, held.created), [Change(self._key, None)]):
                    _LOGGER.warning(
                        "%s has not renewed its lease for %d s: it leads no more", self.leader, self._silence
                    )
                return
            await self._pause(POLL_SECONDS)

    # ---- to lead on

    async def lost(self) -> str:
        """Until we lead no more: why."""
        period, sent = self._silence / RENEWALS, self._clock.now()
        while True:
            await self._pause(max(period / RENEWALS, sent + period - self._clock.now()))
            self._news.clear()
            sent = self._clock.now()
            try:
                reason = await self._renew()
            except EtcdError as error:
                self._tell(error)
                reason = ""
            if not reason and not self.confirmed and not self._holds():
                trouble = self._trouble or "its answer came too late"
                reason = f"etcd does not confirm it, and not every switch is ours: {trouble}"
            if reason:
                self.term = 0
                return reason

    async def _renew(self) -> str:
        """Have etcd confirm that we lead; why it does not."""
        if self._lease is None:
            return "there is no lease"
        sent, seconds = self._clock.now(), self._silence / RENEWALS
        # A member that has lost its majority without having noticed renews leases as well (etcd-io/etcd#15247); it
        # answers no question for the key.
        alive, held = await asyncio.gather(self._etcd.keep_alive(self._lease.id, seconds), self._etcd.get(self._key))
        if held is None:
            # Another one may have led and gone meanwhile, or etcd may have been made anew: what it has is to be read.
            return "the lease had ended: etcd could not be reached for longer than that"
        if held.created != self.term:
            self._see(held)
            if held.lease != self._lease.id:
                return f"{self.leader} leads"
            self.term = held.created
        if not alive:
            return "the lease has ended"
        self._confirm(sent)
        return ""

    async def resign(self) -> None:
        """Let others lead at once."""
        self.term = 0
        lease, self._lease = self._lease, None
        if lease is not None:
            try:
                await self._etcd.revoke(lease.id)
            except EtcdError as error:
                _LOGGER.info("the lease ends by itself: %s", error)

    # ---- both

    def _see(self, held: Held | None) -> None:
        self.leader = None if held is None else _leader(held)

    async def _pause(self, seconds: float) -> None:
        """As long as that, or until the key changes."""
        news = asyncio.ensure_future(self._news.wait())
        time_out = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({news, time_out}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            time_out.cancel()

    def _tell(self, error: EtcdError) -> None:
        """Of a trouble that the calls do not tell of themselves, once."""
        if not isinstance(error, Unreachable) and str(error) != self._trouble:
            _LOGGER.error("%s", error)
        self._trouble = str(error)


def _leader(held: Held) -> Leader:
    try:
        said = json.loads(held.value)
        return Leader(str(said["name"]), str(said["address"]), float(said["since"]), held.created)
    except (ValueError, TypeError, KeyError, RecursionError):
        return Leader("somebody unknown", "", 0.0, held.created)
