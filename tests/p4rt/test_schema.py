"""Entries and stream messages survive the way to the wire and back, and another program's P4Info is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from finsy.proto import p4i, p4r
from fullnat.core.interface import (
    Asked,
    Forward,
    IdleNotice,
    Inject,
    NeighborHeard,
    Op,
    PacketIn,
    Reset,
    SessionEvents,
)
from fullnat.net.flow import Address, address, is_v6, v4
from fullnat.p4constants import DropReason, PacketOutAction, PacketOutFlag
from fullnat.p4rt import program
from fullnat.p4rt.errors import ProgramError, SchemaError
from fullnat.p4rt.schema import Schema
from fullnat.p4rt.wire import canonical, varint
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.port import Port
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import Entry
from hypothesis import given
from hypothesis import strategies as st

from p4rt import entries

PROGRAM = program.load()
SCHEMA = Schema(PROGRAM.p4info, PROGRAM.sizes)


def bytestring(value: int | bytes) -> bytes:
    return canonical(value if isinstance(value, int) else int.from_bytes(value, "big"))


def updates(op: Op, entry: Entry) -> list[p4r.Update]:
    return [p4r.Update.FromString(wire) for wire in SCHEMA.encode(op, entry)]


def table_entries(op: Op, entry: Entry) -> list[p4r.TableEntry]:
    return [update.entity.table_entry for update in updates(op, entry)]


def inward(session: SessionEntry) -> SessionEntry:
    """What session_in alone tells."""
    return session._replace(server=Address(bytes(len(session.server))), server_port=0)


def outward(session: SessionEntry) -> SessionEntry:
    """What session_out alone tells."""
    return session._replace(vip=Address(bytes(len(session.vip))), vport=0)


@given(entries.cold)
def test_configuration_entries_round_trip(entry: Entry) -> None:
    assert SCHEMA.decode_all(table_entries(Op.INSERT, entry)) == ([entry], [])


@given(entries.cold, st.sampled_from(Op))
def test_the_wire_format_of_configuration_is_what_message_objects_serialise_to(entry: Entry, op: Op) -> None:
    for wire in SCHEMA.encode(op, entry):
        update = p4r.Update.FromString(wire)
        assert wire == update.SerializeToString(deterministic=True)
        assert p4r.Update.Type.Name(update.type) == op.name
        assert update.entity.table_entry.HasField("action") == (op is not Op.DELETE)
        if (cell := SCHEMA.cell_to_clear(op, entry)) is not None:
            cleared = p4r.Update.FromString(cell)
            counter = cleared.entity.counter_entry
            assert cell == cleared.SerializeToString(deterministic=True)
            assert counter.index.index == getattr(entry, "server_id")  # noqa: B009 -- of both kinds that have cells
            assert (counter.HasField("data"), counter.data) == (True, p4r.CounterData())


@given(entries.sessions)
def test_sessions_round_trip(session: SessionEntry) -> None:
    assert SCHEMA.decode_all(table_entries(Op.INSERT, session)) == ([session], [])


MIXED = ("source", "source_port", "destination", "destination_port")
PLACES = {
    (False, False): (("session_in", "fullnat_in"), ("session_out", "fullnat_out")),
    (True, True): (("session_in6", "fullnat_in6"), ("session_out6", "fullnat_out6")),
    (False, True): (("session46", "nat46_in"), ("session_out6", "nat46_out")),
    (True, False): (("session_in6", "nat64_in"), ("session46", "nat64_out")),
}
"""Tables and actions, by whether the client and the local address are of IPv6."""


@given(entries.sessions)
def test_the_wire_format_of_a_session_is_what_message_objects_serialise_to(session: SessionEntry) -> None:
    tables = {table.preamble.name: table for table in PROGRAM.p4info.tables}
    actions = {action.preamble.name: action for action in PROGRAM.p4info.actions}
    places = PLACES[is_v6(session.client), is_v6(session.local)]
    said = session._asdict()
    if session.splice is not None:
        (there, forth), (back, again) = places
        places = (there, forth.replace("fullnat", "spliced")), (back, again.replace("fullnat", "spliced"))
        said |= {"splice": session.splice.number, "scale": session.splice.scale, "narrowed": session.splice.narrowed}
    named = (
        dict(zip(("client", "client_port", "vip", "vport"), MIXED, strict=True)),
        dict(zip(("server", "server_port", "local", "local_port"), MIXED, strict=True)),
    )
    for wire, (name, action), fields in zip(SCHEMA.encode(Op.INSERT, session), places, named, strict=True):
        fields = {there: ours for ours, there in fields.items()} if name == "session46" else {}
        update = p4r.Update(type=p4r.Update.INSERT)
        entry = update.entity.table_entry
        entry.table_id = tables[name].preamble.id
        for field in tables[name].match_fields:
            entry.match.add(field_id=field.id).exact.value = bytestring(
                getattr(session, fields.get(field.name, field.name))
            )
        entry.action.action.action_id = actions[action].preamble.id
        for param in actions[action].params:
            entry.action.action.params.add(param_id=param.id, value=bytestring(said[param.name]))
        entry.controller_metadata = session.client_isn << 32 | session.session_id
        entry.idle_timeout_ns = int(session.idle_timeout * 1e9)
        assert wire == update.SerializeToString(deterministic=True)


@given(entries.sessions, st.sampled_from(Op))
def test_every_operation_names_the_same_entries(session: SessionEntry, op: Op) -> None:
    wanted = [(entry.table_id, list(entry.match)) for entry in table_entries(Op.INSERT, session)]
    found = updates(op, session)
    assert [(update.entity.table_entry.table_id, list(update.entity.table_entry.match)) for update in found] == wanted
    assert {p4r.Update.Type.Name(update.type) for update in found} == {op.name}
    assert all(update.entity.table_entry.HasField("action") == (op is not Op.DELETE) for update in found)


@given(entries.sessions)
def test_fields_in_another_order_are_understood(session: SessionEntry) -> None:
    found = table_entries(Op.INSERT, session)
    for entry in found:
        match, params = list(entry.match)[::-1], list(entry.action.action.params)[::-1]
        del entry.match[:], entry.action.action.params[:]
        entry.match.extend(match)
        entry.action.action.params.extend(params)
    assert SCHEMA.decode_all(found) == ([session], [])


def test_half_sessions_are_told_apart_from_whole_ones() -> None:
    whole, lone_in, lone_out, torn = (entries.session(number) for number in (1, 2, 3, 4))
    read = [
        *table_entries(Op.INSERT, whole),
        table_entries(Op.INSERT, lone_in)[0],
        table_entries(Op.INSERT, lone_out)[1],
        table_entries(Op.INSERT, torn)[0],
        table_entries(Op.INSERT, torn._replace(delta=1))[1],
    ]
    found, orphans = SCHEMA.decode_all(read)
    assert found == [whole]
    assert sorted(orphans) == sorted(
        [
            (inward(lone_in), True),
            (outward(lone_out), False),
            (inward(torn), True),
            (outward(torn)._replace(delta=1), False),
        ]
    )


@pytest.mark.parametrize("field", ["server_id", "protocol", "client", "client_port", "local", "local_port", "delta"])
def test_halves_that_differ_in_a_field_of_both_are_no_session(field: str) -> None:
    one = entries.session(1)
    value = getattr(one, field)
    changes: dict[str, Any] = {field: value ^ 1 if isinstance(value, int) else value[::-1]}
    other = one._replace(**changes)
    read = [table_entries(Op.INSERT, one)[0], table_entries(Op.INSERT, other)[1]]
    assert SCHEMA.decode_all(read) == ([], [(outward(other), False), (inward(one), True)])


@given(entries.sessions)
def test_a_half_is_deleted_by_what_it_tells(session: SessionEntry) -> None:
    whole = SCHEMA.encode(Op.DELETE, session)
    assert SCHEMA.sessions.delete_half(inward(session), inward=True) == whole[0]
    assert SCHEMA.sessions.delete_half(outward(session), inward=False) == whole[1]


def test_two_entries_with_one_session_id_are_no_session() -> None:
    first, second = entries.session(1), entries.session(1, client_port=9)
    read = [table_entries(Op.INSERT, first)[0], *table_entries(Op.INSERT, second)]
    found, orphans = SCHEMA.decode_all(read)
    assert found == []
    assert set(orphans) == {(inward(first), True), (inward(second), True), (outward(second), False)}


@pytest.mark.parametrize(
    "entry",
    [
        entries.session(1, client_port=1 << 16),
        entries.session(1, delta=1 << 32),
        entries.session(1, session_id=1 << 24),
        entries.session(1, vip=address("::1")),
        entries.session(1, client=address("::1")),
        entries.session6(1, vip=v4(1)),
        entries.session6(1, client=v4(1)),
        entries.session6(1, local=v4(1)),
        entries.session6(1, server=v4(1)),
        OwnAddress(Address(bytes(5)), "own_vip"),
        Port(1 << 32, 0),
    ],
)
def test_values_too_wide_for_their_field_are_refused(entry: Entry) -> None:
    with pytest.raises(ValueError):
        SCHEMA.encode(Op.INSERT, entry)


@given(bits=st.integers(0, 2**64 - 1))
def test_varint_is_protobufs(bits: int) -> None:
    assert b"\x28" + varint(bits) == p4r.TableEntry(controller_metadata=bits).SerializeToString() or bits == 0


# ---------------------------------------------------------------------------------------------- the stream

FRAME = bytes(range(200))


def packet_out(effect: Forward | Inject | Reset) -> tuple[bytes, dict[str, int]]:
    message = p4r.StreamMessageRequest.FromString(SCHEMA.packets.encode(effect))
    header = next(h for h in PROGRAM.p4info.controller_packet_metadata if h.preamble.name == "packet_out")
    names = {field.id: field.name for field in header.metadata}
    fields = {names[field.metadata_id]: int.from_bytes(field.value, "big") for field in message.packet.metadata}
    assert len(fields) == len(header.metadata) == len(message.packet.metadata)
    return message.packet.payload, fields


def test_packet_outs_say_what_to_do() -> None:
    assert packet_out(Forward(300, FRAME)) == (
        FRAME,
        {"request": PacketOutAction.FORWARD, "flags": 0, "port": 300, "session_id": 0},
    )
    assert packet_out(Inject(2, FRAME, 0xABCDE, True)) == (
        FRAME,
        {"request": PacketOutAction.INJECT, "flags": PacketOutFlag.NEW_SESSION, "port": 2, "session_id": 0xABCDE},
    )
    assert packet_out(Inject(2, FRAME, 5, False))[1]["flags"] == 0
    assert packet_out(Reset(FRAME, 77)) == (
        FRAME,
        {"request": PacketOutAction.RESET, "flags": 0, "port": 0, "session_id": 77},
    )


def packet_in(values: dict[int, int]) -> p4r.PacketIn:
    packet = p4r.PacketIn(payload=FRAME)
    for ident, value in values.items():
        packet.metadata.add(metadata_id=ident, value=canonical(value))
    return packet


def test_packet_ins_are_read_in_any_order() -> None:
    wanted = PacketIn(2, 1, 300, 0x12345, FRAME, 77)
    assert SCHEMA.packets.decode_packet(packet_in({1: 2, 2: 1, 3: 300, 4: 0x12345, 5: 77})) == wanted
    assert SCHEMA.packets.decode_packet(packet_in({4: 0x12345, 3: 300, 1: 2, 5: 77, 2: 1})) == wanted


def tells_seq(*, told: bool) -> Schema:
    """The program's schema, with or without what not every target tells."""
    info = p4i.P4Info()
    info.CopyFrom(PROGRAM.p4info)
    header = next(h for h in info.controller_packet_metadata if h.preamble.name == "packet_in")
    members = info.type_info.structs["session_event_t"].members
    for fields, number in ((header.metadata, 4), (members, 3)):
        del fields[number:]
    if told:
        header.metadata.add(id=5, name="seq", bitwidth=32)
        members.add(name="seq").type_spec.bitstring.bit.bitwidth = 32
    return Schema(info, PROGRAM.sizes)


