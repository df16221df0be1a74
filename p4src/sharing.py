"""Have temporaries of the BMv2 JSON share fields.

p4c gives each local variable and each operand of a hash a field of metadata for itself, for the whole pipeline. BMv2
sets every field to zero for every packet, used or not, and hands them all from thread to thread. Here temporaries of
one width of which no two are needed at the same time get one field, as the variables of functions share the registers
of a processor (Chaitin, Register Allocation and Spilling via Graph Coloring, 1982). What p4c calls by the name of a
field of the program's metadata stays.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from typing import Any

from p4src.copies import Indices
from p4src.liveness import READING, WRITING, Field, Lives, fields, references

Json = Any
_SCALARS = "scalars"
_PADDING = "_padding"
_NAMED = "metadata_t."
"""How the program's own metadata are called."""


def share_fields(program: Json) -> None:
    """Change ``program``, a BMv2 JSON, in place."""
    inputs = {each["name"]: each["input"] for each in program["calculations"]}
    ingress = next(each for each in program["pipelines"] if each["name"] == "ingress")
    of_ingress = {number for table in ingress["tables"] for number in table["action_ids"]}
    actions = {
        each["id"]: _with_inputs(each["primitives"], inputs) for each in program["actions"] if each["id"] in of_ingress
    }
    lives = Lives(ingress, actions)
    widths = _temporaries(program)
    # What is needed where the pipeline begins is zero there.
    kept = _used_elsewhere(program, ingress, actions) | lives.at(ingress["init_table"])
    indices = Indices(actions, {each["name"] for each in program["headers"] if each["metadata"]})
    kinds = {name: (bits, indices.of(name)) for name, bits in widths.items() if name not in kept}
    names = _named(lives, kinds)
    for reference in references([ingress, list(actions.values())]):
        reference[:] = names.get((reference[0], reference[1]), reference)
    _declare(program, names.keys(), {new: widths[old] for old, new in names.items()})


def _with_inputs(primitives: Json, inputs: dict[str, Json]) -> Json:
    """Primitives, a hash with its operands, which are listed elsewhere."""
    return [{**each, "input": [inputs[name] for name in _calculations(each)]} for each in primitives]


def _calculations(primitive: Json) -> list[str]:
    return [each["value"] for each in primitive["parameters"] if each["type"] == "calculation"]


def _temporaries(program: Json) -> dict[Field, int]:
    """Metadata that neither the program's source nor the switch names, without signed ones, and their bits."""
    types = {each["name"]: each["fields"] for each in program["header_types"]}
    return {
        (header["name"], field[0]): field[1]
        for header in program["headers"]
        if header["metadata"] and header["name"] != "standard_metadata"
        for field in types[header["header_type"]]
        if not field[0].startswith((_PADDING, _NAMED)) and not field[2]
    }


def _used_elsewhere(program: Json, ingress: Json, actions: dict[int, Json]) -> set[Field]:
    """What is used outside ingress, or by primitives of which it is not known when (a digest reads at the end)."""
    hashes = {name for each in actions.values() for primitive in each for name in _calculations(primitive)}
    parts = [value for key, value in program.items() if key not in ("actions", "calculations", "pipelines")]
    parts += [each for each in program["calculations"] if each["name"] not in hashes]
    parts += [each for each in program["pipelines"] if each is not ingress]
    parts += [each for each in program["actions"] if each["id"] not in actions]
    parts += [each for of in actions.values() for each in of if each["op"] not in WRITING + READING]
    return set(fields(parts))


def _named(lives: Lives, kinds: dict[Field, tuple[int, Field | None]]) -> dict[Field, Field]:
    """The field that each gets: the first of its bits and index that none has which is needed while it is."""
    names: dict[Field, Field] = {}
    made: defaultdict[tuple[int, Field | None], list[Field]] = defaultdict(list)
    numbers: Counter[int] = Counter()
    for name, kind in kinds.items():
        taken = {names[other] for other in lives.beside[name] if other in names}
        free = next((each for each in made[kind] if each not in taken), None)
        if free is None:
            bits = kind[0]
            free = _SCALARS, f"shared_{bits}_{numbers[bits]}"
            numbers[bits] += 1
            made[kind].append(free)
        names[name] = free
    return names


def _declare(program: Json, gone: Collection[Field], new: dict[Field, int]) -> None:
    """Take out the fields that are ``gone``, and headers without any; put in the ``new`` ones, of so many bits."""
    types = {each["name"]: each for each in program["header_types"]}
    left: defaultdict[str, set[str]] = defaultdict(set)
    headers = []
    for header in program["headers"]:
        names = {field[0] for field in types[header["header_type"]]["fields"]}
        kept = names - {name for of, name in gone if of == header["name"]}
        if any(not name.startswith(_PADDING) for name in kept):
            left[header["header_type"]] |= kept
            headers.append(header)
    for name, kept in left.items():
        types[name]["fields"] = [field for field in types[name]["fields"] if field[0] in kept]
    scalars = types[next(each["header_type"] for each in headers if each["name"] == _SCALARS)]
    declared = [field for field in scalars["fields"] if not field[0].startswith(_PADDING)]
    declared += [[name, bits, False] for (_, name), bits in sorted(new.items())]
    missing = -sum(field[1] for field in declared) % 8
    scalars["fields"] = declared + ([[_PADDING, missing, False]] if missing else [])
    numbers = {header["id"]: number for number, header in enumerate(headers)}
    for stack in program["header_stacks"]:
        stack["header_ids"] = [numbers[each] for each in stack["header_ids"]]
    program["headers"] = [{**header, "id": number} for number, header in enumerate(headers)]
    used = [kind for name, kind in types.items() if name in left]
    program["header_types"] = [{**kind, "id": number} for number, kind in enumerate(used)]
