"""Tables with an action profile: their entries refer to members, groups or one-shot action sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from finsy.proto import p4i, p4r

from p4soft.api import GROUP, MEMBER, EngineError, Entry, Table
from p4soft.server.actions import ActionSet
from p4soft.server.errors import denied, invalid, not_found
from p4soft.server.keys import KeyCodec
from p4soft.server.meters import MeterRules
from p4soft.server.profiles import ProfileHandler, Reference
from p4soft.server.tables import State, TableHandler

_UNKNOWN = bytes(4)


class IndirectTableHandler(TableHandler):
    """One table with an action profile."""

    plain = False
    direct = False

    def __init__(
        self,
        engine: State,
        info: p4i.Table,
        table: Table,
        keys: KeyCodec,
        actions: ActionSet,
        meter: MeterRules | None,
        profile: ProfileHandler,
    ) -> None:
        super().__init__(engine, info, table, keys, actions, meter)
        self._profile = profile
        self._what = f"table {self.name}"

    def _held(self, key: bytes, priority: int) -> Reference:
        state = self._engine.get(self.index, key, priority)
        if state is None:
            raise not_found(f"{self._what}: no such entry")
        return state.entry.action, state.entry.params

    def _encode_action(self, action: p4r.TableAction) -> tuple[int, bytes]:
        """A stand-in: what the entry refers to is settled when it is written."""
        return MEMBER, _UNKNOWN

    def _insert_entry(self, entry: Entry, action: p4r.TableAction) -> None:
        self._write(self._engine.insert, entry, self._profile.acquire(action, self._what))

    def _modify_entry(self, entry: Entry, action: p4r.TableAction) -> None:
        old = self._held(entry.key, entry.priority)
        self._write(self._engine.modify, entry, self._profile.acquire(action, self._what, old))
        self._profile.release(old)

    def _write(self, write: Callable[[int, Entry], None], entry: Entry, held: Reference) -> None:
        try:
            write(self.index, replace(entry, action=held[0], params=held[1]))
        except EngineError:
            self._profile.release(held)
            raise

    def delete(self, update: p4r.TableEntry) -> None:
        key, priority = self._encode_delete(update)
        old = self._held(key, priority)
        super().delete(update)
        self._profile.release(old)

    def _modify_default(self, update: p4r.TableEntry) -> None:
        raise denied(f"{self._what}: has an action profile, so its default action is constant")

    def _action_filter(self, query: p4r.TableEntry) -> Callable[[Entry], bool] | None:
        kind = query.action.WhichOneof("type")
        if kind is None:
            return None
        if kind == "action_profile_member_id":
            wanted = MEMBER, query.action.action_profile_member_id.to_bytes(4, "big")
        elif kind == "action_profile_group_id":
            wanted = GROUP, query.action.action_profile_group_id.to_bytes(4, "big")
        else:
            raise invalid(f"{self._what}: entries can be selected by member or group id only")
        return lambda entry: (entry.action, entry.params) == wanted

    def _decode_action(self, source: Entry, action: p4r.TableAction) -> None:
        self._profile.decode_into((source.action, source.params), action)
