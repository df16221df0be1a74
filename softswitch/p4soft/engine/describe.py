"""What the P4Runtime server gets to know of a program."""

from __future__ import annotations

from p4soft.api import Action, MatchField, MatchKind, Program, Table
from p4soft.codegen import model as m


def _table(table: m.TableDef) -> Table:
    return Table(
        name=table.name,
        index=table.index,
        fields=tuple(MatchField(k.name, k.bits, MatchKind(k.kind)) for k in table.key),
        actions=tuple(Action(a.name, i, tuple(a.params)) for i, a in enumerate(table.actions)),
        size=max(table.size, len(table.entries)),
        has_counter=table.with_counters,
        has_meter=table.direct_meter is not None,
        support_timeout=table.support_timeout,
        const_entries=table.has_entries,
        const_default=table.const_default,
    )


def api_program(program: m.ProgramDef) -> Program:
    return Program(
        tables={t.name: _table(t) for t in program.tables},
        counters={c.name: c.size for c in program.counters},
        meters={c.name: c.size for c in program.meters},
        registers={r.name: (r.size, r.bits) for r in program.registers},
        digests={
            d.name: tuple(1 if isinstance(f, m.ValidBit) else f.field.bits for f in d.fields)
            for d in program.learn_lists
        },
    )
