"""Next hops: which id stands for which address, and the entries of the switch's tables next_hop and ipv4_host.

A next hop is a gateway, as long as a route leads to it, or a host of a connected network, as long as its link-layer
address is known. Its id is free for another one when the switch has confirmed that the entries which lead to it are
gone, and then its own, and only then: so no packet ever takes the way of somebody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fullnat.core.interface import Op, Outcome
from fullnat.core.session.pool import IdPool
from fullnat.core.switch.mirror import Mirror
from fullnat.net.flow import Address
from fullnat.tables.host import Host
from fullnat.tables.next_hop import NextHop, Way
from fullnat.tables.route import Route
from fullnat.tables.table import Entry, EntryKey, entry_key

NextHopEntry = NextHop | Host
Updates = list[tuple[Op, Entry]]

IDS = 1 << 16
"""As many as next_hop_id_t has values (p4src/include/headers.p4); how many entries fit is the switch's to say."""
UNKNOWN = 0
"""The id that a host has as long as it has none."""


class _NextHop:
    """What an id stands for."""

    __slots__ = ("address", "direct", "routed", "way")

    def __init__(self, address: Address | None) -> None:
        self.address = address
        """None: only the switch knows."""
        self.way: Way | None = None
        self.direct = False
        """The longest prefix for its address is a connected network."""
        self.routed = False
        """A route leads to it, or may still."""


