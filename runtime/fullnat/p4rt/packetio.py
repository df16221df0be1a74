"""Messages of the StreamChannel: packet-outs to the wire; packet-ins, digests and idle notifications to events."""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Sequence
from functools import partial

from finsy.proto import p4r

from fullnat.core.interface import (
    Asked,
    Event,
    Forward,
    IdleNotice,
    Inject,
    NeighborHeard,
    PacketIn,
    Reset,
    SessionEvents,
)
from fullnat.core.session.reports import joined
from fullnat.net.flow import V6_BYTES, Address, made
from fullnat.p4constants import PacketOutAction, PacketOutFlag
from fullnat.p4rt.binding import Binder, Field
from fullnat.p4rt.transport import NO_LAYOUT, Layout, PackedDigests
from fullnat.p4rt.wire import IntField, delimited, scalar, tag, varint

PacketOut = Forward | Inject | Reset
RETURNED = 0
"""In the place of a PuntReason: the packet is one of ours (:meth:`PacketIo.returning`)."""
_LONE_FRAME = b"\2" + bytes(4) + b"\1" + b"\2" + bytes(4) + b"\2" + 0x88B5.to_bytes(2, "big") + bytes(46)
"""Of an EtherType for experiments (IEEE 802a), from nobody to nobody."""

_STREAM_PACKET = tag(2, 2)
_PAYLOAD = tag(1, 2)
_IPV4_IN_IPV6 = bytes(10) + b"\xff\xff"


