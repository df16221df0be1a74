"""Temporaries share fields, and a program does the same as before."""

from __future__ import annotations

import json
from typing import Any

from fullnatkit import COMPILED
from hypothesis import given, settings
from hypothesis import strategies as st

from p4src.sharing import share_fields

Json = Any
TEMPORARIES = [f"tmp_{number}" for number in range(8)]
SEEN = ("metadata_t._a0", "metadata_t._b1")
"""Fields of the program's own metadata."""


def field(name: str) -> Json:
    return {"type": "field", "value": ["scalars", name]}


def assign(to: str, *of: str) -> Json:
    """The sum of fields, and 1."""
    left: Json = {"type": "hexstr", "value": "0x1"}
    for name in of:
        left = {"type": "expression", "value": {"op": "+", "left": left, "right": field(name)}}
    return {"op": "assign", "parameters": [field(to), left]}


def jump(to: int, unless: str | None = None) -> Json:
    target = {"type": "hexstr", "value": hex(to)}
    if unless is None:
        return {"op": "_jump", "parameters": [target]}
    return {"op": "_jump_if_zero", "parameters": [field(unless), target]}


def program(actions: list[list[Json]], conditions: dict[int, str] | None = None) -> Json:
    """``actions`` one after the other, each in its own table; before some a condition, by which it is passed over."""
    conditions = conditions or {}

    def name(number: int) -> str | None:
        if number == len(actions):
            return None
        return f"if{number}" if number in conditions else f"t{number}"

    tables = [
        {"name": f"t{n}", "key": [], "action_ids": [n], "actions": [f"a{n}"], "next_tables": {f"a{n}": name(n + 1)}}
        | {"base_default_next": name(n + 1)}
        for n in range(len(actions))
    ]
    conditionals = [
        {"name": f"if{n}", "expression": field(of), "true_next": f"t{n}", "false_next": name(n + 1)}
        for n, of in conditions.items()
    ]
    ingress = {"name": "ingress", "init_table": name(0), "tables": tables, "conditionals": conditionals}
    return {
        "header_types": [{"name": "s", "id": 0, "fields": [[each, 16, False] for each in (*TEMPORARIES, *SEEN)]}],
        "headers": [{"name": "scalars", "id": 0, "header_type": "s", "metadata": True}],
        "header_stacks": [],
        "calculations": [],
        "learn_lists": [],
        "actions": [{"id": n, "name": f"a{n}", "primitives": of} for n, of in enumerate(actions)],
        "pipelines": [ingress],
    }


def run(made: Json, left: int = 400) -> dict[str, int]:
    """What a program leaves in its own metadata."""
    fields = {name: 0 for name, _, _ in made["header_types"][0]["fields"]}

    def value(of: Json) -> int:
        if of["type"] == "hexstr":
            return int(of["value"], 0)
        if of["type"] == "field":
            return fields[of["value"][1]]
        return value(of["value"]["left"]) + value(of["value"]["right"]) & 0xFFFF

    (ingress,) = made["pipelines"]
    nodes = {each["name"]: each for each in (*ingress["tables"], *ingress["conditionals"])}
    at = ingress["init_table"]
    while at is not None:
        node = nodes[at]
        if "expression" in node:
            at = node["true_next" if value(node["expression"]) % 2 else "false_next"]
            continue
        primitives = made["actions"][node["action_ids"][0]]["primitives"]
        step = 0
        while step < len(primitives) and left:
            left -= 1
            operands = primitives[step]["parameters"]
            step += 1
            if primitives[step - 1]["op"] == "assign":
                fields[operands[0]["value"][1]] = value(operands[1])
            elif len(operands) == 1 or value(operands[0]) % 3 == 0:
                step = value(operands[-1])
        at = node["base_default_next"]
    return {name: fields[name] for name in SEEN}


def shared(made: Json) -> Json:
    copy = json.loads(json.dumps(made))
    share_fields(copy)
    return copy


def names(made: Json) -> list[str]:
    assert all(bits for _, bits, _ in made["header_types"][0]["fields"])
    return [name for name, _, _ in made["header_types"][0]["fields"] if not name.startswith("_padding")]


NAMES = st.sampled_from([*TEMPORARIES, *SEEN])
ACTION = st.lists(
    st.one_of(
        st.builds(lambda to, of: assign(to, *of), NAMES, st.lists(NAMES, max_size=2)),
        st.builds(jump, st.integers(0, 6), st.none() | NAMES),
    ),
    min_size=1,
    max_size=6,
).map(lambda steps: [each if each["op"] == "assign" else _within(each, len(steps)) for each in steps])


def _within(step: Json, length: int) -> Json:
    target = step["parameters"][-1]
    target["value"] = hex(min(int(target["value"], 0), length))
    return step


