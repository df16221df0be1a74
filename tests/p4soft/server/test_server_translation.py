"""Types with @p4runtime_translation: keys, parameters, packets, digests, registers, value sets, ports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from finsy.proto import p4i, p4r
from p4kit import (
    CPU_PORT,
    DELETE,
    DEVICE,
    INSERT,
    MODIFY,
    PROGRAMS,
    Client,
    between,
    exact,
    lpm,
    read_p4info,
    ternary,
)
from p4soft.embedded import Switch
from p4soft.server.errors import Code
from p4switch import NATIVE, client_of
from test_server_value_sets import set_config, value_set

INFO = read_p4info("translated")
JSON = (PROGRAMS / "translated.json").read_bytes()
TABLES = {t.preamble.alias: t.preamble.id for t in INFO.tables}
ACTIONS = {a.preamble.alias: a.preamble.id for a in INFO.actions}
SET = p4r.SetForwardingPipelineConfigRequest
MAC = bytes.fromhex("020000000001")
native = pytest.mark.skipif(not NATIVE, reason="no native engine")


def translated(change: Callable[[p4i.P4Info], None] = lambda info: None) -> p4r.ForwardingPipelineConfig:
    config = p4r.ForwardingPipelineConfig(p4info=INFO, p4_device_config=JSON)
    change(config.p4info)
    return config


def act(name: str, *params: bytes) -> p4r.TableAction:
    message = p4r.TableAction()
    message.action.action_id = ACTIONS[name]
    for number, value in enumerate(params, 1):
        message.action.params.add(param_id=number, value=value)
    return message


def entry(table: str, match: list[p4r.FieldMatch], action: p4r.TableAction, priority: int = 0) -> p4r.TableEntry:
    return p4r.TableEntry(table_id=TABLES[table], match=match, action=action, priority=priority)


def route(vrf: bytes, action: p4r.TableAction) -> p4r.TableEntry:
    return entry("routes", [exact(1, vrf), exact(2, b"\x02")], action)


def vrf(port: bytes, name: bytes) -> p4r.TableEntry:
    return entry("vrfs", [exact(1, port)], act("set_vrf", name), 1)


@pytest.fixture
async def controller(client: Client) -> Client:
    client.primary_stream, _ = await client.open(1)
    await client.push(message=translated())
    return client


GOOD = [
    vrf(b"\x01", b""),
    vrf(b"\x02", b"main"),
    vrf(b"\x03", b"17"),
    vrf(b"\x01\xff", b"vrf-red"),
    route(b"vrf-red", act("forward", b"\x01\xfe")),
    route(b"vrf-blue", act("forward", b"\0")),
    route(b"\xff\xfe", act("to_cpu", b"\x02")),
    entry("ports", [ternary(1, b"\x05", b"\xff\xff\xff\xff")], act("forward", b"\x01"), 1),
    entry("ports", [ternary(1, b"\x04", b"\xff\xff\xfe\x06")], act("forward", b"\x01"), 1),
    entry("ports", [between(2, b"\x05", b"\xfe")], act("forward", b"\x01"), 1),
    entry("near", [lpm(1, b"\x05", 32)], act("drop")),
    entry("near", [lpm(1, b"\x80", 25)], act("drop")),
]


@pytest.mark.parametrize("wanted", GOOD, ids=range(len(GOOD)))
async def test_what_is_written_is_read(controller: Client, wanted: p4r.TableEntry) -> None:
    await controller.write((INSERT, wanted))
    assert await controller.read(p4r.TableEntry(table_id=wanted.table_id)) == [wanted]
    query = p4r.TableEntry(table_id=wanted.table_id, match=wanted.match, priority=wanted.priority)
    assert await controller.read(query) == [wanted]
    await controller.write((MODIFY, wanted))
    assert await controller.refused(INSERT, wanted) == Code.ALREADY_EXISTS


def wide(port: bytes) -> p4r.TableEntry:
    """A port as a client has it: in 32 bits, zeros in front."""
    return vrf(port.rjust(4, b"\0"), b"main")


async def test_numbers_have_the_clients_width(controller: Client) -> None:
    await controller.write((INSERT, wide(b"\x01\xff")))
    assert await controller.read(p4r.TableEntry(table_id=TABLES["vrfs"])) == [vrf(b"\x01\xff", b"main")]


BAD = [
    (vrf(b"\x02\0", b""), Code.OUT_OF_RANGE, "512, of the translated type PortId_t, does not fit in the 9 bits"),
    (vrf(b"\x01\0\0\0\0", b""), Code.OUT_OF_RANGE, "does not fit in the 32 bits of type PortId_t"),
    (vrf(b"", b""), Code.OUT_OF_RANGE, "empty"),
    (vrf(b"\x01", b"1024"), Code.OUT_OF_RANGE, "'1024', of type vrf_id_t, is 1024, which has over 10 bits"),
    (vrf(b"\x01", b"16"), Code.INVALID_ARGUMENT, "'16', of type vrf_id_t, stands for the number that 'main' has"),
    (route(b"", act("forward", b"\x02\0")), Code.OUT_OF_RANGE, "translated type PortId_t"),
    (entry("near", [lpm(1, b"\0", 23)], act("drop")), Code.INVALID_ARGUMENT, "holds every value"),
    (entry("near", [lpm(1, b"\0", 5)], act("drop")), Code.INVALID_ARGUMENT, "holds every value"),
    (entry("near", [lpm(1, b"\x01", 33)], act("drop")), Code.INVALID_ARGUMENT, "not in 1..32"),
    (entry("ports", [ternary(1, b"\x05", b"\x01\xff")], act("NoAction"), 1), Code.INVALID_ARGUMENT, "above the 9"),
    (entry("ports", [ternary(1, b"\0", b"\xff\xff\xfe\0")], act("NoAction"), 1), Code.INVALID_ARGUMENT, "every value"),
    (entry("ports", [between(2, b"\x05", b"\x01\0")], act("NoAction"), 1), Code.OUT_OF_RANGE, "8 bits of type tag_t"),
]


@pytest.mark.parametrize(("wrong", "code", "text"), BAD, ids=range(len(BAD)))
async def test_values_without_a_translation(controller: Client, wrong: p4r.TableEntry, code: Code, text: str) -> None:
    with pytest.raises(Exception, match=text):
        await controller.write((INSERT, wrong))
    assert await controller.refused(INSERT, wrong) == code
    assert await controller.read(p4r.TableEntry()) == []


async def test_a_string_has_its_number_for_good(controller: Client) -> None:
    """Names count down from 1023; what is a number in decimal stands for that number."""
    await controller.write((INSERT, route(b"red", act("drop"))), (INSERT, route(b"blue", act("drop"))))
    assert await controller.refused(INSERT, route(b"1023", act("drop"))) == Code.INVALID_ARGUMENT
    await controller.write((INSERT, route(b"1021", act("drop"))), (INSERT, route(b"green", act("drop"))))
    found = await controller.read(p4r.TableEntry(table_id=TABLES["routes"]))
    names = {message.match[0].exact.value for message in found}
    assert names == {b"red", b"blue", b"1021", b"green"}
    await controller.push(message=translated())
    await controller.write((INSERT, route(b"1023", act("drop"))))


async def test_numbers_that_nothing_has_are_given_again(controller: Client) -> None:
    """A type of 10 bits, two of whose names are the program's."""
    await controller.write((INSERT, route(b"kept", act("drop"))), (INSERT, vrf(b"\x01", b"kept too")))
    for number in range(1020):
        name = b"name %d" % number
        await controller.write((INSERT, route(name, act("drop"))), (DELETE, route(name, act("drop"))))
    await controller.write((INSERT, route(b"new", act("drop"))), (INSERT, vrf(b"\x02", b"newer")))
    found = await controller.read(p4r.TableEntry(table_id=TABLES["routes"]))
    assert sorted(message.match[0].exact.value for message in found) == [b"kept", b"new"]
    found = await controller.read(p4r.TableEntry(table_id=TABLES["vrfs"]))
    assert sorted(message.action.action.params[0].value for message in found) == [b"kept too", b"newer"]


