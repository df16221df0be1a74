"""ActionProfileMember, ActionProfileGroup and one-shot action sets, on the selector program."""

from __future__ import annotations

from typing import Any

import pytest
from finsy.proto import p4i, p4r
from p4kit import DELETE, INSERT, MODIFY, Client
from p4soft.embedded import Switch
from p4soft.server.errors import Code
from profilekit import (
    INFO,
    PROFILES,
    by_crc16,
    by_crc16_too,
    by_identity,
    by_profile,
    forward,
    group,
    keyed_frame,
    marks,
    member,
    one_shot,
    ports,
    selector_config,
    to_group,
    to_member,
)

ACTIONS = p4r.SetForwardingPipelineConfigRequest


@pytest.fixture
async def controller(client: Client) -> Client:
    """A primary client with the selector program loaded."""
    client.primary_stream, _ = await client.open(1)
    await client.push(message=selector_config())
    return client


def forwards(switch: Switch) -> bool:
    return type(switch.engine).__name__ != "FakeEngine"


async def test_members_and_groups_are_written_and_read(controller: Client, switch: Switch) -> None:
    await controller.write((INSERT, member(1)), (INSERT, member(2)), (INSERT, member(1, "plain")))
    await controller.write((INSERT, group(1, (1, 1), (2, 3))), (INSERT, group(2)))
    await controller.write((INSERT, by_crc16(0x41, to_group(1))), (INSERT, by_crc16_too(0x42, to_member(2))))
    every = await controller.read(p4r.ActionProfileMember())
    assert sorted((m.action_profile_id, m.member_id) for m in every) == sorted(
        [(PROFILES["sixteen"], 1), (PROFILES["sixteen"], 2), (PROFILES["plain"], 1)]
    )
    mine = p4r.ActionProfileMember(action_profile_id=PROFILES["sixteen"])
    assert await controller.read(mine) == [member(1), member(2)]
    mine.member_id = 2
    assert await controller.read(mine) == [member(2)]
    mine.member_id = 3
    assert await controller.read(mine) == []
    groups = p4r.ActionProfileGroup(action_profile_id=PROFILES["sixteen"])
    assert await controller.read(p4r.ActionProfileGroup()) == await controller.read(groups)
    assert await controller.read(groups) == [group(1, (1, 1), (2, 3)), group(2)]
    groups.group_id = 2
    assert await controller.read(groups) == [group(2)]
    table = by_crc16(0, None)
    del table.match[:]
    assert await controller.read(table) == [by_crc16(0x41, to_group(1))]
    table.action.CopyFrom(to_member(1))
    assert await controller.read(table) == []
    table.action.CopyFrom(to_group(1))
    assert await controller.read(table) == [by_crc16(0x41, to_group(1))]
    assert await controller.read(by_crc16_too(0x42, to_member(2))) == [by_crc16_too(0x42, to_member(2))]
    if forwards(switch):
        assert marks(switch) == {1, 2}
        assert marks(switch, 0x42) == {2}

    await controller.write((MODIFY, member(1, action=forward(9))), (MODIFY, by_crc16_too(0x42, to_member(1))))
    await controller.write((MODIFY, group(1, (1, 2))))
    assert await controller.read(mine.__class__(action_profile_id=PROFILES["sixteen"], member_id=1)) == [
        member(1, action=forward(9))
    ]
    if forwards(switch):
        assert marks(switch) == marks(switch, 0x42) == {9}
    await controller.write((DELETE, by_crc16(0x41, None)), (DELETE, by_crc16_too(0x42, to_member(7))))
    await controller.write((DELETE, group(1)), (DELETE, group(2)))
    await controller.write((DELETE, member(1, action=None)), (DELETE, member(2)), (DELETE, member(1, "plain")))
    assert await controller.read(p4r.ActionProfileMember()) == []
    assert await controller.read(p4r.ActionProfileGroup()) == []
    assert await controller.read(p4r.TableEntry()) == []


