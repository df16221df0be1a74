"""Policies in the switch: who may begin something with a service, and how often.

A service that has one has its number; number 0 is that of all. A policy names its list by an id
(:mod:`fullnat.core.access.prefix_lists`). A small change of a list is made where it is. A larger one is written beside
it under another id, which the policy names when the switch has confirmed it all: with one write whoever is listed is
treated by the new list. The old one goes behind it. A service that the switch does not have yet waits for its list.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from fullnat.core.access.known_policy import KnownPolicy, PolicyEntry
from fullnat.core.access.prefix_lists import PrefixList, PrefixLists, Updates
from fullnat.core.access.wishes import OF_ALL, POLICIES, Permits, Wish
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.interface import Effect, Log, Op, Outcome
from fullnat.net.flow import Endpoint, mark_of
from fullnat.net.prefixes import Prefix
from fullnat.tables.listed import Listed, ListedOfAll
from fullnat.tables.policy import Policy, PolicyOfAll
from fullnat.tables.service_match import ANY_PORT_PRIORITY, ServiceMatch
from fullnat.tables.virtual_service import VirtualService

IN_PLACE = 1024
"""Prefixes of one list that may change where they are."""
CHUNK = 2048
"""Prefixes that are written at a time: what comes meanwhile has its turns."""


class Policies:
    def __init__(self) -> None:
        self._policies: dict[ServiceKey, KnownPolicy] = {}
        self._by_number: dict[int, KnownPolicy] = {}
        """The same."""
        self._lists = PrefixLists()
        self._leaving: dict[int, KnownPolicy] = {}
        """By number: those whose entry the switch may still have."""
        self._changed: dict[ServiceKey, None] = {}
        self._loading: dict[PrefixList, KnownPolicy] = {}
        """Whose lists are on their way."""
        self._failed: set[int] = set()
        """The numbers of those whose entries were refused."""
        self._withheld: set[ServiceKey] = set()
        """Services that the switch does not have yet."""
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

    def opens(self, key: ServiceKey) -> bool:
        """Whether the switch is to have this service, and then it has it: not before its lists, if it is new."""
        if key in self._withheld and self._waits(key):
            return False
        self._withheld.discard(key)
        return True

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

    def _add(self, key: ServiceKey, number: int) -> KnownPolicy:
        policy = self._policies[key] = self._by_number[number] = KnownPolicy(key, number)
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

    def _follow(self, policy: KnownPolicy) -> None:
        """Have the list of a policy become what is wished for."""
        content = {} if policy.wish is None else policy.wish.content()
        current = policy.current
        if not content:
            policy.retired += [each for each in (policy.loading, current) if each is not None]
            self._load(policy, None)
            policy.current = None
            policy.take_flags()
            self._empty(policy)
        elif policy.loading is not None:
            self._lists.change(policy.loading, content)
        elif current is not None and not policy.has_other_flags and current.distance(content) <= IN_PLACE:
            self._lists.change(current, content)
        else:
            self._load(policy, self._lists.new(policy.kind), content)
        if policy.loading is not None and policy.loading.is_settled:
            self._loaded(policy.loading, "")

    def _load(
        self, policy: KnownPolicy, which: PrefixList | None, content: Mapping[Prefix, bool] | None = None
    ) -> None:
        """It is to name this list, when that has this content."""
        if policy.loading is not None:
            del self._loading[policy.loading]
        policy.loading = which
        if which is not None and content is not None:
            self._loading[which] = policy
            self._lists.change(which, content)

    def _empty(self, policy: KnownPolicy) -> None:
        """The lists go that it needs no more."""
        for each in policy.left():
            self._lists.change(each, {})

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
        self._policies, self._by_number, self._changed, self._loading = {}, {}, {}, {}
        self._failed.clear()
        known = {0, *found.values()}
        self._leaving = {number: self._stray(entry) for number, entry in said.items() if number not in known}
        self._withheld = {key for key in keys if key not in there and not (services and mark_of(key[1]))}
        for key, wish in wishes.items():
            if key != OF_ALL and wish is None:
                continue
            policy = self._add(key, 0 if key == OF_ALL else self._number(found.get(key), known))
            policy.there = entry = said.pop(policy.number, None)
            if entry is not None:
                policy.current, policy.flags = self._named(entry), entry.flags
            policy.wish = wish
            self._changed[key] = None
            self._follow(policy)
        for number, entry in said.items():
            self._leaving.setdefault(number, self._stray(entry))
        named = set(self._loading)
        for policy in (*self._policies.values(), *self._leaving.values()):
            named.update(policy.retired)
            if policy.current is not None:
                named.add(policy.current)
        self._lists.empty_all_but(named)

    def _named(self, entry: PolicyEntry) -> PrefixList | None:
        if not entry.list_id:
            return None
        return self._lists.get(Listed if isinstance(entry, Policy) else ListedOfAll, entry.list_id)

    def _stray(self, entry: PolicyEntry) -> KnownPolicy:
        """What goes after the entry of a service, and its list after it."""
        policy = KnownPolicy(None, entry.policy if isinstance(entry, Policy) else 0)
        policy.there, named = entry, self._named(entry)
        policy.retired = [] if named is None else [named]
        return policy

    def retry(self) -> None:
        """Entries that were refused are asked for once more with the next :meth:`updates`."""
        failed, self._failed = self._failed, set()
        for number in failed:
            policy = self._of(number)
            if policy is None:
                continue
            policy.has_failed = False
            if number in self._by_number and policy.key is not None:
                self._changed[policy.key] = None

    def _of(self, number: int) -> KnownPolicy | None:
        return self._by_number.get(number) or self._leaving.get(number)

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
                if policy.said is not None:
                    self._leaving[policy.number] = policy
            elif not policy.says(wanted):
                made.append((Op.MODIFY if policy.said is not None else Op.INSERT, wanted))
                policy.asked.append(wanted)
            self._empty(policy)
        for policy in self._leaving.values():
            if policy.said is not None and not policy.has_failed:
                gone.append((Op.DELETE, policy.said))
                policy.asked.append(None)
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
        policy = self._of(number)
        if policy is None:
            return
        policy.answered(outcome)
        self._empty(policy)
        if policy.has_failed:
            self._failed.add(number)
        if policy.there is None and not policy.asked:
            self._leaving.pop(number, None)

    def _loaded(self, which: PrefixList, failed: str) -> None:
        """All of a list is there, or ``failed``."""
        policy = self._loading.get(which)
        if policy is None or policy.key is None:
            return
        key = policy.key
        if failed:
            # The old one stays: half a list would let in or shut out whom nobody meant.
            self._load(policy, None)
            self._lists.change(which, {})
            if key in self._withheld or (key == OF_ALL and self._withheld):
                policy.take_flags()
        else:
            del self._loading[which]
            policy.exchange()
        self._changed[key] = None
        affected = self._withheld if key == OF_ALL else self._withheld & {key}
        self.opened += (name for name in affected if not self._waits(name))


def _key(entry: VirtualService | ServiceMatch) -> ServiceKey | None:
    """Of the service that an entry of the switch is of; one by match is not told by it."""
    if isinstance(entry, VirtualService):
        return entry.protocol, Endpoint(entry.vip, entry.vport)
    virtual = Endpoint(entry.destination.address, 0)
    return (entry.protocol, virtual) if entry.priority == ANY_PORT_PRIORITY and mark_of(virtual) is None else None
