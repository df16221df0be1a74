"""One-shot action sets: a table entry, its group and the group's members in one message.

Members and groups get ids of our own; clients never see them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from finsy.proto import p4r

from p4soft.api import Engine, EngineError, Entry
from p4soft.server.actions import ActionSet
from p4soft.server.errors import exhausted, invalid, unimplemented
from p4soft.server.staging import StagedEngine
from p4soft.server.weights import GroupRules, Handles, chosen

_SETS = p4r.ActionProfileActionSet


@dataclass(slots=True)
class _Set:
    message: p4r.ActionProfileActionSet
    size: int
    members: list[int] = field(default_factory=list)
    copies: list[tuple[int, int]] = field(default_factory=list)
    """Handles, and whose they are."""
    watches: dict[int, int] = field(default_factory=dict)
    """The ports of those members that are chosen only while theirs is up."""


class OneShots:
    """The action sets of one selector's tables, by the number of the engine's group."""

    def __init__(
        self, engine: Engine | StagedEngine, index: int, actions: ActionSet, rules: GroupRules, what: str
    ) -> None:
        self._engine = engine
        self._index = index
        self._actions = actions
        self._rules = rules
        self._what = what
        self._sets: dict[int, _Set] = {}
        self._handles = Handles()
        self._groups = Handles()

    def adopt(self, other: OneShots) -> None:
        """Take over what ``other`` holds (its state has been replayed into our engine)."""
        self._sets, self._handles, self._groups = other._sets, other._handles, other._groups

    @property
    def in_use(self) -> bool:
        return bool(self._sets)

    def message(self, group: int) -> p4r.ActionProfileActionSet:
        """The set as it was written."""
        return self._sets[group].message

    def create(self, message: p4r.ActionProfileActionSet, replacing: int) -> int:
        """The new set's group number. ``replacing`` is the group that the same entry holds until now, or 0."""
        weights = self._check(message, replacing)
        encoded = [self._actions.encode_action(item.action) for item in message.action_profile_actions]
        kept = p4r.ActionProfileActionSet()
        kept.CopyFrom(message)
        ports = [self._rules.watch_port(item) for item in message.action_profile_actions]
        made = _Set(kept, self._rules.measure(weights))
        group = self._groups.take()
        try:
            for (action, params), weight, port in zip(encoded, weights, ports, strict=True):
                handles = [self._handles.take() for _ in range(weight)]
                member = handles[0] + 1
                made.copies += [(handle, member) for handle in handles]
                if port is not None:
                    made.watches[member] = port
                self._engine.insert(self._index, Entry(member.to_bytes(4, "big"), action, params))
                made.members.append(member)
            self._engine.set_member_group(self._index, group + 1, self._chosen(made))
        except EngineError:
            self._forget(group, made)
            raise
        self._sets[group + 1] = made
        return group + 1

    def ports_changed(self) -> None:
        """Choose from those members again whose watch port is up."""
        for group, held in self._sets.items():
            if held.watches:
                self._engine.set_member_group(self._index, group, self._chosen(held))

    def _chosen(self, held: _Set) -> list[int]:
        return chosen(held.copies, held.watches, self._engine.port_up)

    def remove(self, group: int) -> None:
        """The entry that held the set is gone, or holds another one."""
        self._engine.set_member_group(self._index, group, None)
        self._forget(group - 1, self._sets.pop(group))

    def _forget(self, group: int, gone: _Set) -> None:
        for member in gone.members:
            self._engine.delete(self._index, member.to_bytes(4, "big"))
        for handle, _ in gone.copies:
            self._handles.give_back(handle)
        self._groups.give_back(group)

    def _check(self, message: p4r.ActionProfileActionSet, replacing: int) -> list[int]:
        what = f"{self._what}: one-shot action set"
        if message.action_selection_mode != _SETS.DEFAULT_MODE_DETERMINED_BY_ACTION_SELECTOR:
            raise unimplemented(f"{what}: action_selection_mode is not supported; the program's hash decides")
        if message.size_semantics != _SETS.DEFAULT_SIZE_DETERMINED_BY_ACTION_SELECTOR:
            raise unimplemented(f"{what}: size_semantics is not supported; the program's apply")
        weights = self._rules.weights(message.action_profile_actions)
        size, limit = self._rules.measure(weights), self._rules.max_group_size
        if limit and size > limit:
            raise invalid(f"{what}: a size of {size} is above the selector's max_group_size {limit}")
        others = sum(held.size for group, held in self._sets.items() if group != replacing)
        if self._rules.size and others + size > self._rules.size:
            raise exhausted(f"{what}: all sets together exceed the selector's size {self._rules.size}")
        return weights