def watched(port: bytes) -> p4r.ActionProfileGroup:
    message = group(5, (1, 1))
    message.members[0].watch_port = port
    return message


@pytest.mark.parametrize(
    ("kind", "message", "code"),
    [
        (INSERT, member(1), Code.ALREADY_EXISTS),
        (INSERT, member(0), Code.INVALID_ARGUMENT),
        (INSERT, member(9, action=None), Code.INVALID_ARGUMENT),
        (INSERT, member(9, action=p4r.Action(action_id=forward(1).action_id)), Code.INVALID_ARGUMENT),
        (INSERT, member(9, action=p4r.Action(action_id=0x01ABCDEF)), Code.INVALID_ARGUMENT),
        (INSERT, p4r.ActionProfileMember(action_profile_id=1, member_id=9), Code.INVALID_ARGUMENT),
        (MODIFY, member(9), Code.NOT_FOUND),
        (MODIFY, member(1, action=None), Code.INVALID_ARGUMENT),
        (DELETE, member(9), Code.NOT_FOUND),
        (DELETE, member(1), Code.FAILED_PRECONDITION),  # in a group
        (DELETE, member(3), Code.FAILED_PRECONDITION),  # in an entry
        (INSERT, group(1, (1, 1)), Code.ALREADY_EXISTS),
        (INSERT, group(0, (1, 1)), Code.INVALID_ARGUMENT),
        (INSERT, group(5, (9, 1)), Code.NOT_FOUND),
        (INSERT, group(5, (1, 0)), Code.INVALID_ARGUMENT),
        (INSERT, group(5, (1, -1)), Code.INVALID_ARGUMENT),
        (INSERT, group(5, (1, 1), (1, 1)), Code.INVALID_ARGUMENT),
        (INSERT, group(5, (1, 1), profile="plain"), Code.INVALID_ARGUMENT),
        (INSERT, group(5, (1, 63)), Code.RESOURCE_EXHAUSTED),  # with group 1, 65 of 64
        (INSERT, group(5, (1, 1 << 30)), Code.RESOURCE_EXHAUSTED),
        (INSERT, group(5, (1, 3), max_size=2), Code.RESOURCE_EXHAUSTED),
        (INSERT, group(5, max_size=-1), Code.INVALID_ARGUMENT),
        (INSERT, group(5, max_size=65), Code.RESOURCE_EXHAUSTED),  # size 64
        (INSERT, group(5, profile="same"), Code.INVALID_ARGUMENT),  # max_group_size 6
        (INSERT, group(5, profile="same", max_size=7), Code.INVALID_ARGUMENT),
        (INSERT, watched(b"\x01\0\0\0\0"), Code.INVALID_ARGUMENT),
        (MODIFY, group(5, (1, 1)), Code.NOT_FOUND),
        (MODIFY, group(1, (1, 1), max_size=1), Code.INVALID_ARGUMENT),
        (DELETE, group(5), Code.NOT_FOUND),
        (DELETE, group(1), Code.FAILED_PRECONDITION),
        (INSERT, by_crc16(0x44, to_member(9)), Code.NOT_FOUND),
        (INSERT, by_crc16(0x44, to_group(9)), Code.NOT_FOUND),
        (INSERT, by_crc16(0x44, p4r.TableAction(action=forward(1))), Code.INVALID_ARGUMENT),
        (INSERT, by_crc16(0x44, None), Code.INVALID_ARGUMENT),
        (INSERT, by_crc16(0x44, one_shot((1, 1))), Code.INVALID_ARGUMENT),  # mixed
        (INSERT, by_crc16(0x41, to_group(1)), Code.ALREADY_EXISTS),
        (INSERT, by_profile(5, to_group(1)), Code.INVALID_ARGUMENT),
        (INSERT, by_profile(5, one_shot((1, 1))), Code.INVALID_ARGUMENT),
        (MODIFY, by_crc16(0x44, to_group(1)), Code.NOT_FOUND),
        (MODIFY, by_crc16(0x41, to_group(9)), Code.NOT_FOUND),
        (DELETE, by_crc16(0x44, None), Code.NOT_FOUND),
        (
            MODIFY,
            p4r.TableEntry(table_id=by_crc16(0, None).table_id, is_default_action=True, action=to_member(1)),
            Code.PERMISSION_DENIED,
        ),
    ],
    ids=str,
)
async def test_what_is_wrong_is_refused_and_changes_nothing(
    controller: Client, kind: Any, message: Any, code: Code
) -> None:
    await controller.write((INSERT, member(1)), (INSERT, member(2)), (INSERT, member(3)))
    await controller.write((INSERT, group(1, (1, 1), (2, 1))), (INSERT, group(2)))
    await controller.write((INSERT, by_crc16(0x41, to_group(1))), (INSERT, by_crc16_too(0x42, to_member(3))))
    queries = p4r.ActionProfileMember(), p4r.ActionProfileGroup(), p4r.TableEntry()
    before = [await controller.read(query) for query in queries]
    assert await controller.refused(kind, message) == code
    assert [await controller.read(query) for query in queries] == before
    # Nothing was counted that does not exist: everything can go.
    await controller.write((DELETE, by_crc16(0x41, None)), (DELETE, by_crc16_too(0x42, to_member(3))))
    await controller.write((DELETE, group(1)), (DELETE, group(2)))
    await controller.write((DELETE, member(1)), (DELETE, member(2)), (DELETE, member(3)))


