"""Calculations: checksums and hashes over lists of fields.

csum16 is what every rewriting program calls for every packet, so it never builds the byte string: a one's complement
sum does not care about order, hence the fields of a run of whole 16-bit words are added as plain numbers, each shifted
to its place in the word (2**16 is 1 modulo 0xffff). Other algorithms gather the bytes first.
"""

from __future__ import annotations

from p4soft.api import PipelineError
from p4soft.codegen import model as m
from p4soft.codegen.expr import Expressions
from p4soft.codegen.wide import container, convert

_GATHER = {
    "crc16": "p4s_crc({p}, {n}, 16, 0x8005, 0, true, 0)",
    "crc16_custom": "p4s_crc({p}, {n}, 16, 0x8005, 0, true, 0)",
    "crc32": "p4s_crc({p}, {n}, 32, 0x04c11db7, 0xffffffff, true, 0xffffffff)",
    "crc32_custom": "p4s_crc({p}, {n}, 32, 0x04c11db7, 0xffffffff, true, 0xffffffff)",
    "crcCCITT": "p4s_crc({p}, {n}, 16, 0x1021, 0xffff, false, 0)",
    "crc8_custom": "p4s_crc({p}, {n}, 8, 0x07, 0, false, 0)",
    "crc64_custom": "p4s_crc({p}, {n}, 64, 0x1b, 0, true, 0)",
    "xor16": "p4s_xor({p}, {n}, 2)",
    "xor32": "p4s_xor({p}, {n}, 4)",
    "identity": "p4s_identity({p}, {n})",
    "csum16": "p4s_csum_fold(p4s_sum({p}, {n}))",
    "cksum16": "p4s_csum_fold(p4s_sum({p}, {n}))",
}
_SCRATCH_BITS = 131072 * 8


def calculation(calc: m.Calculation, ex: Expressions, result: str) -> list[str]:
    """C statements that put the calculation's result into the uint64_t ``result``."""
    if calc.algorithm == "random":
        return [f"{result} = p4s_random(c);"]
    if calc.algorithm not in _GATHER:
        raise PipelineError(f"calculation {calc.name}: algorithm {calc.algorithm!r} is not supported")
    if calc.algorithm in ("csum16", "cksum16"):
        runs = _runs(calc)
        if runs is not None:
            return _sum(runs, ex, result)
    return _gather(calc, ex, result)


Run = tuple[m.Header | None, list[m.CalcInput]]


def _bits(item: m.CalcInput) -> int | None:
    if isinstance(item, m.CalcConst):
        return item.bits
    if isinstance(item, m.CalcField):
        return None if item.field.field.varbit else item.field.field.bits
    return None


def _owner(item: m.CalcInput) -> m.Header | None:
    """The header whose validity decides whether the item is part of the input."""
    if isinstance(item, m.CalcField) and isinstance(item.field.header, m.HeaderRef):
        header = item.field.header.header
        return None if header.metadata else header
    return item.header if isinstance(item, m.CalcHeader) else None


def _runs(calc: m.Calculation) -> list[Run] | None:
    """Neighbours that are valid together, if every such run is whole 16-bit words; else None."""
    runs: list[tuple[m.Header | None, list[m.CalcInput]]] = []
    for item in calc.inputs:
        if runs and runs[-1][0] is _owner(item) and not isinstance(item, m.CalcPayload):
            runs[-1][1].append(item)
        else:
            runs.append((_owner(item), [item]))
    for i, (header, items) in enumerate(runs):
        total = 0
        for item in items:
            if isinstance(item, m.CalcPayload):
                if i != len(runs) - 1:
                    return None
            elif isinstance(item, m.CalcHeader):
                if header is None or header.type.varbit or header.type.fixed_bytes % 2 or total % 16:
                    return None
            else:
                bits = _bits(item)
                if bits is None:
                    return None
                total += bits
        if total % 16:
            return None
    return runs


