"""One switch of a group: whom its connections serve."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from time import monotonic
from typing import TYPE_CHECKING

from fullnat.app.group import gate
from fullnat.app.group.fill import Progress
from fullnat.app.group.programs import Unfit
from fullnat.app.group.proof import Proof
from fullnat.app.group.replica import Replica
from fullnat.app.group.shown import switch_json
from fullnat.app.liveness import ASK_BESIDE, LOST_BESIDE
from fullnat.app.outgoing import Counts, Outgoing
from fullnat.app.runner import CoreRunner
from fullnat.app.session import SwitchSession
from fullnat.app.shown import Json
from fullnat.app.switch import SwitchOwner
from fullnat.core.interface import Event, SwitchUp
from fullnat.p4rt.errors import P4RuntimeError

if TYPE_CHECKING:
    from fullnat.app.group.group import SwitchGroup


MUTE = "what is sent through its data plane does not come back"

_LOGGER = logging.getLogger(__name__)


class Role(Enum):
    AWAY = "away"
    """There is no connection, or another controller has the switch."""
    WAITING = "waiting"
    """It is there, and it is not decided which one begins."""
    FILLING = "filling"
    """It is being given what the active one holds."""
    STANDBY = "standby"
    """It holds what the active one does, and does nothing."""
    ACTIVE = "active"
    REFUSED = "refused"
    """Its program cannot carry what the group has; it is asked again and again, as one that is away is."""


@dataclass(frozen=True, slots=True)
class Takeover:
    """That a switch became active in the place of another one."""

    why: str
    at: float
    """On the monotonic clock."""
    took: float
    """Seconds from when that was decided until it forwarded."""


class Member:
    """See :class:`fullnat.app.session.Home`."""

    owner: SwitchOwner
    is_group = True

    def __init__(self, name: str, group: SwitchGroup) -> None:
        self.name = name
        self.counts = Counts()
        self.role = Role.AWAY
        self.session: SwitchSession | None = None
        """While the switch is ours."""
        self.turn = 0
        """Grows with every connection and change of role: who was at work for it before is not any more."""
        self.is_full = False
        """It holds what the active one does, but for what its replica still has to tell it."""
        self.fills = 0
        self.has_gate = False
        """It had when it came, and nothing tells which one was the active one."""
        self.replica: Replica | None = None
        """While it follows the active one."""
        self.network: Outgoing | None = None
        """Of one of several that all forward: by which what concerns its network leaves, while it forwards."""
        self.progress = Progress()
        """Of the last time that it was filled."""
        self.takeovers = 0
        self.takeover: Takeover | None = None
        """The last one."""
        self.trouble = ""
        """Why it was last taken out, or could not be filled."""
        self.is_mute = False
        """What is sent through its data plane does not come back."""
        self.has_proved = False
        """It has come back, once at least."""
        self.is_upgrading = False
        """It is to be given our own program, whatever it runs."""
        self._group = group

    @property
    def runner(self) -> CoreRunner:
        return self._group.runner

    @property
    def behind(self) -> int:
        """Updates that it has to take to hold what the active one does, but for those of a fill still to come."""
        return self.replica.behind if self.replica is not None else 0

    @property
    def doing(self) -> str:
        """Its role, for people."""
        if self.name in self._group.programs.refused:
            return Role.REFUSED.value
        return self.role.value if self.network is None else Role.ACTIVE.value

    @property
    def told(self) -> str:
        """Likewise, and of one that is away why."""
        doing = self.doing
        return f"{doing} ({self.owner.reason or 'it is being connected'})" if doing == Role.AWAY.value else doing

    @property
    def lives(self) -> bool:
        """Its data plane has proved to, and does still."""
        return self.has_proved and not self.is_mute

    @property
    def is_awake(self) -> bool:
        """It has answered a moment ago."""
        return self.session is not None and self.session.silent <= ASK_BESIDE

    @property
    def is_silent(self) -> bool:
        """Its connection is given up because nothing has come by it; so may those of others be, a moment later."""
        return self.session is not None and self.session.silent >= LOST_BESIDE

    def shown(self, sessions: int) -> Json:
        """While the core has so many sessions."""
        owner, role, takeover, programs = self.owner, self.role, self.takeover, self._group.programs
        filled = self.progress.share if role is Role.FILLING else float(self.is_full or role is Role.ACTIVE)
        trouble = self.trouble if role is Role.FILLING else ""
        held = {Role.FILLING: self.progress.done, Role.STANDBY: sessions, Role.ACTIVE: sessions}
        return switch_json(
            self.name,
            self.doing,
            "mute" if self.is_mute and owner.state == "serving" else owner.state,
            programs.refused.get(self.name) or trouble or owner.reason or MUTE * self.is_mute,
            self.counts.connects,
            held.get(role, 0),
            behind=self.behind,
            filled=filled,
            fills=self.fills,
            takeovers=self.takeovers,
            why=takeover.why if takeover is not None else "",
            ago=monotonic() - takeover.at if takeover is not None else None,
            took=takeover.took if takeover is not None else None,
            program=programs.cookie(self.name),
            other_program=programs.is_other(self.name),
            packets=owner.pace.packets,
            packet_rate=owner.pace.rate(monotonic()),
        )

    async def admit(self, session: SwitchSession) -> None:
        await self._group.admit(self, session)

    async def provide(self, session: SwitchSession) -> bool:
        """One that is to run our own program keeps what it has if it holds what nobody else does any more."""
        group, programs = self._group, self._group.programs
        push = self.is_upgrading and (group.active is not None or self.name in programs.refused)
        try:
            is_pushed = await programs.provide(self.name, session.client, push=push)
        except Unfit as error:
            if group.active is not None and await gate.shut_by_name(session.client, error.p4info):
                group.announce()
            raise
        except P4RuntimeError as error:
            if push:
                _LOGGER.error("switch %s was not given this controller's program, and is not: %s", self.name, error)
            raise
        finally:
            # It is asked for anew, if it failed: what has happened to the switch meanwhile nobody knows.
            self.is_upgrading = False
        return is_pushed

    async def join(self, session: SwitchSession) -> None:
        proof = session.proof = Proof(session, self._group.patience, self._group.cpu_port, self._proved)
        session.spawn(proof.watch())
        session.spawn(self._group.serve(self, session))

    def _proved(self, lives: bool) -> None:
        self._group.proved(self, lives)

    def attach(self, session: SwitchSession, event: SwitchUp) -> None:
        self._group.begin(self, session, event)

    def tell(self, session: SwitchSession, event: Event) -> None:
        self._group.tell(self, event)

    def hear(self, session: SwitchSession, events: Sequence[Event]) -> None:
        self._group.hear(self, events)

    def leave(self, session: SwitchSession, reason: str, *, taken: bool) -> None:
        self._group.admission.leave(self.name)
        self._group.programs.lost(self.name, reason)
        if self.session is session:
            self._group.leave(self, reason, taken=taken)
