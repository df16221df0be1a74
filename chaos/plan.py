"""What is to go wrong, and when: the same for the same seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from random import Random


class Of(Enum):
    """What a fault is of. Of three that fail at once sessions may be lost, and nobody has promised otherwise."""

    SWITCH = "switch"
    CONTROLLER = "controller"
    ETCD = "etcd"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Kind:
    of: Of
    weight: int
    lasts: tuple[float, float]
    """Seconds, at least and at most, until what has gone comes back."""


KINDS: Mapping[str, Kind] = {
    "kill the active switch": Kind(Of.SWITCH, 4, (0.2, 4.0)),
    "kill the switch that stands by": Kind(Of.SWITCH, 2, (0.2, 4.0)),
    "stop the active switch": Kind(Of.SWITCH, 2, (0.5, 10.0)),
    "stop the switch that stands by": Kind(Of.SWITCH, 1, (0.5, 10.0)),
    "cut the leader off from the active switch": Kind(Of.SWITCH, 2, (0.5, 10.0)),
    "cut the leader off from the switch that stands by": Kind(Of.SWITCH, 2, (0.5, 10.0)),
    "cut the leader off from both switches": Kind(Of.SWITCH, 1, (0.5, 10.0)),
    "have the other switch forward": Kind(Of.SWITCH, 2, (0.0, 0.0)),
    "kill the leader": Kind(Of.CONTROLLER, 4, (0.2, 4.0)),
    "end the leader": Kind(Of.CONTROLLER, 2, (0.2, 4.0)),
    "stop the leader": Kind(Of.CONTROLLER, 2, (0.5, 6.0)),
    "kill the controller that stands by": Kind(Of.CONTROLLER, 1, (0.2, 4.0)),
    "cut the leader off from etcd": Kind(Of.CONTROLLER, 3, (0.5, 8.0)),
    "cut the leader off from everything": Kind(Of.CONTROLLER, 2, (0.5, 10.0)),
    "kill etcd's leader": Kind(Of.ETCD, 3, (0.2, 4.0)),
    "kill all of etcd": Kind(Of.ETCD, 1, (0.2, 4.0)),
    "stop etcd's leader": Kind(Of.ETCD, 2, (0.5, 5.0)),
    "cut etcd's leader off from the others": Kind(Of.ETCD, 2, (0.5, 6.0)),
    "slow the leader's link": Kind(Of.OTHER, 2, (1.0, 6.0)),
    "slow the link of etcd's leader": Kind(Of.OTHER, 1, (1.0, 6.0)),
    "set the leader's clock an hour back": Kind(Of.OTHER, 1, (1.0, 6.0)),
    "set the leader's clock a day ahead": Kind(Of.OTHER, 1, (1.0, 6.0)),
}
FAULTS = 3
"""In a round, at most."""
SPREAD = 3.0
"""Seconds of a round in which its faults begin."""
CALM = 0.7
"""Seconds of it before the first one."""


@dataclass(frozen=True, slots=True)
class Fault:
    kind: str
    at: float
    """Seconds from the beginning of the round."""
    lasts: float


def planned(seed: int, number: int, longest: float | None = None) -> list[Fault]:
    """The faults of a round, in order; none lasts longer than ``longest`` seconds."""
    random = Random(f"{seed}/{number}")
    left_out = random.choice((Of.SWITCH, Of.CONTROLLER, Of.ETCD))
    kinds = {name: kind for name, kind in KINDS.items() if kind.of is not left_out}
    found = []
    for _ in range(random.randint(1, FAULTS)):
        (name,) = random.choices(list(kinds), [kind.weight for kind in kinds.values()])
        lasts = random.uniform(*kinds[name].lasts)
        found.append(Fault(name, CALM + random.uniform(0, SPREAD), lasts if longest is None else min(lasts, longest)))
        of = kinds[name].of
        kinds = {each: kind for each, kind in kinds.items() if kind.of is not of}
    return sorted(found, key=lambda fault: fault.at)
