"""What checksums, hashes and selectors are computed over."""

from __future__ import annotations

from p4soft.codegen import model as m
from p4soft.codegen.jsonread import Node
from p4soft.codegen.scope import Scope

_MAX_BITS = 1 << 14


def calculation_inputs(node: Node, scope: Scope) -> list[m.CalcInput]:
    """The ``input`` of a calculation or selector."""
    inputs: list[m.CalcInput] = []
    for item in node["input"].items():
        kind = item["type"].text()
        if kind == "field":
            inputs.append(m.CalcField(scope.plain_field(item["value"])))
        elif kind == "hexstr":
            bits = item["bitwidth"].integer(1, _MAX_BITS)
            inputs.append(m.CalcConst(item["value"].hex() & ((1 << bits) - 1), bits))
        elif kind == "header":
            inputs.append(m.CalcHeader(scope.header(item["value"])))
        elif kind == "payload":
            inputs.append(m.CalcPayload())
        else:
            raise item.fail(f"a calculation input of type {kind!r} is not supported")
    return inputs
