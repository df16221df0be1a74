"""Where headers and metadata live in the generated code.

A header is a pointer to its bytes: into the packet where it was extracted, or into the packet's own header storage
(zeroed for every packet), which every header has a private piece of. So untouched headers are never copied apart from
the packet, and reading an invalid header is harmless. Validity is one bit per header in the array ``V``.

Stacks and union stacks have one element more than declared: an index out of range is clamped to it, so that such
accesses read and write a harmless dummy.
"""

from __future__ import annotations

from dataclasses import dataclass

from p4soft.codegen import model as m


@dataclass(frozen=True, slots=True)
class Place:
    """C expressions for one header: its pointer (an lvalue), its validity bit's number, its varbit length in bytes."""

    pointer: str
    bit: str
    length: str
    own: str
    type: m.HeaderType
    siblings: tuple[str, ...] = ()
    """Validity bits of the other members of its union."""

    def size(self) -> str:
        """Bytes of the header as it is."""
        fixed = str(self.type.fixed_bytes)
        return f"({fixed} + {self.length})" if self.type.varbit else fixed


class Layout:
    """Numbering of headers, and the C declarations that follow from it."""

    def __init__(self, program: m.ProgramDef) -> None:
        self.program = program
        self.bits = 0
        self.own_bytes = 0
        self.emit_bytes = 0
        self._header_bit: dict[int, int] = {}
        self._own: dict[int, int] = {}
        self._stack_base: dict[int, tuple[int, int]] = {}
        self._union_base: dict[int, tuple[int, list[int]]] = {}
        for stack in program.stacks:
            depth, size = len(stack.headers) + 1, stack.headers[0].type.max_bytes
            self._stack_base[stack.index] = (self.bits, self.own_bytes)
            self.bits += depth
            self.own_bytes += depth * size
        for ustack in program.union_stacks:
            depth, members = len(ustack.unions) + 1, ustack.unions[0].members
            offsets = []
            for member in members:
                offsets.append(self.own_bytes)
                self.own_bytes += depth * member.type.max_bytes
            self._union_base[ustack.index] = (self.bits, offsets)
            self.bits += depth * len(members)
        for header in self.plain_headers():
            self._header_bit[header.index] = self.bits
            self._own[header.index] = self.own_bytes
            self.bits += 1
            self.own_bytes += header.type.max_bytes
        self.words = max(1, (self.bits + 63) // 64)
        self.own_bytes = (self.own_bytes + 16 + 63) // 64 * 64
        self.emit_bytes = sum(h.type.max_bytes for h in program.deparser)

    def plain_headers(self) -> list[m.Header]:
        """Headers outside stacks of any kind."""
        return [
            h
            for h in self.program.headers
            if not h.metadata and h.stack is None and (h.union is None or h.union.stack is None)
        ]

    # places

    def header(self, header: m.Header) -> Place:
        if header.stack is not None:
            return self.element(header.stack, str(header.position))
        if header.union is not None and header.union.stack is not None:
            return self.union_element(header.union.stack, header.position, str(header.union.position))
        siblings: tuple[str, ...] = ()
        if header.union is not None:
            siblings = tuple(str(self._header_bit[h.index]) for h in header.union.members if h is not header)
        i = header.index
        return Place(f"h{i}", str(self._header_bit[i]), f"h{i}l", f"own + {self._own[i]}", header.type, siblings)

    def element(self, stack: m.Stack, at: str) -> Place:
        bit, own = self._stack_base[stack.index]
        type_ = stack.headers[0].type
        name = f"s{stack.index}"
        where = f"({at})"
        return Place(
            f"{name}[{at}]", f"({bit} + {where})", f"{name}l[{at}]", f"own + {own} + {type_.max_bytes} * {where}", type_
        )

    def union_element(self, stack: m.UnionStack, member: int, at: str) -> Place:
        bit, offsets = self._union_base[stack.index]
        members = stack.unions[0].members
        type_ = members[member].type
        name = f"u{stack.index}m{member}"
        bits = [f"({bit} + {len(members)} * ({at}) + {j})" for j in range(len(members))]
        siblings = tuple(b for j, b in enumerate(bits) if j != member)
        own = f"own + {offsets[member]} + {type_.max_bytes} * ({at})"
        return Place(f"{name}[{at}]", bits[member], f"{name}l[{at}]", own, type_, siblings)

    # declarations

    def pointers(self) -> list[tuple[str, int, m.HeaderType, str]]:
        """(C name, elements or 0 for a scalar, type, own storage) of every pointer variable."""
        out = [(f"h{h.index}", 0, h.type, f"own + {self._own[h.index]}") for h in self.plain_headers()]
        for stack in self.program.stacks:
            _, own = self._stack_base[stack.index]
            out.append((f"s{stack.index}", len(stack.headers) + 1, stack.headers[0].type, f"own + {own}"))
        for ustack in self.program.union_stacks:
            _, offsets = self._union_base[ustack.index]
            for j, member in enumerate(ustack.unions[0].members):
                out.append((f"u{ustack.index}m{j}", len(ustack.unions) + 1, member.type, f"own + {offsets[j]}"))
        return out

    def cursors(self) -> list[str]:
        """Names of the next-element counters of stacks."""
        names = [f"s{s.index}n" for s in self.program.stacks]
        return names + [f"u{s.index}n" for s in self.program.union_stacks]
