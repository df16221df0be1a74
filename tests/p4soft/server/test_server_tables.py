"""TableEntry over P4Runtime: writing, refusing and reading, on every engine and transport."""

from __future__ import annotations

import grpc.aio
import pytest
from finsy.proto import p4r
from p4kit import (
    CODE,
    DELETE,
    INSERT,
    MODIFY,
    Client,
    acl,
    action,
    between,
    entity,
    errors_of,
    exact,
    lpm,
    optional,
    route,
    session,
    session_match,
    table_id,
    ternary,
    write_request,
)
from p4soft.server.errors import Code

TIMEOUT = 3_600_000_000_000


async def test_an_inserted_entry_reads_back_as_written(primary: Client) -> None:
    written = session(
        1, controller_metadata=2**64 - 1, idle_timeout_ns=TIMEOUT + 1, metadata=b"opaque", counter_data=None
    )
    await primary.write((INSERT, written))
    assert await primary.read(p4r.TableEntry(table_id=table_id("session"))) == [written]
    assert await primary.read(p4r.TableEntry(table_id=table_id("session"), match=session_match(1))) == [written]
    assert await primary.read(p4r.TableEntry(table_id=table_id("session"), match=session_match(2))) == []


async def test_entries_of_every_match_kind_read_back_as_written(primary: Client) -> None:
    entries = [
        route(b"\x0a\0\0\0", 8),
        route(length=0),
        acl(1),
        acl(
            2,
            b"\x08\0",
            ternary(2, b"\x0a\0\0\0", b"\xff\0\0\0"),
            between(3, b"\x40", b"\x05\xdc"),
            optional(4, b"\x06"),
        ),
        acl(3, b"\x86\xdd", between(3, b"\0", b"\x40"), optional(4, b"\0")),
        acl(4, b"\0", ternary(2, b"\0", b"\x01"), action=action("drop")),
    ]
    await primary.write(*((INSERT, entry) for entry in entries))
    found = await primary.read(p4r.TableEntry(table_id=table_id("route")), p4r.TableEntry(table_id=table_id("acl")))
    key = lambda entry: entry.SerializeToString(deterministic=True)  # noqa: E731
    assert sorted(found, key=key) == sorted(entries, key=key)


