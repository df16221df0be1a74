"""The client against p4soft in this process: the embedded mode."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

pytest.importorskip("p4soft.engine")

from finsy.proto import p4r
from fullnat.core.interface import Forward, Inject, NeighborHeard, Op, PacketIn
from fullnat.net.flow import Endpoint, Flow, v4
from fullnat.net.headers import ETHERTYPE_IPV4, PROTO_TCP, TcpFlag, ethernet, tcp_packet
from fullnat.p4constants import PuntReason
from fullnat.p4rt.client import Arbitration, Client, Mastership
from fullnat.p4rt.errors import Code, ConnectionLost, NotPrimary, RpcError
from fullnat.p4rt.inprocess import EmbeddedSwitch, InProcessTransport
from fullnat.p4rt.program import Program
from fullnat.tables.host import Host
from fullnat.tables.next_hop import NextHop, Way
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.port import Port
from fullnat.tables.route import Route
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.table import Entry
from fullnat.tables.virtual_service import VirtualService
from p4soft.api import ToolchainError
from p4soft.embedded import Switch
from p4soft.server.digests import DigestList

from p4rt.entries import session

COLD: list[Entry] = [
    Port(1, 0x020000000001),
    OwnAddress(v4(0xCB007150), "own_vip"),
    OwnAddress(v4(0x0A000101), "own_local"),
    VirtualService(6, v4(0xCB007150), 80, 0),
    Route(v4(0), 0, "route_via", 7),
    Route(v4(0x0A000000), 24, "route_connected"),
    Route(v4(0x0A090000), 16, "route_drop"),
    NextHop(7),
    NextHop(65535, Way(2, 0x020000000002, 0x02000000000B, 1500)),
    Host(v4(0x0A00000B), 65535),
]


SYN = ethernet(0x020000000001, 0x02000000000B, ETHERTYPE_IPV4) + tcp_packet(
    Flow(PROTO_TCP, Endpoint(v4(0x0A00000B), 40000), Endpoint(v4(0xCB007150), 80)), 1, 0, TcpFlag.SYN
)


@pytest.fixture
async def switch() -> AsyncIterator[Switch]:
    try:
        made = Switch(device_id=1, cpu_port=255, ports={1: None, 2: None})
    except ToolchainError as error:
        pytest.skip(f"p4soft cannot compile here: {error}")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def client(switch: Switch, compiled: Program) -> AsyncIterator[Client]:
    made = Client(InProcessTransport(switch.service), compiled, device_id=1, election_id=lambda: 10)
    await made.open()
    assert await made.receive() == [Arbitration(Mastership.PRIMARY, 10)]
    assert await made.ensure_pipeline()
    await made.enable_digests()
    await made.limit_punts(1000, 1000)
    yield made
    await made.close()


def wires(client: Client, op: Op, *entries: Entry) -> list[bytes]:
    return [wire for entry in entries for wire in client.schema.encode(op, entry)]


async def test_the_pipeline_is_pushed_once(client: Client) -> None:
    assert not await client.ensure_pipeline()


async def test_every_kind_of_entry_is_taken_and_read_back(client: Client) -> None:
    assert await client.write(wires(client, Op.INSERT, *COLD, session(1), session(2))) == {}
    entries, orphans = await client.read_all()
    assert orphans == 0
    assert sorted(map(repr, entries)) == sorted(map(repr, [*COLD, session(1), session(2)]))
    assert await client.write(wires(client, Op.DELETE, *COLD, session(1), session(2))) == {}
    assert await client.read_all() == ((), 0)


async def test_failures_name_their_update(client: Client) -> None:
    assert await client.write(wires(client, Op.INSERT, session(1))) == {}
    failed = await client.write(wires(client, Op.INSERT, session(2), session(1), session(3)))
    assert {index: code for index, (code, _) in failed.items()} == {2: Code.ALREADY_EXISTS, 3: Code.ALREADY_EXISTS}
    failed = await client.write(wires(client, Op.DELETE, session(9)))
    assert {code for code, _ in failed.values()} == {Code.NOT_FOUND}


async def test_writes_are_handed_over_as_they_are(
    client: Client, switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine decodes ordinary ones itself; the server parses the rest, once."""
    parsed: list[int] = []
    parse = switch.service._write_message

    def count(request: p4r.WriteRequest) -> None:
        parsed.append(len(request.updates))
        parse(request)

    monkeypatch.setattr(switch.service, "_write_message", count)
    monkeypatch.setattr(switch.service, "write", None)
    assert await client.write(wires(client, Op.INSERT, session(1), session(2))) == {}
    assert set(await client.write(wires(client, Op.INSERT, session(2)))) == {0, 1}
    assert parsed == []
    noted = p4r.Update.FromString(wires(client, Op.INSERT, session(3))[0])
    noted.entity.table_entry.metadata = b"only the server takes these"
    assert await client.write([noted.SerializeToString()]) == {}
    assert parsed == [1]
    with pytest.raises(RpcError) as refused:
        await InProcessTransport(switch.service).write(b"\xff")
    assert refused.value.code == Code.INVALID_ARGUMENT
    assert parsed == [1]


