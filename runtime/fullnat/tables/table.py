"""What all tables have in common, and the register of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar, get_args, get_type_hints

from fullnat.config.model import Config
from fullnat.net.flow import Address, Endpoint, is_v6, text
from fullnat.net.match import Match

Entry = tuple[Any, ...]
"""An entry of any table: a NamedTuple of one of the modules beside this one."""
EntryKey = tuple[Any, ...]
"""What identifies an entry among those of all tables: the table's name, then the values of its key."""
E = TypeVar("E", bound=Entry)


V6 = "6"
"""Ends the name of an action whose parameters are of IPv6."""


class Owner(Enum):
    """Who decides what a table holds."""

    CONFIGURATION = "configuration"
    SERVERS = "servers"
    """Real servers, by their ids."""
    NEIGHBORS = "neighbors"
    """Next hops, by their ids, and what is learned of neighbors."""
    SESSIONS = "sessions"
    COOKIES = "cookies"
    """The keys of SYN cookies."""
    BUCKETS = "buckets"
    """Of services without sessions."""
    POLICIES = "policies"
    """Who may use services, and their lists."""


class Action(NamedTuple):
    """An action by its name and those of its parameters in P4Info."""

    name: str
    params: tuple[str, ...] = ()


class Group(NamedTuple):
    """The buckets of a service without sessions."""

    number: int
    size: int
    """A power of two."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the configured tables are made from."""

    config: Config
    """Interfaces and routes."""
    services: Mapping[tuple[int, Endpoint], int]
    """ServiceFlags by protocol and virtual address and port."""
    local_addresses: Sequence[Address]
    """Those in use, which may be more than are configured."""
    next_hops: Mapping[Address, int]
    """Ids of the gateways."""
    silent: Collection[Address] = ()
    """Virtual addresses that answer no echo request."""
    groups: Mapping[tuple[int, Endpoint], Group] = field(default_factory=dict)
    """Of the services without sessions."""
    matches: Mapping[tuple[int, Endpoint], Sequence[Match]] = field(default_factory=dict)
    """Of those services that are by match."""
    outward: Mapping[tuple[int, Endpoint], Sequence[Match]] = field(default_factory=dict)
    """Of those of SNAT."""
    policies: Mapping[tuple[int, Endpoint], int] = field(default_factory=dict)
    """The numbers of those that services have."""


class Table(Generic[E]):
    """One table. The fields of its entry are the key's and then the parameters of its only action; a table for which
    that is not so overrides the methods.

    ``name``, ``key`` and ``actions`` are as in P4Info, and compared with it at connect. IPv6 has tables of its own
    where the key is an address, with the same fields and actions, and actions of its own where the parameters are: an
    entry's family is that of its addresses.
    """

    name: ClassVar[str]
    name6: ClassVar[str | None] = None
    """Of the table for keys of IPv6, in programs that have IPv6."""
    entry: type[E]
    key: ClassVar[tuple[str, ...]]
    actions: ClassVar[tuple[Action, ...]]
    actions6: ClassVar[tuple[Action, ...]] = ()
    """Further ones, in programs that have IPv6."""
    actions_stateless: ClassVar[tuple[Action, ...]] = ()
    """Further ones, in programs that have services without sessions."""
    optional: ClassVar[bool] = False
    """It is in programs that have services without sessions alone."""
    actions_match: ClassVar[tuple[Action, ...]] = ()
    """Further ones, in programs that have services of all ports and by match,"""
    actions_match6: ClassVar[tuple[Action, ...]] = ()
    """and IPv6 as well."""
    of_cookies: ClassVar[bool] = False
    """It is in programs that answer SYNs with cookies alone."""
    of_match: ClassVar[bool] = False
    """Only such programs have it."""
    actions_policies: ClassVar[tuple[Action, ...]] = ()
    """Further ones, in programs that know who may use services,"""
    actions_policies_stateless: ClassVar[tuple[Action, ...]] = ()
    """and services without sessions as well."""
    of_policies: ClassVar[bool] = False
    """Only programs that know who may use services have it."""
    kinds: ClassVar[tuple[str, ...]] = ()
    """Match kinds of the key's fields, if not all are exact. A ternary field of an address is a prefix, one of a number
    has it all or, None, nothing; a range has its first and last value. The priority is the last of the key's values."""
    lpm: ClassVar[bool] = False
    """The last field of the key is a prefix: behind it its entries have its length."""
    owner: ClassVar[Owner] = Owner.CONFIGURATION
    gate: ClassVar[bool] = False
    """Without its entries a switch answers nothing and forwards nothing, whatever else it holds: of a group of switches
    the active one alone has them."""
    last: ClassVar[bool] = False
    """Configured entries are written behind those of all other tables, because they let traffic in."""

    @cached_property
    def addresses(self) -> frozenset[str]:
        """The fields of the entry, and of P4Info, that are addresses; all others are ints."""
        hints = get_type_hints(self.entry).items()
        return frozenset(name for name, hint in hints if Address in (hint, *get_args(hint)))

    def key_values(self, entry: E) -> tuple[Any, ...]:
        """The key of ``entry``; for a prefix its value and its length."""
        return entry[: len(self.key) + self.lpm]

    def action(self, entry: E) -> tuple[str, tuple[Any, ...]]:
        """The name of the entry's action and its parameters."""
        (action,) = self.actions
        return action.name, entry[len(self.key) + self.lpm :]

    def made(self, key: Sequence[Any], action: str, params: Sequence[Any]) -> E:
        """The entry with this key, action and parameters."""
        make: Callable[..., E] = self.entry
        return make(*key, *params)

    def is_v6(self, entry: E) -> bool:
        """Whether its key is of IPv6."""
        return any(is_v6(Address(value)) for value in self.key_values(entry) if isinstance(value, bytes))

    def keys(self, entry: E) -> tuple[EntryKey, ...]:
        """What identifies the entries of the switch that ``entry`` stands for."""
        return ((self.name, *self.key_values(entry)),)

    def requires(self, entry: E) -> tuple[EntryKey, ...]:
        """Keys of what must be in the switch as long as ``entry`` is (``@refers_to`` in the P4)."""
        return ()

    def wanted(self, model: Wanted) -> Iterable[E]:
        """The entries of a configured table. Of a part of the model, the part of the entries that comes of it: a change
        of a service or a local address is that of nothing else."""
        return ()


TABLES: dict[type[Entry], Table[Any]] = {}
"""By the type of their entries."""


def register(table: type[Table[E]]) -> None:
    """One instance of ``table`` serves all."""
    made = table()
    TABLES[made.entry] = made


def table_of(entry: Entry) -> Table[Any]:
    return TABLES[type(entry)]


def entry_key(entry: Entry) -> EntryKey:
    """What identifies an entry that stands for one entry of the switch. ValueError for a session, which is two."""
    (key,) = table_of(entry).keys(entry)
    return key


def name_of(entry: Entry) -> str:
    """Of the table that ``entry`` is in."""
    table = table_of(entry)
    return table.name6 if table.name6 is not None and table.is_v6(entry) else table.name


def shown(entry: Entry) -> str:
    """``entry`` for people: its addresses in their notation."""
    table = table_of(entry)
    fields = zip(table.entry._fields, entry, strict=True)
    values = (f"{name}={text(Address(value)) if isinstance(value, bytes) else value}" for name, value in fields)
    return f"{table.entry.__name__}({', '.join(values)})"
