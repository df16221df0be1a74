"""Which fields of metadata are needed where in a pipeline of BMv2 JSON: what is read there or later, before it is set.

A pipeline is a graph of tables and conditions without circles; actions are lists of primitives with jumps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

Json = Any
Field = tuple[str, str]
"""Header and field."""
Fields = frozenset[Field]
WRITING = ("assign", "register_read", "modify_field_with_hash_based_offset")
"""Primitives that write all of their first operand, after they have read the others."""
READING = ("register_write", "count", "_jump", "_jump_if_zero")
"""Primitives that read, and are done with it."""
_NOTHING: Fields = frozenset()


def references(node: Json) -> Iterator[list[str]]:
    """Header and field wherever one is named, as the program itself has them."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key != "source_info":
                yield from references(value)
    elif isinstance(node, list):
        if len(node) == 2 and isinstance(node[0], str) and isinstance(node[1], str):
            yield node
        else:
            for each in node:
                yield from references(each)


def fields(node: Json) -> Iterator[Field]:
    return ((header, name) for header, name in references(node))


class Lives:
    def __init__(self, pipeline: Json, actions: dict[int, Json]) -> None:
        """``actions`` are the primitives of each, those of hashes with their operands."""
        self.beside: defaultdict[Field, set[Field]] = defaultdict(set)
        """By field those that are needed where it is set: they cannot be the same."""
        self._actions = actions
        self._at: dict[str | None, Fields] = {None: _NOTHING}
        nodes = {each["name"]: each for each in (*pipeline["tables"], *pipeline["conditionals"])}
        for node in _from_the_end(nodes, pipeline["init_table"]):
            self._at[node["name"]] = self._at_condition(node) if "expression" in node else self._at_table(node)

    def at(self, name: str) -> Fields:
        """What is needed where table or condition ``name`` begins."""
        return self._at[name]

    def _at_condition(self, node: Json) -> Fields:
        return self._at[node["true_next"]] | self._at[node["false_next"]] | set(fields(node["expression"]))

    def _at_table(self, node: Json) -> Fields:
        """Any of its actions may come, and after some of them the next node is told by hit and miss."""
        needed = set(fields(node["key"]))
        for number, action in zip(node["action_ids"], node["actions"], strict=True):
            nexts = (self._at[each] for each in _behind(node, action))
            needed |= self._at_action(self._actions[number], _NOTHING.union(*nexts))
        return frozenset(needed)

    def _at_action(self, primitives: Json, end: Fields) -> Fields:
        """What is needed where an action begins, behind which ``end`` is."""
        needed: list[Fields] = [_NOTHING] * len(primitives) + [end]
        changed = True
        while changed:
            changed = False
            for at in reversed(range(len(primitives))):
                before = self._before(primitives[at], at, needed)
                changed |= before != needed[at]
                needed[at] = before
        return needed[0]

    def _before(self, primitive: Json, at: int, needed: list[Fields]) -> Fields:
        """What is needed before a primitive, by what is ``needed`` before the others."""
        after = _NOTHING.union(*(needed[next_] for next_ in _following(primitive, at)))
        named = list(fields([primitive["parameters"], primitive["input"]]))
        if primitive["op"] not in WRITING or primitive["parameters"][0]["type"] != "field":
            return after | set(named)
        written, *read = named
        for other in after - {written}:
            self.beside[written].add(other)
            self.beside[other].add(written)
        return after - {written} | set(read)


def _from_the_end(nodes: dict[str, Json], first: str) -> list[Json]:
    """Those that are reached from ``first``, each behind all that may follow it."""
    found: dict[str, Json] = {}
    stack = [first]
    while stack:
        node = nodes[stack[-1]]
        left = [name for name in _nexts(node) if name is not None and name not in found]
        if left:
            stack += left
        else:
            found[stack.pop()] = node
    return list(found.values())


def _nexts(node: Json) -> set[str | None]:
    if "expression" in node:
        return {node["true_next"], node["false_next"]}
    return {name for action in node["actions"] for name in _behind(node, action)}


def _behind(table: Json, action: str) -> set[str | None]:
    """Where ``action`` of ``table`` may lead."""
    following = table["next_tables"]
    return {following[action]} if action in following else {*following.values(), table["base_default_next"]}


def _following(primitive: Json, at: int) -> set[int]:
    if primitive["op"] not in ("_jump", "_jump_if_zero"):
        return {at + 1}
    target = int(primitive["parameters"][-1]["value"], 0)
    return {target} if primitive["op"] == "_jump" else {at + 1, target}
