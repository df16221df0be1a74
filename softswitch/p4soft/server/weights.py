"""Sizes of groups: what P4Info declares, what weights a client gives, and in which order BMv2 would keep the copies.

BMv2 has no weights: its P4Runtime server makes a member of weight n into n members, and a group is the set of their
handles, chosen from in ascending order by hash modulo size. Handles are the lowest free numbers. To choose the same
member for the same packet, the handles are kept here as BMv2 would have given them out.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence

from finsy.proto import p4i, p4r

from p4soft.server.errors import exhausted, invalid
from p4soft.server.translation import Translation

_PORT_BYTES = 4
MAX_COPIES = 1 << 16
"""Members of one group, each counted as often as its weight says."""


class Handles:
    """Gives out the lowest number that is free."""

    def __init__(self) -> None:
        self._free: list[int] = []
        self._next = 0

    def take(self) -> int:
        if self._free:
            return heapq.heappop(self._free)
        self._next += 1
        return self._next - 1

    def give_back(self, handle: int) -> None:
        heapq.heappush(self._free, handle)


def chosen(copies: Iterable[tuple[int, int]], watches: Mapping[int, int], port_up: Callable[[int], bool]) -> list[int]:
    """What a packet's hash chooses from: the members of ``copies`` (handle, member) in BMv2's order, without those
    whose port in ``watches`` is down."""
    cut_off = {member for member, port in watches.items() if not port_up(port)}
    return [member for _, member in sorted(copies) if member not in cut_off]


class GroupRules:
    """What P4Info says about the groups of one action selector. ``what`` is its name in messages."""

    def __init__(self, info: p4i.ActionProfile, what: str, ports: Translation | None) -> None:
        """``ports``: the type that clients have port numbers in, if there is one."""
        self._what = what
        self._ports = ports
        self.size = info.size
        self.max_group_size = info.max_group_size
        self._count_members = info.WhichOneof("selector_size_semantics") == "sum_of_members"
        self._max_weight = info.sum_of_members.max_member_weight
        self._no_weights = info.weights_disallowed

    @property
    def most(self) -> int:
        """What a group can measure at most, if nothing else is in the selector."""
        return min(self.size or MAX_COPIES, MAX_COPIES)

    def weights(self, items: Iterable[p4r.ActionProfileGroup.Member | p4r.ActionProfileAction]) -> list[int]:
        """The weight of each item; 1 where the program leaves no choice."""
        weights = []
        for item in items:
            if self._no_weights:
                if item.weight:
                    raise invalid(f"{self._what}: weights are not allowed here (@weights_disallowed)")
                weights.append(1)
                continue
            if item.weight <= 0:
                raise invalid(f"{self._what}: a weight must be positive, not {item.weight}")
            if self._max_weight and item.weight > self._max_weight:
                raise invalid(f"{self._what}: a weight of {item.weight} is above the largest, {self._max_weight}")
            weights.append(item.weight)
        if sum(weights) > MAX_COPIES:
            raise exhausted(f"{self._what}: the weights of a group can add up to {MAX_COPIES} at most")
        return weights

    def watch_port(self, item: p4r.ActionProfileGroup.Member | p4r.ActionProfileAction) -> int | None:
        """The port that has to be up for ``item`` to be chosen."""
        if item.WhichOneof("watch_kind") == "watch":  # of P4Runtime before 1.3, where 0 is no port
            return item.watch or None
        if item.watch_port and self._ports is not None:
            return self._ports.number(item.watch_port, 8 * _PORT_BYTES, f"{self._what}: watch_port")
        if len(item.watch_port.lstrip(b"\0")) > _PORT_BYTES:
            raise invalid(f"{self._what}: a watch_port has {8 * _PORT_BYTES} bits at most")
        return int.from_bytes(item.watch_port, "big") if item.watch_port else None

    def measure(self, weights: Sequence[int]) -> int:
        """How much of ``size`` and ``max_group_size`` a group takes."""
        return len(weights) if self._count_members else sum(weights)
