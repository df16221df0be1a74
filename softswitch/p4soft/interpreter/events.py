"""What happens to a packet on its way, in the order in which it happens."""

from __future__ import annotations

from typing import NamedTuple

from p4soft.codegen import model as m


class Received(NamedTuple):
    port: int


class Stage(NamedTuple):
    """A parser, pipeline or deparser begins or ends; ``text`` is that of BMv2's log."""

    text: str


class EnteredState(NamedTuple):
    name: str


class Extracted(NamedTuple):
    """``element`` of a stack, or of a stack of unions."""

    name: str
    element: int | None = None
    union: bool = False


class Selected(NamedTuple):
    """The key by which a parser's state chose what is next."""

    state: m.ParserState
    values: tuple[int, ...]


class ParserFailed(NamedTuple):
    error: str


class Applied(NamedTuple):
    """A table that is looked up, or that has but one action. ``key`` has a value of each field."""

    table: m.TableDef
    key: tuple[int, ...]
    hit: bool | None
    """None: there is nothing to be found, for it has no key and its action never changes."""


class Acted(NamedTuple):
    action: m.ActionDef
    params: tuple[int, ...]


class Primitive(NamedTuple):
    primitive: m.Primitive


class Decided(NamedTuple):
    condition: m.Conditional
    met: bool


class Counted(NamedTuple):
    counter: str
    at: int


class Metered(NamedTuple):
    """``colour``: 0 green, 1 yellow, 2 red."""

    meter: str
    at: int
    colour: int


class RegisterRead(NamedTuple):
    register: str
    at: int
    value: int


class RegisterWritten(NamedTuple):
    register: str
    at: int
    value: int


class Told(NamedTuple):
    """A digest to the controller."""

    digest: str
    fields: tuple[int, ...]


class Message(NamedTuple):
    """The program's own line of the log."""

    text: str


class EgressPort(NamedTuple):
    port: int


class Dropped(NamedTuple):
    text: str


class Deparsed(NamedTuple):
    header: str


class Sent(NamedTuple):
    port: int
    frame: bytes


Event = (
    Received
    | Stage
    | EnteredState
    | Extracted
    | Selected
    | ParserFailed
    | Applied
    | Acted
    | Primitive
    | Decided
    | Counted
    | Metered
    | RegisterRead
    | RegisterWritten
    | Told
    | Message
    | EgressPort
    | Dropped
    | Deparsed
    | Sent
)
