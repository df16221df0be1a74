"""Tables ``policy`` and ``policy_of_all``: who may begin something with a service, and how often."""

from __future__ import annotations

from typing import NamedTuple

from fullnat.net.flow import Address
from fullnat.tables.table import Action, Owner, Table, register

UNIT = 256_000_000
"""Of the times in these tables, that a second has."""


class Policy(NamedTuple):
    policy: int
    """That of the service's entry."""
    list_id: int
    """0: no list."""
    flags: int
    """PolicyFlags."""
    gap: int
    """Between two connections that begin; 0: any."""
    slack: int
    """How far the next may be ahead of its time."""
    source_gap: int
    """The same of one source prefix."""
    source_slack: int
    source_mask: Address
    source_mask6: Address


class PolicyOfAll(NamedTuple):
    served: int
    """1."""
    list_id: int
    flags: int
    source_gap: int
    source_slack: int
    source_mask: Address
    source_mask6: Address


_SOURCE = ("source_gap", "source_slack", "source_mask", "source_mask6")


class PolicyTable(Table[Policy]):
    name = "policy"
    entry = Policy
    key = ("policy",)
    actions = (Action("policy_set", ("list_id", "flags", "gap", "slack", *_SOURCE)),)
    owner = Owner.POLICIES
    of_policies = True


class PolicyOfAllTable(Table[PolicyOfAll]):
    name = "policy_of_all"
    entry = PolicyOfAll
    key = ("served",)
    actions = (Action("policy_of_all_set", ("list_id", "flags", *_SOURCE)),)
    owner = Owner.POLICIES
    of_policies = True


register(PolicyTable)
register(PolicyOfAllTable)
