"""Parser value sets: ValueSetEntry, and what the parser makes of the members."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc.aio
import pytest
from finsy.proto import p4i, p4r
from p4kit import (
    CODE,
    DELETE,
    INSERT,
    MODIFY,
    PROGRAMS,
    Client,
    exact,
    read_p4info,
    ternary,
)
from p4soft.embedded import Switch
from p4soft.engine import NativeEngine
from p4soft.explain import explain
from p4soft.server.errors import Code

INFO = read_p4info("value_sets")
JSON = (PROGRAMS / "value_sets.json").read_bytes()
SETS = {info.preamble.alias: info.preamble.id for info in INFO.value_sets}
SET = p4r.SetForwardingPipelineConfigRequest


def set_config(change: Callable[[p4i.P4Info], None] = lambda info: None) -> p4r.ForwardingPipelineConfig:
    config = p4r.ForwardingPipelineConfig(p4info=INFO, p4_device_config=JSON)
    change(config.p4info)
    return config


def value_set(name: str, *members: tuple[bytes, ...]) -> p4r.ValueSetEntry:
    entry = p4r.ValueSetEntry(value_set_id=SETS[name])
    for values in members:
        entry.members.add(match=[exact(number, value) for number, value in enumerate(values, 1)])
    return entry


@pytest.fixture
async def controller(client: Client) -> Client:
    await client.open(1)
    await client.push(message=set_config())
    return client


async def test_members_read_back(controller: Client) -> None:
    types = value_set("tag_types", (b"\x81\0",), (b"\x88\xa8",))
    pairs = value_set("pairs", (b"\x05", b"\x03"), (b"\x0f\xff", b"\0"))
    await controller.write((MODIFY, types), (MODIFY, pairs))
    assert await controller.read(p4r.ValueSetEntry(value_set_id=SETS["pairs"])) == [pairs]
    assert await controller.read(p4r.ValueSetEntry()) == [types, pairs]


async def test_a_write_replaces_all_members(controller: Client) -> None:
    await controller.write((MODIFY, value_set("tag_types", (b"\1",), (b"\2",))))
    await controller.write((MODIFY, value_set("tag_types", (b"\2",), (b"\3",))))
    assert await controller.read(value_set("tag_types")) == [value_set("tag_types", (b"\2",), (b"\3",))]
    await controller.write((MODIFY, value_set("tag_types")))
    assert await controller.read(value_set("tag_types")) == [value_set("tag_types")]


@pytest.mark.parametrize(
    ("kind", "entry", "code"),
    [
        (INSERT, value_set("tag_types"), Code.INVALID_ARGUMENT),
        (DELETE, value_set("tag_types"), Code.INVALID_ARGUMENT),
        (MODIFY, p4r.ValueSetEntry(value_set_id=1), Code.INVALID_ARGUMENT),
        (MODIFY, value_set("tag_types", (b"\1",), (b"\0\1",)), Code.ALREADY_EXISTS),
        (MODIFY, value_set("tag_types", (b"\1",), (b"\2",), (b"\3",)), Code.RESOURCE_EXHAUSTED),
        (MODIFY, value_set("tag_types", (b"\1\0\0",)), Code.OUT_OF_RANGE),
        (MODIFY, value_set("pairs", (b"\1",)), Code.INVALID_ARGUMENT),
        (MODIFY, value_set("pairs", (b"\1", b"\x10")), Code.OUT_OF_RANGE),
    ],
)
async def test_wrong_writes_change_nothing(controller: Client, kind: Any, entry: Any, code: Code) -> None:
    before = value_set("tag_types", (b"\7",))
    await controller.write((MODIFY, before))
    assert await controller.refused(kind, entry) == code
    assert await controller.read(p4r.ValueSetEntry()) == [before, value_set("pairs")]


async def test_wrong_reads(controller: Client) -> None:
    assert await controller.read_code(p4r.ValueSetEntry(value_set_id=1)) == [Code.INVALID_ARGUMENT]
    assert await controller.read_code(value_set("tag_types", (b"\1",))) == [Code.INVALID_ARGUMENT]


async def test_members_written_after_save_appear_with_commit(controller: Client) -> None:
    await controller.push(action=SET.VERIFY_AND_SAVE, message=set_config())
    await controller.write((MODIFY, value_set("pairs", (b"\1", b"\2"))))
    await controller.push(action=SET.COMMIT)
    assert await controller.read(value_set("pairs")) == [value_set("pairs", (b"\1", b"\2"))]


async def test_a_set_that_differs_from_the_programs_is_refused(controller: Client) -> None:
    def widen(info: p4i.P4Info) -> None:
        info.value_sets[0].match[0].bitwidth += 1

    def rename(info: p4i.P4Info) -> None:
        info.value_sets[0].preamble.name = "elsewhere"

    for change in (widen, rename):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await controller.push(message=set_config(change))
        assert caught.value.code() == CODE.INVALID_ARGUMENT


async def test_other_kinds_than_exact_cannot_be_written(controller: Client) -> None:
    def loosen(info: p4i.P4Info) -> None:
        info.value_sets[0].match[0].match_type = p4i.MatchField.TERNARY

    await controller.push(message=set_config(loosen))
    entry = value_set("tag_types")
    entry.members.add(match=[ternary(1, b"\1", b"\1")])
    assert await controller.refused(MODIFY, entry) == Code.UNIMPLEMENTED


def test_they_are_explained() -> None:
    sections = {section.title: section.rows for section in explain(JSON)[0]}
    assert sections["Value sets"] == [("MyParse.tag_types", "2", "16"), ("MyParse.pairs", "8", "16")]
    assert "in MyParse.pairs: known" in str(sections["Parser states"])


def frame(kind: int, tag: int | None = None, flags: int = 0) -> bytes:
    more = b"" if tag is None else (tag << 4 | flags).to_bytes(2, "big") + b"\0\0"
    return bytes(12) + kind.to_bytes(2, "big") + more + bytes(40)


async def test_the_parser_goes_by_the_members(controller: Client, switch: Switch) -> None:
    engine = switch.engine
    if not isinstance(engine, NativeEngine):
        return  # the fake engine has no parser

    def path(data: bytes) -> int:
        engine.inject(1, data)
        assert engine.drain(10)
        ((port, out),) = engine.collect()
        assert port == 2
        return out[11]

    frames = [frame(0x0800), frame(0x8100, 5, 3), frame(0x88A8, 5, 3), frame(0x8100, 5, 2), frame(0x8100, 0, 0)]
    assert [path(data) for data in frames] == [1, 0, 0, 0, 0]
    await controller.write((MODIFY, value_set("tag_types", (b"\x81\0",))))
    assert [path(data) for data in frames] == [1, 2, 0, 2, 1]
    await controller.write((MODIFY, value_set("pairs", (b"\5", b"\3"), (b"\0", b"\0"))))
    assert [path(data) for data in frames] == [1, 3, 0, 2, 3]
    await controller.write((MODIFY, value_set("tag_types", (b"\x88\xa8",), (b"\x08\0",))))
    assert [path(data) for data in frames] == [1, 0, 3, 0, 0]
