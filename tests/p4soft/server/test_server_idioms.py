"""A P4Info that lists what the compiler has removed from the program, and keys of type error."""

from __future__ import annotations

import json
from typing import Any

import grpc.aio
import pytest
from fake_engine import FakeEngine
from finsy.proto import p4i, p4r
from p4kit import CODE, INSERT, MODIFY, PROGRAMS, Client, exact, read_p4info, ternary
from p4soft.embedded import Switch
from p4soft.server.errors import Code

INFO = read_p4info("idioms")


def without_unused(config: bytes) -> bytes:
    """The program without what nothing in it uses; p4c leaves some of that in."""
    document = json.loads(config)
    for holder in (document, *document["pipelines"]):
        for kind in ("counter_arrays", "meter_arrays", "register_arrays", "action_profiles"):
            if kind in holder:
                holder[kind] = [item for item in holder[kind] if "unused" not in item["name"]]
    return json.dumps(document).encode()


JSON = without_unused((PROGRAMS / "idioms.json").read_bytes())


def number(field: str, name: str) -> int:
    return int(next(item.preamble.id for item in getattr(INFO, field) if item.preamble.alias == name))


def idioms() -> p4r.ForwardingPipelineConfig:
    return p4r.ForwardingPipelineConfig(p4info=INFO, p4_device_config=JSON)


@pytest.fixture
async def controller(client: Client) -> Client:
    await client.open(1)
    await client.push(message=idioms())
    return client


def entry(table: str, *match: p4r.FieldMatch, priority: int = 0) -> p4r.TableEntry:
    made = p4r.TableEntry(table_id=number("tables", table), match=match, priority=priority)
    made.action.action.action_id = number("actions", "send")
    made.action.action.params.add(param_id=1, value=b"\3")
    return made


def member() -> p4r.ActionProfileMember:
    made = p4r.ActionProfileMember(action_profile_id=number("action_profiles", "unused_profile"), member_id=1)
    made.action.CopyFrom(entry("unused").action.action)
    return made


def cell(kind: Any, field: str, name: str) -> Any:
    return kind(**{f"{field.removesuffix('s')}_id": number(field, name)}, index=p4r.Index(index=0))


REMOVED = {
    "table": (INSERT, entry("unused", exact(1, b"\1"))),
    "table with a profile": (INSERT, entry("unused_indirect", exact(1, b"\1"))),
    "action profile": (INSERT, member()),
    "counter": (MODIFY, cell(p4r.CounterEntry, "counters", "unused_counter")),
    "meter": (MODIFY, cell(p4r.MeterEntry, "meters", "unused_meter")),
    "register": (MODIFY, cell(p4r.RegisterEntry, "registers", "unused_register")),
    "digest": (INSERT, p4r.DigestEntry(digest_id=number("digests", "seen_t"), config=p4r.DigestEntry.Config())),
}


@pytest.mark.parametrize("name", REMOVED)
async def test_what_was_removed_is_known_but_takes_nothing(controller: Client, name: str) -> None:
    kind, message = REMOVED[name]
    assert await controller.refused(kind, message) == Code.UNIMPLEMENTED
    assert await controller.read_code(message) == [Code.UNIMPLEMENTED]


async def test_reads_of_everything_pass_over_it(controller: Client) -> None:
    held = entry("by_error", exact(1, b"\2"), priority=5)
    await controller.write((INSERT, held))
    assert await controller.read(p4r.TableEntry()) == [held]
    for query in (p4r.ActionProfileMember(), p4r.CounterEntry(), p4r.MeterEntry(), p4r.RegisterEntry()):
        assert await controller.read(query) == []


async def test_keys_of_type_error(controller: Client) -> None:
    held = [
        entry("by_error", exact(1, b"\2"), ternary(2, b"\1", b"\x0f"), priority=5),
        entry("by_error", exact(1, b"\xff\xff\xff\xff"), priority=4),
    ]
    await controller.write(*((INSERT, one) for one in held))
    assert await controller.read(p4r.TableEntry(table_id=number("tables", "by_error"))) == held
    assert await controller.refused(INSERT, entry("by_error", exact(1, b"\1\0\0\0\0"), priority=3)) == Code.OUT_OF_RANGE


async def test_the_p4info_of_another_program_is_refused(controller: Client) -> None:
    other = p4r.ForwardingPipelineConfig(p4info=read_p4info("kinds"), p4_device_config=JSON)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await controller.push(message=other)
    assert caught.value.code() == CODE.INVALID_ARGUMENT
    assert "is in P4Info, but not in the program, which has" in (caught.value.details() or "")


async def test_it_is_carried_over_and_saved(controller: Client, switch: Switch) -> None:
    held = entry("by_error", exact(1, b"\2"), priority=5)
    await controller.write((INSERT, held))
    changed = idioms()
    changed.p4info.pkg_info.name = "another"
    set_ = p4r.SetForwardingPipelineConfigRequest
    await controller.push(action=set_.RECONCILE_AND_COMMIT, message=changed)
    assert await controller.read(p4r.TableEntry()) == [held]
    await controller.push(action=set_.VERIFY_AND_SAVE, message=changed)
    await controller.write((INSERT, held))
    await controller.push(action=set_.COMMIT)
    assert await controller.read(p4r.TableEntry()) == [held]


def test_the_program_lists_what_the_pair_lacks() -> None:
    assert {t.preamble.alias for t in INFO.tables} == {"by_error", "unused", "unused_indirect"}
    (field,) = [f for t in INFO.tables if t.preamble.alias == "by_error" for f in t.match_fields if f.id == 1]
    assert field == p4i.MatchField(id=1, name=field.name, match_type=p4i.MatchField.EXACT)
    document = json.loads((PROGRAMS / "idioms.json").read_text())
    assert "MyIngress.unused" not in {
        table["name"] for pipeline in document["pipelines"] for table in pipeline["tables"]
    }
    assert [digest["name"] for digest in document["learn_lists"]] == ["noted_t"]


async def test_a_digest_of_a_tuple_has_two_names(client: Client, switch: Switch) -> None:
    if isinstance(switch.engine, FakeEngine):
        pytest.skip("no packets pass")
    config = idioms()
    config.p4_device_config = config.p4_device_config.replace(b'"noted_t"', b'"tuple_0"')
    digest = next(d for d in config.p4info.digests if d.preamble.name == "noted_t")
    digest.preamble.name = digest.preamble.alias = "digest_0"
    digest.type_spec.Clear()
    for bits in (8, 16):
        digest.type_spec.tuple.members.add().bitstring.bit.bitwidth = bits
    stream, _ = await client.open(1)
    await client.push(message=config)
    held = p4r.DigestEntry(digest_id=digest.preamble.id, config=p4r.DigestEntry.Config(max_list_size=1))
    await client.write((INSERT, held))
    assert await client.read(p4r.DigestEntry()) == [held]
    switch.engine.inject(1, b"\x08\x05\x12\x34")
    message = (await client.next(stream)).digest
    assert message.digest_id == digest.preamble.id
    (data,) = message.data
    assert [member.bitstring for member in data.tuple.members] == [b"\x05", b"\x12\x34"]
