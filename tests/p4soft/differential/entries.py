"""Random entries of all kinds for a program, from its P4Info."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from finsy.proto import p4i, p4r
from p4kit import INSERT, MODIFY, between, exact, lpm, optional, ternary
from values import Pool

Update = tuple[Any, Any]
"""The kind of an update, and its entity."""

_ENTRIES = 16
_MEMBERS = 6
_GROUPS = 3
_REPLICATED = 16
_PORTS = (1, 2, 3, 7)
_DEFAULTS = 0.5
"""How often a table gets another default action."""


class EntryMaker:
    """Updates for one program; in the order given, since later ones may refer to earlier ones."""

    def __init__(self, info: p4i.P4Info, pool: Pool, rng: random.Random) -> None:
        self.info = info
        self.pool = pool
        self.rng = rng
        self.actions = {action.preamble.id: action for action in info.actions}
        self.profiles = {profile.preamble.id: profile for profile in info.action_profiles}
        self.one_shot = {number for number, p in self.profiles.items() if p.with_selector and rng.random() < 0.5}
        self.ids: dict[int, tuple[list[int], list[int]]] = {number: ([], []) for number in self.profiles}
        """By profile, the members and groups there are."""

    def updates(self) -> Iterator[Update]:
        yield from self._replication()
        for number, profile in self.profiles.items():
            if number not in self.one_shot:
                yield from self._profile(profile)
        for table in self.info.tables:
            if _writable(table, self.actions):
                yield from self._table(table)

    # replication

    def _replication(self) -> Iterator[Update]:
        for number in [value for value in self.pool.of(15) if value][:_REPLICATED]:
            group = p4r.MulticastGroupEntry(multicast_group_id=number)
            session = p4r.CloneSessionEntry(session_id=number)
            for message in (group, session):
                for instance, port in enumerate(self.rng.sample(_PORTS, self.rng.randrange(1, 3)), 1):
                    message.replicas.add(egress_port=port, instance=instance)
                yield INSERT, message

    # action profiles

    def _profile(self, profile: p4i.ActionProfile) -> Iterator[Update]:
        number = profile.preamble.id
        table = next((t for t in self.info.tables if t.implementation_id == number), None)
        if table is None or not _writable(table, self.actions):
            return
        members, groups = self.ids[number]
        for member in range(1, _MEMBERS + 1):
            members.append(member)
            yield (
                INSERT,
                p4r.ActionProfileMember(
                    action_profile_id=number, member_id=member, action=self._action(self._choose(table))
                ),
            )
        for group in range(1, _GROUPS + 1) if profile.with_selector else ():
            made = p4r.ActionProfileGroup(action_profile_id=number, group_id=group, max_size=_MEMBERS)
            for member in self.rng.sample(members, self.rng.randrange(1, _MEMBERS)):
                made.members.add(member_id=member, weight=1)
            groups.append(group)
            yield INSERT, made

    # tables

    def _table(self, table: p4i.Table) -> Iterator[Update]:
        changeable = not (table.const_default_action_id or table.implementation_id)
        if changeable and self.rng.random() < _DEFAULTS:
            entry = p4r.TableEntry(table_id=table.preamble.id, is_default_action=True)
            entry.action.CopyFrom(self._bound(table, p4i.ActionRef.DEFAULT_ONLY))
            yield MODIFY, entry
        if not table.match_fields:
            return
        count = min(_ENTRIES, table.size)
        priorities = self.rng.sample(range(1, 1000), count)
        ordered = any(f.match_type in _ORDERED for f in table.match_fields)
        for priority in priorities:
            entry = p4r.TableEntry(table_id=table.preamble.id, priority=priority if ordered else 0)
            entry.match.extend(m for field in table.match_fields if (m := self._match(field)) is not None)
            entry.action.CopyFrom(self._bound(table, p4i.ActionRef.TABLE_ONLY))
            yield INSERT, entry

    def _bound(self, table: p4i.Table, scope: p4i.ActionRef.Scope.ValueType) -> p4r.TableAction:
        number = table.implementation_id
        if not number:
            return p4r.TableAction(action=self._action(self._choose(table, scope)))
        if number in self.one_shot:
            made = p4r.TableAction()
            for _ in range(self.rng.randrange(1, 4)):
                chosen = self._action(self._choose(table))
                made.action_profile_action_set.action_profile_actions.add(action=chosen, weight=1)
            return made
        members, groups = self.ids[number]
        if groups and self.rng.random() < 0.5:
            return p4r.TableAction(action_profile_group_id=self.rng.choice(groups))
        return p4r.TableAction(action_profile_member_id=self.rng.choice(members))

    def _choose(self, table: p4i.Table, scope: p4i.ActionRef.Scope.ValueType = p4i.ActionRef.TABLE_ONLY) -> p4i.Action:
        fitting = [r.id for r in table.action_refs if r.scope in (p4i.ActionRef.TABLE_AND_DEFAULT, scope)]
        return self.actions[self.rng.choice(fitting)]

    def _action(self, action: p4i.Action) -> p4r.Action:
        made = p4r.Action(action_id=action.preamble.id)
        for param in action.params:
            made.params.add(param_id=param.id, value=_bytes(self.pool.draw(param.bitwidth, self.rng, 0.9)))
        return made

    def _match(self, field: p4i.MatchField) -> p4r.FieldMatch | None:
        """A random match; None: any value."""
        value = self.pool.draw(field.bitwidth, self.rng, 0.95)
        return _MATCHES[field.match_type](field.id, value, field.bitwidth, self)


def matched(
    document: dict[str, Any], info: p4i.P4Info, updates: Iterable[Update]
) -> Iterator[tuple[tuple[str, str], int]]:
    """Every field that one of the updates matches, as the BMv2 JSON calls it, and the number it is matched with."""
    keys = {table["name"]: table["key"] for pipeline in document["pipelines"] for table in pipeline["tables"]}
    names = {table.preamble.id: table.preamble.name for table in info.tables}
    places = {table.preamble.id: [field.id for field in table.match_fields] for table in info.tables}
    for _, message in updates:
        key = keys.get(names.get(message.table_id, "")) if isinstance(message, p4r.TableEntry) else None
        for match in message.match if key else ():
            target = key[places[message.table_id].index(match.field_id)]["target"] if key else None
            kind = getattr(match, str(match.WhichOneof("field_match_type")))
            if isinstance(target, list):
                yield (target[0], target[1]), int.from_bytes(kind.low if match.HasField("range") else kind.value, "big")


def _writable(table: p4i.Table, actions: dict[int, p4i.Action]) -> bool:
    """Whether entries for it can be made up: it is not constant, and every value is a number."""
    used = [actions[r.id] for r in table.action_refs]
    numbers = [f.bitwidth for f in table.match_fields] + [p.bitwidth for a in used for p in a.params]
    kinds = all(field.match_type in _MATCHES for field in table.match_fields)
    free = any(r.scope != p4i.ActionRef.DEFAULT_ONLY for r in table.action_refs)
    return not (table.is_const_table or table.has_initial_entries) and all(numbers) and kinds and free


def _bytes(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def _exact(number: int, value: int, bits: int, maker: EntryMaker) -> p4r.FieldMatch:
    return exact(number, _bytes(value))


def _lpm(number: int, value: int, bits: int, maker: EntryMaker) -> p4r.FieldMatch | None:
    length = maker.rng.choice([0, bits // 4, bits // 2, max(1, bits - 1), bits, bits])
    if length == 0:
        return None
    return lpm(number, _bytes(value >> (bits - length) << (bits - length)), length)


def _ternary(number: int, value: int, bits: int, maker: EntryMaker) -> p4r.FieldMatch | None:
    ones = (1 << bits) - 1
    mask = maker.rng.choice([0, ones, ones, ones ^ (ones >> bits // 2), maker.rng.getrandbits(bits)])
    return ternary(number, _bytes(value & mask), _bytes(mask)) if mask else None


def _range(number: int, value: int, bits: int, maker: EntryMaker) -> p4r.FieldMatch | None:
    low, high = sorted([value, maker.pool.draw(bits, maker.rng, 0.95)])
    return between(number, _bytes(low), _bytes(high)) if high - low < (1 << bits) - 1 else None


def _optional(number: int, value: int, bits: int, maker: EntryMaker) -> p4r.FieldMatch | None:
    return optional(number, _bytes(value)) if maker.rng.random() < 0.7 else None


_MATCHES: dict[int, Callable[[int, int, int, EntryMaker], p4r.FieldMatch | None]] = {
    p4i.MatchField.EXACT: _exact,
    p4i.MatchField.LPM: _lpm,
    p4i.MatchField.TERNARY: _ternary,
    p4i.MatchField.RANGE: _range,
    p4i.MatchField.OPTIONAL: _optional,
}
_ORDERED = (p4i.MatchField.TERNARY, p4i.MatchField.RANGE, p4i.MatchField.OPTIONAL)
