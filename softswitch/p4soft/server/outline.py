"""The objects a BMv2 JSON declares, read without compiling anything.

Used to check a P4Info against a pipeline *before* the running one is replaced, and by engines that only keep state
(:mod:`p4soft.server.staging`). The numbering of tables and actions is by position here; a real engine has its own.
Format: behavioral-model, docs/JSON_format.md.
"""

from __future__ import annotations

import json
from typing import Any

from p4soft.api import (
    Action,
    Entry,
    InitialEntry,
    MatchField,
    MatchKind,
    PipelineError,
    Profile,
    Program,
    Table,
    ValueSet,
)
from p4soft.codegen.jsonread import Node
from p4soft.codegen.load_entries import load_entries
from p4soft.codegen.model import ActionDef, Const, KeyField
from p4soft.codegen.tables import packed_params


def read_program(config: bytes) -> Program:
    """The program's objects by name; PipelineError if ``config`` is no BMv2 JSON."""
    try:
        document = json.loads(config)
    except ValueError as error:
        raise PipelineError(f"p4_device_config is not a BMv2 JSON file: {error}") from None
    if not isinstance(document, dict) or "pipelines" not in document or "header_types" not in document:
        raise PipelineError("p4_device_config is JSON, but not what p4c-bm2-ss writes (no 'pipelines')")
    try:
        return _Outline(document).program()
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise PipelineError(
            f"p4_device_config is not a valid BMv2 JSON file: {type(error).__name__}: {error}"
        ) from None


class _Outline:
    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._types = {kind["name"]: {f[0]: f[1] for f in kind["fields"]} for kind in document["header_types"]}
        unions = {kind["name"]: kind["headers"] for kind in document.get("header_union_types", ())}
        self._types.update({name: {} for name in unions})
        self._headers = {header["name"]: self._types[header["header_type"]] for header in document["headers"]}
        for header in document["headers"]:
            # A header of a union's type stands for the members of a header union.
            for label, kind in unions.get(header["header_type"], ()):
                self._headers[f"{header['name']}.{label}"] = self._types[kind]
        self._actions = {action["id"]: action for action in document["actions"]}

    def program(self) -> Program:
        tables: dict[str, Table] = {}
        metered = {m.get("binding") for m in self._array("meter_arrays") if m.get("is_direct")}
        for pipeline in self._document["pipelines"]:
            for table in pipeline["tables"]:
                tables[table["name"]] = self._table(table, len(tables), table["name"] in metered)
        profiles: dict[str, Profile] = {}
        for pipeline in self._document["pipelines"]:
            for profile in pipeline.get("action_profiles", ()):
                profiles[profile["name"]] = self._profile(profile, tables, len(tables) + len(profiles))
        sets = self._array("parse_vsets")
        value_sets = {
            v["name"]: ValueSet(v["name"], at, v["compressed_bitwidth"], v["max_size"])
            for at, v in enumerate(sets, len(tables) + len(profiles))
        }
        return Program(
            tables=tables,
            profiles=profiles,
            value_sets=value_sets,
            counters={c["name"]: c["size"] for c in self._array("counter_arrays") if not c.get("is_direct")},
            meters={m["name"]: m["size"] for m in self._array("meter_arrays") if not m.get("is_direct")},
            registers={r["name"]: (r["size"], r["bitwidth"]) for r in self._array("register_arrays")},
            headers={
                header["header_type"]: tuple(
                    (name, 0 if bits == "*" else bits) for name, bits in self._types[header["header_type"]].items()
                )
                for header in self._document["headers"]
            },
            digests={
                d["name"]: tuple(self._value_bits(element) for element in d["elements"])
                for d in self._array("learn_lists")
            },
        )

    def _array(self, name: str) -> list[dict[str, Any]]:
        value: list[dict[str, Any]] = self._document.get(name, [])
        return value

    @staticmethod
    def _profile(profile: dict[str, Any], tables: dict[str, Table], index: int) -> Profile:
        users = [table for table in tables.values() if table.profile == profile["name"]]
        actions = {action.name: action for table in users for action in table.actions}
        numbered = tuple(Action(a.name, at, a.param_bits) for at, a in enumerate(actions.values()))
        return Profile(profile["name"], index, numbered, profile.get("max_size", 0), bool(profile.get("selector")))

    def _table(self, table: dict[str, Any], index: int, has_meter: bool) -> Table:
        actions = [self._actions[number] for number in table["action_ids"]]
        default = table.get("default_entry", {})
        key = tuple(self._field(field) for field in table["key"])
        return Table(
            name=table["name"],
            index=index,
            fields=key,
            actions=tuple(
                Action(action["name"], position, tuple(p["bitwidth"] for p in action["runtime_data"]))
                for position, action in enumerate(actions)
            ),
            size=table.get("max_size", 1024),
            has_counter=bool(table.get("with_counters")),
            has_meter=has_meter,
            support_timeout=bool(table.get("support_timeout")),
            initial=self._initial(table, key, actions),
            const_default=bool(default.get("action_const")),
            profile=table.get("action_profile"),
        )

    @staticmethod
    def _initial(
        table: dict[str, Any], key: tuple[MatchField, ...], actions: list[dict[str, Any]]
    ) -> tuple[InitialEntry, ...]:
        if not table.get("entries"):
            return ()
        fields = [KeyField(field.name, field.kind.value, Const(0), field.bits, None) for field in key]
        known = [
            ActionDef(action["name"], action["id"], [p["bitwidth"] for p in action["runtime_data"]], [])
            for action in actions
        ]
        found = load_entries(Node(table, f"table {table['name']}"), table["name"], fields, known)
        return tuple(
            InitialEntry(Entry(e.key, e.action, packed_params(known[e.action].params, e.params), e.priority), e.const)
            for e in found
        )

    def _field(self, key: dict[str, Any]) -> MatchField:
        if key["match_type"] == "valid":
            return MatchField(key.get("name") or "", 1, MatchKind.EXACT)
        name = key.get("name") or ".".join(key["target"])
        return MatchField(name, self._bits(key["target"]), MatchKind(key["match_type"]))

    def _bits(self, target: list[str]) -> int:
        header, name = target
        if name == "$valid$":
            return 1
        return int(self._headers[header][name])

    def _value_bits(self, element: dict[str, Any]) -> int:
        if element["type"] == "field":
            return self._bits(element["value"])
        return int(element.get("bitwidth", 4 * len(element["value"].removeprefix("0x"))))
