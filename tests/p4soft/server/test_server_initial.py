"""Tables that begin with entries: constant ones, and such as clients may change (P4Runtime 1.5.0, "Preinitialized
tables")."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from finsy.proto import p4i, p4r
from p4kit import CPU_PORT, DELETE, DEVICE, INSERT, MODIFY, PROGRAMS, Client, exact, read_p4info, ternary
from p4soft.cli import main
from p4soft.embedded import Switch
from p4soft.entries import marked, read_message
from p4soft.server.errors import Code
from p4switch import NATIVE, client_of

INFO = read_p4info("initial")
JSON = (PROGRAMS / "initial.json").read_bytes()
FILES = (PROGRAMS / "initial.json", PROGRAMS / "initial.p4info.txtpb", PROGRAMS / "initial.entries.txtpb")
MARKED = marked(JSON, INFO, read_message(p4r.WriteRequest, FILES[2]))
TABLES = {t.preamble.alias: t.preamble.id for t in INFO.tables}
ACTIONS = {a.preamble.alias: a.preamble.id for a in INFO.actions}
SET = p4r.SetForwardingPipelineConfigRequest
ANY = b"\0", b"\0"


def initial(device_config: bytes = MARKED) -> p4r.ForwardingPipelineConfig:
    return p4r.ForwardingPipelineConfig(p4info=INFO, p4_device_config=device_config)


def act(name: str, value: int) -> p4r.TableAction:
    message = p4r.TableAction()
    message.action.action_id = ACTIONS[name]
    message.action.params.add(param_id=1, value=bytes([value]))
    return message


def typed(
    table: str, match: tuple[bytes, bytes], priority: int, action: p4r.TableAction | None, **fields: Any
) -> p4r.TableEntry:
    matches = [ternary(1, *match)] if match != ANY else []
    return p4r.TableEntry(table_id=TABLES[table], match=matches, priority=priority, action=action, **fields)


def exactly(target: int, action: p4r.TableAction | None, **fields: Any) -> p4r.TableEntry:
    match = [exact(1, bytes([target]))]
    return p4r.TableEntry(table_id=TABLES["exactly"], match=match, action=action, **fields)


IPV4 = b"\x08\0", b"\xff\xff"
EIGHT = b"\x08\0", b"\xff\0"
LOW = b"\0", b"\xf0\0"

TYPES = [
    typed("types", IPV4, 40, act("mark", 1), is_const=True),
    typed("types", EIGHT, 30, act("mark", 2)),
    typed("types", LOW, 25, act("mark", 3)),
    typed("types", ANY, 15, act("mark", 4)),
]
SWAPPED = [typed("swapped", IPV4, 5, act("note", 3)), typed("swapped", LOW, 1, act("note", 7))]
EXACTLY = [exactly(1, act("stamp", 1)), exactly(2, act("stamp", 2), is_const=True)]
FIXED = [
    typed("fixed_types", (b"\x86\xdd", b"\xff\xff"), 2, act("stamp", 0x86), is_const=True),
    typed("fixed_types", (b"\x80\0", b"\x80\0"), 1, act("stamp", 0x80), is_const=True),
]
ALL = [*TYPES, *SWAPPED, *EXACTLY, *FIXED]


def by_bytes(entries: list[p4r.TableEntry]) -> list[bytes]:
    return sorted(entry.SerializeToString(deterministic=True) for entry in entries)


@pytest.fixture
async def controller(client: Client) -> Client:
    client.primary_stream, _ = await client.open(1)
    await client.push(message=initial())
    return client


async def held(client: Client) -> list[bytes]:
    return by_bytes(await client.read(p4r.TableEntry()))


async def test_what_a_program_begins_with(controller: Client) -> None:
    assert await held(controller) == by_bytes(ALL)


async def test_without_the_compilers_entries_file(client: Client) -> None:
    """p4c's JSON has the order of the entries, neither their numbers nor which of them are constant."""
    await client.open(1)
    await client.push(message=initial(JSON))
    types = [
        typed("types", IPV4, 4, act("mark", 1)),
        typed("types", EIGHT, 3, act("mark", 2)),
        typed("types", LOW, 2, act("mark", 3)),
        typed("types", ANY, 1, act("mark", 4)),
    ]
    swapped = [typed("swapped", IPV4, 2, act("note", 3)), typed("swapped", LOW, 1, act("note", 7))]
    exact_ones = [exactly(1, act("stamp", 1)), exactly(2, act("stamp", 2))]
    assert await held(client) == by_bytes([*types, *swapped, *exact_ones, *FIXED])


