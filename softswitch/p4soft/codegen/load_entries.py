"""Entries that the program itself puts into its tables."""

from __future__ import annotations

from collections.abc import Sequence

from p4soft.codegen import model as m
from p4soft.codegen.jsonread import Node

_MAX_PRIORITY = 1 << 30
_PRIORITY = "p4runtime_priority"


def _pack_field(node: Node, field: m.KeyField) -> bytes:
    size = (field.bits + 7) // 8
    limit = (1 << field.bits) - 1

    def number(key: str) -> int:
        value = node[key].hex()
        if not 0 <= value <= limit:
            raise node.fail(f"{key} does not fit in {field.bits} bits")
        return value

    kind = node["match_type"].text()
    if kind == "valid":
        return bytes([int(node["key"].boolean())])
    if kind != field.kind and {kind, field.kind} != {"optional", "ternary"}:
        raise node.fail(f"match kind {kind!r} where the table has {field.kind!r}")
    if kind == "exact":
        return number("key").to_bytes(size, "big")
    if kind == "lpm":
        length = node["prefix_length"].integer(0, field.bits)
        mask = limit ^ ((1 << (field.bits - length)) - 1)
        return (number("key") & mask).to_bytes(size, "big") + length.to_bytes(2, "big")
    if kind == "range":
        start, end = number("start"), number("end")
        if start > end:
            raise node.fail(f"the range starts at {start:#x}, after its end {end:#x}")
        return start.to_bytes(size, "big") + end.to_bytes(size, "big")
    mask = number("mask")
    return (number("key") & mask).to_bytes(size, "big") + mask.to_bytes(size, "big")


def load_entries(
    node: Node, name: str, key: Sequence[m.KeyField], actions: Sequence[m.ActionDef]
) -> list[m.ConstEntry]:
    """The ``entries`` of the table called ``name``. BMv2 lets the lowest priority number win, P4Runtime and the
    engine the highest.

    Beyond what p4c writes, an entry may have ``is_const``, and all of them ``p4runtime_priority``, their number as
    clients are to see it; ``p4soft entries`` adds them.
    """
    entries: list[m.ConstEntry] = []
    prioritised = any(field.kind in ("ternary", "range", "optional") for field in key)
    items = list(node.list_of("entries"))
    if items and not key:
        raise items[0].fail(f"table {name!r} has no key, so it can have no entries")
    given = prioritised and all(item.has(_PRIORITY) for item in items)
    seen: dict[tuple[bytes, int], str] = {}
    for item in items:
        priority = item[_PRIORITY if given else "priority"].integer(int(given), _MAX_PRIORITY) if prioritised else 0
        entry = _entry(item, key, actions, priority)
        if (where := seen.setdefault((entry.key, priority), item.path)) != item.path:
            raise item.fail(f"a second entry of table {name!r} with the key of {where}")
        entries.append(entry)
    if prioritised and entries and not given:
        top = max(e.priority for e in entries)
        for entry in entries:
            entry.priority = top - entry.priority + 1
    return entries


def _entry(item: Node, fields: Sequence[m.KeyField], actions: Sequence[m.ActionDef], priority: int) -> m.ConstEntry:
    keys = list(item["match_key"].items())
    if len(keys) != len(fields):
        raise item.fail(f"the key has {len(keys)} fields, the table {len(fields)}")
    key = b"".join(_pack_field(k, f) for k, f in zip(keys, fields, strict=True))
    wanted = item["action_entry"]["action_id"].integer()
    at = next((i for i, a in enumerate(actions) if a.id == wanted), None)
    if at is None:
        raise item.fail(f"action {wanted} is not one of the table's actions")
    params = [p.hex() for p in item["action_entry"].list_of("action_data")]
    if len(params) != len(actions[at].params):
        raise item.fail(f"{actions[at].name} takes {len(actions[at].params)} parameters")
    return m.ConstEntry(key, at, params, priority, item.flag("is_const"))