@settings(deadline=None, max_examples=100)
@given(st.lists(ACTION, min_size=1, max_size=6), st.dictionaries(st.integers(0, 5), NAMES, max_size=3))
def test_a_program_does_the_same_as_before(actions: list[list[Json]], conditions: dict[int, str]) -> None:
    """With jumps both ways, and fields that are read before they are set."""
    made = program(actions, {at: of for at, of in conditions.items() if at < len(actions)})
    assert run(shared(made)) == run(made)


def test_temporaries_that_are_not_needed_at_the_same_time_are_one_field() -> None:
    a, b = SEEN
    made = program([[assign("tmp_0"), assign(a, "tmp_0")], [assign("tmp_1"), assign(b, "tmp_1")]])
    assert names(shared(made)) == [*SEEN, "shared_16_0"]


def test_those_that_are_needed_at_the_same_time_are_two() -> None:
    made = program([[assign("tmp_0"), assign("tmp_1")], [assign(SEEN[0], "tmp_0", "tmp_1")]])
    assert names(shared(made)) == [*SEEN, "shared_16_0", "shared_16_1"]


def test_one_that_is_read_before_it_is_set_stays_zero() -> None:
    made = program([[assign("tmp_0")], [assign(SEEN[0], "tmp_0", "tmp_1")]])
    assert names(shared(made)) == ["tmp_1", *SEEN, "shared_16_0"]


def test_what_a_digest_tells_is_there_at_the_end() -> None:
    made = program([[assign("tmp_0"), {"op": "generate_digest", "parameters": []}], [assign("tmp_1")]])
    made["learn_lists"] = [{"elements": [field("tmp_0")]}]
    assert names(shared(made)) == ["tmp_0", *SEEN, "shared_16_0"]


def test_indices_of_registers_share_with_their_copies_only() -> None:
    """p4soft goes by the copies that there are somewhere; what is no index may not become a copy of one."""

    def read(index: str) -> Json:
        return {"op": "register_read", "parameters": [field("tmp_7"), {"type": "register_array"}, field(index)]}

    def copy(to: str, of: str) -> Json:
        return {"op": "assign", "parameters": [field(to), field(of)]}

    a, b = SEEN
    made = program([[copy("tmp_0", a), read("tmp_0")], [copy("tmp_1", a), read("tmp_1")], [copy("tmp_2", b)]])
    done = shared(made)
    indices = [action["primitives"][0]["parameters"][0]["value"][1] for action in done["actions"]]
    assert indices[0] == indices[1] != indices[2]


def test_what_egress_uses_stays() -> None:
    made = program([[assign("tmp_0"), assign("tmp_1")], [assign(SEEN[0], "tmp_1")], [assign(SEEN[1], "tmp_0")]])
    (ingress,) = made["pipelines"]
    ingress["tables"][1] |= {"next_tables": {"a1": None}, "base_default_next": None}
    made["pipelines"].append({"name": "egress", "init_table": "t2", "tables": [ingress["tables"].pop()]})
    assert names(shared(made)) == ["tmp_0", *SEEN, "shared_16_0"]


def test_operands_of_hashes_share_too_and_their_headers_go() -> None:
    hashing: Json = {"op": "modify_field_with_hash_based_offset"}
    hashing["parameters"] = [field(SEEN[0]), {"type": "calculation", "value": "calc"}]
    made = program([[assign("tmp_0"), hashing]])
    made["header_types"].append({"name": "tuple", "id": 1, "fields": [["f0", 16, False], ["_padding", 8, False]]})
    made["headers"].insert(0, {"name": "operands", "id": 0, "header_type": "tuple", "metadata": True})
    made["headers"].append({"name": "word[0]", "id": 2, "header_type": "word", "metadata": False})
    made["header_types"].append({"name": "word", "id": 2, "fields": [["data", 32, False]]})
    made["headers"][1]["id"] = 1
    made["header_stacks"] = [{"header_ids": [2]}]
    made["actions"][0]["primitives"][0]["parameters"][0]["value"] = ["operands", "f0"]
    made["calculations"] = [{"name": "calc", "input": [{"type": "field", "value": ["operands", "f0"]}]}]
    done = shared(made)
    assert done["calculations"][0]["input"] == [field("shared_16_0")]
    assert [(each["name"], each["id"]) for each in done["headers"]] == [("scalars", 0), ("word[0]", 1)]
    assert [each["name"] for each in done["header_types"]] == ["s", "word"]
    assert done["header_stacks"] == [{"header_ids": [1]}]


def test_bmv2_has_few_fields_to_set_to_zero() -> None:
    """Per packet; p4c alone makes 655 of them."""
    made = json.loads((COMPILED / "fullnat.json").read_text())
    types = {each["name"]: each["fields"] for each in made["header_types"]}
    assert sum(len(types[each["header_type"]]) for each in made["headers"] if each["metadata"]) < 240
