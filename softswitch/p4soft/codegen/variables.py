"""C declarations of the local variables that packets run on."""

from __future__ import annotations

from p4soft.codegen.expr import Expressions
from p4soft.codegen.layout import Layout
from p4soft.codegen.wide import c_type, container, literal


def header_variables(layout: Layout) -> list[str]:
    """Pointers to the headers, lengths of those that vary, counters of the stacks; ``own`` is the header storage."""
    out: list[str] = []
    for name, count, type_, own in layout.pointers():
        if count:
            items = ", ".join(f"{own} + {i * type_.max_bytes}" for i in range(count))
            out.append(f"uint8_t *{name}[{count}] = {{{items}}}; (void){name};")
            if type_.varbit:
                out.append(f"uint32_t {name}l[{count}] = {{0}}; (void){name}l;")
        else:
            out.append(f"uint8_t *{name} = {own}; (void){name};")
            if type_.varbit:
                out.append(f"uint32_t {name}l = 0; (void){name}l;")
    return out + [f"uint32_t {name} = 0; (void){name};" for name in layout.cursors()]


def metadata_variables(ex: Expressions) -> list[str]:
    """The metadata fields that ``ex`` has used."""
    out = []
    for name, field in sorted(ex.variables.items()):
        width = container(0, (1 << field.bits) - 1)
        out.append(f"{c_type(width)} {name} = {literal(0, width)}; (void){name};")
    return out
