"""PacketIn and PacketOut: the controller headers, as P4Info describes them, to and from metadata fields."""

from __future__ import annotations

from finsy.proto import p4i, p4r

from p4soft.server.bytestrings import to_int, width
from p4soft.server.errors import invalid


class ControllerHeader:
    """The header in front of packets to (``packet_in``) or from (``packet_out``) the controller."""

    def __init__(self, info: p4i.ControllerPacketMetadata) -> None:
        self._name = info.preamble.name
        self._fields = tuple((field.id, field.name, field.bitwidth) for field in info.metadata)
        bits = sum(field[2] for field in self._fields)
        self.size = width(bits)
        self._padding = 8 * self.size - bits
        plan = []
        shift = 8 * self.size
        for field_id, _, field_bits in self._fields:
            shift -= field_bits
            plan.append((field_id, shift, (1 << field_bits) - 1))
        self._plan = tuple(plan)
        self._ids = frozenset(field[0] for field in self._fields)

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
            for field_id, shift, mask in self._plan:
                value = (header >> shift) & mask
                add(metadata_id=field_id, value=value.to_bytes((value.bit_length() + 7) // 8 or 1, "big"))
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
        for field_id, name, bits in self._fields:
            header = header << bits | to_int(values[field_id], bits, f"{self._name}: field {name}")
        return (header << self._padding).to_bytes(self.size, "big") + packet.payload

    def _wrong_fields(self, values: dict[int, bytes]) -> Exception:
        unknown = sorted(values.keys() - self._ids)
        if unknown:
            return invalid(f"{self._name}: no metadata field with id {unknown[0]}")
        missing = [name for field_id, name, _ in self._fields if field_id not in values]
        return invalid(f"{self._name}: missing metadata field {', '.join(missing)}")


def controller_header(info: p4i.P4Info, name: str) -> ControllerHeader:
    """The header called ``name`` ("packet_in" or "packet_out"), or an empty one if the program has none."""
    for candidate in info.controller_packet_metadata:
        if candidate.preamble.name == name:
            return ControllerHeader(candidate)
    return ControllerHeader(p4i.ControllerPacketMetadata())
