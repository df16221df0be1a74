"""Which variables of BMv2 JSON hold the indices of registers: p4soft lays registers of one index out together, and
fetches them ahead of the actions that use them. It looks at all copies and at no order (p4soft.codegen.flow), so a
variable of one index and another one must not become the same.
"""

from __future__ import annotations

from typing import Any

Json = Any
Place = tuple[str, str]
"""A header and its field, or an action and its parameter."""
_INDEX = {"register_read": 2, "register_write": 1}
"""Which operand is the index."""


class Indices:
    def __init__(self, actions: dict[int, Json], metadata: set[str]) -> None:
        """``actions`` are the primitives of each, ``metadata`` headers that are no packet's."""
        self._metadata = metadata
        self._parent: dict[Place, Place] = {}
        steps = [(str(number), step["op"], step["parameters"]) for number, of in actions.items() for step in of]
        for action, op, operands in steps:
            if op == "assign":
                target, source = self._place(operands[0], action), self._place(operands[1], action)
                if target is not None and source is not None:
                    self._parent[self._root(target)] = self._root(source)
        found = [self._place(operands[_INDEX[op]], action) for action, op, operands in steps if op in _INDEX]
        self._roots = {self._root(place) for place in found if place is not None}

    def of(self, place: Place) -> Place | None:
        """What all copies of one index have in common; None for what is no copy of any."""
        root = self._root(place)
        return root if root in self._roots else None

    def _root(self, place: Place) -> Place:
        while (parent := self._parent.get(place, place)) != place:
            place = parent
        return place

    def _place(self, value: Json, action: str) -> Place | None:
        """What a plain copy reads or writes, with a mask in front of it or without."""
        while value["type"] == "expression":
            inner = value["value"]
            if "op" not in inner:
                value = inner
            elif inner["op"] == "&" and inner["right"]["type"] == "hexstr":
                value = inner["left"]
            else:
                return None
        if value["type"] == "field" and value["value"][0] in self._metadata:
            return (value["value"][0], value["value"][1])
        return (action, str(value["value"])) if value["type"] in ("local", "runtime_data") else None
