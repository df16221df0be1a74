"""Builds P4Runtime messages by the names of the selector.p4 program."""

from __future__ import annotations

from typing import Any

from finsy.proto import p4r
from p4kit import PROGRAMS, exact, read_p4info, ternary
from p4soft.embedded import Switch

INFO = read_p4info("selector")
JSON = (PROGRAMS / "selector.json").read_bytes()
TABLES = {t.preamble.alias: t.preamble.id for t in INFO.tables}
ACTIONS = {a.preamble.alias: a.preamble.id for a in INFO.actions}
PROFILES = {p.preamble.alias: p.preamble.id for p in INFO.action_profiles}


def selector_config() -> p4r.ForwardingPipelineConfig:
    return p4r.ForwardingPipelineConfig(p4info=INFO, p4_device_config=JSON)


def forward(mark: int, port: int = 1) -> p4r.Action:
    message = p4r.Action(action_id=ACTIONS["forward"])
    message.params.add(param_id=1, value=bytes([port]))
    message.params.add(param_id=2, value=bytes([mark]))
    return message


def member(number: int, profile: str = "sixteen", **fields: Any) -> p4r.ActionProfileMember:
    fields.setdefault("action", forward(number))
    return p4r.ActionProfileMember(action_profile_id=PROFILES[profile], member_id=number, **fields)


def group(
    number: int, *members: tuple[int, int], profile: str = "sixteen", max_size: int = 0
) -> p4r.ActionProfileGroup:
    """``members`` are (id, weight)."""
    message = p4r.ActionProfileGroup(action_profile_id=PROFILES[profile], group_id=number, max_size=max_size)
    for member_id, weight in members:
        message.members.add(member_id=member_id, weight=weight)
    return message


def to_member(number: int) -> p4r.TableAction:
    return p4r.TableAction(action_profile_member_id=number)


def to_group(number: int) -> p4r.TableAction:
    return p4r.TableAction(action_profile_group_id=number)


def one_shot(*marks: tuple[int, int]) -> p4r.TableAction:
    """``marks`` are (what the action writes, weight)."""
    message = p4r.TableAction()
    for mark, weight in marks:
        message.action_profile_action_set.action_profile_actions.add(action=forward(mark), weight=weight)
    return message


def by_crc16(which: int, action: p4r.TableAction | None, **fields: Any) -> p4r.TableEntry:
    match = [exact(1, bytes([which]))]
    return p4r.TableEntry(table_id=TABLES["by_crc16"], match=match, action=action, **fields)


def by_crc16_too(which: int, action: p4r.TableAction, priority: int = 1) -> p4r.TableEntry:
    match = [ternary(1, bytes([which]), b"\xff")]
    return p4r.TableEntry(table_id=TABLES["by_crc16_too"], match=match, action=action, priority=priority)


def by_crc32(which: int, action: p4r.TableAction) -> p4r.TableEntry:
    return p4r.TableEntry(table_id=TABLES["by_crc32"], match=[exact(1, bytes([which]))], action=action)


def by_identity(action: p4r.TableAction, **fields: Any) -> p4r.TableEntry:
    """The entry for every packet of the table."""
    return p4r.TableEntry(table_id=TABLES["by_identity"], action=action, **fields)


def by_profile(wide: int, action: p4r.TableAction) -> p4r.TableEntry:
    match = [exact(1, wide.to_bytes(4, "big").lstrip(b"\0") or b"\0")]
    return p4r.TableEntry(table_id=TABLES["by_profile"], match=match, action=action)


def keyed_frame(which: int, twelve: int = 0, wide: int = 0, source: int = 1) -> bytes:
    ethernet = bytes.fromhex("02000000000f") + source.to_bytes(6, "big") + b"\x12\x34"
    return ethernet + bytes([which]) + twelve.to_bytes(2, "big") + wide.to_bytes(4, "big") + b"\xff" + bytes(30)


def ports(switch: Switch, which: int) -> set[int]:
    """Where packets leave: by 1 after a member's action, by 2 after none."""
    for wide in range(16):
        switch.engine.inject(1, keyed_frame(which, wide=wide))
    assert switch.engine.drain(10)
    return {port for port, _ in switch.engine.collect()}


def marks(switch: Switch, which: int = 0x41, packets: int = 64) -> set[int]:
    """What packets of many flows get written; nothing where they match no entry."""
    for wide in range(packets):
        switch.engine.inject(1, keyed_frame(which, wide=wide))
    assert switch.engine.drain(10)
    return {data[21] for port, data in switch.engine.collect() if port == 1}
