"""Which program each switch of a group runs, and whether it can carry what the group has.

The controller has a program of its own, which it gives to a switch that runs none. One that runs another program of
ours goes on with it: what it holds is worth more. It is given ours by command, while it does not forward.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from finsy.proto import p4i

from fullnat.app.group.ledger import Ledger
from fullnat.app.ports import Core
from fullnat.core.interface import Sizes
from fullnat.p4rt import program
from fullnat.p4rt.client import Client
from fullnat.p4rt.errors import P4RuntimeError, SchemaError
from fullnat.p4rt.pipeline import Pipeline, is_ours, sizes
from fullnat.p4rt.program import Program
from fullnat.p4rt.schema import Schema, of_another

TOLD = 3
"""Differences that are named; of the others it is said how many there are."""

_LOGGER = logging.getLogger(__name__)


class Unfit(P4RuntimeError):
    """A switch cannot be one of the group as it is; the message says why, and what to do."""

    def __init__(self, message: str, p4info: p4i.P4Info) -> None:
        super().__init__(message)
        self.p4info = p4info
        """Of what it runs."""


class Programs:
    """Of one group."""

    def __init__(self, core: Core, ledger: Ledger) -> None:
        """``ledger``: what the group's switches hold beside sessions."""
        self.own: Program | None = None
        """The controller's, once there has been a connection."""
        self._core = core
        self._ledger = ledger
        self._known: dict[str, tuple[Pipeline, Program, Schema]] = {}
        """By the name of the switch, what it last ran that is another one than ours, if we can work with it."""
        self._running: dict[str, Program] = {}
        """What those run that hold everything, or are to."""
        self.refused: dict[str, str] = {}
        """By name, why it cannot be one of the group as it is."""

    async def provide(self, name: str, client: Client, *, push: bool) -> bool:
        """Have ``client`` go by what switch ``name`` runs, which is to be our own program if it runs none or ``push``;
        whether it was given it, and is empty. Raises Unfit, and P4RuntimeError."""
        own = self.own = client.program
        runs_own = await client.cookie() == own.cookie
        other = None if runs_own or push else await self._other(name, client)
        if other is not None:
            client.go_by(*other)
        self._require_room(name, client.program)
        if is_pushed := not runs_own and other is None:
            await client.push()
        self._take(name, client.program)
        if not is_pushed:
            self.require(name)
        return is_pushed

    async def _other(self, name: str, client: Client) -> tuple[Program, Schema] | None:
        """The program that the switch has got from somebody else; None: it is nothing of ours. Raises Unfit, and
        P4RuntimeError."""
        pipeline = await client.pipeline()
        if pipeline is None or not is_ours(pipeline.p4info):
            return None
        known = self._known.get(name)
        # By the cookie alone it is not known: who gives a program by hand may give none.
        if known is None or known[0] != pipeline:
            theirs = program.found(pipeline)
            try:
                schema = of_another(theirs, client.program)
            except SchemaError as error:
                self.leave(name)
                why = f"is not one that this controller can work with: {_first(error.differences)}"
                raise self._unfit(name, theirs, why) from None
            _LOGGER.info("switch %s runs another program than this controller's, and goes on with it", name)
            known = self._known[name] = pipeline, theirs, schema
        return known[1:]

    # what there is room for

    def require(self, name: str) -> None:
        """Raises Unfit if switch ``name`` has no room for all that the group has."""
        theirs = self._running.get(name)
        if theirs is None:
            return
        self._require_room(name, theirs)
        if leftover := self._core.capacity.leftover(theirs.sizes):
            raise self._unfit(name, theirs, f"has no room for {leftover}, and waits until these have ended")
        self.refused.pop(name, None)

    def _require_room(self, name: str, theirs: Program) -> None:
        """Raises Unfit if there are more of anything than a program has room for."""
        if shortage := self._shortage(theirs):
            self.leave(name)
            raise self._unfit(name, theirs, shortage)

    def _take(self, name: str, theirs: Program) -> None:
        """Switch ``name`` runs this program, and is to hold everything."""
        before = self._running.get(name)
        self._running[name] = theirs
        if before is not theirs:
            self._count(name)

    def shortage(self) -> str:
        """What our own program has no room for."""
        return self._shortage(self.own) if self.own is not None else ""

    def _shortage(self, theirs: Program) -> str:
        capacity = self._core.capacity
        if theirs.sizes[2:] != (self.own or theirs).sizes[2:] and (lacking := capacity.lacks(theirs.sizes)):
            return f"lacks what the configuration uses: {_first(lacking)}"
        if shortage := capacity.shortage(theirs.sizes):
            return f"is too small: there are more {shortage}"
        room = sizes(theirs.p4info)
        counts = self._ledger.counts or (capacity.entries() if theirs is not self.own else {})
        for table, count in counts.items():
            if count > (has := room.get(table, 0)):
                return f"is too small: there are more entries of table {table}, and it has room for {has}"
        return ""

    def _unfit(self, name: str, theirs: Program, why: str) -> Unfit:
        what = f"its program (cookie {theirs.cookie:#x}) {why}"
        is_own = self.own is None or theirs.cookie == self.own.cookie
        do = f"take it out: --remove {name}" if is_own else f"give it this controller's: --upgrade {name}"
        self.refused[name] = f"{what}; {do}"
        return Unfit(self.refused[name], theirs.p4info)

    def lost(self, name: str, reason: str) -> None:
        """The connection to switch ``name`` is, because of this."""
        if self.refused.get(name) != reason:
            self.refused.pop(name, None)

    def leave(self, name: str) -> None:
        """Switch ``name`` is of the group no more, or does not count."""
        self.refused.pop(name, None)
        if self._running.pop(name, None) is not None:
            self._count(name)

    def _count(self, name: str) -> None:
        """The group has room for what the smallest one has."""
        capacity = self._core.capacity
        before = capacity.room
        capacity.have([each.sizes for each in self._running.values()])
        for what, size in _numbers(capacity.room).items():
            if size != _numbers(before)[what]:
                _LOGGER.warning("with switch %s the group has room for %d %s", name, size, what)

    def cookie(self, name: str) -> int:
        """Of what switch ``name`` runs; 0: that is not known."""
        return self._running[name].cookie if name in self._running else 0

    def is_own(self, name: str) -> bool:
        """Whether switch ``name`` is known to run our own program."""
        return name in self._running and not self.is_other(name)

    def is_other(self, name: str) -> bool:
        """Whether it is known to run another one."""
        return name in self._running and self._running[name] is not self.own


def _numbers(room: Sizes) -> Mapping[str, int]:
    return {"sessions": room.session_ids, "real servers": room.server_ids}


def _first(lines: Sequence[str]) -> str:
    more = f", and {len(lines) - TOLD} more" if len(lines) > TOLD else ""
    return "; ".join(lines[:TOLD]) + more