def test_a_switch_may_tell_what_the_client_sent() -> None:
    fields = {1: 2, 2: 1, 3: 300, 4: 7}
    digest = p4r.DigestList(digest_id=SCHEMA.packets.digest_id)
    members = digest.data.add().struct.members
    for number in (7, 2, 96):
        members.add(bitstring=canonical(number))
    silent = tells_seq(told=False).packets
    digest.digest_id = silent.digest_id
    assert silent.decode_packet(packet_in(fields)) == PacketIn(2, 1, 300, 7, FRAME, seq=0)
    assert silent.decode_digest(digest) == [SessionEvents(7, 2, 96, seq=0)]
    telling = tells_seq(told=True).packets
    assert telling.decode_packet(packet_in(fields | {5: 0xFFFFFFF0})) == PacketIn(2, 1, 300, 7, FRAME, seq=0xFFFFFFF0)
    assert telling.decode_packet(packet_in({5: 1} | fields)) == PacketIn(2, 1, 300, 7, FRAME, seq=1)
    members.add(bitstring=canonical(0x12345678))
    assert telling.decode_digest(digest) == [SessionEvents(7, 2, 96, seq=0x12345678)]


@pytest.mark.parametrize("members", [0, 2, 5])
def test_a_digest_of_another_struct_is_a_value_error(members: int) -> None:
    digest = p4r.DigestList(digest_id=SCHEMA.packets.digest_id)
    fields = digest.data.add().struct.members
    for number in range(members):
        fields.add(bitstring=canonical(number))
    with pytest.raises(ValueError, match=f"digest with {members} members"):
        SCHEMA.packets.decode_digest(digest)


