"""Random frames that a program's parser understands, more or less: made by a walk through its states."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from values import Pool

_UNKNOWN: dict[str, Any] = {"fields": []}
_STATES = 24
_DAMAGED = 0.15
_NOISE = 0.03
_HINTED = 0.7
"""How often a field for which there are hints has one of those numbers."""
_ONWARD = 4
"""How much likelier one of a state's cases is than its default."""
_PORTS = (0, 1, 2, 3)
_SUMMED = 0.7
"""How often checksums are right."""

_OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "<<": lambda a, b: a << min(b, 64),
    ">>": lambda a, b: a >> b,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
}


class FrameMaker:
    """Frames for one program."""

    def __init__(
        self, document: dict[str, Any], pool: Pool, rng: random.Random, hints: Iterable[tuple[tuple[str, str], int]]
    ) -> None:
        """``hints`` are numbers that fields should have now and then."""
        self.pool = pool
        self.rng = rng
        self.types = {item["name"]: item for item in document["header_types"]}
        self.headers = {h["name"]: self.types.get(h["header_type"], _UNKNOWN) for h in document["headers"]}
        named = {item["id"]: item["name"] for item in document["headers"]}
        for stack in document.get("header_stacks", ()):
            self.headers[stack["name"]] = self.types[stack["header_type"]]
        unions = {item["id"]: [named[i] for i in item["header_ids"]] for item in document.get("header_unions", ())}
        members = {t["name"]: [m[0] for m in t["headers"]] for t in document.get("header_union_types", ())}
        for stack in document.get("header_union_stacks", ()):
            first = unions[stack["header_union_ids"][0]]
            for label, name in zip(members[stack["union_type"]], first, strict=True):
                self.headers[f"{stack['name']}.{label}"] = self.headers[name]
        (parser,) = document["parsers"]
        self.init: str | None = parser["init_state"]
        self.states: dict[str, Any] = {state["name"]: state for state in parser["parse_states"]}
        self.hints: dict[tuple[str, str], list[int]] = {}
        for field, number in hints:
            self.hints.setdefault(field, []).append(number)
        calculations = {item["name"]: item for item in document.get("calculations", ())}
        self.sums = [(item["target"], calculations[item["calculation"]]) for item in document.get("checksums", ())]

    def frame(self) -> tuple[int, bytes]:
        """A port and a frame to come in by it, which is never empty."""
        rng = self.rng
        port = rng.choice(_PORTS)
        if rng.random() < _NOISE:
            return port, rng.randbytes(rng.randrange(1, 100))
        data = _Walk(self).data()
        if rng.random() < _DAMAGED:
            if rng.random() < 0.5:
                del data[rng.randrange(1, len(data) + 1) :]
            else:
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        return port, bytes(data)


