"""What a BMv2 JSON says, checked and resolved: plain data for the code generator.

Names are resolved to objects, so that later stages cannot meet a dangling reference. Widths are in bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from p4soft.codegen.ir import (
    BoolConst,
    Const,
    Expr,
    FieldDef,
    FieldRef,
    Header,
    HeaderExpr,
    HeaderRef,
    HeaderType,
    LastHeader,
    LastUnionHeader,
    Local,
    Lookahead,
    Op,
    RegisterCell,
    Stack,
    StackElement,
    StackRef,
    Union,
    UnionElement,
    UnionMember,
    UnionRef,
    UnionStack,
    UnionStackRef,
    ValidBit,
)
from p4soft.codegen.objects import (
    CalcConst,
    CalcField,
    CalcHeader,
    CalcInput,
    CalcPayload,
    Calculation,
    Checksum,
    CounterArray,
    FieldList,
    LearnList,
    MeterArray,
    RegisterArray,
)

DROP_PORT = 511

__all__ = [
    "DROP_PORT",
    "ActionCall",
    "ActionDef",
    "Advance",
    "Argument",
    "BoolConst",
    "CalcConst",
    "CalcField",
    "CalcHeader",
    "CalcInput",
    "CalcPayload",
    "Calculation",
    "Call",
    "Checksum",
    "Conditional",
    "Const",
    "ConstEntry",
    "CounterArray",
    "Expr",
    "Extract",
    "FieldDef",
    "FieldList",
    "FieldRef",
    "Header",
    "HeaderExpr",
    "HeaderRef",
    "HeaderType",
    "KeyField",
    "LastHeader",
    "LastUnionHeader",
    "LearnList",
    "Local",
    "Lookahead",
    "MeterArray",
    "Node",
    "Op",
    "ParserDef",
    "ParserOp",
    "ParserState",
    "PipelineDef",
    "Primitive",
    "ProfileDef",
    "ProgramDef",
    "RegisterArray",
    "RegisterCell",
    "Stack",
    "StackElement",
    "StackRef",
    "TableDef",
    "Transition",
    "Union",
    "UnionElement",
    "UnionMember",
    "UnionRef",
    "UnionStack",
    "UnionStackRef",
    "ValidBit",
    "Verify",
]


Argument = Expr | Calculation | CounterArray | MeterArray | RegisterArray | str | tuple[Expr, ...]
"""A primitive's argument; strings and vectors of expressions occur in log_msg only."""


@dataclass(slots=True, eq=False)
class Primitive:
    op: str
    args: list[Argument]
    where: str
    source: str = ""
    """What it was compiled from."""


@dataclass(slots=True, eq=False)
class ActionDef:
    name: str
    id: int
    params: list[int]
    primitives: list[Primitive]


# parser


@dataclass(slots=True, eq=False)
class Extract:
    target: Header | Stack | tuple[UnionStack, int]
    length: Expr | None


@dataclass(slots=True, eq=False)
class Verify:
    condition: Expr
    error: Expr


@dataclass(slots=True, eq=False)
class Advance:
    bits: Expr


@dataclass(slots=True, eq=False)
class Call:
    primitive: Primitive


ParserOp = Extract | Verify | Advance | Call


@dataclass(slots=True, eq=False)
class Transition:
    """``values`` and ``masks`` are per field of the state's key; ``values`` None is the default transition. With a
    ``value_set``, its members are the values."""

    values: list[int] | None
    masks: list[int] | None
    next_state: str | None
    value_set: ValueSetDef | None = None


@dataclass(slots=True, eq=False)
class ParserState:
    name: str
    index: int
    ops: list[ParserOp]
    key: list[tuple[Expr, int]]
    transitions: list[Transition]


@dataclass(slots=True, eq=False)
class ParserDef:
    init: str | None
    states: dict[str, ParserState]


# control


@dataclass(slots=True, eq=False)
class KeyField:
    name: str
    kind: str
    target: Expr
    bits: int
    mask: int | None


