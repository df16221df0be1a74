"""What there is room for: what the switch has, and of a group of them the one that has least."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from fullnat.core.declared.declaration import Declaration
from fullnat.core.interface import Sizes
from fullnat.core.session.store import SessionStore
from fullnat.core.switch.mirror import desired_entries
from fullnat.tables.table import Wanted, name_of


def common(programs: Iterable[Sizes]) -> Sizes:
    """What each of these has."""
    return Sizes(*(min(of) for of in zip(*programs, strict=True)))


class Capacity:
    def __init__(self, program: Sizes, store: SessionStore, declaration: Declaration) -> None:
        """``program``: the one that is written for, until there are others."""
        self.room = program
        """What is given out, and what may be asked for by commands."""
        self._program = program
        self._store = store
        self._declaration = declaration

    def have(self, programs: Sequence[Sizes]) -> None:
        """These are what the switches run that are to hold everything. What there is already stays."""
        self.room = common((self._program, *programs))
        if programs:
            # Our own program says nothing of the sizes of others.
            session_ids, server_ids, *_, list_size = common(programs)
            self.room = self.room._replace(session_ids=session_ids, server_ids=server_ids, list_size=list_size)
        most = Sizes(*(max(of) for of in zip(self._program, *programs, strict=True)))
        self._store.table.resize(self.room.session_ids, most.session_ids)
        self._store.services.ids.resize(self.room.server_ids, most.server_ids)
        self._declaration.program = self.room

    def shortage(self, program: Sizes) -> str:
        """What there are more of than ``program`` has room for; nothing, if it has room for all."""
        if len(self._store.table) > program.session_ids:
            return f"sessions, and it has room for {program.session_ids}"
        if len(self._store.services.ids) > program.server_ids:
            return f"real servers of services, and it has room for {program.server_ids}"
        return ""

    def leftover(self, program: Sizes) -> str:
        """What has numbers that ``program`` has no room for; nothing, if there is none."""
        if not self._store.table.ids.fits(program.session_ids):
            return f"sessions with ids from {program.session_ids} on"
        if not self._store.services.ids.below(program.server_ids):
            return f"real servers with ids from {program.server_ids} on"
        return ""

    def entries(self) -> Counter[str]:
        """How many the configuration puts into each table, by its name, as far as the configuration alone says."""
        model = self._declaration.model
        locals_ = list(dict.fromkeys(local for service in model.services.values() for local in service.locals))
        gateways = dict.fromkeys(self._declaration.common.gateways.values(), 0)
        wanted = Wanted(model.network(), dict.fromkeys(model.services, 0), locals_, gateways)
        return Counter(map(name_of, desired_entries(wanted).values()))

    def lacks(self, program: Sizes) -> list[str]:
        """What the configuration has and ``program`` has not."""
        return self._declaration.lacks(program)