async def test_half_sessions_are_removed(client: Client) -> None:
    await client.write(wires(client, Op.INSERT, session(1))[:1])
    assert await client.read_all() == ((), 1)
    assert await client.read_all() == ((), 0)


async def test_probes_and_counters(client: Client) -> None:
    await client.write(wires(client, Op.INSERT, session(1)))
    (first, result), gone = await client.probe([session(1), session(2)])
    assert gone == (2, None)
    assert first == 1
    assert result is not None
    assert result.idle is not None
    assert 0 <= result.idle < 60
    assert result[1:5] == (0, 0, 0, 0)
    assert await client.counters(client.schema.drop_counter, [1, 2]) == {1: (0, 0), 2: (0, 0)}


async def test_the_counters_of_a_server_are_cleared_beside_its_entries(client: Client) -> None:
    schema = client.schema
    of_server: list[Entry] = [ServerIn(7, 0, v4(0x0A00000B), 80), ServerOut(7, 0, v4(0xCB007150), 80)]
    cells = [cell for entry in of_server if (cell := schema.cell_to_clear(Op.INSERT, entry)) is not None]
    counted = [p4r.Update.FromString(cell) for cell in cells]
    for update in counted:
        update.entity.counter_entry.data.packet_count = 5
    assert await client.write([update.SerializeToString() for update in counted]) == {}
    assert await client.counters(schema.server_in_counter, [7]) == {7: (5, 0)}
    assert await client.write([*cells, *wires(client, Op.INSERT, *of_server, session(1))]) == {}
    for array in (schema.server_in_counter, schema.server_out_counter):
        assert await client.counters(array, [7]) == {7: (0, 0)}