async def test_reads_name_what_exists(controller: Client) -> None:
    assert await controller.read_code(p4r.ActionProfileMember(action_profile_id=1)) == [Code.INVALID_ARGUMENT]
    assert await controller.read_code(p4r.ActionProfileGroup(action_profile_id=1)) == [Code.INVALID_ARGUMENT]
    assert await controller.read_code(p4r.ActionProfileMember(member_id=1)) == [Code.INVALID_ARGUMENT]
    table = by_crc16(0, one_shot((1, 1)))
    del table.match[:]
    assert await controller.read_code(table) == [Code.INVALID_ARGUMENT]
    (default,) = await controller.read(p4r.TableEntry(table_id=table.table_id, is_default_action=True))
    assert default.action.action.action_id == next(a.preamble.id for a in INFO.actions if a.preamble.name == "NoAction")


async def test_members_are_limited_by_the_size(controller: Client) -> None:
    await controller.write(*((INSERT, member(n, "plain")) for n in range(1, 33)))
    assert await controller.refused(INSERT, member(33, "plain")) == Code.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("once", [False, True], ids=["group", "one-shot"])
async def test_an_empty_group_is_a_hit_without_an_action(controller: Client, switch: Switch, once: bool) -> None:
    """The PSA specification's psa_empty_group_action, which v1model does not have, is NoAction by default."""
    if once:
        full, empty = one_shot((1, 1)), EMPTY
        await controller.write((INSERT, by_crc16(0x41, empty)), (INSERT, by_crc16_too(0x41, full)))
    else:
        full, empty = to_group(1), to_group(2)
        await controller.write((INSERT, member(1)), (INSERT, group(1, (1, 1))), (INSERT, group(2)))
        await controller.write((INSERT, by_crc16(0x41, full)), (INSERT, by_crc16_too(0x41, full)))
        await controller.write((MODIFY, by_crc16(0x41, empty)))
    (held,) = await controller.read(by_crc16(0x41, None, counter_data=p4r.CounterData()))
    assert held.action == empty
    if forwards(switch):
        assert ports(switch, 0x41) == {2}
    await controller.write((MODIFY, by_crc16(0x41, full)))
    if forwards(switch):
        assert ports(switch, 0x41) == {1}
    if not once:
        await controller.write((MODIFY, group(1)))
        assert await controller.read(p4r.ActionProfileGroup()) == [group(1), group(2)]
        if forwards(switch):
            assert ports(switch, 0x41) == {2}
    await controller.write((DELETE, by_crc16(0x41, None)))
    if forwards(switch):
        assert ports(switch, 0x41) == ({1} if once else {2})


