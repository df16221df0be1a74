"""C operations on containers (see :mod:`p4soft.codegen.wide`)."""

from __future__ import annotations

from p4soft.codegen import model as m
from p4soft.codegen.wide import c_type, literal


def nonzero(code: str, width: int) -> str:
    if width <= 128:
        return f"(({code}) != 0)"
    return f"(!w{width // 64}_eq({code}, {literal(0, width)}))"


def unary_not(code: str, width: int) -> str:
    return f"(~{code})" if width <= 128 else f"w{width // 64}_not({code})"


def binary(op: str, left: str, right: str, width: int) -> str:
    if width <= 128:
        return f"({left} {op} {right})"
    name = {"+": "add", "-": "sub", "*": "mul", "&": "and", "|": "or", "^": "xor"}[op]
    return f"w{width // 64}_{name}({left}, {right})"


def shift(kind: str, code: str, amount: str, width: int, by: m.Expr) -> str:
    """``kind`` is shl, shr (logical) or sar (arithmetic); amounts at or beyond the width are defined."""
    if width > 128:
        return f"w{width // 64}_{kind}({code}, {amount})"
    if isinstance(by, m.Const) and 0 <= by.value < width:
        if kind == "sar":
            signed = "int64_t" if width == 64 else "p4i128"
            return f"(({c_type(width)})(({signed})({code}) >> {by.value}))"
        return f"(({code}) {'<<' if kind == 'shl' else '>>'} {by.value})"
    return f"p4s_{kind}{width}({code}, {amount})"


def divide(op: str, left: str, right: str, width: int, signed: bool) -> str:
    """Division by zero gives 0; P4 has no division of negative numbers, so those truncate."""
    name = "div" if op == "/" else "mod"
    if width > 128:
        return f"w{width // 64}_divmod({left}, {right}, {'true' if op == '%' else 'false'})"
    return f"p4s_{'s' if signed else ''}{name}{width}({left}, {right})"


def masked(code: str, bits: int, width: int) -> str:
    """The low ``bits`` bits of a container."""
    return code if bits >= width else binary("&", code, literal((1 << bits) - 1, width), width)
