"""What a controller of one of several groups knows of the others: whose a service is, and what moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from fullnat.config.spread import Spread, order
from fullnat.core.balancing.matching import virtual_addresses
from fullnat.core.declared import commands as c
from fullnat.core.declared.commands import Command, Problem, Reason, ServiceKey
from fullnat.core.declared.draft import name
from fullnat.core.declared.model import Model
from fullnat.core.protocols.base import BY_NUMBER
from fullnat.net.flow import Address, mark_of, text
from fullnat.net.match import Match
from fullnat.words import counted


class Share(NamedTuple):
    """``spread`` None: there are no groups, and everything is ours."""

    spread: Spread | None = None
    own: str = ""

    # ---- whose something is

    def holder(self, key: ServiceKey, matches: Sequence[Match] = ()) -> str:
        """The group that has this service, "" if that is ours. One by match is that of its address; one of several is
        whoever's it is asked of, unless the file has it, or one of its addresses, in another group."""
        if self.spread is None:
            return ""
        protocol, (value, port) = key
        if mark_of(key[1]) is None:
            found = self.spread.of_address(ip_address(bytes(value)))
        else:
            named = self.spread.services.get((BY_NUMBER[protocol].name, ip_address(bytes(value)), port), self.own)
            addresses = [ip_address(bytes(each)) for each in virtual_addresses(key, matches)]
            groups = [self.spread.virtual.get(each, self.own) for each in addresses]
            if len(addresses) == 1:
                groups = [self.spread.of_address(addresses[0])]
            found = next((each for each in (named, *groups) if each != self.own), self.own)
        return "" if found == self.own else found

    def elsewhere(self, key: ServiceKey) -> str:
        """That another group has this service, in words; "" if none has."""
        holder = self.holder(key)
        return "" if self.spread is None or not holder else self._told(name(key), holder)

    def _told(self, what: str, group: str) -> str:
        assert self.spread is not None
        return f"{what} is of {self.spread.told(group)}, and this controller has group {self.own}"

    def refusals(self, commands: Iterable[Command], model: Model) -> list[Problem]:
        """Which of ``commands`` to ``model`` are another group's to carry out, each service once."""
        if self.spread is None:
            return []
        found: dict[str, Problem] = {}
        for command in commands:
            for message in self._refused(command, model, self.spread):
                found.setdefault(message, Problem(Reason.CONFLICT, message, command))
        return list(found.values())

    def _refused(self, command: Command, model: Model, spread: Spread) -> Iterator[str]:
        key: ServiceKey | None = getattr(command, "service", None)
        if key is None or _is_none(key):
            return
        match command:
            case c.AddService() | c.EditService():
                holder = self.holder(key, command.settings.inward)
            case _:
                holder = self.holder(key)
        is_matched = isinstance(command, c.EditService) and mark_of(key[1]) is not None
        if holder and (is_matched or key not in model.services):
            yield self._told(name(key), holder)
        match command:
            case c.AddLocal(_, address):
                what = "local address"
            case c.AddServer(_, (address, _), _):
                what = "address"
            case _:
                return
        other = spread.answered.get(ip_address(bytes(address)), self.own) if _is_address(address) else self.own
        if other != self.own:
            yield self._told(f"{what} {ip_address(bytes(address))}", other)

    # ---- what moves

    def moves(
        self, new: Share, model: Model, sessions: Callable[[ServiceKey], int], locals_: Mapping[Address, int]
    ) -> list[str]:
        """What ``new`` has moved since, one line each: addresses of ``model``, with the ``sessions`` of each of their
        services, local addresses with how many sessions have them, and what comes from other groups."""
        if self.spread is None or new.spread is None:
            return []
        leaving: dict[str, tuple[str, int]] = {}
        for key, declared in model.services.items():
            matches = declared.settings.inward
            if holder := new.holder(key, matches):
                addresses = [text(each) for each in virtual_addresses(key, matches)]
                for subject in addresses or [name(key)]:
                    leaving[subject] = holder, leaving.get(subject, ("", 0))[1] + sessions(key)
        lines = [
            f"{subject} moves to {new.spread.told(holder)}: {_ending(ended)}"
            for subject, (holder, ended) in leaving.items()
        ]
        lines += [
            f"{address} comes from {self.spread.told(self.spread.virtual[address])}, where its sessions end"
            for address in sorted(new.spread.virtual, key=order)
            if new.spread.virtual[address] == new.own and self.spread.virtual.get(address, new.own) != new.own
        ]
        for value, used in locals_.items():
            address = ip_address(bytes(value))
            other = new.spread.answered.get(address, new.own)
            if other not in (new.own, self.spread.answered.get(address)):
                held = f"{counted(used, 'session')} here will get no answers" if used else "no session here has it"
                lines.append(f"local address {address} moves to {new.spread.told(other)}: {held}")
        return lines


ALONE = Share()
"""Of a controller that has everything."""


def _ending(sessions: int) -> str:
    return f"{counted(sessions, 'session')} here will be reset" if sessions else "it has no sessions here"


def _is_none(key: ServiceKey) -> bool:
    """What the core refuses, whoever's it is."""
    return not _is_address(key[1].address) or key[0] not in BY_NUMBER


def _is_address(value: Address) -> bool:
    return len(value) in (4, 16)
