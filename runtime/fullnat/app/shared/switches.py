"""Which switches of a group hold everything, kept in etcd: so a controller on another machine knows as well."""

from __future__ import annotations

import logging

from fullnat.app.group.remembered import Remembered
from fullnat.app.shared.role import Role

_LOGGER = logging.getLogger(__name__)
_NOTHING = '{"active": null, "full": []}'


class InEtcd(Remembered):
    """What etcd has, kept up to date while ``role`` stands by, and written while it leads."""

    shared = True

    def __init__(self, role: Role) -> None:
        super().__init__()
        self._role = role
        role.store.on_switches(self._hear)

    def keep(self, text: str) -> None:
        self._role.remember(text.encode())

    async def hold(self, held: frozenset[str], group: frozenset[str]) -> None:
        self.held, self.group = held, group
        self.keep(self._text())
        await self._role.remembered()

    def release(self, held: frozenset[str]) -> None:
        self.held = held
        self.keep(self._text())

    def _hear(self, value: bytes | None) -> None:
        try:
            if value is None:
                self.take(_NOTHING)
            else:
                self.take(value)
        except ValueError as error:
            _LOGGER.warning("what etcd has of switches is passed over: %s", error)
