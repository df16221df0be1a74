"""What policies are to say, by the settings of a service or of all: the entry of the switch, and who may."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from fullnat.config.model import Access, GlobalSettings, ServiceSettings
from fullnat.core.access.telling import ANSWERS
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.declared.model import Declared
from fullnat.net.flow import Address, Endpoint, prefix_of
from fullnat.net.prefixes import LongestPrefix, Prefix
from fullnat.p4constants import PolicyFlag
from fullnat.tables.policy import UNIT, Policy, PolicyOfAll

POLICIES = 1 << 14
"""Their numbers; 0 is that of all services."""
HEADROOM = 1.25
"""SYNs that the switch lets through, to the sessions that a service may begin: the controller decides which."""
OF_ALL: ServiceKey = (0, Endpoint(Address(b"\0\0\0\0"), 0))
"""In the place of a service: all of them."""

_ONES = Address(b"\xff" * 4), Address(b"\xff" * 16)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a policy is to say."""

    access: Access
    rate: int = 0
    """Connections that may begin, a second; 0: any."""
    source_rate: int = 0
    """Those of one source prefix."""
    source_prefix: int = 32
    source_prefix6: int = 64

    @property
    def is_empty(self) -> bool:
        """There is nothing to say."""
        return not (self.access.deny or self.access.allow or self.rate or self.source_rate)

    def content(self) -> dict[Prefix, bool]:
        """Which prefixes are refused: of one that is allowed and denied it is the denial that counts."""
        return dict.fromkeys(self.access.allow, False) | dict.fromkeys(self.access.deny, True)

    def flags(self) -> int:
        return ANSWERS[self.access.refused] | (PolicyFlag.CLOSED if self.access.allow else 0)


def of_service(settings: ServiceSettings, access: Access) -> Wish:
    rate = ceil(settings.new_rate * HEADROOM)
    return Wish(access, rate, settings.source_rate, settings.source_prefix, settings.source_prefix6)


def wish_of(declared: Declared | None) -> Wish | None:
    """That of a service, None of one that is to go."""
    return None if declared is None else of_service(declared.settings, declared.access)


def of_all(settings: GlobalSettings, access: Access) -> Wish:
    return Wish(access, 0, settings.source_rate, settings.source_prefix, settings.source_prefix6)


def entry_of(wish: Wish, number: int, list_id: int, flags: int | None = None) -> Policy | PolicyOfAll:
    """The entry of the policy with this number, 0 for that of all; ``flags`` in the place of its own."""
    flags = wish.flags() if flags is None else flags
    masks = prefix_of(_ONES[0], wish.source_prefix), prefix_of(_ONES[1], wish.source_prefix6)
    gap, slack = _pace(wish.source_rate)
    if not number:
        return PolicyOfAll(1, list_id, flags, gap, slack, *masks)
    return Policy(number, list_id, flags, *_pace(wish.rate), gap, slack, *masks)


def _pace(rate: int) -> tuple[int, int]:
    """Gap and slack: as many at once as in a second."""
    return (max(UNIT // rate, 1), UNIT) if rate else (0, 0)


class Permits:
    """Who may use a service, by what its policies say."""

    def __init__(self, wishes: Iterable[Wish]) -> None:
        self._lists = [(LongestPrefix(wish.content()), bool(wish.access.allow)) for wish in wishes]

    def __call__(self, source: Address) -> bool:
        return not any(_refuses(prefixes.find(source), closed) for prefixes, closed in self._lists)


def _refuses(said: bool | None, closed: bool) -> bool:
    return closed if said is None else said
