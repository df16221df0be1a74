"""Random expressions against Python's integers: BMv2 computes without bounds and cuts when it assigns."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from p4soft.engine import NativeEngine

FIELDS = {"a": (1, False), "b": (7, False), "c": (16, False), "d": (13, False), "e": (3, False), "f": (32, False)}
FIELDS |= {"g": (32, True), "h": (64, False), "i": (64, True), "j": (65, False), "k": (128, False), "l": (7, True)}
FIELDS |= {"m": (320, False), "n": (8, False), "o": (200, True)}
OUT_BITS = 200
EXPRESSIONS = 48
STANDARD = ("ingress_port", "egress_spec", "egress_port", "instance_type", "packet_length", "mcast_grp")

Values = dict[str, int]


def field(name: str) -> dict[str, Any]:
    return {"type": "field", "value": ["x", name]}


def const(value: int) -> dict[str, Any]:
    return {"type": "hexstr", "value": f"{'-' if value < 0 else ''}{abs(value):#x}"}


def op(name: str, left: Any, right: Any, cond: Any = None) -> dict[str, Any]:
    value = {"op": name, "left": left, "right": right}
    return {"type": "expression", "value": value | ({"cond": cond} if cond else {})}


class Maker:
    """Makes expressions; ``number`` and ``truth`` return the JSON and a Python function of the fields' values."""

    def __init__(self, seed: int) -> None:
        self.rnd = random.Random(seed)

    def leaf(self) -> tuple[Any, Any]:
        if self.rnd.random() < 0.25:
            value = self.rnd.choice([0, 1, 5, 0xFF, 1 << 31, (1 << 64) - 1, -1, -(1 << 40), 1 << 150])
            return const(value), lambda v: value
        name = self.rnd.choice(list(FIELDS))
        return field(name), lambda v: v[name]

    def natural(self, depth: int) -> tuple[Any, Any]:
        """A number that is not negative."""
        json_, fn = self.number(depth)
        mask = (1 << self.rnd.choice([1, 8, 32, 63, 64, 100, 128, 200])) - 1
        return op("&", json_, const(mask)), lambda v: fn(v) & mask

    def number(self, depth: int) -> tuple[Any, Any]:
        if depth == 0:
            return self.leaf()
        kind = self.rnd.choice(["+", "-", "*", "&", "|", "^", "~", "<<", ">>", ">>c", "/", "%", "?", "b2d", "cast"])
        if kind in ("/", "%"):
            (lj, lf), (rj, rf) = self.natural(depth - 1), self.natural(0)
            if kind == "/":
                return op("/", lj, rj), lambda v: lf(v) // rf(v) if rf(v) else 0
            return op("%", lj, rj), lambda v: lf(v) % rf(v) if rf(v) else 0
        lj, lf = self.number(depth - 1)
        if kind == "~":
            return op("~", None, lj), lambda v: ~lf(v)
        if kind == "<<":
            return op("<<", lj, field("n")), lambda v: lf(v) << v["n"]
        if kind == ">>":
            return op(">>", lj, field("n")), lambda v: lf(v) >> v["n"]
        if kind == ">>c":
            amount = self.rnd.choice([0, 1, 8, 63, 64, 65, 130, 400])
            return op(">>", lj, const(amount)), lambda v: lf(v) >> amount
        if kind == "b2d":
            tj, tf = self.truth(depth - 1)
            return op("b2d", None, tj), lambda v: int(tf(v))
        if kind == "cast":
            return self.cast(lj, lf)
        rj, rf = self.number(depth - 1)
        if kind == "?":
            tj, tf = self.truth(depth - 1)
            return op("?", lj, rj, tj), lambda v: lf(v) if tf(v) else rf(v)
        functions = {
            "+": lambda v: lf(v) + rf(v),
            "-": lambda v: lf(v) - rf(v),
            "*": lambda v: lf(v) * rf(v),
            "&": lambda v: lf(v) & rf(v),
            "|": lambda v: lf(v) | rf(v),
            "^": lambda v: lf(v) ^ rf(v),
        }
        return op(kind, lj, rj), functions[kind]

    def cast(self, lj: Any, lf: Any) -> tuple[Any, Any]:
        bits = self.rnd.choice([1, 8, 31, 32, 63, 64, 65, 128, 129, 200])
        kind = self.rnd.choice(["two_comp_mod", "usat_cast", "sat_cast"])
        low, high = (0, (1 << bits) - 1) if kind == "usat_cast" else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
        if kind == "two_comp_mod":
            return op(kind, lj, const(bits)), lambda v: ((lf(v) - low) & ((1 << bits) - 1)) + low
        return op(kind, lj, const(bits)), lambda v: max(low, min(high, lf(v)))

    def truth(self, depth: int) -> tuple[Any, Any]:
        kind = self.rnd.choice(["==", "!=", "<", "<=", ">", ">=", "and", "or", "not", "d2b"])
        if depth > 0 and kind in ("and", "or", "not"):
            lj, lf = self.truth(depth - 1)
            if kind == "not":
                return op("not", None, lj), lambda v: not lf(v)
            rj, rf = self.truth(depth - 1)
            if kind == "and":
                return op("and", lj, rj), lambda v: lf(v) and rf(v)
            return op("or", lj, rj), lambda v: lf(v) or rf(v)
        lj, lf = self.number(depth)
        if kind == "d2b":
            return op("d2b", None, lj), lambda v: lf(v) != 0
        rj, rf = self.number(0)
        functions = {
            "==": lambda v: lf(v) == rf(v),
            "!=": lambda v: lf(v) != rf(v),
            "<": lambda v: lf(v) < rf(v),
            "<=": lambda v: lf(v) <= rf(v),
            ">": lambda v: lf(v) > rf(v),
            ">=": lambda v: lf(v) >= rf(v),
        }
        chosen = kind if kind in functions else "<"
        return op(chosen, lj, rj), functions[chosen]