@dataclass(slots=True, eq=False)
class ConstEntry:
    """An entry of the program's own. ``key`` is packed as the engine's API packs keys. ``const``: marked as such."""

    key: bytes
    action: int
    params: list[int]
    priority: int
    const: bool = False


@dataclass(slots=True, eq=False)
class TableDef:
    name: str
    index: int
    match_type: str
    key: list[KeyField]
    actions: list[ActionDef]
    size: int
    with_counters: bool
    support_timeout: bool
    direct_meter: MeterArray | None
    next_by_action: dict[str, str | None]
    next_hit: str | None
    next_miss: str | None
    has_hit: bool
    has_miss: bool
    base_next: str | None
    default_action: int | None
    default_params: list[int]
    const_default: bool
    entries: list[ConstEntry]
    profile: ProfileDef | None = None
    lists: bool = False
    """A table of groups, whose entries own lists of members."""

    @property
    def stored(self) -> list[ActionDef]:
        """What entries are bound to: the table's actions, or a reference into its action profile."""
        return self.actions if self.profile is None else list(_REFERENCES)


_REFERENCES = (ActionDef("(member)", -1, [32], []), ActionDef("(group)", -1, [32], []))


@dataclass(slots=True, eq=False)
class ProfileDef:
    """An action profile or selector. ``members`` and ``groups`` are tables that no pipeline applies, with the id as
    key; the actions of ``members`` are those of all tables that use it, by name."""

    name: str
    size: int
    members: TableDef
    groups: TableDef | None
    selector: Calculation | None


@dataclass(slots=True, eq=False)
class ValueSetDef:
    """A parser's value set. Its members are the keys of ``table``, which no pipeline applies; the fields of a select
    key are joined to one."""

    name: str
    bits: int
    size: int
    table: TableDef


@dataclass(slots=True, eq=False)
class Conditional:
    name: str
    condition: Expr
    true_next: str | None
    false_next: str | None
    source: str = ""
    """What it was compiled from."""


@dataclass(slots=True, eq=False)
class ActionCall:
    name: str
    action: ActionDef
    next_node: str | None


Node = TableDef | Conditional | ActionCall


@dataclass(slots=True, eq=False)
class PipelineDef:
    name: str
    init: str | None
    nodes: dict[str, Node]


@dataclass(slots=True, eq=False)
class ProgramDef:
    headers: list[Header] = field(default_factory=list)
    stacks: list[Stack] = field(default_factory=list)
    unions: list[Union] = field(default_factory=list)
    union_stacks: list[UnionStack] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    counters: list[CounterArray] = field(default_factory=list)
    meters: list[MeterArray] = field(default_factory=list)
    registers: list[RegisterArray] = field(default_factory=list)
    calculations: list[Calculation] = field(default_factory=list)
    checksums: list[Checksum] = field(default_factory=list)
    learn_lists: list[LearnList] = field(default_factory=list)
    field_lists: list[FieldList] = field(default_factory=list)
    actions: list[ActionDef] = field(default_factory=list)
    tables: list[TableDef] = field(default_factory=list)
    profiles: dict[str, ProfileDef] = field(default_factory=dict)
    value_sets: dict[str, ValueSetDef] = field(default_factory=dict)
    parser: ParserDef = field(default_factory=lambda: ParserDef(None, {}))
    ingress: PipelineDef = field(default_factory=lambda: PipelineDef("ingress", None, {}))
    egress: PipelineDef = field(default_factory=lambda: PipelineDef("egress", None, {}))
    deparser: list[Header] = field(default_factory=list)
    standard: dict[str, FieldRef] = field(default_factory=dict)
    """Standard metadata by the name BMv2 uses, aliases resolved; absent ones are missing."""

    @property
    def applied(self) -> list[TableDef]:
        """The tables without those that action profiles and value sets are made of."""
        own = {id(table) for p in self.profiles.values() for table in (p.members, p.groups)}
        own |= {id(value_set.table) for value_set in self.value_sets.values()}
        return [table for table in self.tables if id(table) not in own]