def test_who_gets_a_cookie_is_of_either_family() -> None:
    digest = p4r.DigestList(digest_id=SCHEMA.packets.other_digest_ids[-1])
    for source in (0xFFFF_CB007109, 0x20010DB8 << 96 | 7):
        members = digest.data.add().struct.members
        for value in (source, 512):
            members.add(bitstring=canonical(value))
    sources = [address("203.0.113.9"), address("2001:db8::7")]
    assert SCHEMA.packets.decode_digest(digest) == [Asked(source, 512) for source in sources]
    rows = [(0xFFFF_CB007109).to_bytes(16, "big") + b"\2\0", address("2001:db8::7") + b"\2\0"]
    packed = SimpleNamespace(digest_id=digest.digest_id, list_id=1, data=rows)
    assert SCHEMA.packets.decode_packed(packed) == [Asked(source, 512) for source in sources]


def test_packet_in_of_another_program_is_refused() -> None:
    with pytest.raises(ValueError, match="metadata"):
        SCHEMA.packets.decode_packet(packet_in({1: 2, 2: 1}))


def test_digests_and_their_acknowledgement() -> None:
    digest = p4r.DigestList(digest_id=SCHEMA.packets.digest_id, list_id=9)
    for values in ((0x12345, 2, 1), (0, 1, 32)):
        for value in values:
            if value == values[0]:
                struct = digest.data.add().struct
            struct.members.add(bitstring=canonical(value))
    assert SCHEMA.packets.decode_digest(digest) == [SessionEvents(0x12345, 2, 1), SessionEvents(0, 1, 32)]
    digest.digest_id = SCHEMA.packets.other_digest_ids[0]
    assert SCHEMA.packets.decode_digest(digest) == [NeighborHeard(v4(0x12345), 2, 1), NeighborHeard(v4(0), 1, 32)]
    digest.digest_id = 1
    assert SCHEMA.packets.decode_digest(digest) == []
    ack = p4r.StreamMessageRequest.FromString(SCHEMA.packets.digest_ack(digest)).digest_ack
    assert (ack.digest_id, ack.list_id) == (digest.digest_id, 9)