async def test_probes_ask_the_engine_alone_and_find_what_a_read_finds(
    client: Client, switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.write(wires(client, Op.INSERT, *COLD, session(1), session(3)))
    await client.write(wires(client, Op.INSERT, session(4))[:1])
    for number, packets in ((1, 5), (3, 7)):
        for wire in wires(client, Op.MODIFY, session(number)):
            entry = p4r.Update.FromString(wire).entity.table_entry
            counts = p4r.CounterData(packet_count=packets, byte_count=packets * 100)
            counter = p4r.DirectCounterEntry(table_entry=entry, data=counts)
            update = p4r.Update(type=p4r.Update.MODIFY, entity=p4r.Entity(direct_counter_entry=counter))
            assert await client.write([update.SerializeToString()]) == {}
    asked = [session(number) for number in (3, 2, 1, 4)]
    with monkeypatch.context() as patched:
        patched.setattr(switch.service, "read", None)
        quick = await client.probe(asked)
    monkeypatch.setattr(switch.service, "read_hits", lambda _request: None)
    slow = await client.probe(asked)
    for results in (quick, slow):
        told = [(number, result[1:5] if result else None) for number, result in results]
        assert told == [(3, (7, 700, 7, 700)), (2, None), (1, (5, 500, 5, 500)), (4, None)]
        assert all(result is None or 0 <= (result.idle or 0.0) < 60 for _, result in results)


async def test_packets_go_both_ways(client: Client, switch: Switch) -> None:
    assert client.packet_out(Forward(2, bytes(60)))
    assert switch.engine.drain(5.0)
    assert switch.engine.collect() == [(2, bytes(60))]
    await client.write(wires(client, Op.INSERT, *COLD))
    announcement = bytes.fromhex("ffffffffffff 02000000000b 0806 0001 0800 06 04 0002") + bytes.fromhex(
        "02000000000b 0a00000b 000000000000 0a00000b"
    )
    assert client.packet_out(Inject(1, announcement, 0, False))
    reason = PuntReason.ARP
    assert await client.receive() == [PacketIn(reason, 0, 1, 0, announcement)]


@pytest.mark.interpreted
async def test_packets_are_handed_over_without_messages(
    client: Client, switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways, when they are as the client's P4Info says; what the switch has to say about is a message."""
    monkeypatch.setattr(client.schema.packets, "decode_packet", None)
    monkeypatch.setattr(client.schema.packets, "encode", None)
    await client.write(wires(client, Op.INSERT, *COLD))
    assert client.packet_out(Forward(2, bytes(60)))
    switch.engine.inject(1, SYN)
    assert switch.engine.drain(5.0)
    assert switch.engine.collect() == [(2, bytes(60))]
    assert await client.receive() == [PacketIn(PuntReason.SERVICE_SYN, 0, 1, 0, SYN)]
    with pytest.raises(OverflowError):
        client.packet_out(Forward(1 << 32, bytes(60)))


async def test_packets_of_another_program_are_messages(
    client: Client, switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = switch.service.pipelines.running
    assert running is not None
    monkeypatch.setattr(running.packet_in, "fields", None)
    monkeypatch.setattr(running.packet_out, "fields", None)
    await client.write(wires(client, Op.INSERT, *COLD))
    assert client.packet_out(Forward(2, bytes(60)))
    switch.engine.inject(1, SYN)
    assert switch.engine.drain(5.0)
    assert switch.engine.collect() == [(2, bytes(60))]
    assert await client.receive() == [PacketIn(PuntReason.SERVICE_SYN, 0, 1, 0, SYN)]


async def test_a_backup_sends_no_packets(client: Client, switch: Switch, compiled: Program) -> None:
    other = Client(InProcessTransport(switch.service), compiled, device_id=1, election_id=lambda: 9)
    await other.open()
    assert await other.receive() == [Arbitration(Mastership.BACKUP, 10)]
    assert other.packet_out(Forward(2, bytes(60)))
    assert await other.receive() == []
    assert other.stream_errors == 1
    assert switch.engine.drain(5.0)
    assert switch.engine.collect() == []
    await other.close()


async def test_digests_come_as_they_are_packed(client: Client, switch: Switch) -> None:
    """And mean what the messages mean that others get; they are acknowledged."""
    await client.write(wires(client, Op.INSERT, *COLD))
    sender = "02000000000b 0a00000b"
    question = bytes.fromhex(f"ffffffffffff 02000000000b 0806 0001 0800 06 04 0001 {sender} 000000000000 0a000101")
    switch.engine.inject(1, question.ljust(60, b"\0"))
    heard = NeighborHeard(v4(0x0A00000B), 0x02000000000B, 1)
    assert await client.receive() == [heard]
    assert client.digest_lists == 1
    pipeline = switch.service.pipelines.running
    assert pipeline is not None
    handler = pipeline.digests[client.schema.packets.other_digest_ids[0]]
    assert not handler._unacked
    events = pipeline.digests[client.schema.packets.digest_id]
    for of, data in (
        (handler, (bytes.fromhex("0a00000b 02000000000b 000c0001"), bytes.fromhex("00000000 000000000000 00000000"))),
        (events, (bytes.fromhex("00000007 01 02 89abcdef"), bytes(10), b"\xff" * 10)),
    ):
        digests = DigestList(of.id, 3, data, of._decoder)
        told = client.schema.packets.decode_packed(digests)
        assert told == client.schema.packets.decode_digest(digests.message().digest)
        assert len(told) == len(data)
    assert client.schema.packets.decode_packed(DigestList(99, 1, (b"x",), events._decoder)) == []
    with pytest.raises(ValueError, match="another size"):
        client.schema.packets.decode_packed(DigestList(events.id, 1, (b"x",), events._decoder))


async def test_a_second_client_takes_over(client: Client, switch: Switch, compiled: Program) -> None:
    other = Client(InProcessTransport(switch.service), compiled, device_id=1, election_id=lambda: 11)
    await other.open()
    assert await other.receive() == [Arbitration(Mastership.PRIMARY, 11)]
    assert await client.receive() == [Arbitration(Mastership.BACKUP, 11)]
    with pytest.raises(NotPrimary):
        await client.write(wires(client, Op.INSERT, session(1)))
    await other.close()
    assert await client.receive() == [Arbitration(Mastership.NONE, 11)]


async def test_a_closed_stream_is_a_lost_connection(client: Client) -> None:
    await client.close_stream()
    with pytest.raises(ConnectionLost):
        await client.receive()


async def test_an_interface_that_is_not_there_is_told() -> None:
    with pytest.raises(ConnectionLost, match="nosuchif"):
        await EmbeddedSwitch(1, 255, {1: "nosuchif"}).start()
