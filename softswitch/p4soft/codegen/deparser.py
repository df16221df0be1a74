"""Checksum updates and the deparser.

A packet whose headers still lie where they were parsed, in the order of the deparser, leaves as it is. Otherwise the
headers are gathered and put in front of the payload.
"""

from __future__ import annotations

from p4soft.codegen import model as m
from p4soft.codegen.expr import Expressions
from p4soft.codegen.hashing import calculation
from p4soft.codegen.prims import Primitives
from p4soft.codegen.trace import Tracer


def update_checksums(program: m.ProgramDef, ex: Expressions, prims: Primitives) -> list[str]:
    out: list[str] = []
    for checksum in program.checksums:
        if not checksum.update:
            continue
        condition = "true" if checksum.condition is None else ex.truth(checksum.condition)
        out += [f"if ({condition}) {{ uint64_t r;", *calculation(checksum.calculation, ex, "r")]
        out += [*prims.assign(checksum.target, "r", 64, False), "}"]
    return out


def verify_checksums(program: m.ProgramDef, ex: Expressions) -> list[str]:
    """Sets ``bad_checksum``."""
    out: list[str] = []
    for checksum in program.checksums:
        if not checksum.verify:
            continue
        conditions = [ex.valid(checksum.target.header)]
        if checksum.condition is not None:
            conditions.append(ex.truth(checksum.condition))
        out += [f"if ({' && '.join(conditions)}) {{ uint64_t r;", *calculation(checksum.calculation, ex, "r")]
        out += [f"if (r != {ex.at(checksum.target, 64)}) bad_checksum = true;", "}"]
    return out


def deparse(program: m.ProgramDef, ex: Expressions, trace: Tracer) -> list[str]:
    """Leaves the packet's new bounds in p->off and p->len."""
    emitted = [h for h in program.deparser if not h.metadata]
    places = [ex.layout.header(h) for h in emitted]
    told: list[str] = trace.line("Deparser 'deparser': start")
    for header, place in zip(emitted, places, strict=True):
        if line := trace.line(f"Deparsing header '{header.name}'"):
            told += [f"if (p4s_bget(V, {place.bit})) {{", *line, "}"]
    out = ["{ const uint8_t *at = pk; uint32_t total = 0; bool moved = false;"]
    for place in places:
        size = place.size()
        out.append(
            f"if (p4s_bget(V, {place.bit})) {{ moved |= {place.pointer} != at; at += {size}; total += {size}; }}"
        )
    out.append("moved |= at != p->base + p->payload;")
    out.append("const uint32_t rest = p->off + p->len - p->payload;")
    out.append("if (moved) { uint8_t *w = c->scratch;")
    for place in places:
        size = place.size()
        if place.type.max_bytes:
            out.append(f"if (p4s_bget(V, {place.bit})) {{ memcpy(w, {place.pointer}, {size}); w += {size}; }}")
    out.append("memcpy(p->base + p->payload - total, c->scratch, total); }")
    out += told
    return [*out, "p->off = p->payload - total; p->len = total + rest; }"]
