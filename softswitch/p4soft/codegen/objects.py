"""What a program has beside its control flow: arrays of state, calculations, lists of fields."""

from __future__ import annotations

from dataclasses import dataclass

from p4soft.codegen.ir import Expr, FieldRef, Header, ValidBit

# state


@dataclass(slots=True, eq=False)
class CounterArray:
    name: str
    index: int
    size: int


@dataclass(slots=True, eq=False)
class MeterArray:
    """``target`` is where a direct meter writes its colour; ``index`` is -1 for direct meters."""

    name: str
    index: int
    size: int
    bytes: bool
    target: FieldRef | None


@dataclass(slots=True, eq=False)
class RegisterArray:
    """``home`` is the array in whose memory the cells lie, ``offset`` where the first one does, ``stride`` the bytes
    from one to the next."""

    name: str
    index: int
    size: int
    bits: int
    home: int
    offset: int
    stride: int


@dataclass(slots=True, eq=False)
class CalcField:
    field: FieldRef


@dataclass(slots=True, eq=False)
class CalcConst:
    value: int
    bits: int


@dataclass(slots=True, eq=False)
class CalcHeader:
    header: Header


@dataclass(slots=True, eq=False)
class CalcPayload:
    pass


CalcInput = CalcField | CalcConst | CalcHeader | CalcPayload


@dataclass(slots=True, eq=False)
class Calculation:
    name: str
    algorithm: str
    inputs: list[CalcInput]


@dataclass(slots=True, eq=False)
class Checksum:
    name: str
    target: FieldRef
    calculation: Calculation
    update: bool
    verify: bool
    condition: Expr | None


@dataclass(slots=True, eq=False)
class LearnList:
    name: str
    id: int
    fields: list[FieldRef | ValidBit]


@dataclass(slots=True, eq=False)
class FieldList:
    id: int
    fields: list[FieldRef]


# actions
