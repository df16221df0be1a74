"""Parser value sets: loading them, and finding a select key in one."""

from __future__ import annotations

from dataclasses import replace

from p4soft.codegen import model as m
from p4soft.codegen.expr import Expressions
from p4soft.codegen.jsonread import Node
from p4soft.codegen.profiles import own_table
from p4soft.codegen.tables import key_shape, key_words

_MEMBER = m.ActionDef("(member)", -1, [], [])
_MAX_BITS = 4096


def load_value_sets(root: Node, program: m.ProgramDef) -> None:
    """The ``parse_vsets`` of the program."""
    for node in root.list_of("parse_vsets"):
        name = node["name"].text()
        if name in program.value_sets:
            raise node.fail(f"a second value set {name!r}")
        bits = node["compressed_bitwidth"].integer(1, _MAX_BITS)
        size = node["max_size"].integer(0, 1 << 20)
        # Room for the members that replace others while those are still in use.
        table = own_table(name, program, 2 * size, [_MEMBER], bits)
        program.value_sets[name] = m.ValueSetDef(name, bits, size, table)


def transition(node: Node, widths: list[int], program: m.ProgramDef) -> m.Transition:
    """The case of a select that is taken when the key is in a value set."""
    value_set = program.value_sets.get(node["value"].text())
    if value_set is None:
        raise node.fail(f"there is no value set {node['value'].raw!r}")
    if value_set.bits != sum(widths):
        raise node.fail(f"the key has {sum(widths)} bits, those of {value_set.name} have {value_set.bits}")
    if node.has("mask") and node["mask"].raw is not None:
        raise node.fail("a value set with a mask is not supported")
    return m.Transition([], None, node["next_state"].optional_text(), value_set)


def lookup(value_set: m.ValueSetDef, widths: list[int], ex: Expressions, jump: str) -> str:
    """C code that jumps if the key in the locals 0, 1 ..., which have these widths, is in the set."""
    joined: m.Expr = m.Const(0)
    for number, bits in enumerate(widths):
        joined = m.Op("|", m.Op("<<", joined, m.Const(bits)), m.Local(number, bits)) if number else m.Local(0, bits)
    table = replace(value_set.table, key=[m.KeyField(value_set.name, "exact", joined, value_set.bits, None)])
    words = key_shape(table).words
    key = ", ".join(key_words(table, ex))
    found = f"p4s_exact(&c->objects.tables[{table.index}], k, {words})"
    return f"{{ const uint64_t k[{words}] = {{{key}}}; if ({found} != NULL) {jump} }}"
