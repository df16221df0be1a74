"""PacketIn and PacketOut: the controller headers, as P4Info describes them, to and from metadata fields.

P4Info tells what clients see of a controller header. What of it lies where is the program's: fields that are hidden
from clients take room there, and those of a translated type have another width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from finsy.proto import p4i, p4r

from p4soft.server.bytestrings import from_int, to_int, width
from p4soft.server.errors import invalid, unimplemented
from p4soft.server.translation import Translation, Translations

Layout = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class _Field:
    id: int
    name: str
    bits: int
    """In the data plane."""
    shift: int
    translation: Translation | None


class ControllerHeader:
    """The header in front of packets to (``packet_in``) or from (``packet_out``) the controller. ``layout`` has its
    fields in the program, by name; those that P4Info does not have are 0."""

    def __init__(self, info: p4i.ControllerPacketMetadata, layout: Layout, translations: Translations) -> None:
        self._name = info.preamble.name
        known = {metadata.name: metadata for metadata in info.metadata}
        self.size = width(sum(bits for _, bits in layout))
        fields = []
        shift = 8 * self.size
        for name, bits in layout:
            shift -= bits
            if name in known:
                metadata = known[name]
                fields.append(_Field(metadata.id, name, bits, shift, translations.of(metadata.type_name.name)))
        self._fields = tuple(fields)
        self._plan = tuple(
            (field.id, field.shift, (1 << field.bits) - 1, field.translation.show if field.translation else from_int)
            for field in fields
        )
        self._ids = frozenset(field.id for field in fields)
        plain = [(field.name, field.bits) for field in fields] == list(layout)
        plain = plain and not any(field.translation for field in fields)
        self.fields = tuple((field.id, field.bits) for field in fields) if plain else None
        """Id and bits of the fields whose values are all that is in front of a packet, in this order, as P4Info has
        them; None: there is more to it."""

    def packet_in(self, data: bytes) -> p4r.StreamMessageResponse | None:
        """The message for a packet that reached the CPU port; None when it is shorter than the header."""
        size = self.size
        if len(data) < size:
            return None
        message = p4r.StreamMessageResponse()
        packet = message.packet
        packet.payload = data[size:]
        if size:
            header = int.from_bytes(data[:size], "big")
            add = packet.metadata.add
            for field_id, shift, mask, show in self._plan:
                add(metadata_id=field_id, value=show((header >> shift) & mask))
        return message

    def packet_out(self, packet: p4r.PacketOut) -> bytes:
        """Header and payload as the data plane receives them. INVALID_ARGUMENT or OUT_OF_RANGE for bad metadata."""
        values: dict[int, bytes] = {}
        for metadata in packet.metadata:
            if metadata.metadata_id in values:
                raise invalid(f"{self._name}: metadata field {metadata.metadata_id} is given twice")
            values[metadata.metadata_id] = metadata.value
        if values.keys() != self._ids:
            raise self._wrong_fields(values)
        header = 0
        for field in self._fields:
            what = f"{self._name}: field {field.name}"
            value, translation = values[field.id], field.translation
            if translation is None:
                number = to_int(value, field.bits, what)
            else:
                number = translation.number(value, field.bits, what)
            header |= number << field.shift
        return header.to_bytes(self.size, "big") + packet.payload

    def _wrong_fields(self, values: dict[int, bytes]) -> Exception:
        unknown = sorted(values.keys() - self._ids)
        if unknown:
            return invalid(f"{self._name}: no metadata field with id {unknown[0]}")
        missing = [field.name for field in self._fields if field.id not in values]
        return invalid(f"{self._name}: missing metadata field {', '.join(missing)}")


class Punted:
    """A packet for the controller, as the data plane has it, which becomes a message only for who wants one."""

    __slots__ = ("_message", "data", "header")

    def __init__(self, header: ControllerHeader, data: bytes) -> None:
        self.header = header
        self.data = data
        """With ``header`` in front, complete."""
        self._message: p4r.StreamMessageResponse | None = None

    def message(self) -> p4r.StreamMessageResponse:
        """The same message every time."""
        if self._message is None:
            self._message = self.header.packet_in(self.data)
        assert self._message is not None
        return self._message


def controller_header(
    info: p4i.P4Info, name: str, headers: Mapping[str, Layout], translations: Translations
) -> ControllerHeader:
    """The header called ``name`` ("packet_in" or "packet_out"), or an empty one if the program has none. ``headers``
    are the program's header types."""
    for candidate in info.controller_packet_metadata:
        if candidate.preamble.name == name:
            return ControllerHeader(candidate, _layout(candidate, headers, translations), translations)
    return ControllerHeader(p4i.ControllerPacketMetadata(), (), translations)


def _layout(info: p4i.ControllerPacketMetadata, headers: Mapping[str, Layout], translations: Translations) -> Layout:
    """The header type in the program. P4Info has the type's name only as a hash in its id, and not where the program
    numbers it; then it is the one with these fields."""
    found = {layout for layout in headers.values() if _fits(info, layout, translations)}
    by_id = {headers[name] for name in headers if _type_id(name) == info.preamble.id & _TYPE}
    if len(found) > 1:
        found &= by_id
    if len(found) == 1:
        return found.pop()
    for metadata in info.metadata:
        if (translation := translations.of(metadata.type_name.name)) is not None:
            raise unimplemented(
                f"{info.preamble.name}: field {metadata.name} has the translated type {translation.name}, and which "
                "header type of the program it is in cannot be told; give the header type other field names than others"
            )
    return tuple((metadata.name, metadata.bitwidth) for metadata in info.metadata)


def _fits(info: p4i.ControllerPacketMetadata, layout: Layout, translations: Translations) -> bool:
    widths = dict(layout)
    names = [metadata.name for metadata in info.metadata]
    if not names or [name for name, _ in layout if name in names] != names:
        return False
    return all(
        metadata.bitwidth == widths[metadata.name] or translations.of(metadata.type_name.name) is not None
        for metadata in info.metadata
    )


_TYPE = 0xFFFFFF


def _type_id(name: str) -> int:
    """What p4c makes of a name in ids: Jenkins' one-at-a-time hash."""
    value = 0
    for byte in name.encode():
        value = (value + byte) * 1025 & 0xFFFFFFFF
        value ^= value >> 6
    value = value * 9 & 0xFFFFFFFF
    value ^= value >> 11
    return value * 32769 & _TYPE
