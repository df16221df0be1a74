"""ValueSetEntry: the members of a parser's value set."""

from __future__ import annotations

from collections.abc import Iterator

from finsy.proto import p4i, p4r

from p4soft.api import Entry, MatchKind, ValueSet
from p4soft.server.bytestrings import width
from p4soft.server.cells import only_modify
from p4soft.server.errors import already_exists, exhausted, invalid, unimplemented
from p4soft.server.keys import KeyCodec, key_fields
from p4soft.server.tables import State
from p4soft.server.translation import Translations


class ValueSetHandler:
    """One value set. p4c compiles all of them for exact matches, whatever their P4Info says."""

    def __init__(self, engine: State, info: p4i.ValueSet, value_set: ValueSet, translations: Translations) -> None:
        self.id = info.preamble.id
        self.name = info.preamble.name
        self._what = f"value set {self.name}"
        self._engine = engine
        self._index = value_set.index
        self._size = value_set.size
        self._bits = value_set.bits
        fields = key_fields(self._what, info.match, self._field_bits(info, translations), translations)
        self._keys = KeyCodec(self._what, fields)
        self._widths = [field.bits for field in fields]
        self._exact = all(field.kind is MatchKind.EXACT for field in fields)

    def _field_bits(self, info: p4i.ValueSet, translations: Translations) -> list[int]:
        """The program's widths of the fields, of which it tells the sum."""
        types = [translations.of(field.type_name.name) for field in info.match]
        rest = self._bits - sum(f.bitwidth for f, t in zip(info.match, types, strict=True) if t is None)
        translated = [t for t in types if t is not None]
        if not translated and rest:
            raise invalid(f"{self._what}: {self._bits - rest} bits in P4Info, {self._bits} in the program")
        if len({t.name for t in translated}) > 1 or (translated and (rest <= 0 or rest % len(translated))):
            names = ", ".join(t.name for t in translated)
            raise unimplemented(f"{self._what}: how many bits each of the translated types {names} has cannot be told")
        share = rest // len(translated) if translated else 0
        return [field.bitwidth if t is None else share for field, t in zip(info.match, types, strict=True)]

    def write(self, kind: p4r.Update.Type.ValueType, update: p4r.ValueSetEntry) -> None:
        """Replace all members (P4Runtime specification, "ValueSetEntry": MODIFY is the only update)."""
        only_modify(kind, self._what)
        if not self._exact and update.members:
            raise unimplemented(f"{self._what}: the program was compiled to match it exactly, unlike its P4Info")
        wanted = [self._join(self._keys.encode(member.match)) for member in update.members]
        if len(wanted) != len(set(wanted)):
            raise already_exists(f"{self._what}: a member is given twice")
        if len(wanted) > self._size:
            raise exhausted(f"{self._what}: takes {self._size} members, not {len(wanted)}")
        held = {state.entry.key for state in self._engine.entries(self._index)}
        for key in wanted:
            if key not in held:
                self._engine.insert(self._index, Entry(key, 0, b""))
        for key in held.difference(wanted):
            self._engine.delete(self._index, key)

    def read(self, query: p4r.ValueSetEntry) -> Iterator[p4r.Entity]:
        """All members, as one entity."""
        if query.members:
            raise invalid(f"{self._what}: is read as a whole, not by its members")
        entity = p4r.Entity()
        entity.value_set_entry.value_set_id = self.id
        for key in sorted(state.entry.key for state in self._engine.entries(self._index)):
            self._keys.decode_into(self._split(key), entity.value_set_entry.members.add().match)
        yield entity

    def _join(self, packed: bytes) -> bytes:
        """A packed key as the engine has it: one number without padding between the fields."""
        number = at = 0
        for bits in self._widths:
            size = width(bits)
            number = number << bits | int.from_bytes(packed[at : at + size], "big")
            at += size
        return number.to_bytes(width(self._bits), "big")

    def _split(self, joined: bytes) -> bytes:
        number = int.from_bytes(joined, "big")
        parts = []
        for bits in reversed(self._widths):
            parts.append((number & ((1 << bits) - 1)).to_bytes(width(bits), "big"))
            number >>= bits
        return b"".join(reversed(parts))
