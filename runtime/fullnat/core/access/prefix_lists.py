"""Lists of prefixes in the switch, by their ids.

Longer prefixes come first and shorter ones go first; so while a list changes where it is, each source is treated as by
the old list or as by the new one, and never as by a third.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping

from fullnat.core.interface import Op, Outcome
from fullnat.net.prefixes import Prefix
from fullnat.tables.listed import Listed, ListedOfAll
from fullnat.tables.table import Entry

LISTS = 1 << 16
Kind = type[Listed] | type[ListedOfAll]
Updates = list[tuple[Op, Entry]]


class PrefixList:
    """The prefixes of one id."""

    __slots__ = ("failed", "kind", "number", "pending", "there", "todo", "wanted")

    def __init__(self, kind: Kind, number: int) -> None:
        self.kind = kind
        self.number = number
        self.there: dict[Prefix, bool] = {}
        """What the switch has, or is about to have by an update that is under way: whether each is refused."""
        self.wanted: Mapping[Prefix, bool] = {}
        self.todo: deque[Prefix] = deque()
        """What is still to be written of that, in this order."""
        self.pending = 0
        """Updates under way."""
        self.failed: Counter[str] = Counter()

    def change_to(self, content: Mapping[Prefix, bool]) -> None:
        there, self.wanted = self.there, content
        come = sorted((each for each in content if there.get(each) is not content[each]), key=_length, reverse=True)
        go = sorted((each for each in there if each not in content), key=_length)
        self.todo = deque((*come, *go))

    def distance(self, content: Mapping[Prefix, bool]) -> int:
        """How many prefixes would change."""
        there = self.there
        come = sum(1 for each, refused in content.items() if there.get(each) is not refused)
        return come + sum(1 for each in there if each not in content)

    @property
    def is_settled(self) -> bool:
        return not self.todo and not self.pending

    def updates(self, limit: int) -> Updates:
        """The next ones, at most as many."""
        made: Updates = []
        there, wanted = self.there, self.wanted
        while self.todo and len(made) < limit:
            prefix = self.todo.popleft()
            refused = wanted.get(prefix)
            if refused is None:
                # What the switch has refused since is not there any more; its answer is ABSENT.
                made.append((Op.DELETE, self._entry(prefix, there.pop(prefix, True))))
            else:
                made.append((Op.MODIFY if prefix in there else Op.INSERT, self._entry(prefix, refused)))
                there[prefix] = refused
        self.pending += len(made)
        return made

    def answered(self, operation: Op, entry: Listed | ListedOfAll, outcome: Outcome) -> None:
        self.pending -= 1
        if outcome is Outcome.DONE or (operation is Op.DELETE and outcome is Outcome.ABSENT):
            return
        self.failed[outcome.name] += 1
        prefix = Prefix(entry.source, entry.source_len)
        if operation is Op.DELETE:
            self.there.setdefault(prefix, entry.refused)
        elif outcome is not Outcome.EXISTS:
            self.there.pop(prefix, None)

    def _entry(self, prefix: Prefix, refused: bool) -> Entry:
        return self.kind(self.number, prefix.address, prefix.length, refused)


def _length(prefix: Prefix) -> int:
    return prefix.length


class PrefixLists:
    def __init__(self) -> None:
        self._lists: dict[tuple[Kind, int], PrefixList] = {}
        """All that the switch may have something of."""
        self._next = 0
        self._touched: dict[PrefixList, None] = {}
        """Those with an answer since they were last looked at."""
        self._todo: dict[PrefixList, None] = {}
        """Those of which something is to be written,"""
        self._pending = 0
        """and how many updates of all are under way."""

    @property
    def waiting(self) -> bool:
        """Something is to be written, and nothing is under way."""
        return bool(self._todo) and not self._pending

    def new(self, kind: Kind) -> PrefixList:
        while not self._next or (kind, self._next) in self._lists:
            self._next = (self._next + 1) % LISTS
        return self.get(kind, self._next)

    def get(self, kind: Kind, number: int) -> PrefixList:
        return self._lists.setdefault((kind, number), PrefixList(kind, number))

    def found(self, entries: Iterable[Listed | ListedOfAll]) -> None:
        """This is what the switch has."""
        self._lists, self._touched, self._todo, self._pending = {}, {}, {}, 0
        for entry in entries:
            self.get(type(entry), entry.list_id).there[Prefix(entry.source, entry.source_len)] = entry.refused

    def empty_all_but(self, named: Collection[PrefixList | None]) -> None:
        for each in tuple(self._lists.values()):
            if each not in named:
                self.change(each, {})

    def change(self, which: PrefixList, content: Mapping[Prefix, bool]) -> None:
        """Have ``which`` become this."""
        which.change_to(content)
        if which.todo:
            self._todo[which] = None
        else:
            self._todo.pop(which, None)
            self._forget_empty(which)

    def _forget_empty(self, which: PrefixList) -> None:
        """Its id is free when there is nothing of it any more."""
        if which.is_settled and not which.there and not which.wanted:
            self._lists.pop((which.kind, which.number), None)

    def updates(self, limit: int) -> Updates:
        made: Updates = []
        while self._todo and len(made) < limit:
            each = next(iter(self._todo))
            made += each.updates(limit - len(made))
            if not each.todo:
                del self._todo[each]
        self._pending += len(made)
        return made

    def answered(self, operation: Op, entry: Listed | ListedOfAll, outcome: Outcome) -> None:
        found = self._lists.get((type(entry), entry.list_id))
        if found is not None:
            self._pending -= 1
            found.answered(operation, entry, outcome)
            self._touched[found] = None

    def settled(self) -> Iterator[tuple[PrefixList, str]]:
        """Those that are as they should be since the last answers, and what of them failed, in words."""
        touched, self._touched = self._touched, {}
        for each in touched:
            if not each.is_settled:
                continue
            failed, each.failed = each.failed, Counter()
            self._forget_empty(each)
            yield each, ", ".join(f"{number} {name}" for name, number in failed.items())