def register(value: bytes, index: int = 0) -> p4r.RegisterEntry:
    message = p4r.RegisterEntry(register_id=INFO.registers[0].preamble.id)
    message.index.index = index
    message.data.bitstring = value
    return message


async def test_registers(controller: Client) -> None:
    await controller.write((MODIFY, register(b"\0\0\x01\x02", 1)))
    assert await controller.read(register(b"", 1)) == [register(b"\x01\x02", 1)]
    assert await controller.refused(MODIFY, register(b"\x02\0")) == Code.OUT_OF_RANGE


def sets() -> p4r.ForwardingPipelineConfig:
    """The value_sets program, as if its sets were of a translated type, which p4c does not let a select have."""
    config = set_config()
    for info in config.p4info.value_sets:
        info.match[0].type_name.name = "tag_t"
        info.match[0].bitwidth = 32
    config.p4info.type_info.new_types["tag_t"].translated_type.sdn_bitwidth = 32
    return config


async def test_value_sets(controller: Client) -> None:
    await controller.push(message=sets())
    pairs = value_set("pairs", (b"\x0f\xff", b"\x03"))
    await controller.write((MODIFY, pairs), (MODIFY, value_set("tag_types", (b"\0\0\0\x81\0"[1:],))))
    assert await controller.read(p4r.ValueSetEntry()) == [value_set("tag_types", (b"\x81\0",)), pairs]
    assert await controller.refused(MODIFY, value_set("pairs", (b"\x10\0", b"\x03"))) == Code.OUT_OF_RANGE
    twice = value_set("pairs", (b"\x05", b"\x03"), (b"\0\x05", b"\x03"))
    assert await controller.refused(MODIFY, twice) == Code.ALREADY_EXISTS