def _sum(runs: list[Run], ex: Expressions, result: str) -> list[str]:
    out = ["{", "uint64_t sum = 0;"]
    for header, items in runs:
        terms: list[str] = []
        position = 0
        for item in items:
            if isinstance(item, m.CalcPayload):
                terms.append("sum += p4s_sum(p->base + p->payload, p->off + p->len - p->payload);")
                continue
            if isinstance(item, m.CalcHeader):
                place = ex.layout.header(item.header)
                terms.append(f"sum += p4s_sum({place.pointer}, {place.type.fixed_bytes});")
                continue
            bits = _bits(item) or 0
            position += bits
            for code, size in _pieces(item, ex):
                shift = -position % 16
                position -= size
                if size + shift <= 48:
                    terms.append(f"sum += ({code}) << {shift};" if shift else f"sum += {code};")
                else:
                    terms.append(f"{{ const uint64_t v = {code}; sum += (v >> 32) + (v & 0xffffffff); }}")
            position += bits
        if header is not None:
            out.append(f"if (p4s_bget(V, {ex.layout.header(header).bit})) {{")
            out += [*terms, "}"]
        else:
            out += terms
    return [*out, f"{result} = p4s_csum_fold(sum);", "}"]


def _pieces(item: m.CalcInput, ex: Expressions) -> list[tuple[str, int]]:
    """The item as numbers of at most 32 bits (64 for one on a word boundary), from the least significant one on."""
    bits = _bits(item) or 0
    width = container(0, (1 << bits) - 1)
    if isinstance(item, m.CalcConst):
        value = item.value
        return [(f"UINT64_C({value >> at & 0xFFFFFFFF:#x})", min(32, bits - at)) for at in range(0, bits, 32)]
    if not isinstance(item, m.CalcField):
        raise PipelineError("a header or payload has no pieces")
    ref = item.field
    if bits <= 32:
        return [(convert(_unsigned(ref, ex), width, 64, False), bits)]
    out = []
    for at in range(0, bits, 32):
        size = min(32, bits - at)
        if ex.is_metadata(ref):
            raw = ex.variable(ref)
            code = (
                f"{raw}.l[{at // 64}] >> {at % 64} & 0xffffffff"
                if width > 128
                else (f"(uint64_t)({raw} >> {at}) & 0xffffffff")
            )
            out.append((f"({code})", size))
        else:
            base = ex.base(ex.place(ref.header), ref.field)
            out.append((f"p4s_ld({base}, {ref.field.offset + bits - at - size}, {size})", size))
    return out


def _unsigned(ref: m.FieldRef, ex: Expressions) -> str:
    """The field's bits as an unsigned number of at most 64 bits."""
    if ex.is_metadata(ref):
        return ex.variable(ref)
    return f"p4s_ld({ex.base(ex.place(ref.header), ref.field)}, {ref.field.offset}, {ref.field.bits})"


def _gather(calc: m.Calculation, ex: Expressions, result: str) -> list[str]:
    out = ["{", f"struct p4s_bits b = {{c->scratch, 0, {_SCRATCH_BITS}}};"]
    for item in calc.inputs:
        if isinstance(item, m.CalcPayload):
            out.append("p4s_bits_bytes(&b, p->base + p->payload, p->off + p->len - p->payload);")
            continue
        statements: list[str]
        if isinstance(item, m.CalcHeader):
            place = ex.layout.header(item.header)
            statements = [f"p4s_bits_bytes(&b, {place.pointer}, {place.size()});"]
        elif isinstance(item, m.CalcField) and item.field.field.varbit:
            place = ex.place(item.field.header)
            statements = [f"p4s_bits_bytes(&b, {place.pointer} + {item.field.field.offset // 8}, {place.length});"]
        else:
            statements = [f"p4s_bits_put(&b, {code}, {size});" for code, size in reversed(_pieces(item, ex))]
        header = _owner(item)
        if header is not None:
            out.append(f"if (p4s_bget(V, {ex.layout.header(header).bit})) {{")
            out += [*statements, "}"]
        else:
            out += statements
    code = _GATHER[calc.algorithm].format(p="b.data", n="(b.bits + 7) / 8")
    return [*out, f"{result} = {code};", "}"]