class PacketIo:
    def __init__(self, binder: Binder, session_tables: Collection[int]) -> None:
        packet_in = binder.header("packet_in", ("reason", "service_flags", "ingress_port", "session_id"), ("seq",))
        packet_out = binder.header("packet_out", ("request", "flags", "port", "session_id"))
        session_event = binder.digest("session_event_t", ("session_id", "direction", "events"), ("seq",))
        neighbor_event = binder.digest("neighbor_event_t", ("address", "mac", "ingress_port"))
        neighbor_event6 = None
        if binder.has_ipv6:
            neighbor_event6 = binder.digest("neighbor_event6_t", ("address", "mac", "ingress_port"))
        asked_event = binder.digest("asked_event_t", ("source", "of")) if binder.has_cookies else None
        self.layout = NO_LAYOUT
        """Of packets that :meth:`decode_frame` and :meth:`frame` know."""
        if binder.differences:
            return
        if all(field.bits in (8, 16, 32, 64) for field in (*packet_in, *packet_out)):
            self.layout = Layout(*(tuple((field.id, field.bits) for field in side) for side in (packet_in, packet_out)))
            self._frame_in, self._frame_out = _packed(packet_in), _packed(packet_out)
        self.digest_id = session_event.id
        self._tells_ends = len(session_event.fields) == len(SessionEvents._fields)
        self._digests: dict[int, tuple[Callable[..., Event], struct.Struct]] = {
            self.digest_id: (SessionEvents, _packed(session_event.fields))
        }
        for digest in filter(None, (neighbor_event, neighbor_event6)):
            event = partial(_neighbor_heard, digest.fields[0].bits // 8)
            self._digests[digest.id] = (event, _packed(digest.fields))
        if asked_event is not None:
            self._digests[asked_event.id] = (_asked, _packed(asked_event.fields))
        self._in_ids = [field.id for field in packet_in]
        self._request, self._flags, self._port, self._session_id = (
            IntField(2, 1, field.id, 2, 0, field.bits) for field in packet_out
        )
        self._session_tables = session_tables
        self._forward = self._request[PacketOutAction.FORWARD] + self._flags[0]
        self._no_session = self._session_id[0]
        self._inject = self._request[PacketOutAction.INJECT]
        self._reset = self._request[PacketOutAction.RESET] + self._flags[0] + self._port[0]

    @property
    def other_digest_ids(self) -> tuple[int, ...]:
        """Of neighbors that ask for our addresses, of each family, and of who gets cookies."""
        return tuple(number for number in self._digests if number != self.digest_id)

    def encode(self, effect: PacketOut) -> bytes:
        """The serialised StreamMessageRequest."""
        if isinstance(effect, Inject):
            flags = (
                effect.new_session * PacketOutFlag.NEW_SESSION | effect.options_edited * PacketOutFlag.OPTIONS_EDITED
            )
            metadata = (
                self._inject + self._flags[flags] + self._port[effect.port] + self._session_id.encode(effect.session_id)
            )
        elif isinstance(effect, Forward):
            metadata = self._forward + self._port[effect.port] + self._no_session
        else:
            metadata = self._reset + self._session_id.encode(effect.session_id)
        body = _PAYLOAD + varint(len(effect.frame)) + effect.frame + metadata
        return _STREAM_PACKET + varint(len(body)) + body

    def frame(self, effect: PacketOut) -> bytes:
        """The packet behind the values of packet_out's fields. Raises OverflowError for a value too wide."""
        if isinstance(effect, Inject):
            flags = (
                effect.new_session * PacketOutFlag.NEW_SESSION | effect.options_edited * PacketOutFlag.OPTIONS_EDITED
            )
            values = PacketOutAction.INJECT, flags, effect.port, effect.session_id
        elif isinstance(effect, Forward):
            values = PacketOutAction.FORWARD, 0, effect.port, 0
        else:
            values = PacketOutAction.RESET, 0, 0, effect.session_id
        try:
            return self._frame_out.pack(*values) + effect.frame
        except struct.error as error:
            raise OverflowError(str(error)) from None

    def returning(self, cpu_port: int) -> Forward | None:
        """A packet-out that the pipeline hands out by ``cpu_port`` as it is, where it passes for a packet-in of reason
        :data:`RETURNED`; None for a program whose headers are not made of whole bytes."""
        if not self.layout.packet_in:
            return None
        values = [RETURNED] + [0] * (len(self.layout.packet_in) - 1)
        return Forward(cpu_port, self._frame_in.pack(*values) + _LONE_FRAME)

    def decode_frame(self, data: bytes) -> PacketIn:
        """A packet behind the values of packet_in's fields."""
        reason, service_flags, ingress_port, session_id, *seq = self._frame_in.unpack_from(data)
        frame = data[self._frame_in.size :]
        return made(PacketIn, (reason, service_flags, ingress_port, session_id, frame, seq[0] if seq else 0))

    def decode_packet(self, packet: p4r.PacketIn) -> PacketIn:
        """Raises ValueError when the metadata are not those of the packet_in header."""
        number = int.from_bytes
        metadata: Sequence[p4r.PacketMetadata] = packet.metadata
        if [field.metadata_id for field in metadata] != self._in_ids:
            metadata = self._in_order(packet)
        reason, service_flags, ingress_port, session_id, *seq = [number(field.value, "big") for field in metadata]
        return PacketIn(reason, service_flags, ingress_port, session_id, packet.payload, *seq)

    def _in_order(self, packet: p4r.PacketIn) -> list[p4r.PacketMetadata]:
        by_id = {field.metadata_id: field for field in packet.metadata}
        if by_id.keys() != set(self._in_ids):
            raise ValueError(f"packet-in with metadata {sorted(by_id)}, expected {self._in_ids}")
        return [by_id[ident] for ident in self._in_ids]

    def decode_digest(self, digest: p4r.DigestList) -> list[Event]:
        """Nothing for a digest not asked for. Raises ValueError when a member has not the fields of its struct."""
        found = self._digests.get(digest.digest_id)
        if found is None:
            return []
        event, _ = found
        events: list[Event] = []
        for data in digest.data:
            values = [int.from_bytes(member.bitstring, "big") for member in data.struct.members]
            try:
                events.append(event(*values))
            except TypeError:
                raise ValueError(f"digest with {len(values)} members: not those of its struct") from None
        if digest.digest_id == self.digest_id:
            return [*joined([event for event in events if isinstance(event, SessionEvents)])]
        return events

    def decode_packed(self, digests: PackedDigests) -> list[Event]:
        """The same of a list that is packed. Raises ValueError when the digests have not the size of the struct."""
        found = self._digests.get(digests.digest_id)
        if found is None:
            return []
        event, layout = found
        try:
            rows = layout.iter_unpack(b"".join(digests.data))
            if digests.digest_id == self.digest_id:
                return [*joined(rows if self._tells_ends else [(*row, 0) for row in rows])]
            return [event(*row) for row in rows]
        except struct.error:
            raise ValueError("digest with another size than its struct") from None

    def decode_idle(self, notification: p4r.IdleTimeoutNotification) -> list[Event]:
        """One IdleNotice per session named, however often."""
        seen = {
            entry.controller_metadata & 0xFFFFFFFF: None
            for entry in notification.table_entry
            if entry.table_id in self._session_tables
        }
        return [IdleNotice(session_id) for session_id in seen]

    def digest_ack(self, digest: p4r.DigestList | PackedDigests) -> bytes:
        """The serialised StreamMessageRequest that acknowledges ``digest``."""
        return delimited(3, scalar(1, digest.digest_id) + scalar(2, digest.list_id))


def _neighbor_heard(size: int, address: int | bytes, mac: int | bytes, ingress_port: int) -> NeighborHeard:
    """``size``: bytes of the address."""
    return NeighborHeard(Address(_number(address).to_bytes(size, "big")), _number(mac), ingress_port)


def _asked(source: int | bytes, of: int | bytes) -> Asked:
    octets = _number(source).to_bytes(V6_BYTES, "big")
    is_ipv4 = octets.startswith(_IPV4_IN_IPV6)
    return Asked(Address(octets[len(_IPV4_IN_IPV6) :] if is_ipv4 else octets), _number(of))


def _number(value: int | bytes) -> int:
    return value if isinstance(value, int) else int.from_bytes(value, "big")


_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


def _packed(fields: Sequence[Field]) -> struct.Struct:
    """In network order; those that are no number of the machine come as bytes."""
    sizes = [(field.bits + 7) // 8 for field in fields]
    return struct.Struct("!" + "".join(_CODES.get(size, f"{size}s") for size in sizes))
