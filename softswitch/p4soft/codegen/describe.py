"""What the P4Runtime server gets to know of a program."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from p4soft.api import Action, Entry, InitialEntry, MatchField, MatchKind, Profile, Program, Table, ValueSet
from p4soft.codegen import model as m
from p4soft.codegen.load import load_program
from p4soft.codegen.tables import packed_params


def _actions(actions: list[m.ActionDef]) -> tuple[Action, ...]:
    return tuple(Action(a.name, i, tuple(a.params)) for i, a in enumerate(actions))


def _table(table: m.TableDef) -> Table:
    return Table(
        name=table.name,
        index=table.index,
        fields=tuple(MatchField(k.name, k.bits, MatchKind(k.kind)) for k in table.key),
        actions=_actions(table.actions),
        size=max(table.size, len(table.entries)),
        has_counter=table.with_counters,
        has_meter=table.direct_meter is not None,
        support_timeout=table.support_timeout,
        initial=tuple(
            InitialEntry(
                Entry(e.key, e.action, packed_params(table.actions[e.action].params, e.params), e.priority), e.const
            )
            for e in table.entries
        ),
        const_default=table.const_default,
        profile=None if table.profile is None else table.profile.name,
    )


def stored_tables(program: m.ProgramDef) -> list[Table]:
    """Every table of the engine by its number, those of action profiles included, with what its entries hold."""
    return [replace(_table(t), actions=_actions(t.stored)) for t in program.tables]


@lru_cache(maxsize=1)  # a push reads it more than once, on the event loop
def read_program(config: bytes) -> Program:
    """The objects of a BMv2 JSON, read without compiling anything; not to be changed. Raises PipelineError."""
    return api_program(load_program(config))


def api_program(program: m.ProgramDef) -> Program:
    return Program(
        tables={t.name: _table(t) for t in program.applied},
        counters={c.name: c.size for c in program.counters},
        meters={c.name: c.size for c in program.meters},
        registers={r.name: (r.size, r.bits) for r in program.registers},
        digests={
            d.name: tuple(1 if isinstance(f, m.ValidBit) else f.field.bits for f in d.fields)
            for d in program.learn_lists
        },
        profiles={
            p.name: Profile(p.name, p.members.index, _actions(p.members.actions), p.size, p.selector is not None)
            for p in program.profiles.values()
        },
        value_sets={v.name: ValueSet(v.name, v.table.index, v.bits, v.size) for v in program.value_sets.values()},
        headers={h.type.name: tuple((f.name, f.bits) for f in h.type.fields) for h in program.headers},
    )