def program(assignments: list[Any]) -> bytes:
    """Extracts x, assigns to the fields of y, sends both to port 1."""
    pad = -sum(bits for bits, _ in FIELDS.values()) % 8
    inside = [[name, bits, signed] for name, (bits, signed) in FIELDS.items()] + [["pad", pad + 8, False]]
    outside = [[f"y{i}", OUT_BITS, i % 2 == 1] for i in range(len(assignments))]
    primitives = [
        {"op": "assign", "parameters": [{"type": "field", "value": ["standard_metadata", "egress_spec"]}, const(1)]},
        {"op": "add_header", "parameters": [{"type": "header", "value": "y"}]},
    ]
    for i, expression in enumerate(assignments):
        target = {"type": "field", "value": ["y", f"y{i}"]}
        primitives.append({"op": "assign", "parameters": [target, {"type": "expression", "value": expression}]})
    state = {
        "name": "start",
        "id": 0,
        "parser_ops": [{"op": "extract", "parameters": [{"type": "regular", "value": "x"}]}],
        "transitions": [{"type": "default", "value": None, "mask": None, "next_state": None}],
        "transition_key": [],
    }
    call = {"name": "call", "id": 0, "action_id": 0, "next_node": None}
    empty: dict[str, Any] = {"tables": [], "action_profiles": [], "conditionals": [], "action_calls": []}
    return json.dumps(
        {
            "__meta__": {"version": [2, 23]},
            "header_types": [
                {"name": "s", "id": 0, "fields": [[name, 32, False] for name in STANDARD]},
                {"name": "x", "id": 1, "fields": inside},
                {"name": "y", "id": 2, "fields": outside},
            ],
            "headers": [
                {"name": "standard_metadata", "id": 0, "header_type": "s", "metadata": True},
                {"name": "x", "id": 1, "header_type": "x", "metadata": False},
                {"name": "y", "id": 2, "header_type": "y", "metadata": False},
            ],
            "errors": [],
            "parsers": [{"name": "parser", "id": 0, "init_state": "start", "parse_states": [state]}],
            "deparsers": [{"name": "deparser", "id": 0, "order": ["y"]}],
            "actions": [{"name": "act", "id": 0, "runtime_data": [], "primitives": primitives}],
            "pipelines": [
                {"name": "ingress", "id": 0, "init_table": "call", **empty, "action_calls": [call]},
                {"name": "egress", "id": 1, "init_table": None, **empty},
            ],
        }
    ).encode()


def pack(values: Values) -> bytes:
    total = bits_so_far = 0
    for name, (bits, _) in FIELDS.items():
        total = total << bits | values[name] & ((1 << bits) - 1)
        bits_so_far += bits
    pad = -bits_so_far % 8 + 8
    return (total << pad).to_bytes((bits_so_far + pad) // 8, "big")


def random_values(rnd: random.Random) -> Values:
    values = {}
    for name, (bits, signed) in FIELDS.items():
        raw = rnd.choice([0, 1, (1 << bits) - 1, 1 << (bits - 1), rnd.getrandbits(bits), rnd.getrandbits(bits)])
        raw &= (1 << bits) - 1
        values[name] = raw - (1 << bits) if signed and raw >> (bits - 1) else raw
    return values


@pytest.mark.parametrize("seed", range(4))
def test_expressions(seed: int) -> None:
    maker = Maker(seed)
    made = [maker.number(maker.rnd.randrange(1, 4)) for _ in range(EXPRESSIONS)]
    engine = NativeEngine(0, None)
    try:
        engine.load(program([json_ for json_, _ in made]))
        engine.add_memory_port(1)
        cases = [random_values(maker.rnd) for _ in range(60)]
        for values in cases:
            engine.inject(1, pack(values))
        assert engine.drain(20)
        size = OUT_BITS // 8
        out = engine.collect()
        assert len(out) == len(cases)
        for values, (_, data) in zip(cases, out, strict=True):
            for i, (json_, fn) in enumerate(made):
                actual = int.from_bytes(data[i * size : (i + 1) * size], "big")
                assert actual == fn(values) & ((1 << OUT_BITS) - 1), (json_, values)
    finally:
        engine.close()