async def test_clients_may_change_them(controller: Client) -> None:
    await controller.write(
        (MODIFY, typed("types", EIGHT, 30, act("mark", 0x22), metadata=b"mine")),
        (DELETE, typed("types", LOW, 25, None)),
        (INSERT, typed("types", (b"\x12\x34", b"\xff\xff"), 99, act("mark", 0x99))),
        (DELETE, exactly(1, None)),
        *((INSERT, exactly(number, act("stamp", number))) for number in range(3, 200)),
    )
    assert await controller.read(p4r.TableEntry(table_id=TABLES["types"])) == unordered(
        TYPES[0],
        typed("types", EIGHT, 30, act("mark", 0x22), metadata=b"mine"),
        TYPES[3],
        typed("types", (b"\x12\x34", b"\xff\xff"), 99, act("mark", 0x99)),
    )
    assert len(await controller.read(p4r.TableEntry(table_id=TABLES["exactly"]))) == 198
    assert await controller.refused(INSERT, TYPES[3]) == Code.ALREADY_EXISTS
    await controller.push(message=initial())
    assert await held(controller) == by_bytes(ALL)


class unordered:
    """Equal to a list of these messages in any order."""

    def __init__(self, *entries: p4r.TableEntry) -> None:
        self._entries = by_bytes(list(entries))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, list) and by_bytes(other) == self._entries

    __hash__ = None  # type: ignore[assignment]


async def test_the_size_is_the_declared_one(controller: Client) -> None:
    more = [(INSERT, typed("types", (bytes([2, n]), b"\xff\xff"), 1, act("mark", n))) for n in range(1, 13)]
    await controller.write(*more)
    entry = typed("types", (b"\x03\x01", b"\xff\xff"), 1, act("mark", 1))
    assert await controller.refused(INSERT, entry) == Code.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("kind", "entry", "code"),
    [
        (MODIFY, typed("types", IPV4, 40, act("mark", 1)), Code.PERMISSION_DENIED),
        (DELETE, typed("types", IPV4, 40, None), Code.PERMISSION_DENIED),
        (INSERT, typed("types", IPV4, 40, act("mark", 5)), Code.ALREADY_EXISTS),
        (INSERT, typed("types", IPV4, 41, act("mark", 5), is_const=True), Code.INVALID_ARGUMENT),
        (MODIFY, typed("types", EIGHT, 30, act("mark", 5), is_const=True), Code.INVALID_ARGUMENT),
        (DELETE, typed("types", EIGHT, 30, None, is_const=True), Code.INVALID_ARGUMENT),
        (MODIFY, exactly(2, act("stamp", 5)), Code.PERMISSION_DENIED),
        (DELETE, exactly(2, None), Code.PERMISSION_DENIED),
        (INSERT, typed("fixed_types", IPV4, 5, act("stamp", 5)), Code.PERMISSION_DENIED),
        (MODIFY, typed("fixed_types", (b"\x80\0", b"\x80\0"), 1, act("stamp", 5)), Code.PERMISSION_DENIED),
        (DELETE, typed("fixed_types", (b"\x80\0", b"\x80\0"), 1, None), Code.PERMISSION_DENIED),
    ],
    ids=str,
)
async def test_constant_entries_stay(controller: Client, kind: Any, entry: p4r.TableEntry, code: Code) -> None:
    assert await controller.refused(kind, entry) == code
    assert await held(controller) == by_bytes(ALL)


async def test_a_constant_entry_has_its_counter(controller: Client) -> None:
    counted = p4r.CounterData(packet_count=5, byte_count=6)
    await controller.write((MODIFY, typed("types", IPV4, 40, None, counter_data=counted)))
    query = typed("types", IPV4, 40, None, counter_data=p4r.CounterData())
    (found,) = await controller.read(query)
    assert (found.counter_data, found.is_const) == (counted, True)


CHANGES = (
    (MODIFY, typed("types", EIGHT, 30, act("mark", 0x22))),
    (DELETE, typed("types", LOW, 25, None)),
    (INSERT, typed("types", IPV4, 7, act("mark", 0x77))),
    (DELETE, exactly(1, None)),
    (INSERT, exactly(3, act("stamp", 3))),
    (MODIFY, typed("types", IPV4, 40, None, counter_data=p4r.CounterData(packet_count=5, byte_count=6))),
)
CHANGED = [
    TYPES[0],
    typed("types", EIGHT, 30, act("mark", 0x22)),
    TYPES[3],
    typed("types", IPV4, 7, act("mark", 0x77)),
    *SWAPPED,
    EXACTLY[1],
    exactly(3, act("stamp", 3)),
    *FIXED,
]