async def test_longer_bytestrings_are_accepted_and_returned_in_shortest_form(primary: Client) -> None:
    padded = p4r.TableEntry(
        table_id=table_id("session"),
        match=[
            exact(4, b"\0\0\x01"),
            exact(3, b"\0\x06"),
            exact(1, b"\0\0\x0a\0\0\x01"),
            exact(2, b"\xc0\xa8\x01\x01"),
        ],
        action=action("set_session", b"\0\0\0\0\0\x07", b"\0\x02", b"\0\0\0\0\xaa\xbb"),
    )
    await primary.write((INSERT, padded))
    assert await primary.read(p4r.TableEntry(table_id=table_id("session"))) == [session(1)]


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (session(1, action=action("set_session", b"", b"\x02", b"\x01")), Code.OUT_OF_RANGE),
        (session(1, action=action("set_session", b"\x01", b"\x02\0", b"\x01")), Code.OUT_OF_RANGE),
        (session(1, action=action("set_session", b"\x01", b"\x01\0\0", b"\x01")), Code.OUT_OF_RANGE),
        (session(1, action=action("set_session", b"\x01", b"\x02")), Code.INVALID_ARGUMENT),
        (session(1, action=action("set_session", b"\x01", b"\x02", b"\x01", b"\x01")), Code.INVALID_ARGUMENT),
        (session(1, action=action("forward", b"\x01")), Code.INVALID_ARGUMENT),
        (session(1, action=action("miss")), Code.PERMISSION_DENIED),
        (session(1, action=None), Code.INVALID_ARGUMENT),
        (session(1, action=p4r.TableAction(action_profile_member_id=1)), Code.INVALID_ARGUMENT),
        (session(1, priority=1), Code.INVALID_ARGUMENT),
        (session(1, idle_timeout_ns=-1), Code.INVALID_ARGUMENT),
        (session(1, is_const=True), Code.INVALID_ARGUMENT),
        (session(1, time_since_last_hit=p4r.TableEntry.IdleTimeout()), Code.INVALID_ARGUMENT),
        (session(1, meter_config=p4r.MeterConfig()), Code.INVALID_ARGUMENT),
        (session(1, counter_data=p4r.CounterData(packet_count=-1)), Code.INVALID_ARGUMENT),
        (session(1, is_default_action=True), Code.INVALID_ARGUMENT),
        (route(idle_timeout_ns=1), Code.INVALID_ARGUMENT),
        (route(counter_data=p4r.CounterData()), Code.INVALID_ARGUMENT),
        (route(b"\x0a\0\0\x01", 8), Code.INVALID_ARGUMENT),
        (route(b"\x0a\0\0\0", 33), Code.INVALID_ARGUMENT),
        (route(b"\x0a\0\0\0\0", 8), Code.OUT_OF_RANGE),
        (acl(0), Code.INVALID_ARGUMENT),
        (acl(-1), Code.INVALID_ARGUMENT),
        (acl(1, b"\x01\0\0"), Code.OUT_OF_RANGE),
        (acl(1, b""), Code.OUT_OF_RANGE),
        (acl(1, b"\x08\0", ternary(2, b"\x01", b"\x02")), Code.INVALID_ARGUMENT),
        (acl(1, b"\x08\0", ternary(2, b"\0", b"\0")), Code.INVALID_ARGUMENT),
        (acl(1, b"\x08\0", between(3, b"\x02", b"\x01")), Code.INVALID_ARGUMENT),
        (acl(1, b"\x08\0", between(3, b"\0", b"\xff\xff")), Code.INVALID_ARGUMENT),
        (acl(1, b"\x08\0", optional(4, b"\x01\0")), Code.OUT_OF_RANGE),
        (acl(1, b"\x08\0", optional(3, b"\x01")), Code.INVALID_ARGUMENT),
        (acl(1, b"\x08\0", lpm(2, b"\x01", 32)), Code.INVALID_ARGUMENT),
        (acl(1, b"\x08\0", exact(1, b"\x01")), Code.INVALID_ARGUMENT),
        (acl(1, b"\x08\0", exact(9, b"\x01")), Code.INVALID_ARGUMENT),
        (acl(1, b"\x08\0", p4r.FieldMatch(field_id=4)), Code.INVALID_ARGUMENT),
        (p4r.TableEntry(table_id=table_id("acl"), priority=1, action=action("drop")), Code.INVALID_ARGUMENT),
        (p4r.TableEntry(table_id=table_id("last"), action=action("drop")), Code.INVALID_ARGUMENT),
        (p4r.TableEntry(table_id=0x02ABCDEF), Code.INVALID_ARGUMENT),
        (p4r.TableEntry(table_id=table_id("fixed"), match=[exact(1, b"\x01")]), Code.PERMISSION_DENIED),
        (p4r.ActionProfileMember(action_profile_id=1), Code.INVALID_ARGUMENT),
        (p4r.ActionProfileGroup(action_profile_id=1), Code.INVALID_ARGUMENT),
        (p4r.ValueSetEntry(value_set_id=1), Code.INVALID_ARGUMENT),
        (p4r.ExternEntry(extern_id=1), Code.UNIMPLEMENTED),
    ],
    ids=str,
)
async def test_a_wrong_insert_is_refused_and_changes_nothing(primary: Client, entry: object, code: Code) -> None:
    before = await primary.read(p4r.TableEntry())
    assert await primary.refused(INSERT, entry) == code
    assert await primary.read(p4r.TableEntry()) == before


async def test_duplicates_and_absent_entries(primary: Client) -> None:
    await primary.write((INSERT, session(1)), (INSERT, acl(5)))
    assert await primary.refused(INSERT, session(1, controller_metadata=3)) == Code.ALREADY_EXISTS
    assert await primary.refused(INSERT, acl(5, action=action("drop"))) == Code.ALREADY_EXISTS
    assert await primary.refused(MODIFY, session(2)) == Code.NOT_FOUND
    assert await primary.refused(MODIFY, session(2, action=None)) == Code.NOT_FOUND
    assert await primary.refused(DELETE, session(2)) == Code.NOT_FOUND
    assert await primary.refused(DELETE, acl(6)) == Code.NOT_FOUND
    assert await primary.read(p4r.TableEntry(table_id=table_id("session"))) == [session(1)]
    await primary.write((INSERT, acl(6)))
    assert len(await primary.read(p4r.TableEntry(table_id=table_id("acl")))) == 2


async def test_a_full_table_says_resource_exhausted(primary: Client) -> None:
    await primary.write(*((INSERT, acl(priority)) for priority in range(1, 5)))
    assert await primary.refused(INSERT, acl(5)) == Code.RESOURCE_EXHAUSTED
    await primary.write((DELETE, acl(1)))
    await primary.write((INSERT, acl(5)))


async def test_a_batch_goes_on_after_errors_and_reports_every_update(primary: Client) -> None:
    request = write_request(
        (INSERT, session(1)),
        (INSERT, session(1)),
        (DELETE, session(9)),
        (INSERT, session(2)),
        (INSERT, route(length=40)),
    )
    request.updates.add(type=p4r.Update.UNSPECIFIED, entity=entity(session(3)))
    request.updates.add(type=INSERT)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await primary.stub.Write(request)
    assert caught.value.code() == CODE.UNKNOWN
    assert [code for code, _ in errors_of(caught.value)] == [0, 6, 5, 0, 3, 3, 3]
    assert errors_of(caught.value)[0] == (0, "")
    assert "MyIngress.session" in errors_of(caught.value)[1][1]
    assert len(await primary.read(p4r.TableEntry(table_id=table_id("session")))) == 2


