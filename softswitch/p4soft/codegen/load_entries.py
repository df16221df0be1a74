"""Entries that the program itself puts into its tables."""

from __future__ import annotations

from p4soft.codegen import model as m
from p4soft.codegen.jsonread import Node


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
        return number("start").to_bytes(size, "big") + number("end").to_bytes(size, "big")
    mask = number("mask")
    return (number("key") & mask).to_bytes(size, "big") + mask.to_bytes(size, "big")


def load_const_entries(node: Node, table: m.TableDef) -> list[m.ConstEntry]:
    """The ``entries`` of a table. BMv2 lets the lowest priority number win, the engine the highest."""
    entries: list[m.ConstEntry] = []
    prioritised = table.match_type in ("ternary", "range")
    for item in node.list_of("entries"):
        keys = list(item["match_key"].items())
        if len(keys) != len(table.key):
            raise item.fail(f"the key has {len(keys)} fields, the table {len(table.key)}")
        key = b"".join(_pack_field(k, f) for k, f in zip(keys, table.key, strict=True))
        wanted = item["action_entry"]["action_id"].integer()
        at = next((i for i, a in enumerate(table.actions) if a.id == wanted), None)
        if at is None:
            raise item.fail(f"action {wanted} is not one of the table's actions")
        params = [p.hex() for p in item["action_entry"].list_of("action_data")]
        if len(params) != len(table.actions[at].params):
            raise item.fail(f"{table.actions[at].name} takes {len(table.actions[at].params)} parameters")
        priority = item["priority"].integer(0, 1 << 30) if prioritised else 0
        entries.append(m.ConstEntry(key, at, params, priority))
    if prioritised and entries:
        top = max(e.priority for e in entries)
        for entry in entries:
            entry.priority = top - entry.priority + 1
    return entries