async def test_one_shot_sets(controller: Client, switch: Switch) -> None:
    first, second = one_shot((1, 1), (2, 3)), one_shot((3, 2))
    await controller.write((INSERT, by_crc16(0x41, first)), (INSERT, by_crc16_too(0x42, second)))
    assert await controller.read(by_crc16(0x41, None)) == [by_crc16(0x41, first)]
    assert await controller.read(by_crc16_too(0x42, p4r.TableAction())) == [by_crc16_too(0x42, second)]
    assert await controller.read(p4r.ActionProfileMember()) == []
    assert await controller.read(p4r.ActionProfileGroup()) == []
    if forwards(switch):
        assert (marks(switch), marks(switch, 0x42)) == ({1, 2}, {3})
    assert await controller.refused(INSERT, member(1)) == Code.INVALID_ARGUMENT
    assert await controller.refused(INSERT, group(1)) == Code.INVALID_ARGUMENT
    assert await controller.refused(INSERT, by_crc16(0x43, to_member(1))) == Code.INVALID_ARGUMENT
    assert await controller.refused(INSERT, by_crc16(0x41, second)) == Code.ALREADY_EXISTS
    assert await controller.refused(MODIFY, by_crc16(0x43, second)) == Code.NOT_FOUND
    assert await controller.refused(INSERT, by_crc16(0x43, one_shot((1, 59)))) == Code.RESOURCE_EXHAUSTED
    # The set that is replaced does not count.
    await controller.write((MODIFY, by_crc16(0x41, one_shot((5, 62)))))
    if forwards(switch):
        assert (marks(switch), marks(switch, 0x42)) == ({5}, {3})
    await controller.write((MODIFY, by_crc16(0x41, second)), (DELETE, by_crc16_too(0x42, second)))
    assert await controller.read(by_crc16(0x41, None)) == [by_crc16(0x41, second)]
    if forwards(switch):
        assert marks(switch) == {3}
    await controller.write((DELETE, by_crc16(0x41, None)))
    # With the last set gone, members and groups may be used.
    await controller.write((INSERT, member(1)), (INSERT, by_crc16(0x41, to_member(1))))
    if forwards(switch):
        assert marks(switch) == {1}


def chosen_mode() -> p4r.TableAction:
    action = one_shot((1, 1))
    action.action_profile_action_set.action_selection_mode = p4r.ActionProfileActionSet.RANDOM
    return action


def chosen_size() -> p4r.TableAction:
    action = one_shot((1, 1))
    action.action_profile_action_set.size_semantics = p4r.ActionProfileActionSet.SUM_OF_MEMBERS
    return action


def watching() -> p4r.TableAction:
    action = one_shot((1, 1))
    action.action_profile_action_set.action_profile_actions[0].watch_port = b"\x01\0\0\0\0"
    return action


EMPTY = p4r.TableAction(action_profile_action_set=p4r.ActionProfileActionSet())


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (one_shot((1, 0)), Code.INVALID_ARGUMENT),
        (one_shot((1, 7)), Code.INVALID_ARGUMENT),
        (one_shot((1, 1 << 30)), Code.RESOURCE_EXHAUSTED),
        (chosen_mode(), Code.UNIMPLEMENTED),
        (chosen_size(), Code.UNIMPLEMENTED),
        (watching(), Code.INVALID_ARGUMENT),
    ],
    ids=str,
)
async def test_a_wrong_set_is_refused(controller: Client, action: p4r.TableAction, code: Code) -> None:
    assert await controller.refused(INSERT, by_identity(action)) == code
    assert await controller.read(p4r.TableEntry()) == []