def test_idle_notifications_name_every_session_once() -> None:
    notification = p4r.IdleTimeoutNotification()
    for number in (3, 5, 3):
        notification.table_entry.append(table_entries(Op.INSERT, entries.session(number))[0])
        notification.table_entry.append(table_entries(Op.INSERT, entries.session(number))[1])
    assert SCHEMA.packets.decode_idle(notification) == [IdleNotice(3), IdleNotice(5)]


# ---------------------------------------------------------------------------------------------- the contract


def changed_info() -> p4i.P4Info:
    info = p4i.P4Info()
    info.CopyFrom(PROGRAM.p4info)
    return info


def table(info: p4i.P4Info, name: str) -> p4i.Table:
    return next(found for found in info.tables if found.preamble.name == name)


def test_every_difference_is_reported_at_once() -> None:
    info = changed_info()
    info.tables.remove(table(info, "next_hop"))
    table(info, "session_in").match_fields[1].name = "source"
    table(info, "session_out").idle_timeout_behavior = p4i.Table.NO_TIMEOUT
    table(info, "ipv4_route").match_fields[0].match_type = p4i.MatchField.TERNARY
    next(a for a in info.actions if a.preamble.name == "port_set").params[0].name = "address"
    del info.meters[:], info.digests[:]
    next(c for c in info.counters if c.preamble.name == "drop_ctr").size = 3
    with pytest.raises(SchemaError) as caught:
        Schema(info, PROGRAM.sizes)
    assert set(caught.value.differences) == {
        "no table next_hop",
        "table session_in: key: (protocol, source, client_port, vip, vport),"
        " expected (protocol, client, client_port, vip, vport)",
        "table session_out: no idle timeout",
        "table ipv4_route: field prefix is ternary, expected lpm",
        "table port: parameters of port_set: (address), expected (mac)",
        "no meter punt_meter",
        "no digest session_event_t",
        "no digest neighbor_event_t",
        "no digest neighbor_event6_t",
        "no digest asked_event_t",
        f"counter drop_ctr: size 3, expected {DropReason.DROP_REASONS}",
    }


def test_an_empty_p4info_is_a_schema_error() -> None:
    with pytest.raises(SchemaError, match="no table port"):
        Schema(p4i.P4Info(), PROGRAM.sizes)


def test_a_missing_program_is_a_program_error(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=r"fullnat\.p4info\.txtpb"):
        program.load(tmp_path)


def test_there_are_ids_for_many_servers() -> None:
    """10,000 services of 10 servers, and as many again that drain."""
    assert PROGRAM.sizes.server_ids >= 200_000
