"""Headers, and the expressions over them. Widths are in bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from p4soft.codegen.objects import RegisterArray


@dataclass(slots=True, eq=False)
class FieldDef:
    """``bits`` is 0 for a variable-length field."""

    name: str
    bits: int
    signed: bool
    index: int
    offset: int
    """Bits from the start of the header, counting a variable-length field before it as empty."""
    varbit: bool = False


@dataclass(slots=True, eq=False)
class HeaderType:
    name: str
    fields: list[FieldDef]
    by_name: dict[str, FieldDef]
    fixed_bytes: int
    varbit: FieldDef | None
    max_bytes: int


@dataclass(slots=True, eq=False)
class Header:
    name: str
    id: int
    index: int
    type: HeaderType
    metadata: bool
    scratch: bool = False
    """Metadata with a variable-length field: kept like a header that is always valid."""
    union: Union | None = None
    stack: Stack | None = None
    """The header stack it is an element of."""
    position: int = 0
    """Index in the stack, or in the union."""


@dataclass(slots=True, eq=False)
class Stack:
    name: str
    index: int
    headers: list[Header]


@dataclass(slots=True, eq=False)
class Union:
    name: str
    members: list[Header]
    stack: UnionStack | None = None
    position: int = 0


@dataclass(slots=True, eq=False)
class UnionStack:
    name: str
    index: int
    unions: list[Union]
    members: dict[str, int]


# expressions


@dataclass(slots=True, frozen=True, eq=False)
class Const:
    value: int


@dataclass(slots=True, frozen=True, eq=False)
class BoolConst:
    value: bool


@dataclass(slots=True, frozen=True, eq=False)
class Local:
    """A parameter of the enclosing action."""

    index: int
    bits: int


@dataclass(slots=True, frozen=True, eq=False)
class HeaderRef:
    header: Header


@dataclass(slots=True, frozen=True, eq=False)
class LastHeader:
    """The last extracted element of a stack."""

    stack: Stack


@dataclass(slots=True, frozen=True, eq=False)
class LastUnionHeader:
    stack: UnionStack
    member: int


@dataclass(slots=True, frozen=True, eq=False)
class StackElement:
    stack: Stack
    at: Expr


@dataclass(slots=True, frozen=True, eq=False)
class UnionRef:
    union: Union


@dataclass(slots=True, frozen=True, eq=False)
class UnionElement:
    stack: UnionStack
    at: Expr


@dataclass(slots=True, frozen=True, eq=False)
class UnionMember:
    union: UnionRef | UnionElement
    member: int


@dataclass(slots=True, frozen=True, eq=False)
class StackRef:
    stack: Stack


@dataclass(slots=True, frozen=True, eq=False)
class UnionStackRef:
    stack: UnionStack


HeaderExpr = HeaderRef | LastHeader | LastUnionHeader | StackElement | UnionMember


@dataclass(slots=True, frozen=True, eq=False)
class FieldRef:
    header: HeaderExpr
    field: FieldDef


@dataclass(slots=True, frozen=True, eq=False)
class ValidBit:
    """The hidden field ``$valid$``, as data."""

    header: HeaderExpr


@dataclass(slots=True, frozen=True, eq=False)
class Lookahead:
    offset: int
    bits: int


@dataclass(slots=True, frozen=True, eq=False)
class RegisterCell:
    register: RegisterArray
    at: Expr


@dataclass(slots=True, frozen=True, eq=False)
class Op:
    """``op`` is BMv2's spelling; for ``?`` the condition is ``cond``."""

    op: str
    left: Expr | None
    right: Expr | None
    cond: Expr | None = None


Expr = (
    Const
    | BoolConst
    | Local
    | HeaderRef
    | LastHeader
    | LastUnionHeader
    | StackElement
    | UnionRef
    | UnionElement
    | UnionMember
    | StackRef
    | UnionStackRef
    | FieldRef
    | ValidBit
    | Lookahead
    | RegisterCell
    | Op
)
