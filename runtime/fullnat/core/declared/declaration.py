"""The model in force, and its changes: checked as a whole first, then taken over as a whole."""

from __future__ import annotations

from collections.abc import Container, Iterable, Set
from typing import NamedTuple, TypeVar

from fullnat.config.model import GlobalSettings
from fullnat.core.declared.checks import check, of_networks, of_policies, of_program
from fullnat.core.declared.commands import Command, CommandError, ServiceKey
from fullnat.core.declared.draft import Draft, Leaving
from fullnat.core.declared.model import Declared, Model
from fullnat.core.declared.roles import Roles
from fullnat.core.interface import Sizes
from fullnat.core.network.routing import NOWHERE, Router
from fullnat.net.flow import Address, Endpoint

T = TypeVar("T")


class ServiceChange(NamedTuple):
    before: Declared | None
    """None: there was none."""
    after: Declared | None
    """None: it is removed."""

    @property
    def changes_clients(self) -> bool:
        """What its templates remember is no longer asked for."""
        if self.before is None or self.after is None:
            return False
        before, after = self.before.settings, self.after.settings
        if before.persistence_group != after.persistence_group:
            return True
        return before.persistence_prefix != after.persistence_prefix or not after.persistence_timeout

    @property
    def locals_added(self) -> list[Address]:
        """Addresses that sessions show as theirs."""
        before, after = self.before, self.after
        mine = {**before.locals, **before.publics} if before else {}
        return _new({**after.locals, **after.publics} if after else (), mine)

    @property
    def locals_removed(self) -> list[Address]:
        return ServiceChange(self.after, self.before).locals_added

    @property
    def servers_added(self) -> list[Endpoint]:
        return _new(self.after.receivers if self.after else (), set(self.before.receivers) if self.before else ())

    @property
    def servers_removed(self) -> list[Endpoint]:
        return ServiceChange(self.after, self.before).servers_added


class Change(NamedTuple):
    """What a batch of commands changes."""

    services: dict[ServiceKey, ServiceChange]
    network: bool
    """Interfaces or routes."""
    settings: GlobalSettings
    """As they were."""
    drains: dict[tuple[ServiceKey, Endpoint], float | None]
    """The time that sessions of these servers have, seconds from now; None is for ever."""
    ends: Set[ServiceKey | None] = frozenset()
    """Services whose sessions of those who may not use them are to end; None: all."""

    @property
    def locals(self) -> list[Address]:
        """Local addresses that services get and lose."""
        return [local for one in self.services.values() for local in (*one.locals_added, *one.locals_removed)]


class Declaration:
    def __init__(
        self, leaving: Leaving = lambda _: {}, program: Sizes | None = None, router: Router | None = None
    ) -> None:
        """``leaving``: the servers of a service that are removed and have sessions left. ``program``: what it
        has; None: all that there is. ``router``: of a network that commands do not say, one of several."""
        self._leaving = leaving
        self.program = program or Sizes(0, 0)
        self.model = Model()
        """To be read only: commands change it."""
        self.router = router or Router(self.model.network())
        self._is_one_of_several = router is not None
        self._roles = Roles()

    @property
    def common(self) -> Router:
        """Of the network that all is on; there is nobody on it where each switch has its own."""
        return NOWHERE if self._is_one_of_several else self.router

    def change(self, commands: Iterable[Command]) -> Change:
        """Carry out all of ``commands``. Raises CommandError with everything that is wrong, and then nothing has
        changed."""
        draft, roles, router = self._drafted(commands)
        services = {key: ServiceChange(draft.before(key), after) for key, after in draft.services.items()}
        old = self.model.settings
        change = Change(services, draft.network_changes, old, draft.drains, draft.ends)
        draft.take_over()
        self._roles.add(roles)
        self.router = router
        return change

    def check(self, commands: Iterable[Command]) -> None:
        """Raises CommandError if :meth:`change` would."""
        self._drafted(commands)

    def lacks(self, program: Sizes) -> list[str]:
        """What the model has and ``program`` has not."""
        draft = Draft.of(self.model)
        return [problem.message for problem in of_program(draft, draft.roles(), program)]

    def _drafted(self, commands: Iterable[Command]) -> tuple[Draft, Roles, Router]:
        draft = Draft(self.model, self._leaving)
        draft.carry_out(commands)
        if draft.problems:
            raise CommandError(draft.problems)
        roles = draft.roles()
        router = Router(draft.model.network()) if draft.network_changes else self.router
        problems = [*check(draft, self._roles, roles, router)]
        problems += of_program(draft, roles, self.program)
        problems += of_policies(draft)
        problems += of_networks(draft) if self._is_one_of_several else ()
        if problems:
            raise CommandError(problems)
        return draft, roles, router


def _new(names: Iterable[T], known: Container[T]) -> list[T]:
    return [name for name in names if name not in known]
