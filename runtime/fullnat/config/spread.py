"""Services spread over groups of switches: the rule, and who has what in a configuration with groups.

A service is of the group that it names, or else of that of its virtual address: the one that another service of the
address names, or the one that the rule gives. So all services of an address are of one group, as routers send an
address one way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from fullnat.config.errors import Problems, Where
from fullnat.config.groups import Group
from fullnat.config.model import Config, IpAddress, ServiceSettings, VirtualServer
from fullnat.config.roles import is_of_snat, place
from fullnat.words import quoted

ServiceName = tuple[str, IpAddress, int]
"""Protocol, address and port; of a service by match those that its mark is named by."""


def group_of(virtual: str, groups: Collection[str]) -> str:
    """The group that has the services of this address: of all groups the one whose hash with it is the highest. A
    group more takes its share from all others, and one less leaves the services of the others where they are
    (rendezvous hashing: Thaler and Ravishankar, 1998). The order of ``groups`` does not matter."""
    return max(
        groups, key=lambda group: (hashlib.blake2b(f"{group} {virtual}".encode(), digest_size=8).digest(), group)
    )


def addresses_of(virtual: VirtualServer) -> tuple[IpAddress, ...]:
    """The virtual addresses of a service: none of SNAT."""
    return (virtual.address,) if virtual.fwmark is None else matched(virtual)


def matched(settings: ServiceSettings) -> tuple[IpAddress, ...]:
    """Those that the rules of a service by match have, each once."""
    rules = settings.inward
    return tuple(dict.fromkeys(ip_address(each) for rule in rules for each in rule.addresses()))


@dataclass(frozen=True, slots=True)
class Spread:
    groups: tuple[Group, ...]
    names: tuple[str, ...]
    services: dict[ServiceName, str] = field(default_factory=dict)
    """By service of the file, the group."""
    virtual: dict[IpAddress, str] = field(default_factory=dict)
    """By virtual address of those."""
    answered: dict[IpAddress, str] = field(default_factory=dict)
    """By local address and by public address of SNAT: what real servers and others answer to."""
    digest: str = ""
    """The same wherever everybody has the same."""

    def of_address(self, address: IpAddress) -> str:
        """The group of a virtual address, whether the file has it or not."""
        return self.virtual.get(address) or group_of(str(address), self.names)

    def told(self, name: str) -> str:
        """A group, and where its controller is, for messages."""
        where = next((group.controller for group in self.groups if group.name == name), "")
        return f"group {name} ({where})" if where else f"group {name}"


def name_of(virtual: VirtualServer) -> ServiceName:
    return virtual.protocol, virtual.address, virtual.port


def spread(config: Config, problems: Problems) -> Spread:
    """Who has what in ``config``, which has groups. What is wrong with that is added to ``problems``."""
    found = Spread(config.groups, tuple(group.name for group in config.groups))
    numbered = [(place(virtual, number), virtual) for number, virtual in enumerate(config.virtual_servers, 1)]
    check = _Checked(problems, found)
    for where, virtual in numbered:
        if virtual.group:
            check.take(where, "group", virtual, virtual.group)
    for where, virtual in numbered:
        if not virtual.group:
            check.rule(where, virtual)
    check.persistence(numbered)
    check.answered(config, numbered)
    return replace(found, digest=_digest(found))


def _digest(found: Spread) -> str:
    said = [f"{kind} {key} {of[key]}" for kind, of in enumerate((found.virtual, found.answered)) for key in of]
    said += [f"{name} {group}" for name, group in found.services.items()] + sorted(found.names)
    return hashlib.blake2b("\n".join(sorted(said)).encode(), digest_size=4).hexdigest()


class _Checked:
    """Fills a :class:`Spread`, and says what cannot be."""

    def __init__(self, problems: Problems, found: Spread) -> None:
        self._problems = problems
        self._found = found
        self._at: dict[IpAddress, tuple[Where, str]] = {}
        """Where the group of a virtual address is said."""
        self._uses: dict[IpAddress, tuple[str, Where, str]] = {}

    def _seen(self, at: tuple[Where, str], seen_from: tuple[Where, str]) -> str:
        return self._problems.at(*at, self._problems.place(*seen_from))

    def take(self, where: Where, key: str, virtual: VirtualServer, group: str) -> None:
        """``virtual`` is of ``group``, and so is whatever has its addresses."""
        found = self._found
        if group not in found.names:
            known = ", ".join(found.names)
            self._problems.add(where, key, f"there is no group {quoted(group)}; there are {known}")
            return
        for address in addresses_of(virtual):
            other = found.virtual.setdefault(address, group)
            at = self._at.setdefault(address, (where, key))
            if other != group:
                said = f"{address} is of group {other} ({self._seen(at, (where, key))}): an address is of one group"
                self._problems.add(where, key, said)
        name = name_of(virtual)
        if found.services.setdefault(name, group) != group:
            self._problems.add(where, key, f"another service of this fwmark is of group {found.services[name]}")

    def rule(self, where: Where, virtual: VirtualServer) -> None:
        """``virtual`` names no group."""
        found, addresses = self._found, addresses_of(virtual)
        if len(found.names) == 1:
            self.take(where, "group", virtual, found.names[0])
        elif virtual.mode.is_outward:
            known = " and ".join(found.names)
            said = f"is missing: hosts inside reach one group, and there are {known}"
            self._problems.add(where, "group", said)
        elif len(groups := {found.virtual.get(each, "") for each in addresses}) == 1 and groups != {""}:
            self.take(where, "group", virtual, groups.pop())
        elif len(addresses) > 1:
            said = f"is missing: it has {len(addresses)} addresses, which the rule may give to several groups"
            self._problems.add(where, "group", said)
        elif addresses:
            self.take(where, "address", virtual, found.of_address(addresses[0]))
        else:
            self._problems.add(where, "group", "is missing: it has no address that the rule could go by")

    def persistence(self, numbered: list[tuple[Where, VirtualServer]]) -> None:
        """Clients are remembered by each group for itself."""
        seen: dict[str, str] = {}
        for where, virtual in numbered:
            group = self._found.services.get(name_of(virtual))
            if not virtual.persistence_group or group is None:
                continue
            first = seen.setdefault(virtual.persistence_group, group)
            if first != group:
                said = f"{virtual.persistence_group} is of services in group {first}, and this one is in {group}"
                self._problems.add(
                    where, "persistence_group", f"{said}, which share no templates: say group = for all of them"
                )

    def answered(self, config: Config, numbered: list[tuple[Where, VirtualServer]]) -> None:
        """Whose a local or a public address is: answers go one way."""
        for group in config.groups:
            for local in group.local_addresses:
                self._use(local, group.name, group.said, "local_addresses")
        for where, virtual in numbered:
            name = self._found.services.get(name_of(virtual))
            if name is None:
                continue
            for local in virtual.local_addresses:
                self._use(local, name, where, "local_addresses")
            for number, real in enumerate(virtual.real_servers, 1) if virtual.mode.is_outward else ():
                below = (where, "addresses") if is_of_snat(virtual) else ((*where, ("real_server", number)), "address")
                self._use(real.address, name, *below)

    def _use(self, address: IpAddress, group: str, where: Where, key: str) -> None:
        found = self._found
        found.answered.setdefault(address, group)
        other, first, said_by = self._uses.setdefault(address, (group, where, key))
        if other != group:
            said = f"{address} is of group {other} ({self._seen((first, said_by), (where, key))}), and this of {group}"
            self._problems.add(where, key, f"{said}: answers go to one of them")
        elif found.virtual.get(address, group) != group:
            other = found.virtual[address]
            self._problems.add(where, key, f"{address} is a virtual address of group {other}, and this is of {group}")


def moved(before: Spread, after: Spread) -> Mapping[IpAddress, tuple[str, str]]:
    """Virtual addresses that services have before and after, by which group then and now, where these differ."""
    both = before.virtual.keys() & after.virtual.keys()
    pairs = {address: (before.virtual[address], after.virtual[address]) for address in both}
    return {address: pairs[address] for address in sorted(pairs, key=order) if len({*pairs[address]}) > 1}


def order(address: IpAddress) -> tuple[int, int]:
    """To sort by."""
    return address.version, int(address)
