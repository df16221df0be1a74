"""What an address is used for, and which uses one address cannot have together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import Enum
from itertools import combinations

from fullnat.net.flow import Address


class Role(Enum):
    """The value is what messages call it."""

    INTERFACE = "the address of an interface"
    GATEWAY = "a gateway"
    VIRTUAL = "a virtual server"
    LOCAL = "a local address"
    SERVER = "a real server"
    PUBLIC = "a public address of SNAT"


EXCLUSIVE: frozenset[frozenset[Role]] = frozenset(
    map(
        frozenset,
        (
            # What packets are sent to is another machine: what is sent to ourselves arrives nowhere.
            (Role.GATEWAY, Role.INTERFACE),
            (Role.GATEWAY, Role.VIRTUAL),
            (Role.GATEWAY, Role.LOCAL),
            (Role.SERVER, Role.INTERFACE),
            (Role.SERVER, Role.VIRTUAL),
            (Role.SERVER, Role.LOCAL),
            (Role.PUBLIC, Role.GATEWAY),
            (Role.PUBLIC, Role.SERVER),
            # Either takes ports as if they were its own.
            (Role.PUBLIC, Role.LOCAL),
        ),
    )
)
"""Every other pair works. A real server may be a gateway, and belong to several services; a VIP has many ports, and
may be the interface's address; both may be local addresses as well, as in LVS: a session is found before anybody asks
whose the address is, and the switch answers ARP for it in each of these roles."""


class Roles:
    """How often each address is used in each role; or, of a change, how much more often."""

    __slots__ = ("of",)

    def __init__(self) -> None:
        self.of: dict[Role, Counter[Address]] = {role: Counter() for role in Role}

    def count(self, role: Role, addresses: Iterable[Address], change: int) -> None:
        counter = self.of[role]
        for address in addresses:
            counter[address] += change

    def add(self, change: Roles) -> None:
        """Carry out ``change``."""
        for role, counter in change.of.items():
            mine = self.of[role]
            for address, more in counter.items():
                mine[address] += more
                if not mine[address]:
                    del mine[address]

    def new(self, role: Role) -> list[Address]:
        """The addresses that a change brings into ``role``."""
        return [address for address, more in self.of[role].items() if more > 0]

    def after(self, role: Role, change: Roles) -> list[Address]:
        """The addresses that are in ``role`` after ``change``."""
        now, more = self.of[role], change.of[role]
        return [address for address in now.keys() | more.keys() if now[address] + more[address] > 0]

    def conflict(self, address: Address, change: Roles) -> tuple[Role, Role] | None:
        """Two roles that ``address`` has after ``change``, and cannot have together."""
        has = [role for role, counter in self.of.items() if counter[address] + change.of[role][address] > 0]
        return next((pair for pair in combinations(has, 2) if frozenset(pair) in EXCLUSIVE), None)
