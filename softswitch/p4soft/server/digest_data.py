"""Packed digest fields to ``P4Data``, as the digest's type in P4Info shapes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from finsy.proto import p4d, p4i, p4t

from p4soft.server.bytestrings import canonical, width
from p4soft.server.errors import invalid
from p4soft.server.translation import Translations

_Fill = Callable[[bytes, p4d.P4Data], None]


class DigestDecoder:
    """Turns one digest's packed fields into one P4Data. ``bits`` are the widths of the packed fields, in order, which
    for those of translated types are the program's, ``held``."""

    def __init__(
        self, info: p4i.Digest, types: p4t.P4TypeInfo, held: Sequence[int], translations: Translations
    ) -> None:
        self._what = f"digest {info.preamble.name}"
        self._types = types
        self._held = held
        self._translations = translations
        self._offset = 0
        self._bits: list[int] = []
        self._fill = self._shape(info.type_spec, 0)
        self.bits = tuple(self._bits)
        self.size = self._offset

    def decode_into(self, data: bytes, message: p4d.P4Data) -> None:
        self._fill(data, message)

    def _shape(self, spec: p4t.P4DataTypeSpec, depth: int) -> _Fill:
        if depth > 16:
            raise invalid(f"{self._what}: its type is nested too deeply")
        kind = spec.WhichOneof("type_spec")
        if kind == "bitstring":
            return self._bitstring(spec.bitstring)
        if kind == "bool":
            return self._bool()
        if kind == "struct":
            members = self._types.structs[spec.struct.name].members
            return self._members([member.type_spec for member in members], "struct", depth)
        if kind == "tuple":
            return self._members(list(spec.tuple.members), "tuple", depth)
        if kind == "serializable_enum":
            return self._enum(self._types.serializable_enums[spec.serializable_enum.name].underlying_type.bitwidth)
        if kind == "new_type":
            new_type = self._types.new_types[spec.new_type.name]
            if new_type.WhichOneof("representation") == "original_type":
                return self._shape(new_type.original_type, depth + 1)
            return self._translated(spec.new_type.name)
        raise invalid(f"{self._what}: fields of type {kind} are not supported")

    def _take(self, bits: int) -> tuple[int, int]:
        start = self._offset
        self._offset += width(bits)
        self._bits.append(bits)
        return start, self._offset

    def _bitstring(self, spec: p4t.P4BitstringLikeTypeSpec) -> _Fill:
        kind = spec.WhichOneof("type_spec")
        if kind != "bit":
            raise invalid(f"{self._what}: fields of type {kind} are not supported")
        start, end = self._take(spec.bit.bitwidth)

        def fill(data: bytes, message: p4d.P4Data) -> None:
            message.bitstring = canonical(data[start:end])

        return fill

    def _translated(self, name: str) -> _Fill:
        translation = self._translations.of(name)
        if translation is None or len(self._bits) >= len(self._held):
            raise invalid(f"{self._what}: has other fields in P4Info than in the program")
        start, end = self._take(self._held[len(self._bits)])

        def fill(data: bytes, message: p4d.P4Data) -> None:
            message.bitstring = translation.show(int.from_bytes(data[start:end], "big"))

        return fill

    def _enum(self, bits: int) -> _Fill:
        start, end = self._take(bits)

        def fill(data: bytes, message: p4d.P4Data) -> None:
            message.enum_value = canonical(data[start:end])

        return fill

    def _bool(self) -> _Fill:
        start, _ = self._take(1)

        def fill(data: bytes, message: p4d.P4Data) -> None:
            message.bool = bool(data[start])

        return fill

    def _members(self, specs: list[p4t.P4DataTypeSpec], kind: str, depth: int) -> _Fill:
        fills = [self._shape(spec, depth + 1) for spec in specs]

        def fill(data: bytes, message: p4d.P4Data) -> None:
            add = (message.struct if kind == "struct" else message.tuple).members.add
            for fill_member in fills:
                fill_member(data, add())

        return fill