class NextHops:
    def __init__(self) -> None:
        self.changed: set[int] = set()
        """Ids to write for; see :meth:`updates`."""
        self._mirror = Mirror()
        self._asked: set[EntryKey] = set()
        """Entries with an update under way."""
        self._waiting: set[int] = set()
        """Ids that have more to write when that is answered."""
        self._again: set[int] = set()
        """Ids with a failed update, which is repeated when there may be room."""
        self._strays: list[NextHopEntry] = []
        """Found on the switch, but with an id that is another's, or that none may have."""
        self._start()

    def _start(self) -> None:
        self._pool = IdPool(IDS)
        self._pool.claim(UNKNOWN)
        self._hops: dict[int, _NextHop] = {}
        self._numbers: dict[Address, int] = {}

    # ---- what is wanted

    def gateways(self, addresses: Iterable[Address]) -> dict[Address, int]:
        """The ids of the gateways of all routes that there are to be; without those for which none is free."""
        found: dict[Address, int] = {}
        for address in addresses:
            number = self._number(address)
            if number is None:
                continue
            found[address] = number
            if not self._hops[number].routed:
                self._hops[number].routed = True
                self.changed.add(number)
        self.changed |= self._again
        return found

    def retain(self, routes: Iterable[Route]) -> None:
        """The switch has confirmed that these are its routes."""
        routed = {route.next_hop_id for route in routes}
        for number, hop in self._hops.items():
            if hop.routed and number not in routed:
                hop.routed = False
                self.changed.add(number)

    def learn(self, address: Address, way: Way, *, direct: bool) -> None:
        """``way`` leads to ``address``, which is ``direct`` if the longest prefix for it is a connected network. When
        no id is free the switch does not learn it, and packets there go by the controller."""
        number = self._number(address)
        if number is None:
            return
        hop = self._hops[number]
        if (hop.way, hop.direct) != (way, direct):
            hop.way, hop.direct = way, direct
            self.changed.add(number)

    def forget(self, address: Address) -> None:
        """Nobody knows the way to ``address`` any more."""
        number = self._numbers.get(address)
        if number is not None:
            self._hops[number].way = None
            self.changed.add(number)

    def _number(self, address: Address) -> int | None:
        number = self._numbers.get(address)
        if number is None:
            number = self._pool.take()
            if number is not None:
                self._bind(number, address)
        return number

    def _bind(self, number: int, address: Address | None) -> None:
        self._hops[number] = _NextHop(address)
        if address is not None:
            self._numbers[address] = number

    def _free(self, number: int) -> None:
        address = self._hops.pop(number).address
        if address is not None:
            del self._numbers[address]
        self._again.discard(number)
        self._pool.release(number)

    # ---- the switch

    def switch_up(
        self, found: Iterable[NextHopEntry], routes: Iterable[Route], gateways: Mapping[tuple[Address, int], Address]
    ) -> list[tuple[Address, Way]]:
        """``found`` and ``routes`` are the truth about the tables; nothing that was under way will be answered.
        ``gateways`` are those of the configuration, by prefix and its length. Returns the ways to hosts that were
        found; what is wanted must be said anew."""
        entries = list(found)
        self._start()
        self._mirror.found(entries)
        self._asked.clear()
        self._waiting.clear()
        self._again.clear()
        ways = {entry.next_hop_id: entry.way for entry in entries if isinstance(entry, NextHop)}
        self._strays = []
        known: list[tuple[Address, Way]] = []
        for host in (entry for entry in entries if isinstance(entry, Host)):
            if not self._claim(host.next_hop_id, host.address):
                self._strays.append(host)
            elif (way := ways.get(host.next_hop_id)) is not None:
                known.append((host.address, way))
        if UNKNOWN in ways:
            self._strays.append(NextHop(UNKNOWN))
        # An id that no host has is that of a gateway which nobody knows, whichever the routes by it have now.
        for route in routes:
            number = route.next_hop_id
            if number is None:
                continue
            gateway = gateways.get((route.prefix, route.prefix_len))
            if number in self._hops or self._claim(number, None if gateway in self._numbers else gateway):
                self._hops[number].routed = True
        for number in ways:
            self._claim(number, None)
        self.changed = set(self._hops)
        return known

    def _claim(self, number: int, address: Address | None) -> bool:
        if not self._pool.claim(number):
            return False
        self._bind(number, address)
        return True

    def updates(self) -> Updates:
        """What brings the switch up to date; :meth:`answered` takes the outcome of each. What is led to comes before
        what leads to it, and goes only when that is known to be gone. An entry has one update under way at a time."""
        gone: Updates = []
        hops: Updates = []
        hosts: Updates = []
        for stray in self._strays:
            if isinstance(stray, NextHop) or stray.address not in self._numbers:
                gone += self._ask(stray.next_hop_id, entry_key(stray), None)
        self._strays = []
        numbers, self.changed = sorted(self.changed), set()
        for number in numbers:
            self._again.discard(number)
            hop = self._hops.get(number)
            if hop is None or (hop.routed and hop.address is None):
                continue
            key, of_host = ("next_hop", number), ("ipv4_host", hop.address)
            is_host = hop.way is not None and hop.direct
            if hop.address is not None:
                hosts += self._ask(number, of_host, Host(hop.address, number) if is_host else None)
            if hop.routed or is_host:
                hops += self._ask(number, key, NextHop(number, hop.way))
            elif of_host not in self._asked:
                gone += self._ask(number, key, None)
                if hop.way is None and key not in self._asked:
                    self._free(number)
        return [*gone, *hops, *hosts]

    def _ask(self, number: int, key: EntryKey, wanted: Entry | None) -> Iterator[tuple[Op, Entry]]:
        """The update of an entry, if it needs one; the next one waits for the answer."""
        if key in self._asked:
            self._waiting.add(number)
        elif (update := self._mirror.change(key, wanted)) is not None:
            self._asked.add(key)
            yield update

    def answered(self, operation: Op, entry: NextHopEntry, outcome: Outcome) -> None:
        """What became of an update."""
        number = entry.next_hop_id
        self._asked.discard(entry_key(entry))
        if number in self._waiting:
            self._waiting.remove(number)
            self.changed.add(number)
        if outcome is not Outcome.DONE:
            self._mirror.failed(operation, entry, outcome)
        if operation is Op.DELETE and outcome in (Outcome.DONE, Outcome.ABSENT):
            self.changed |= self._again | {number}
        elif outcome is not Outcome.DONE:
            self._again.add(number)
