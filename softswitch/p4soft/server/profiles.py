"""ActionProfileMember and ActionProfileGroup: what entries of tables with an action profile refer to.

The engine can set groups but not list them, so members and groups are kept here as they were written. One-shot action
sets are in :mod:`p4soft.server.oneshots`; a profile is programmed in one way or the other, never both at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from finsy.proto import p4i, p4r

from p4soft.api import GROUP, MEMBER, Engine, Entry, Profile
from p4soft.server.actions import ActionSet
from p4soft.server.errors import already_exists, exhausted, failed_precondition, invalid, not_found
from p4soft.server.oneshots import OneShots
from p4soft.server.staging import StagedEngine
from p4soft.server.translation import Translation
from p4soft.server.weights import GroupRules, Handles, chosen

Reference = tuple[int, bytes]
"""Action and parameters of an engine entry that refers to a member or group."""

_INSERT, _DELETE = p4r.Update.INSERT, p4r.Update.DELETE


@dataclass(slots=True)
class _Member:
    action: p4r.Action
    handles: list[int]
    """One per copy that the heaviest group needs, at least one."""
    weights: dict[int, int] = field(default_factory=dict)
    """By group that the member is in."""
    entries: int = 0


@dataclass(slots=True)
class _Group:
    message: p4r.ActionProfileGroup
    weights: dict[int, int]
    watches: dict[int, int]
    """The ports of those members that are chosen only while theirs is up."""
    entries: int = 0


def _id(number: int) -> bytes:
    return number.to_bytes(4, "big")


class ProfileHandler:
    """One action profile or action selector of a loaded pipeline."""

    def __init__(
        self,
        engine: Engine | StagedEngine,
        info: p4i.ActionProfile,
        profile: Profile,
        actions: ActionSet,
        ports: Translation | None,
    ) -> None:
        """``ports``: the type that clients have port numbers in, if there is one."""
        self.id = info.preamble.id
        self.name = info.preamble.name
        self._what = f"action profile {self.name}"
        self._engine = engine
        self.index = profile.index
        self._selector = profile.selector
        self.actions = actions
        self._rules = GroupRules(info, self._what, ports)
        self._handles = Handles()
        self._members: dict[int, _Member] = {}
        self._groups: dict[int, _Group] = {}
        self._sets = OneShots(engine, profile.index, actions, self._rules, self._what)

    def adopt(self, other: ProfileHandler) -> None:
        """Take over what ``other`` holds (its state has been replayed into our engine)."""
        self._handles, self._members, self._groups = other._handles, other._members, other._groups
        self._sets.adopt(other._sets)
        self.ports_changed()

    def ports_changed(self) -> None:
        """Choose from those members again whose watch port is up."""
        for number, group in self._groups.items():
            if group.watches:
                self._engine.set_member_group(self.index, number, self._chosen(group.weights, group.watches))
        self._sets.ports_changed()

    # members

    def write_member(self, kind: p4r.Update.Type.ValueType, update: p4r.ActionProfileMember) -> None:
        number = update.member_id
        what = f"{self._what}: member {number}"
        if not number:
            raise invalid(f"{self._what}: member_id must not be 0")
        member = self._members.get(number)
        if kind == _INSERT:
            self._check_manual()
            if member is not None:
                raise already_exists(f"{what}: exists")
        elif member is None:
            raise not_found(f"{what}: does not exist")
        if kind == _DELETE and member is not None:
            self._delete_member(number, member, what)
            return
        if not update.HasField("action"):
            raise invalid(f"{what}: needs an action")
        action, params = self.actions.encode_action(update.action)
        entry = Entry(_id(number), action, params)
        kept = p4r.Action()
        kept.CopyFrom(update.action)
        if member is not None:
            self._engine.modify(self.index, entry)
            member.action = kept
            return
        if self._rules.size and len(self._members) >= self._rules.size:
            raise exhausted(f"{self._what}: all {self._rules.size} members are in use")
        self._engine.insert(self.index, entry)
        self._members[number] = _Member(kept, [self._handles.take()])

    def _delete_member(self, number: int, member: _Member, what: str) -> None:
        if member.weights:
            raise failed_precondition(f"{what}: is in group {min(member.weights)}")
        if member.entries:
            raise failed_precondition(f"{what}: {member.entries} table entries refer to it")
        self._engine.delete(self.index, _id(number))
        del self._members[number]
        self._handles.give_back(member.handles[0])

    def read_members(self, query: p4r.ActionProfileMember) -> Iterator[p4r.Entity]:
        """One member, or all when its id is 0."""
        wanted = query.member_id
        for number in [wanted] if wanted else list(self._members):
            if number in self._members:
                entity = p4r.Entity()
                message = entity.action_profile_member
                message.action_profile_id = self.id
                message.member_id = number
                message.action.CopyFrom(self._members[number].action)
                yield entity

    # groups

    def write_group(self, kind: p4r.Update.Type.ValueType, update: p4r.ActionProfileGroup) -> None:
        number = update.group_id
        what = f"{self._what}: group {number}"
        if not self._selector:
            raise invalid(f"{self._what}: has no selector, so it has no groups")
        if not number:
            raise invalid(f"{self._what}: group_id must not be 0")
        group = self._groups.get(number)
        if kind == _INSERT:
            self._check_manual()
            if group is not None:
                raise already_exists(f"{what}: exists")
            self._check_max_size(update.max_size, what)
        elif group is None:
            raise not_found(f"{what}: does not exist")
        elif kind == _DELETE:
            if group.entries:
                raise failed_precondition(f"{what}: {group.entries} table entries refer to it")
            self._set_members(number, group.weights, None, {})
            del self._groups[number]
            return
        elif update.max_size != group.message.max_size:
            raise invalid(f"{what}: max_size is {group.message.max_size} and cannot be changed")
        weights = self._check_members(number, update, what)
        watches = {m.member_id: port for m in update.members if (port := self._rules.watch_port(m)) is not None}
        self._set_members(number, group.weights if group is not None else {}, weights, watches)
        kept = p4r.ActionProfileGroup()
        kept.CopyFrom(update)
        self._groups[number] = _Group(kept, weights, watches, group.entries if group is not None else 0)

    def _check_max_size(self, max_size: int, what: str) -> None:
        limit = self._rules.max_group_size
        if max_size < 0:
            raise invalid(f"{what}: max_size is negative")
        if limit and not 0 < max_size <= limit:
            raise invalid(f"{what}: max_size must be in 1..{limit}, the selector's max_group_size")
        most = self._rules.most
        if max_size > most:
            raise exhausted(f"{what}: max_size {max_size} is above {most}, which is what the selector holds")

    def _check_members(self, number: int, update: p4r.ActionProfileGroup, what: str) -> dict[int, int]:
        """The weights of the group's members by their ids, every check made."""
        given = self._rules.weights(update.members)
        weights: dict[int, int] = {}
        for member, weight in zip(update.members, given, strict=True):
            if member.member_id in weights:
                raise invalid(f"{what}: member {member.member_id} is given twice; use weights")
            if member.member_id not in self._members:
                raise not_found(f"{what}: member {member.member_id} does not exist")
            weights[member.member_id] = weight
        if update.max_size and self._rules.measure(given) > update.max_size:
            raise exhausted(f"{what}: its members exceed max_size {update.max_size}")
        others = sum(self._measure(g.weights) for n, g in self._groups.items() if n != number)
        if self._rules.size and others + self._rules.measure(given) > self._rules.size:
            raise exhausted(f"{what}: all groups together exceed the selector's size {self._rules.size}")
        return weights

    def _measure(self, weights: dict[int, int]) -> int:
        return self._rules.measure(list(weights.values()))

    def _set_members(
        self, number: int, old: dict[int, int], new: dict[int, int] | None, watches: dict[int, int]
    ) -> None:
        """Give the group its members, with as many copies of each as weigh in; None removes it."""
        concerned = sorted({*old, *(new or ())})
        for member_id, weight in sorted((new or {}).items()):
            handles = self._members[member_id].handles
            while len(handles) < weight:
                handles.append(self._handles.take())
        try:
            members = None if new is None else self._chosen(new, watches)
            self._engine.set_member_group(self.index, number, members)
            for member_id in concerned:
                self._members[member_id].weights.pop(number, None)
            for member_id, weight in (new or {}).items():
                self._members[member_id].weights[number] = weight
        finally:
            self._trim(concerned)

    def _chosen(self, weights: dict[int, int], watches: dict[int, int]) -> list[int]:
        copies = (
            (handle, member_id)
            for member_id, weight in weights.items()
            for handle in self._members[member_id].handles[:weight]
        )
        return chosen(copies, watches, self._engine.port_up)

    def _trim(self, concerned: Sequence[int]) -> None:
        for member_id in concerned:
            member = self._members[member_id]
            for handle in member.handles[max(member.weights.values(), default=1) :]:
                self._handles.give_back(handle)
            del member.handles[max(member.weights.values(), default=1) :]

    def read_groups(self, query: p4r.ActionProfileGroup) -> Iterator[p4r.Entity]:
        """One group, or all when its id is 0."""
        wanted = query.group_id
        for number in [wanted] if wanted else list(self._groups):
            if number in self._groups:
                entity = p4r.Entity()
                entity.action_profile_group.CopyFrom(self._groups[number].message)
                yield entity

    # table entries

    def acquire(self, action: p4r.TableAction, what: str, replacing: Reference | None = None) -> Reference:
        """What an entry with this action holds in the engine, from now on in use. ``what`` names the table."""
        kind = action.WhichOneof("type")
        if kind == "action_profile_member_id":
            self._check_manual()
            member = self._members.get(action.action_profile_member_id)
            if member is None:
                raise not_found(f"{what}: {self.name} has no member {action.action_profile_member_id}")
            member.entries += 1
            return MEMBER, _id(action.action_profile_member_id)
        if kind not in ("action_profile_group_id", "action_profile_action_set"):
            raise invalid(f"{what}: takes members of {self.name}, {kind or 'nothing'} is given")
        if not self._selector:
            raise invalid(f"{what}: {self.name} has no selector, so entries refer to members only")
        if kind == "action_profile_action_set":
            if self._members or self._groups:
                raise invalid(f"{what}: {self.name} has members or groups, so one-shot action sets cannot be used")
            old = replacing[1] if replacing is not None else b""
            return GROUP, _id(self._sets.create(action.action_profile_action_set, int.from_bytes(old, "big")))
        self._check_manual()
        group = self._groups.get(action.action_profile_group_id)
        if group is None:
            raise not_found(f"{what}: {self.name} has no group {action.action_profile_group_id}")
        group.entries += 1
        return GROUP, _id(action.action_profile_group_id)

    def release(self, reference: Reference) -> None:
        """The entry that held ``reference`` is gone, or holds another one."""
        kind, number = reference[0], int.from_bytes(reference[1], "big")
        if kind == MEMBER:
            self._members[number].entries -= 1
        elif self._sets.in_use:
            self._sets.remove(number)
        else:
            self._groups[number].entries -= 1

    def decode_into(self, reference: Reference, action: p4r.TableAction) -> None:
        """Fill in the action of an entry as it was written."""
        number = int.from_bytes(reference[1], "big")
        if reference[0] == MEMBER:
            action.action_profile_member_id = number
        elif self._sets.in_use:
            action.action_profile_action_set.CopyFrom(self._sets.message(number))
        else:
            action.action_profile_group_id = number

    def _check_manual(self) -> None:
        if self._sets.in_use:
            raise invalid(f"{self._what}: is programmed by one-shot action sets; members and groups cannot be used")