def group(port: bytes) -> p4r.MulticastGroupEntry:
    return p4r.MulticastGroupEntry(multicast_group_id=1, replicas=[p4r.Replica(port=port, instance=1)])


async def test_ports_of_replicas_and_watch_ports_are_strings(controller: Client) -> None:
    await controller.write((INSERT, group(b"12")))
    assert await controller.read(p4r.MulticastGroupEntry()) == [group(b"12")]
    assert await controller.refused(MODIFY, group(b"512")) == Code.OUT_OF_RANGE
    assert await controller.refused(MODIFY, group(b"eth0")) == Code.INVALID_ARGUMENT
    action = p4r.TableAction()
    item = action.action_profile_action_set.action_profile_actions.add(action=act("forward", b"\x01").action, weight=1)
    item.watch_port = b"eth0"
    spread = entry("spread", [exact(1, b"\x02")], action)
    assert await controller.refused(INSERT, spread) == Code.INVALID_ARGUMENT
    item.watch_port = b"1"
    spread = entry("spread", [exact(1, b"\x02")], action)
    await controller.write((INSERT, spread))
    assert await controller.read(p4r.TableEntry(table_id=TABLES["spread"])) == [spread]


async def test_reconciling_keeps_the_numbers(controller: Client) -> None:
    await controller.write((INSERT, route(b"red", act("drop"))), (INSERT, route(b"blue", act("drop"))))
    config = translated()
    config.p4_device_config += b"\n"
    await controller.push(message=config, action=SET.RECONCILE_AND_COMMIT)
    assert await controller.refused(INSERT, route(b"1022", act("drop"))) == Code.INVALID_ARGUMENT
    found = await controller.read(p4r.TableEntry(table_id=TABLES["routes"]))
    assert sorted(message.match[0].exact.value for message in found) == [b"blue", b"red"]


async def test_saving_and_committing_keeps_the_numbers(controller: Client) -> None:
    await controller.push(message=translated(), action=SET.VERIFY_AND_SAVE)
    await controller.write((INSERT, route(b"red", act("drop"))))
    await controller.push(action=SET.COMMIT)
    assert await controller.read(p4r.TableEntry()) == [route(b"red", act("drop"))]
    assert await controller.refused(INSERT, route(b"1023", act("drop"))) == Code.INVALID_ARGUMENT


def ternary_string(info: p4i.P4Info) -> None:
    table = next(t for t in info.tables if t.preamble.alias == "ports")
    table.match_fields[0].bitwidth = 0
    table.match_fields[0].type_name.name = "vrf_id_t"


def other_width(info: p4i.P4Info) -> None:
    next(t for t in info.tables if t.preamble.alias == "vrfs").match_fields[0].bitwidth = 9


def unknown_header(info: p4i.P4Info) -> None:
    info.controller_packet_metadata[0].metadata[0].name = "other"


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        (ternary_string, "UNIMPLEMENTED", "field port: has type vrf_id_t, a string for clients"),
        (other_width, "INVALID_ARGUMENT", "field port: 9 bits in P4Info, 32 in type PortId_t"),
        (unknown_header, "UNIMPLEMENTED", "packet_in: field other has the translated type PortId_t"),
    ],
)
async def test_what_cannot_be_translated_is_refused_at_the_push(
    controller: Client, change: Callable[[p4i.P4Info], None], code: str, text: str
) -> None:
    with pytest.raises(Exception, match=text) as caught:
        await controller.push(message=translated(change))
    assert caught.value.code().name == code  # type: ignore[attr-defined]