class _Walk:
    """One way through the parser, and the frame that takes it."""

    def __init__(self, maker: FrameMaker) -> None:
        self.maker = maker
        self.rng = maker.rng
        self.bits = 0
        self.fields: dict[tuple[str, str], tuple[int, int]] = {}
        """Offset and width of the field extracted last under this name."""
        self.values: list[tuple[int, int, int]] = []
        """Offset, width, value; later ones go before."""

    def data(self) -> bytearray:
        state = self.maker.init
        for _ in range(_STATES):
            if state is None:
                break
            state = self._pass(self.maker.states[state])
        frame = self._bytes() + bytearray(self.rng.randbytes(self.rng.randrange(0, 40)))
        if self.rng.random() < _SUMMED:
            self._sum(frame)
        return frame or bytearray(b"\0")

    def _bytes(self) -> bytearray:
        size = (self.bits + 7) // 8
        number = 0
        for at, width, value in self.values:
            if at + width <= 8 * size:
                low = 8 * size - at - width
                number = number & ~(((1 << width) - 1) << low) | value << low
        return bytearray(number.to_bytes(size, "big"))

    def _pass(self, state: Mapping[str, Any]) -> str | None:
        for op in state["parser_ops"]:
            if op["op"] in ("extract", "extract_VL"):
                length = self._number(op["parameters"][1]) if op["op"] == "extract_VL" else 0
                self._extract(op["parameters"][0], length)
            elif op["op"] == "advance":
                self._skip(self._number(op["parameters"][0]))
        return self._follow(state)

    def _skip(self, bits: int | None) -> None:
        count = min(max(0, bits or 0), 512) // 8 * 8
        self.values.append((self.bits, count, self.rng.getrandbits(count) if count else 0))
        self.bits += count

    def _extract(self, target: Mapping[str, Any], length: int | None) -> None:
        name = target["value"] if isinstance(target["value"], str) else ".".join(target["value"])
        kind = self.maker.headers.get(name)
        if kind is None:
            return
        for field in kind["fields"]:
            label, bits = field[0], field[1]
            if bits == "*":
                self._skip(self.rng.randrange(10) * 32 if length is None else length)
                continue
            self.fields[name, label] = (self.bits, bits)
            self.values.append((self.bits, bits, self._value(name, label, bits)))
            self.bits += bits

    def _value(self, header: str, field: str, bits: int) -> int:
        hints = self.maker.hints.get((header, field))
        if hints and self.rng.random() < _HINTED:
            return self.rng.choice(hints) & ((1 << bits) - 1)
        return self.maker.pool.draw(bits, self.rng)

    def _follow(self, state: Mapping[str, Any]) -> str | None:
        transitions = state["transitions"] or [{"type": "default", "next_state": None}]
        weights = [1 if t["type"] == "default" else _ONWARD for t in transitions]
        (transition,) = self.rng.choices(transitions, weights)
        if transition["type"] == "hexstr":
            value = int(transition["value"], 16)
            mask = int(transition["mask"], 16) if transition.get("mask") else -1
            for key in reversed(state["transition_key"]):
                value, mask = self._satisfy(key, value, mask)
        following: str | None = transition["next_state"]
        return following

    def _satisfy(self, key: Mapping[str, Any], value: int, mask: int) -> tuple[int, int]:
        """Give the last field of a joined key what it is to have; the rest of value and mask."""
        if key["type"] == "lookahead":
            at, width = self.bits + key["value"][0], key["value"][1]
        else:
            at, width = self.fields.get(tuple(key["value"]), (0, 0))
            if not width:
                return value, mask
        ones = (1 << width) - 1
        free = self.rng.getrandbits(width) & ~mask & ones
        self.values.append((at, width, value & mask & ones | free))
        padded = (width + 7) // 8 * 8
        return value >> padded, mask >> padded

    def _number(self, node: Any) -> int | None:
        """An expression over what was extracted; None if it is about something else."""
        if not isinstance(node, Mapping):
            return None
        kind = node.get("type")
        if kind == "hexstr":
            return int(node["value"], 16)
        if kind == "expression":
            return self._number(node["value"])
        if kind == "field":
            at, width = self.fields.get(tuple(node["value"]), (0, 0))
            number = int.from_bytes(self._bytes(), "big") if width else 0
            return number >> ((self.bits + 7) // 8 * 8 - at - width) & ((1 << width) - 1) if width else None
        left, right = self._number(node.get("left")), self._number(node.get("right"))
        operator = _OPERATORS.get(node.get("op", ""))
        return operator(left, right) if operator and left is not None and right is not None else None

    def _sum(self, frame: bytearray) -> None:
        """Make the checksums over extracted fields right."""
        for target, calculation in self.maker.sums:
            place = self.fields.get(tuple(target))
            parts = [self.fields.get(tuple(i["value"])) for i in calculation["input"] if i["type"] == "field"]
            if calculation["algo"] != "csum16" or place is None or len(parts) != len(calculation["input"]):
                continue
            joined = total = 0
            bits = 0
            for part in parts:
                at, width = part or (0, 0)
                value = int.from_bytes(frame, "big") >> (8 * len(frame) - at - width) & ((1 << width) - 1)
                joined, bits = joined << width | value, bits + width
            joined <<= -bits % 16
            while joined:
                total, joined = total + (joined & 0xFFFF), joined >> 16
            while total >> 16:
                total = (total & 0xFFFF) + (total >> 16)
            if place[1] == 16 and place[0] % 8 == 0 and place[0] // 8 + 2 <= len(frame):
                frame[place[0] // 8 : place[0] // 8 + 2] = (~total & 0xFFFF).to_bytes(2, "big")