async def test_modify_replaces_action_timeout_and_cookies(primary: Client) -> None:
    await primary.write((INSERT, session(1, controller_metadata=1, metadata=b"m", idle_timeout_ns=TIMEOUT)))
    changed = session(1, action=action("session_drop"), controller_metadata=2)
    await primary.write((MODIFY, changed))
    assert await primary.read(p4r.TableEntry(table_id=table_id("session"))) == [changed]


async def test_modify_without_action_changes_direct_resources_only(primary: Client) -> None:
    written = session(1, controller_metadata=1, metadata=b"m")
    await primary.write((INSERT, written))
    await primary.write((MODIFY, session(1, action=None, counter_data=p4r.CounterData(packet_count=5, byte_count=6))))
    (found,) = await primary.read(session(1, action=None, counter_data=p4r.CounterData()))
    assert found == session(
        1, controller_metadata=1, metadata=b"m", counter_data=p4r.CounterData(packet_count=5, byte_count=6)
    )


async def test_delete_looks_at_the_key_only(primary: Client) -> None:
    await primary.write((INSERT, session(1, metadata=b"m")))
    await primary.write((DELETE, session(1, action=action("forward", b"\xff\xff\xff"), idle_timeout_ns=-5)))
    await primary.write((INSERT, session(1)))
    assert await primary.read(p4r.TableEntry(table_id=table_id("session"))) == [session(1)]


async def test_direct_counters_are_read_only_when_asked_for(primary: Client) -> None:
    await primary.write((INSERT, session(1, counter_data=p4r.CounterData(packet_count=3, byte_count=300))))
    (plain,) = await primary.read(p4r.TableEntry(table_id=table_id("session")))
    assert not plain.HasField("counter_data")
    (counted,) = await primary.read(p4r.TableEntry(counter_data=p4r.CounterData(), table_id=table_id("session")))
    assert counted.counter_data == p4r.CounterData(packet_count=3, byte_count=300)


async def test_time_since_last_hit_is_read_only_when_asked_for(primary: Client) -> None:
    await primary.write((INSERT, session(1)), (INSERT, route()))
    asked = p4r.TableEntry.IdleTimeout()
    (found,) = await primary.read(p4r.TableEntry(table_id=table_id("session"), time_since_last_hit=asked))
    assert found.HasField("time_since_last_hit")
    assert 0 <= found.time_since_last_hit.elapsed_ns < 60 * 10**9
    (plain,) = await primary.read(p4r.TableEntry(table_id=table_id("session")))
    assert not plain.HasField("time_since_last_hit")
    assert await primary.read_code(p4r.TableEntry(table_id=table_id("route"), time_since_last_hit=asked)) == [3]
    assert len(await primary.read(p4r.TableEntry(time_since_last_hit=asked))) == 3


async def test_filters(primary: Client) -> None:
    await primary.write(
        (INSERT, session(1, controller_metadata=5)),
        (INSERT, session(2, metadata=b"x")),
        (INSERT, session(3, action=action("session_drop"))),
        (INSERT, acl(1)),
        (INSERT, acl(2)),
    )
    table = table_id("session")
    assert await primary.read(p4r.TableEntry(table_id=table, controller_metadata=5)) == [
        session(1, controller_metadata=5)
    ]
    assert await primary.read(p4r.TableEntry(table_id=table, metadata=b"x")) == [session(2, metadata=b"x")]
    assert await primary.read(p4r.TableEntry(table_id=table, action=action("session_drop"))) == [
        session(3, action=action("session_drop"))
    ]
    assert await primary.read(p4r.TableEntry(table_id=table_id("acl"), priority=2)) == [acl(2)]
    assert await primary.read(acl(2, action=None)) == [acl(2)]
    both = await primary.read(p4r.TableEntry(table_id=table_id("acl"), match=[exact(1, b"\x08\0")]))
    assert sorted(entry.priority for entry in both) == [1, 2]
    assert await primary.read_code(p4r.TableEntry(match=session_match(1))) == [3]


async def test_the_const_table_is_readable_and_constant(primary: Client) -> None:
    (fixed,) = await primary.read(p4r.TableEntry(table_id=table_id("fixed")))
    assert fixed == p4r.TableEntry(
        table_id=table_id("fixed"), match=[exact(1, b"\x88\xb5")], action=action("learn"), is_const=True
    )
    fixed.is_const = False
    assert await primary.refused(DELETE, fixed) == Code.PERMISSION_DENIED
    assert await primary.refused(MODIFY, fixed) == Code.PERMISSION_DENIED
    default = p4r.TableEntry(table_id=table_id("fixed"), is_default_action=True, action=action("NoAction"))
    assert await primary.refused(MODIFY, default) == Code.PERMISSION_DENIED
    default.is_const = True
    assert await primary.read(p4r.TableEntry(table_id=table_id("fixed"), is_default_action=True)) == [default]