# packets


@pytest.fixture(params=["grpc", "inprocess"])
async def forwarding(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Switch, Client]]:
    ports = {1: None, 2: None, 511 - 1: None}
    async with Switch(DEVICE, CPU_PORT, "127.0.0.1:0", ports) as switch:
        async for client in client_of(switch, request.param):
            client.primary_stream, _ = await client.open(1)
            await client.push(message=translated())
            yield switch, client


def frame(target: int = 2) -> bytes:
    return target.to_bytes(6, "big") + MAC + b"\x12\x34" + bytes(50)


@native
async def test_packets(forwarding: tuple[Switch, Client]) -> None:
    switch, client = forwarding
    await client.write((INSERT, vrf(b"\x01", b"red")), (INSERT, route(b"red", act("to_cpu", b"\x2a"))))
    await client.write((INSERT, route(b"", act("forward", b"\x01\xfe"))))
    switch.engine.inject(1, frame())
    message = await client.next(client.primary_stream)
    assert message.packet.payload == frame()
    assert [(m.metadata_id, m.value) for m in message.packet.metadata] == [
        (1, b"\x01"),
        (2, b"\0"),
        (3, b"\x2a"),
        (4, b"red"),
    ]
    switch.engine.inject(2, frame())  # in VRF 0, which is called ""
    assert switch.engine.drain(5)
    assert switch.engine.collect() == [(510, frame())]

    request = p4r.StreamMessageRequest()
    request.packet.payload = frame(9)
    # The hidden field in front of it is not a client's matter.
    request.packet.metadata.add(metadata_id=2, value=b"510")
    await client.primary_stream.write(request)
    (sent,) = await collected(switch, 1)
    assert sent == (510, frame(9))
    request.packet.metadata[-1].value = b"eth0"
    await client.primary_stream.write(request)
    refused = await client.next(client.primary_stream)
    assert refused.error.canonical_code == Code.INVALID_ARGUMENT
    assert "no port is called 'eth0'" in refused.error.message


async def collected(switch: Switch, count: int) -> list[tuple[int, bytes]]:
    from p4kit import until

    found: list[tuple[int, bytes]] = []

    def enough() -> bool:
        found.extend(switch.engine.collect())
        return len(found) >= count

    await until(enough)
    return found


@native
async def test_digests(forwarding: tuple[Switch, Client]) -> None:
    switch, client = forwarding
    entry = p4r.DigestEntry(digest_id=INFO.digests[0].preamble.id)
    entry.config.max_list_size = 1
    await client.write((INSERT, entry), (INSERT, vrf(b"\x01\xfe", b"red")))
    switch.engine.inject(510, frame(7))
    message = await client.next(client.primary_stream)
    (data,) = message.digest.data
    assert [member.bitstring for member in data.struct.members] == [MAC.lstrip(b"\0"), b"\x01\xfe", b"red"]


@native
async def test_what_is_written_hits(forwarding: tuple[Switch, Client]) -> None:
    switch, client = forwarding
    await client.write((INSERT, entry("near", [lpm(1, b"\x02", 32)], act("NoAction"))))
    await client.write((INSERT, entry("ports", [ternary(1, b"\x02", b"\xff\xff\xff\xff")], act("forward", b"\x01"), 1)))
    await client.write((INSERT, entry("spread", [exact(1, b"\x09")], one_shot(b"\x02", b"1"))))
    switch.engine.inject(1, frame(9))
    assert switch.engine.drain(5)
    assert switch.engine.collect() == [(2, frame(9))]
    switch.engine.remove_port(1)  # which the member watches
    switch.service.ports_changed()
    switch.engine.inject(2, frame(9))
    assert switch.engine.drain(5)
    assert switch.engine.collect() == []


def one_shot(port: bytes, watched: bytes) -> p4r.TableAction:
    action = p4r.TableAction()
    action.action_profile_action_set.action_profile_actions.add(
        action=act("forward", port).action, weight=1, watch_port=watched
    )
    return action
