"""C statements that log what happens to a packet, for programs that are compiled for tracing; none for others.

The wording is that of BMv2's log, so that whoever knows one can read the other.
"""

from __future__ import annotations

from collections.abc import Sequence

from p4soft.codegen import model as m
from p4soft.codegen.wide import c_type, container

_FRAGMENT = 100
"""Characters of source that are shown."""


class Tracer:
    """Every method returns statements, or nothing when tracing is off."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def line(self, text: str, *arguments: str) -> list[str]:
        """One line; a %s or %u in ``text`` takes an argument, which is C."""
        if not self.on:
            return []
        return [f"c->trace(c, p, {', '.join([quoted(text, bool(arguments)), *arguments])});"]

    def numbers(self, text: str, values: Sequence[tuple[str, int]]) -> list[str]:
        """One line; its %s are (C expression, bits) in hexadecimal, separated by commas."""
        if not self.on:
            return []
        out = ["{ struct p4s_text x = {0}; x.text[0] = 0;"]
        for at, (code, bits) in enumerate(values):
            if at:
                out.append("p4s_text_comma(&x);")
            type_ = c_type(container(0, (1 << bits) - 1))
            out.append(f"{{ const {type_} v = {code}; p4s_text_number(&x, &v, {(bits + 7) // 8}); }}")
        return [*out, *self.line(text, "x.text"), "}"]

    def lookup(self, table: m.TableDef, offsets: Sequence[int]) -> list[str]:
        """The key ``k`` of a lookup."""
        if not self.on or not table.key:
            return []
        out = ["{ struct p4s_text x;", *self.line("Looking up key:")]
        for field, offset in zip(table.key, offsets, strict=True):
            out.append(f"p4s_text_key(&x, k, {offset}, {(field.bits + 7) // 8});")
            out += self.line(f"* {escaped(field.name)}: %s", "x.text")
        return [*out, "}"]

    def action(self, action: m.ActionDef, params: Sequence[str]) -> list[str]:
        """An action that is about to run."""
        if not params:
            return self.line(f"Action {action.name}")
        values = list(zip(params, action.params, strict=True))
        return self.numbers(f"Action {escaped(action.name)} - %s", values)

    def primitive(self, prim: m.Primitive) -> list[str]:
        """A primitive that is about to run."""
        return self.line(f"{prim.where} Primitive {shortened(prim.source)}")

    def condition(self, node: m.Conditional) -> list[str]:
        """``met`` tells how it came out."""
        text = escaped(f'Condition "{shortened(node.source or node.name)}" ({node.name}) is ')
        return self.line(f"{text}%s", 'met ? "true" : "false"')

    def message(self, text: str, values: Sequence[tuple[str, int]]) -> list[str]:
        """The program's own line: every {} stands for a value, (C expression, bits)."""
        if not self.on:
            return []
        out, names = ["{"], []
        for at, (code, bits) in enumerate(values[: text.count("{}")]):
            type_ = c_type(container(0, (1 << bits) - 1))
            out.append(f"struct p4s_text x{at} = {{0}}; const {type_} v{at} = {code};")
            out.append(f"p4s_text_value(&x{at}, &v{at}, {(bits + 7) // 8});")
            names.append(f"x{at}.text")
        form = escaped(text).replace("{}", "%s", len(names))
        return [*out, *self.line(form if names else text, *names), "}"]

    def parser_error(self, errors: dict[str, int]) -> list[str]:
        """After the parser: the error, if there was one."""
        if not self.on:
            return []
        out = ["switch (perr) {"]
        for name, number in errors.items():
            if name != "NoError":
                out += [f"case {number}:", *self.line(f"Exception while parsing: {name}"), "break;"]
        return [*out, "default: break;", "}"]


def shortened(text: str) -> str:
    """On one line, and not too long."""
    text = " ".join(text.split())
    return text if len(text) <= _FRAGMENT else text[: _FRAGMENT - 4] + " ..."


def escaped(text: str) -> str:
    """Text in a format string."""
    return text.replace("%", "%%")


def quoted(text: str, is_format: bool) -> str:
    """A C string literal. A text that is no format string becomes one."""
    ascii_ = (text if is_format else escaped(text)).encode("ascii", "replace").decode()
    safe = "".join(ch if ch.isprintable() else " " for ch in ascii_)
    # No trigraphs.
    return '"' + safe.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?") + '"'