async def test_default_entries_are_modified_reset_and_read(primary: Client) -> None:
    query = p4r.TableEntry(table_id=table_id("last"), is_default_action=True)
    initial = p4r.TableEntry(table_id=table_id("last"), is_default_action=True, action=action("drop"))
    assert await primary.read(query) == [initial]
    changed = p4r.TableEntry(
        table_id=table_id("last"),
        is_default_action=True,
        action=action("to_cpu", b"\x2a"),
        metadata=b"d",
        controller_metadata=4,
    )
    await primary.write((MODIFY, changed))
    assert await primary.read(query) == [changed]
    assert await primary.refused(INSERT, changed) == Code.INVALID_ARGUMENT
    assert await primary.refused(DELETE, changed) == Code.INVALID_ARGUMENT
    await primary.write((MODIFY, p4r.TableEntry(table_id=table_id("last"), is_default_action=True)))
    assert await primary.read(query) == [initial]
    for wrong in (
        session(1, is_default_action=True),
        p4r.TableEntry(table_id=table_id("last"), is_default_action=True, priority=1),
        p4r.TableEntry(table_id=table_id("session"), is_default_action=True, idle_timeout_ns=5, action=action("miss")),
    ):
        assert await primary.refused(MODIFY, wrong) == Code.INVALID_ARGUMENT
    tableonly = p4r.TableEntry(table_id=table_id("session"), is_default_action=True, action=action("session_drop"))
    assert await primary.refused(MODIFY, tableonly) == Code.PERMISSION_DENIED
    assert len(await primary.read(p4r.TableEntry(is_default_action=True))) == 5


async def test_a_large_table_is_read_in_chunks(primary: Client) -> None:
    await primary.write(*((INSERT, session(number)) for number in range(1, 1025)))
    request = p4r.ReadRequest(device_id=7, entities=[entity(p4r.TableEntry(table_id=table_id("session")))])
    responses = [response async for response in primary.stub.Read(request)]
    assert len(responses) > 1
    assert all(response.entities and response.ByteSize() < 2 << 20 for response in responses)
    keys = {item.table_entry.match[0].exact.value for response in responses for item in response.entities}
    assert len(keys) == sum(len(response.entities) for response in responses) == 1024


async def test_a_read_reports_each_request(primary: Client) -> None:
    await primary.write((INSERT, session(1)))
    good = p4r.TableEntry(table_id=table_id("session"))
    bad = p4r.TableEntry(table_id=99)
    request = p4r.ReadRequest(device_id=7, entities=[entity(good), entity(bad), entity(good), p4r.Entity()])
    found = []

    async def read() -> None:
        async for response in primary.stub.Read(request):
            found.extend(response.entities)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await read()
    assert [item.table_entry for item in found] == [session(1), session(1)]
    assert [code for code, _ in errors_of(caught.value)] == [0, 3, 0, 3]


async def test_updates_of_one_table_keep_their_order_in_a_batch(primary: Client) -> None:
    counted = session(4, counter_data=p4r.CounterData(packet_count=9))
    request = write_request(
        (INSERT, session(1)),
        (INSERT, acl(1)),
        (DELETE, session(1)),
        (INSERT, session(1)),
        (DELETE, session(2)),
        (INSERT, session(2)),
        (MODIFY, session(2, action=action("session_drop"))),
        (INSERT, session(3, metadata=b"m")),
        (DELETE, session(3)),
        (INSERT, session(3)),
        (INSERT, counted),
        (INSERT, session(4)),
        (DELETE, acl(1)),
        (DELETE, acl(1)),
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await primary.stub.Write(request)
    assert [code for code, _ in errors_of(caught.value)] == [0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 6, 0, 5]
    found = await primary.read(p4r.TableEntry(table_id=table_id("session"), counter_data=p4r.CounterData()))
    for entry in found:
        if not entry.counter_data.packet_count:
            entry.ClearField("counter_data")
    key = lambda entry: entry.match[0].exact.value  # noqa: E731
    expected = [session(1), session(2, action=action("session_drop")), session(3), counted]
    assert sorted(found, key=key) == expected
    assert await primary.read(p4r.TableEntry(table_id=table_id("acl"))) == []


async def test_a_large_batch_may_fail_completely(primary: Client) -> None:
    request = write_request(*((DELETE, session(number)) for number in range(1, 1001)))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await primary.stub.Write(request)
    assert [code for code, _ in errors_of(caught.value)] == [Code.NOT_FOUND] * 1000
