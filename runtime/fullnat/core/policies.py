"""Policies in the switch: who may begin something with a service, and how often.

A service that has one has its number; number 0 is that of all. A policy names its list by an id
(:mod:`fullnat.core.prefix_lists`). A small change of a list is made where it is. A larger one is written beside it
under another id, which the policy names when the switch has confirmed it all: with one write whoever is listed is
treated by the new list. The old one goes behind it. A service that the switch does not have yet waits for its list.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any

from fullnat.core.commands import ServiceKey
from fullnat.core.interface import Effect, Log, Op, Outcome
from fullnat.core.prefix_lists import Kind, PrefixList, PrefixLists, Updates
from fullnat.core.wishes import OF_ALL, POLICIES, Permits, Wish, entry_of
from fullnat.net.flow import Endpoint, mark_of
from fullnat.tables.listed import Listed, ListedOfAll
from fullnat.tables.policy import Policy, PolicyOfAll
from fullnat.tables.service_match import ANY_PORT_PRIORITY, ServiceMatch
from fullnat.tables.virtual_service import VirtualService

IN_PLACE = 1024
"""Prefixes of one list that may change where they are."""
CHUNK = 2048
"""Prefixes that are written at a time: what comes meanwhile has its turns."""

PolicyEntry = Policy | PolicyOfAll


class _Policy:
    __slots__ = ("current", "kind", "loading", "number", "retired", "said", "wish")

    def __init__(self, number: int) -> None:
        self.number = number
        self.kind: Kind = Listed if number else ListedOfAll
        self.wish: Wish | None = None
        """None: it is to go."""
        self.current: PrefixList | None = None
        """The list that its entry names."""
        self.loading: PrefixList | None = None
        """The one that it is to name when it is all there."""
        self.retired: list[PrefixList] = []
        """Those that it names no more, when its entry is written."""
        self.said: PolicyEntry | None = None
        """Its entry, as far as known."""

    @property
    def is_waiting(self) -> bool:
        """For the first list that it has."""
        return self.current is None and self.loading is not None

    def entry(self) -> PolicyEntry | None:
        """What its entry is to be."""
        if self.wish is None:
            return None
        # While the list that its flags are of is on its way, the old one goes by its own.
        old = self.said.flags if self.loading is not None and self.said is not None else None
        list_id = 0 if self.current is None else self.current.number
        return entry_of(self.wish, self.number, list_id, old)

    @property
    def has_other_flags(self) -> bool:
        """Its entry does not treat as it is to those that its list refuses, or does not have."""
        return self.said is not None and self.wish is not None and self.said.flags != self.wish.flags()


class Policies:
    def __init__(self) -> None:
        self._policies: dict[ServiceKey, _Policy] = {}
        self._by_number: dict[int, _Policy] = {}
        """The same."""
        self._lists = PrefixLists()
        self._leaving: dict[int, _Policy] = {}
        """By number: those whose entry the switch may still have."""
        self._changed: dict[ServiceKey, None] = {}
        self._withheld: set[ServiceKey] = set()
        """Services that the switch has not had without their policies."""
        self.opened: list[ServiceKey] = []
        """Those of them whose lists are there now."""
        self._next = 0

    @property
    def changed(self) -> bool:
        return bool(self._changed or self._lists.waiting)

    def numbers(self, keys: Iterable[ServiceKey]) -> dict[ServiceKey, int]:
        """Of the policies of services, those that have some."""
        known = ((key, self._policies.get(key)) for key in keys)
        return {key: policy.number for key, policy in known if policy is not None and policy.wish is not None}

    def withholds(self, key: ServiceKey) -> bool:
        """The switch is not to have this service yet."""
        return key in self._withheld and self._waits(key)

    def _waits(self, key: ServiceKey) -> bool:
        return any(name in self._policies and self._policies[name].is_waiting for name in (OF_ALL, key))

    def wish(self, key: ServiceKey, wish: Wish | None, *, is_new: bool = False) -> None:
        """The policy of this service is to be so; None, and one that says nothing: it has none. ``is_new``: the switch
        does not have the service."""
        if wish is not None and wish.is_empty:
            wish = None
        if is_new:
            self._withheld.add(key)
        elif wish is None:
            self._withheld.discard(key)
        policy = self._policies.get(key)
        if policy is None:
            if wish is None:
                return
            policy = self._add(key, 0 if key == OF_ALL else self._number())
        if policy.wish != wish:
            policy.wish = wish
            self._changed[key] = None
            self._follow(policy)

    def permits(self, key: ServiceKey) -> Permits:
        """Who may use a service, by its policy and that of all."""
        policies = (self._policies.get(name) for name in (OF_ALL, key))
        return Permits([each.wish for each in policies if each is not None and each.wish is not None])

    def _add(self, key: ServiceKey, number: int) -> _Policy:
        policy = self._policies[key] = self._by_number[number] = _Policy(number)
        return policy

    def _number(self, found: int | None = None, reserved: Container[int] = ()) -> int:
        """For another service: the one that was ``found`` in the switch, or the next that is not ``reserved``."""
        if found is not None and self._is_free(found):
            return found
        while not self._is_free(self._next) or self._next in reserved:
            self._next = (self._next + 1) % POLICIES
        return self._next

    def _is_free(self, number: int) -> bool:
        return number != 0 and number not in self._by_number and number not in self._leaving

    # ---- lists

    def _follow(self, policy: _Policy) -> None:
        """Have the list of a policy become what is wished for."""
        content = {} if policy.wish is None else policy.wish.content()
        current = policy.current
        if not content:
            self._retire(policy, policy.loading, current)
            policy.loading = policy.current = None
        elif policy.loading is not None:
            policy.loading.change_to(content)
        elif current is not None and not policy.has_other_flags and current.distance(content) <= IN_PLACE:
            current.change_to(content)
        else:
            policy.loading = self._lists.new(policy.kind)
            policy.loading.change_to(content)
        if policy.loading is not None and policy.loading.is_settled:
            self._exchange(policy)

    def _retire(self, policy: _Policy, *lists: PrefixList | None) -> None:
        """When the switch's entry names none of these, they go."""
        policy.retired += [each for each in lists if each is not None]
        if policy.said is None:
            self._empty(policy)

    def _empty(self, policy: _Policy) -> None:
        for each in policy.retired:
            each.change_to({})
        policy.retired = []

    # ---- the switch

    def switch_up(
        self, entries: Iterable[Any], services: Sequence[VirtualService | ServiceMatch], keys: Iterable[ServiceKey]
    ) -> None:
        """This is what the switch has; nothing that was under way will be answered. ``keys``: those of all services."""
        listed: list[Listed | ListedOfAll] = []
        said: dict[int, PolicyEntry] = {}
        for entry in entries:
            if isinstance(entry, Policy | PolicyOfAll):
                said[entry.policy if isinstance(entry, Policy) else 0] = entry
            else:
                listed.append(entry)
        self._lists.found(listed)
        there = {key: entry.policy for entry in services if (key := _key(entry)) is not None}
        found = {key: number for key, number in there.items() if number}
        wishes = {key: policy.wish for key, policy in self._policies.items()}
        self._policies, self._by_number, self._changed = {}, {}, {}
        known = {0, *found.values()}
        self._leaving = {number: self._stray(entry) for number, entry in said.items() if number not in known}
        self._withheld = {key for key in keys if key not in there and not (services and mark_of(key[1]))}
        for key, wish in wishes.items():
            if key != OF_ALL and wish is None:
                continue
            policy = self._add(key, 0 if key == OF_ALL else self._number(found.get(key), known))
            policy.said = entry = said.pop(policy.number, None)
            if entry is not None and entry.list_id:
                policy.current = self._lists.get(policy.kind, entry.list_id)
            policy.wish = wish
            self._changed[key] = None
            self._follow(policy)
        for number, entry in said.items():
            self._leaving.setdefault(number, self._stray(entry))
        named = {each for policy in self._policies.values() for each in (policy.current, policy.loading)}
        named |= {each for policy in self._policies.values() for each in policy.retired}
        self._lists.empty_all_but(named)

    @staticmethod
    def _stray(entry: PolicyEntry) -> _Policy:
        policy = _Policy(entry.policy if isinstance(entry, Policy) else 0)
        policy.said = entry
        return policy

    def updates(self) -> tuple[Updates, Updates]:
        """What brings the switch up to date: what goes before services name their policies, and what follows when they
        do not any more. Of many prefixes some: others when these are answered."""
        made: Updates = self._lists.updates(CHUNK)
        gone: Updates = []
        changed, self._changed = self._changed, {}
        for key in changed:
            policy = self._policies[key]
            wanted = policy.entry()
            if wanted is None:
                del self._policies[key], self._by_number[policy.number]
                self._leaving[policy.number] = policy
            elif wanted == policy.said:
                self._empty(policy)
            else:
                made.append((Op.MODIFY if policy.said is not None else Op.INSERT, wanted))
                policy.said = wanted
        for policy in self._leaving.values():
            if policy.said is not None:
                gone.append((Op.DELETE, policy.said))
                policy.said = None
        return made, gone

    def answered(self, outcomes: Sequence[tuple[Op, Any, Outcome]], out: list[Effect]) -> None:
        """What became of updates."""
        for operation, entry, outcome in outcomes:
            if isinstance(entry, Policy | PolicyOfAll):
                self._entry_answered(operation, entry, outcome, out)
            else:
                self._lists.answered(operation, entry, outcome)
        for each, failed in self._lists.settled():
            if failed:
                out.append(Log("ERROR", f"prefixes of a list are not as they should be in the switch: {failed}"))
            self._loaded(each, failed)

    def _entry_answered(self, operation: Op, entry: PolicyEntry, outcome: Outcome, out: list[Effect]) -> None:
        number = entry.policy if isinstance(entry, Policy) else 0
        if outcome is not Outcome.DONE and not (operation is Op.DELETE and outcome is Outcome.ABSENT):
            out.append(Log("ERROR", f"{operation.value} of policy {number} failed: {outcome.name}"))
        if operation is Op.DELETE:
            policy = self._leaving.pop(number, None)
        else:
            policy = self._by_number.get(number)
            if policy is not None and outcome is not Outcome.DONE:
                policy.said = None
        if policy is not None:
            self._empty(policy)

    def _loaded(self, which: PrefixList, failed: str) -> None:
        for key, policy in self._policies.items():
            if policy.loading is not which:
                continue
            policy.loading = None
            if failed:
                # The old one stays: half a list would let in or shut out whom nobody meant.
                which.change_to({})
            else:
                policy.loading = which
                self._exchange(policy)
            self._changed[key] = None
            opened = [name for name in self._withheld if not self._waits(name)]
            self.opened += opened
            self._withheld.difference_update(opened)

    @staticmethod
    def _exchange(policy: _Policy) -> None:
        """The list that was loading is there."""
        if policy.current is not None:
            policy.retired.append(policy.current)
        policy.current, policy.loading = policy.loading, None


def _key(entry: VirtualService | ServiceMatch) -> ServiceKey | None:
    """Of the service that an entry of the switch is of; one by match is not told by it."""
    if isinstance(entry, VirtualService):
        return entry.protocol, Endpoint(entry.vip, entry.vport)
    virtual = Endpoint(entry.destination.address, 0)
    return (entry.protocol, virtual) if entry.priority == ANY_PORT_PRIORITY and mark_of(virtual) is None else None