def changed(**fields: Any) -> p4r.ForwardingPipelineConfig:
    """The config with the selector ``same`` declared otherwise in P4Info."""
    config = selector_config()
    profile = next(p for p in config.p4info.action_profiles if p.preamble.alias == "same")
    profile.MergeFrom(p4i.ActionProfile(**fields))
    return config


async def test_sizes_can_count_members(controller: Client) -> None:
    sizes = p4i.ActionProfile.SumOfMembers(max_member_weight=40)
    await controller.push(message=changed(sum_of_members=sizes))
    await controller.write((INSERT, by_identity(one_shot(*((n, 40) for n in range(6))))))
    assert await controller.refused(MODIFY, by_identity(one_shot((1, 41)))) == Code.INVALID_ARGUMENT
    assert await controller.refused(MODIFY, by_identity(one_shot(*((n, 1) for n in range(7))))) == Code.INVALID_ARGUMENT


async def test_weights_can_be_disallowed(controller: Client) -> None:
    await controller.push(message=changed(weights_disallowed=True))
    assert await controller.refused(INSERT, by_identity(one_shot((1, 1)))) == Code.INVALID_ARGUMENT
    await controller.write((INSERT, by_identity(one_shot((1, 0), (2, 0)))))


async def test_saved_profiles_are_committed(controller: Client, switch: Switch) -> None:
    await controller.push(message=selector_config(), action=ACTIONS.VERIFY_AND_SAVE)
    await controller.write((INSERT, member(1)), (INSERT, member(2)))
    await controller.write((INSERT, group(1, (2, 2))), (INSERT, by_crc16(0x41, to_group(1))))
    await controller.write((INSERT, by_identity(one_shot((1, 1)), idle_timeout_ns=10**9)))
    await controller.push(action=ACTIONS.COMMIT)
    if forwards(switch):
        assert marks(switch) == {2}
    assert await controller.read(by_identity(p4r.TableAction())) == [
        by_identity(one_shot((1, 1)), idle_timeout_ns=10**9)
    ]
    assert await controller.refused(DELETE, member(2)) == Code.FAILED_PRECONDITION
    await controller.write((DELETE, by_crc16(0x41, None)), (DELETE, group(1)), (DELETE, member(2)))
    await controller.write((DELETE, by_identity(p4r.TableAction())), (INSERT, member(1, "same")))


@pytest.mark.parametrize("field", ["implementation_id", "with_selector", "name"])
async def test_p4info_has_to_fit(controller: Client, field: str) -> None:
    config = selector_config()
    info = config.p4info
    if field == "implementation_id":
        table = next(t for t in info.tables if t.preamble.alias == "by_crc32")
        table.implementation_id = PROFILES["same"]
    elif field == "with_selector":
        info.action_profiles[0].with_selector = not info.action_profiles[0].with_selector
    else:
        info.action_profiles[0].preamble.name = "MyIngress.other"
    with pytest.raises(Exception, match="action profile") as caught:
        await controller.push(message=config)
    assert caught.value.code().name == "INVALID_ARGUMENT"  # type: ignore[attr-defined]


async def test_direct_counters_of_indirect_tables(controller: Client, switch: Switch) -> None:
    counted = p4r.CounterData(packet_count=5, byte_count=500)
    await controller.write((INSERT, member(1)), (INSERT, by_crc16(0x41, to_member(1), counter_data=counted)))
    if forwards(switch):
        marks(switch, packets=2)
        counted = p4r.CounterData(packet_count=7, byte_count=500 + 2 * len(keyed_frame(0)))
    entry = by_crc16(0x41, None)
    (found,) = await controller.read(p4r.DirectCounterEntry(table_entry=entry))
    assert found.data == counted
    await controller.write((MODIFY, by_crc16(0x41, None, counter_data=p4r.CounterData())))
    (found,) = await controller.read(by_crc16(0x41, None, counter_data=p4r.CounterData()))
    assert found.action == to_member(1)
    assert found.counter_data == p4r.CounterData()
