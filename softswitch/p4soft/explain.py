"""What a compiled P4 program consists of, as tables to read: ``p4soft explain PROG.json``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from p4soft.api import PipelineError
from p4soft.codegen import model as m
from p4soft.codegen.jsonread import parse
from p4soft.codegen.unit import generate

Cell = str | Sequence[str]
"""A text, or items that are shown one a line where there is room for it."""


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]


def explain(config: bytes) -> tuple[list[Section], str]:
    """(what the program consists of, its generated C). Raises PipelineError if p4soft cannot run it."""
    program, code = generate(config)
    names = _parameter_names(config)
    listed = [table for table in program.applied if not _is_statement(table)]
    statements = len(program.applied) - len(listed)
    sections = [
        Section(
            "Tables" + (f" (without p4c's own for statements: {statements})" if statements else ""),
            ("table", "in", "key", "size", "actions", "with"),
            [_table(program, table, names) for table in listed],
        ),
        Section("Action profiles", ("profile", "size", "chooses by"), [_profile(p) for p in program.profiles.values()]),
        Section(
            "Value sets",
            ("value set", "size", "bits"),
            [(v.name, str(v.size), str(v.bits)) for v in program.value_sets.values()],
        ),
        Section("Parser states", ("state", "does", "selects by", "goes to"), [_state(s) for s in _states(program)]),
        Section("Headers", ("header", "type", "bytes", "fields"), list(_headers(program, metadata=False))),
        Section("Metadata", ("metadata", "type", "fields"), [(n, t, f) for n, t, _, f in _headers(program, True)]),
        Section("Counters", ("counter", "size"), [(c.name, str(c.size)) for c in program.counters]),
        Section(
            "Meters",
            ("meter", "size", "counts"),
            [(c.name, str(c.size), "bytes" if c.bytes else "packets") for c in program.meters],
        ),
        Section(
            "Registers", ("register", "size", "bits"), [(r.name, str(r.size), str(r.bits)) for r in program.registers]
        ),
        Section(
            "Digests", ("digest", "fields"), [(d.name, [_sized(f) for f in d.fields]) for d in program.learn_lists]
        ),
        Section("Checksums", ("field", "algorithm", "is"), [_checksum(c) for c in program.checksums]),
    ]
    return [section for section in sections if section.rows], code


# tables


def _is_statement(table: m.TableDef) -> bool:
    """Whether p4c made this table, to run statements that are outside of actions."""
    return table.name.startswith("tbl_") and not table.key and table.const_default and len(table.actions) == 1


def _parameter_names(config: bytes) -> dict[int, list[str]]:
    """Action id to the names of its parameters, which the code generator has no use for."""
    actions = parse(config).list_of("actions")
    return {a["id"].integer(): [p["name"].text() for p in a["runtime_data"].items()] for a in actions}


def _table(program: m.ProgramDef, table: m.TableDef, names: dict[int, list[str]]) -> tuple[Cell, ...]:
    where = next((p.name for p in (program.ingress, program.egress) if table.name in p.nodes), "-")
    actions = []
    for i, action in enumerate(table.actions):
        params = ", ".join(f"{n}:{bits}" for n, bits in zip(names[action.id], action.params, strict=True))
        default = ""
        if i == table.default_action:
            values = ", ".join(hex(v) for v in table.default_params)
            default = f" {'const ' if table.const_default else ''}default" + (f"={values}" if values else "")
        actions.append(f"{action.name}({params}){default}")
    extra = []
    if table.with_counters:
        extra.append("counter")
    if table.direct_meter is not None:
        extra.append(f"meter ({'bytes' if table.direct_meter.bytes else 'packets'})")
    if table.support_timeout:
        extra.append("idle timeout")
    if table.profile is not None:
        extra.append(f"profile {table.profile.name}")
    if table.entries:
        extra.append(f"{len(table.entries)} initial entries")
    key = [f"{k.name}:{k.bits} {k.kind}" for k in table.key]
    size = str(max(table.size, len(table.entries))) if key else "-"
    return table.name, where, key, size, actions, extra


def _profile(profile: m.ProfileDef) -> tuple[Cell, ...]:
    size = str(profile.size) if profile.size else "any"
    if profile.selector is None:
        return profile.name, size, []
    inputs = [_sized(i.field) for i in profile.selector.inputs if isinstance(i, m.CalcField)]
    return profile.name, size, [profile.selector.algorithm, *inputs]


# parser


def _states(program: m.ProgramDef) -> list[m.ParserState]:
    return sorted(program.parser.states.values(), key=lambda s: (s.name != program.parser.init, s.index))


def _state(state: m.ParserState) -> tuple[Cell, ...]:
    goes = []
    for transition in state.transitions:
        target = transition.next_state or "accept"
        if transition.value_set is not None:
            goes.append(f"in {transition.value_set.name}: {target}")
            continue
        if transition.values is None or not state.key:
            goes.append(target if len(state.transitions) == 1 else f"default: {target}")
            continue
        masks = transition.masks or [(1 << bits) - 1 for _, bits in state.key]
        cases = [
            f"{value:#x}" if mask == (1 << bits) - 1 else f"{value:#x}&&&{mask:#x}"
            for value, mask, (_, bits) in zip(transition.values, masks, state.key, strict=True)
        ]
        goes.append(f"{' '.join(cases)}: {target}")
    does = [_parser_op(op) for op in state.ops]
    return state.name, does, [f"{_place(expr)}:{bits}" for expr, bits in state.key], goes or ["accept"]


def _parser_op(op: m.ParserOp) -> str:
    if isinstance(op, m.Extract):
        if isinstance(op.target, m.Header):
            return f"extract {op.target.name}"
        if isinstance(op.target, m.Stack):
            return f"extract {op.target.name}.next"
        stack, member = op.target
        name = next((n for n, i in stack.members.items() if i == member), str(member))
        return f"extract {stack.name}.next.{name}"
    if isinstance(op, m.Verify):
        return "verify"
    return "advance" if isinstance(op, m.Advance) else op.primitive.op


def _place(expr: m.Expr) -> str:
    """The name of what a select looks at."""
    if isinstance(expr, m.FieldRef):
        return f"{_place(expr.header)}.{expr.field.name}"
    if isinstance(expr, m.HeaderRef):
        return expr.header.name
    if isinstance(expr, m.LastHeader):
        return f"{expr.stack.name}.last"
    if isinstance(expr, m.LastUnionHeader):
        name = next((n for n, i in expr.stack.members.items() if i == expr.member), str(expr.member))
        return f"{expr.stack.name}.last.{name}"
    if isinstance(expr, m.Lookahead):
        return "lookahead" if expr.offset == 0 else f"lookahead+{expr.offset}"
    return "expression"


# headers and the rest


def _headers(program: m.ProgramDef, metadata: bool) -> Iterator[tuple[str, str, str, list[str]]]:
    for header in program.headers:
        if header.metadata is not metadata:
            continue
        kind = header.type
        size = str(kind.fixed_bytes) if kind.varbit is None else f"{kind.fixed_bytes}..{kind.max_bytes}"
        fields = [f"{f.name}:{'varbit' if f.varbit else f.bits}" for f in kind.fields]
        if fields:
            yield header.name, kind.name, size, fields


def _sized(field: m.FieldRef | m.ValidBit) -> str:
    if isinstance(field, m.ValidBit):
        return f"{_place(field.header)}.$valid$:1"
    return f"{_place(field)}:{field.field.bits}"


def _checksum(checksum: m.Checksum) -> tuple[Cell, ...]:
    done = [name for name, wanted in (("verified", checksum.verify), ("updated", checksum.update)) if wanted]
    return _place(checksum.target), checksum.calculation.algorithm, done


# output


def plain(sections: Sequence[Section]) -> str:
    """Aligned columns, one line a row: for pipes and files."""
    blocks = []
    for section in sections:
        rows = [
            tuple(cell if isinstance(cell, str) else ", ".join(cell) or "-" for cell in row) for row in section.rows
        ]
        lines = [section.columns, *rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(section.columns))]
        blocks.append(
            "\n".join(
                [section.title]
                + ["  " + "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]
            )
        )
    return "\n\n".join(blocks)


def show(sections: Sequence[Section]) -> None:
    """On standard output: drawn tables on a terminal, else plain text."""
    if not sys.stdout.isatty():
        print(plain(sections))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False, highlight=False)
    for section in sections:
        table = Table(*section.columns, title=section.title, title_justify="left", show_lines=True)
        for row in section.rows:
            table.add_row(*(cell if isinstance(cell, str) else "\n".join(cell) for cell in row))
        console.print(table)


def run(path: str, code: bool) -> None:
    """Print what the program at ``path`` consists of, or its generated C. Raises OSError and PipelineError."""
    with open(path, "rb") as file:
        config = file.read()
    try:
        sections, text = explain(config)
    except PipelineError as error:
        raise PipelineError(f"{path}: {error}") from None
    if code:
        print(text, end="" if text.endswith("\n") else "\n")
    else:
        show(sections)
