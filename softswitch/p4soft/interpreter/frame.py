"""A packet on its way: its headers, its metadata, and what is decided of it."""

from __future__ import annotations

from dataclasses import dataclass

from p4soft.codegen import model as m
from p4soft.interpreter.events import Event
from p4soft.interpreter.state import Overlay


class ParserError(Exception):
    """Ends the parser; ``number`` is that of the program's error."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class PacketLost(Exception):
    """The packet ends where it is, and the switch counts it as its own: an assertion failed, or a loop has no end."""


@dataclass(frozen=True, slots=True)
class Slots:
    """Where the fields and the validity of headers are kept. Stacks have an element more, which stands for all indices
    beyond them."""

    base: list[int]
    """By header: the place of its first field in ``Frame.fields``."""
    types: list[m.HeaderType]
    stacks: list[list[int]]
    """By stack: the numbers of its headers."""
    unions: list[list[list[int]]]
    """By stack of unions, and by element: the numbers of its members."""
    siblings: list[list[int]]
    """By header: the other members of its union."""
    fields: int
    varbits: list[int]
    always: list[bool]
    """By header: whether it is metadata, and so valid from the beginning."""


def lay_out(program: m.ProgramDef) -> Slots:
    base: list[int] = []
    types: list[m.HeaderType] = []
    at = 0

    def add(type_: m.HeaderType) -> int:
        nonlocal at
        base.append(at)
        types.append(type_)
        at += len(type_.fields)
        return len(base) - 1

    for header in program.headers:
        add(header.type)
    stacks = [[h.index for h in stack.headers] + [add(stack.headers[0].type)] for stack in program.stacks]
    unions = [
        [[h.index for h in union.members] for union in stack.unions]
        + [[add(member.type) for member in stack.unions[0].members]]
        for stack in program.union_stacks
    ]
    siblings: list[list[int]] = [[] for _ in base]
    groups = [[h.index for h in union.members] for union in program.unions]
    for group in groups + [element for stack in unions for element in stack]:
        for number in group:
            siblings[number] = [other for other in group if other != number]
    varbits = [b + f.index for b, t in zip(base, types, strict=True) for f in t.fields if f.varbit]
    always = [h.metadata or h.scratch for h in program.headers] + [False] * (len(base) - len(program.headers))
    return Slots(base, types, stacks, unions, siblings, at, varbits, always)


class Frame:
    """A packet that a program runs on."""

    __slots__ = (
        "cursor",
        "data",
        "digest",
        "error",
        "exited",
        "fields",
        "length",
        "next",
        "now",
        "overlay",
        "params",
        "start",
        "steps",
        "tell",
        "truncate",
        "valid",
    )

    def __init__(self, slots: Slots, data: bytes, overlay: Overlay, log: list[Event]) -> None:
        self.data = data
        self.cursor = 0
        """Bytes that the parser has passed."""
        self.fields: list[int] = [0] * slots.fields
        """A variable-length field is 1 and then its bits."""
        for slot in slots.varbits:
            self.fields[slot] = 1
        self.valid = list(slots.always)
        self.next = [0] * (len(slots.stacks) + len(slots.unions))
        """By stack, then by stack of unions: how many elements there are."""
        self.overlay = overlay
        self.tell = log.append
        self.now, self.start = overlay.state.clock()
        self.params: tuple[int, ...] = ()
        self.digest = 0
        self.error = 0
        self.exited = False
        self.length = len(data)
        """standard_metadata.packet_length, in egress."""
        self.steps = 0
        self.truncate: int | None = None