async def test_saved_changes_are_committed(controller: Client) -> None:
    await controller.push(message=initial(), action=SET.VERIFY_AND_SAVE)
    assert await held(controller) == by_bytes(ALL)
    await controller.write(*CHANGES)
    assert await held(controller) == by_bytes(CHANGED)
    await controller.push(action=SET.COMMIT)
    assert await held(controller) == by_bytes(CHANGED)
    query = p4r.TableEntry(table_id=TABLES["types"], priority=40, counter_data=p4r.CounterData())
    (found,) = await controller.read(query)
    assert found.counter_data == p4r.CounterData(packet_count=5, byte_count=6)


async def test_changes_are_kept_beside_the_new_programs_entries(controller: Client) -> None:
    await controller.write(*CHANGES)
    document = json.loads(MARKED)
    (swapped,) = [t for p in document["pipelines"] for t in p["tables"] if t["name"] == "MyIngress.swapped"]
    swapped["entries"][0]["action_entry"]["action_data"] = ["0x44"]
    await controller.push(message=initial(json.dumps(document).encode()), action=SET.RECONCILE_AND_COMMIT)
    changed = [typed("swapped", IPV4, 5, act("note", 0x44)) if entry is SWAPPED[0] else entry for entry in CHANGED]
    assert await held(controller) == by_bytes(changed)
    query = p4r.TableEntry(table_id=TABLES["types"], priority=40, counter_data=p4r.CounterData())
    (found,) = await controller.read(query)
    assert found.counter_data == p4r.CounterData(packet_count=5, byte_count=6)


@pytest.mark.skipif(not NATIVE, reason="no native engine")
async def test_packets_hit_by_the_priorities_that_clients_see() -> None:
    async with Switch(DEVICE, CPU_PORT, None, {1: None, 2: None}) as switch:
        async for client in client_of(switch, "inprocess"):
            client.primary_stream, _ = await client.open(1)
            for config in (JSON, MARKED):
                await client.push(message=initial(config))
                assert [marks(switch, kind) for kind in (0x800, 0x801, 0x123, 0x9000, 0x86DD)] == [
                    (1, 3, 0),
                    (2, 7, 0),
                    (3, 7, 0),
                    (4, 0, 0x80),
                    (4, 0, 0x86),
                ]
                assert marks(switch, 0x800, target=1) == (1, 3, 1)
            await client.write(*CHANGES)
            assert marks(switch, 0x801) == (0x22, 7, 0)
            assert marks(switch, 0x123) == (4, 7, 0)
            assert marks(switch, 0x800, target=1) == (1, 3, 0)
            assert marks(switch, 0x800, target=3) == (1, 3, 3)
            await client.write((INSERT, typed("types", IPV4, 41, act("mark", 0x41))))
            assert marks(switch, 0x800) == (0x41, 3, 0)


def marks(switch: Switch, kind: int, target: int = 9) -> tuple[int, int, int]:
    """What the three tables wrote into the source address."""
    switch.engine.inject(1, target.to_bytes(6, "big") + bytes(6) + kind.to_bytes(2, "big") + bytes(46))
    assert switch.engine.drain(5)
    ((_, data),) = switch.engine.collect()
    return data[6], data[7], data[8]


# the command


def test_the_command_marks_entries(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["entries", *map(str, FILES)]) == 0
    assert capsys.readouterr().out.encode() == MARKED
    document = json.loads(MARKED)
    (types,) = [t for p in document["pipelines"] for t in p["tables"] if t["name"] == "MyIngress.types"]
    assert [(e["is_const"], e["p4runtime_priority"]) for e in types["entries"]] == [
        (True, 40),
        (False, 30),
        (False, 25),
        (False, 15),
    ]


def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.p4info.txtpb"
    other.write_text(str(p4i.P4Info()))
    text = tmp_path / "text.json"
    text.write_text("[]")
    config, info, entries = map(str, FILES)
    for arguments, status, expected in (
        ([], 2, "PROG.json"),
        (["/nonexistent", info, entries], 1, "cannot read /nonexistent: No such file"),
        ([config, config, entries], 1, "is not a P4Info"),
        ([config, info, config], 1, "is not a WriteRequest"),
        ([config, str(other), entries], 1, "is not in P4Info"),
        ([str(text), info, entries], 1, "not what p4c-bm2-ss writes"),
        ([str(PROGRAMS / "kinds.json"), info, entries], 1, "table MyIngress.types: 4 entries in the file, 0 in"),
    ):
        assert main(["entries", *arguments]) == status
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("p4soft: ")
        assert captured.err.count("\n") == 1
        assert expected in captured.err
