"""One policy: what it is to say, what the switch has of it, and the lists that go by both."""

from __future__ import annotations

from collections import deque

from fullnat.core.access.prefix_lists import Kind, PrefixList
from fullnat.core.access.wishes import Wish, entry_of
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.interface import Outcome
from fullnat.tables.listed import Listed, ListedOfAll
from fullnat.tables.policy import Policy, PolicyOfAll

PolicyEntry = Policy | PolicyOfAll


class KnownPolicy:
    __slots__ = (
        "asked",
        "current",
        "flags",
        "has_failed",
        "is_doubtful",
        "key",
        "kind",
        "loading",
        "number",
        "retired",
        "there",
        "wish",
    )

    def __init__(self, key: ServiceKey | None, number: int) -> None:
        self.key = key
        """None: of a service that there is no more."""
        self.number = number
        self.kind: Kind = Listed if number else ListedOfAll
        self.wish: Wish | None = None
        """None: it is to go."""
        self.current: PrefixList | None = None
        """The list that its entry names, or is to name."""
        self.flags = 0
        """How those are treated that it refuses, or does not have."""
        self.loading: PrefixList | None = None
        """The one that it is to name when it is all there."""
        self.retired: list[PrefixList] = []
        """Those that its entry is to name no more."""
        self.there: PolicyEntry | None = None
        """Its entry, by what the switch has answered."""
        self.asked: deque[PolicyEntry | None] = deque()
        """What it is to become, by what the switch has not answered."""
        self.is_doubtful = False
        """Its entry is there, but not known."""
        self.has_failed = False
        """What was asked last was refused, and is not to be asked again now."""

    @property
    def said(self) -> PolicyEntry | None:
        """Its entry when all is answered."""
        return self.asked[-1] if self.asked else self.there

    @property
    def is_waiting(self) -> bool:
        """For the first list that it has."""
        return self.current is None and self.loading is not None

    def entry(self) -> PolicyEntry | None:
        """What its entry is to be."""
        if self.wish is None:
            return None
        return entry_of(self.wish, self.number, 0 if self.current is None else self.current.number, self.flags)

    def exchange(self) -> None:
        """The list that was loading is there, and with it comes what it means."""
        if self.current is not None:
            self.retired.append(self.current)
        self.current, self.loading = self.loading, None
        self.take_flags()

    def take_flags(self) -> None:
        self.flags = 0 if self.wish is None else self.wish.flags()

    def says(self, wanted: PolicyEntry) -> bool:
        """Its entry says that already."""
        return self.said == wanted and not (self.is_doubtful and not self.asked)

    @property
    def has_other_flags(self) -> bool:
        """Its list is of one that treats otherwise those that it refuses, or does not have."""
        return self.wish is not None and self.flags != self.wish.flags()

    def answered(self, outcome: Outcome) -> None:
        """What was asked first was."""
        entry = self.asked.popleft()
        if outcome is Outcome.DONE:
            self.there, self.is_doubtful = entry, False
        elif outcome is Outcome.ABSENT:
            self.there, self.is_doubtful = None, False
        elif outcome is Outcome.EXISTS:
            self.there, self.is_doubtful = entry, True
        if not self.asked:
            self.has_failed = self.there != entry or self.is_doubtful

    def left(self) -> list[PrefixList]:
        """The lists that the switch's entry names no more, whatever becomes of what was asked."""
        if self.asked:
            return []
        named = self.there.list_id if self.there is not None else 0
        gone = [each for each in self.retired if each.number != named]
        self.retired = [each for each in self.retired if each.number == named]
        return gone
