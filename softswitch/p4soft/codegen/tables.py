"""Tables: key construction, lookup, the dispatch to actions; and the constant descriptions for the runtime."""

from __future__ import annotations

from dataclasses import dataclass

from p4soft.codegen import model as m
from p4soft.codegen.cells import cell_bytes, load_cell
from p4soft.codegen.expr import Expressions

_KINDS = {"exact": "P4S_EXACT", "lpm": "P4S_LPM", "ternary": "P4S_TERNARY", "range": "P4S_RANGE"}
_KINDS["optional"] = "P4S_OPTIONAL"


@dataclass(frozen=True, slots=True)
class KeyShape:
    """Where the fields of a key lie, in bytes of the lookup key."""

    offsets: list[int]
    bytes: int
    words: int
    packed: int


def key_shape(table: m.TableDef) -> KeyShape:
    offsets, at, packed = [], 0, 0
    for field in table.key:
        size = (field.bits + 7) // 8
        offsets.append(at)
        at += size
        packed += size + {"exact": 0, "lpm": 2}.get(field.kind, size)
    return KeyShape(offsets, at, (at + 7) // 8, packed)


def param_layout(params: list[int]) -> tuple[list[tuple[int, int, int]], int]:
    """(bits, stored bytes, offset) of every parameter, and the bytes of them all. They are not aligned."""
    out, at = [], 0
    for bits in params:
        size = cell_bytes(bits)
        out.append((bits, size, at))
        at += size
    return out, at


def entry_words(table: m.TableDef) -> int:
    """Words of key material in an entry, in front of the parameters."""
    words = key_shape(table).words
    return {"exact": words, "lpm": words + 1, "ternary": 2 * words, "range": 4 * words}[table.match_type]


def key_words(table: m.TableDef, ex: Expressions) -> list[str]:
    """C expressions of the key's big-endian words."""
    shape = key_shape(table)
    parts: list[list[str]] = [[] for _ in range(shape.words)]
    for field, offset in zip(table.key, shape.offsets, strict=True):
        end = 8 * (offset + (field.bits + 7) // 8)
        target: m.Expr = field.target
        mask = (1 << field.bits) - 1 if field.mask is None else field.mask
        if field.mask is not None or (isinstance(target, m.FieldRef) and target.field.signed):
            target = m.Op("&", target, m.Const(mask))
        start = end - field.bits
        # Walk the words that the field touches; each takes the piece of the field that lies in it.
        for word in range(start // 64, (end + 63) // 64):
            low = end - min(end, 64 * (word + 1))
            size = min(end, 64 * (word + 1)) - max(start, 64 * word)
            piece = m.Op(">>", target, m.Const(low)) if low else target
            if low + size < field.bits:
                piece = m.Op("&", piece, m.Const((1 << size) - 1))
            shift = 64 * (word + 1) - min(end, 64 * (word + 1))
            code = ex.at(piece, 64)
            parts[word].append(f"{code} << {shift}" if shift else code)
    return [" | ".join(f"({p})" for p in part) or "0" for part in parts]


def lookup(table: m.TableDef, ex: Expressions) -> list[str]:
    """C statements that set ``e`` to the matching entry or NULL; the table is ``t``."""
    if not table.key:
        return ["struct p4s_entry *e = NULL;"]
    shape = key_shape(table)
    n = shape.words
    out = [f"const uint64_t k[{n}] = {{{', '.join(key_words(table, ex))}}};"]
    if table.match_type == "lpm":
        at = next(i for i, f in enumerate(table.key) if f.kind == "lpm")
        bits = table.key[at].bits
        end = 8 * (shape.offsets[at] + (bits + 7) // 8)
        return [*out, f"struct p4s_entry *e = p4s_lpm(t, k, {n}, {bits}, {end});"]
    if table.match_type == "ternary" and table.entries and all(f.kind != "lpm" for f in table.key):
        return [*out, *_fixed(table, n)]
    return [*out, f"struct p4s_entry *e = p4s_{table.match_type}(t, k, {n});"]


def _fixed(table: m.TableDef, words: int) -> list[str]:
    """The lookup in a ternary table with the program's own entries: comparisons with constants in place of a search,
    unless somebody has changed the table after all."""
    found = "-1"
    for place, entry in reversed(list(enumerate(sorted(table.entries, key=lambda e: -e.priority)))):
        value, mask = (_words(part, words) for part in _value_and_mask(table, entry.key))
        differs = [
            f"((k[{i}] & UINT64_C({mask[i]:#x})) ^ UINT64_C({value[i]:#x}))" for i in range(words) if mask[i] != 0
        ]
        found = f"({' | '.join(differs)}) == 0 ? {place} : {found}" if differs else str(place)
    return [
        "struct p4s_entry *e = NULL;",
        "if (P4_LIKELY(t->as_loaded)) {",
        f"const int at = {found};",
        "if (at >= 0) e = p4s_entry_at(t, t->order[at]);",
        f"}} else e = p4s_ternary(t, k, {words});",
    ]


def _value_and_mask(table: m.TableDef, key: bytes) -> tuple[bytes, bytes]:
    """A ternary table's packed key as it stands in the lookup key, and what of it counts."""
    value, mask, at = b"", b"", 0
    for field in table.key:
        size = (field.bits + 7) // 8
        value += key[at : at + size]
        if field.kind == "exact":
            mask += bytes([0xFF]) * size
            at += size
        else:
            mask += key[at + size : at + 2 * size]
            at += 2 * size
    return value, mask


def _words(data: bytes, count: int) -> list[int]:
    padded = data.ljust(8 * count, b"\0")
    return [int.from_bytes(padded[8 * i : 8 * i + 8], "big") for i in range(count)]


def params_code(table: m.TableDef, action: m.ActionDef) -> list[str]:
    """C expressions of an action's parameters in entry ``e``."""
    base = f"((const uint8_t *)(e + 1) + {8 * entry_words(table)})"
    return [load_cell(f"({base} + {at})", bits) for bits, _, at in param_layout(action.params)[0]]


# descriptions


def _bytes(data: bytes) -> str:
    return ", ".join(str(b) for b in data) or "0"


def packed_params(bits: list[int], values: list[int]) -> bytes:
    """Parameters as the control plane packs them."""
    return b"".join((v & ((1 << b) - 1)).to_bytes((b + 7) // 8, "big") for b, v in zip(bits, values, strict=True))


def describe(table: m.TableDef) -> tuple[list[str], str]:
    """(definitions, initialiser of the struct p4s_table_desc)."""
    i = table.index
    shape = key_shape(table)
    out: list[str] = []
    fields = ", ".join(f"{{{f.bits}, {_KINDS[f.kind]}, {at}}}" for f, at in zip(table.key, shape.offsets, strict=True))
    out.append(f"static const struct p4s_field_desc T{i}_fields[] = {{{fields or '{0, 0, 0}'}}};")
    actions = []
    area = 0
    for j, action in enumerate(table.stored):
        layout, size = param_layout(action.params)
        area = max(area, size)
        items = ", ".join(f"{{{b}, {s}, {at}}}" for b, s, at in layout)
        out.append(f"static const struct p4s_param_desc T{i}_{j}_params[] = {{{items or '{0, 0, 0}'}}};")
        actions.append(f"{{{len(layout)}, T{i}_{j}_params}}")
    out.append(f"static const struct p4s_action_desc T{i}_actions[] = {{{', '.join(actions) or '{0, 0}'}}};")
    default = "P4S_NO_ACTION"
    data = b""
    if table.default_action is not None:
        default = str(table.default_action)
        data = packed_params(table.actions[table.default_action].params, table.default_params)
    out.append(f"static const uint8_t T{i}_default[] = {{{_bytes(data)}}};")
    consts = []
    for n, entry in enumerate(table.entries):
        params = packed_params(table.actions[entry.action].params, entry.params)
        out.append(f"static const uint8_t T{i}_key{n}[] = {{{_bytes(entry.key)}}};")
        out.append(f"static const uint8_t T{i}_par{n}[] = {{{_bytes(params)}}};")
        consts.append(f"{{T{i}_key{n}, T{i}_par{n}, {entry.action}, {entry.priority}}}")
    out.append(f"static const struct p4s_const_entry T{i}_const[] = {{{', '.join(consts) or '{NULL, NULL, 0, 0}'}}};")
    meter = table.direct_meter
    initialiser = (
        f"{{{_KINDS[table.match_type]}, {len(table.key)}, {len(table.stored)}, {shape.bytes}, {shape.words}, "
        f"{shape.packed}, {area}, {max(table.size, len(table.entries))}, {int(table.with_counters)}, "
        f"{int(meter is not None)}, {int(meter is not None and meter.bytes)}, {int(table.support_timeout)}, "
        f"T{i}_fields, T{i}_actions, {default}, T{i}_default, {len(table.entries)}, T{i}_const, "
        f"{int(table.lists)}}}"
    )
    return out, initialiser
