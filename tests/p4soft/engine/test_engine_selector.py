"""Action profiles and selectors: which member a packet gets, and what happens around it."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from enginekit import PROGRAMS, Bench
from p4soft.api import GROUP, MEMBER, Entry, EntryNotFound, InvalidValue, PipelineError, Profile, TableFull

SOURCE = 0x020000000001


def number(value: int) -> bytes:
    return value.to_bytes(4, "big")


def frame(
    which: int, nibble: int = 0, twelve: int = 0, wide: int = 0, source: int = SOURCE, member: int = 255
) -> bytes:
    ethernet = bytes.fromhex("02000000000f") + source.to_bytes(6, "big") + b"\x12\x34"
    return ethernet + struct.pack(">BHIB", which, nibble << 12 | twelve, wide, member) + b"payload"


def crc16(data: bytes) -> int:
    """CRC-16/ARC, a bit at a time."""
    register = 0
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return register


@pytest.fixture
def selector(bench: Callable[[str], Bench]) -> Bench:
    """Every profile has the members 1 to 5: member n sends by port 1 and writes n."""
    engine = bench("selector")
    for profile in profiles(engine).values():
        for member in range(1, 6):
            engine.insert(profile.index, Entry(number(member), 0, b"\0\x01" + bytes([member])))
    return engine


def profiles(engine: Bench) -> dict[str, Profile]:
    assert engine.program is not None
    return {name.split(".")[1]: profile for name, profile in engine.program.profiles.items()}


def chosen(engine: Bench, sent: bytes) -> int:
    """The member that the packet got; everything else of it is as it was sent."""
    ((port, data),) = engine.send(sent)
    assert (port, data[:21], data[22:]) == (1, sent[:21], sent[22:])
    return data[21]


def refer(engine: Bench, table: str, key: bytes, kind: int, to: int, priority: int = 0) -> None:
    engine.insert(engine.table(table), Entry(key, kind, number(to), priority))


def test_profiles_are_described(selector: Bench) -> None:
    found = profiles(selector)
    assert {n: (p.size, p.selector) for n, p in found.items()} == {
        "plain": (32, False),
        "sixteen": (64, True),
        "thirty_two": (64, True),
        "same": (64, True),
    }
    names = [("MyIngress.forward", (9, 8)), ("MyIngress.drop", ()), ("NoAction", ())]
    assert [(a.name, a.param_bits) for a in found["sixteen"].actions] == names
    assert selector.program is not None
    tables = selector.program.tables
    assert tables["MyIngress.by_crc16"].profile == tables["MyIngress.by_crc16_too"].profile == "MyIngress.sixteen"
    assert tables["MyIngress.by_profile"].profile == "MyIngress.plain"
    assert not [name for name in tables if "sixteen" in name]


def test_an_entry_runs_the_action_of_its_member(selector: Bench) -> None:
    refer(selector, "by_profile", number(7), MEMBER, 3)
    refer(selector, "by_profile", number(8), MEMBER, 3)
    assert chosen(selector, frame(0, wide=7)) == chosen(selector, frame(0, wide=8)) == 3
    assert selector.send(frame(0, wide=9)) == [(2, frame(0, wide=9))]
    # All entries with the member change with it.
    selector.modify(profiles(selector)["plain"].index, Entry(number(3), 0, b"\0\x03\x63"))
    assert selector.send(frame(0, wide=8)) == [(3, frame(0, wide=8, member=0x63))]
    selector.modify(profiles(selector)["plain"].index, Entry(number(3), 1, b""))
    assert selector.send(frame(0, wide=7)) == []
    (state, other) = selector.entries(selector.table("by_profile"))
    assert [state.entry, other.entry] == [Entry(number(n), MEMBER, number(3)) for n in (7, 8)]


WIDE = [0, 1, 2, 3, 0xFFFFFFFF, 0x12345678, 0x9ABCDEF0, 0x0A000001, 0x0A000002, 77]


@pytest.mark.parametrize("members", [[1], [1, 2], [2, 1], [1, 2, 3, 4, 5], [3, 3, 3, 1]], ids=str)
def test_the_hash_modulo_the_size_chooses(selector: Bench, members: list[int]) -> None:
    for name, table, key in (
        ("sixteen", "by_crc16", b"\x41"),
        ("thirty_two", "by_crc32", b"\x81"),
        ("same", "by_identity", number(0) + b"\0\0"),
    ):
        selector.set_member_group(profiles(selector)[name].index, 9, members)
        refer(selector, table, key, GROUP, 9)
    for wide in WIDE:
        digest = crc16(struct.pack(">HI", 0xA << 12 | 0x5B, wide))
        assert chosen(selector, frame(0x41, 0xA, 0x5B, wide)) == members[digest % len(members)]
        source = SOURCE ^ wide
        digest = zlib.crc32(source.to_bytes(6, "big") + number(wide))
        ((_, data),) = selector.send(frame(0x81, wide=wide, source=source))
        assert data[21] == members[digest % len(members)]
        # 12 and 48 bits are 60: eight bytes with a padded end, of which BMv2 takes the low 32 bits.
        digest = (wide & 0xFFF) << 52 | source << 4
        assert (
            chosen(selector, frame(0xC0, twelve=wide & 0xFFF, source=source))
            == members[(digest & 0xFFFFFFFF) % len(members)]
        )


def test_groups_change_and_go(selector: Bench) -> None:
    index = profiles(selector)["sixteen"].index
    selector.set_member_group(index, 5, [2])
    refer(selector, "by_crc16", b"\x41", GROUP, 5)
    assert chosen(selector, frame(0x41)) == 2
    selector.set_member_group(index, 5, [4, 4])
    assert chosen(selector, frame(0x41)) == 4
    # Member ids and group ids are apart, and so are profiles.
    refer(selector, "by_crc16", b"\x42", MEMBER, 5)
    assert chosen(selector, frame(0x42)) == 5
    selector.set_member_group(profiles(selector)["same"].index, 5, [1])
    assert chosen(selector, frame(0x41)) == 4
    selector.set_member_group(index, 5, [])
    assert selector.send(frame(0x41)) == [(2, frame(0x41))]
    selector.set_member_group(index, 5, None)
    assert selector.send(frame(0x41)) == [(2, frame(0x41))]
    with pytest.raises(EntryNotFound, match="group 5"):
        selector.set_member_group(index, 5, None)
    with pytest.raises(InvalidValue):
        selector.set_member_group(index, 1 << 32, [1])
    with pytest.raises(EntryNotFound, match="no action selector"):
        selector.set_member_group(profiles(selector)["plain"].index, 1, [1])


def test_tables_share_a_profile_and_count_for_themselves(selector: Bench) -> None:
    selector.set_member_group(profiles(selector)["sixteen"].index, 1, [1, 2])
    refer(selector, "by_crc16", b"\x41", GROUP, 1)
    refer(selector, "by_crc16_too", b"\x40\xc0", GROUP, 1, priority=5)
    refer(selector, "by_crc16_too", b"\x43\xff", MEMBER, 3, priority=6)
    for wide in range(8):
        assert chosen(selector, frame(0x41, wide=wide)) == chosen(selector, frame(0x42, wide=wide))
    assert chosen(selector, frame(0x43)) == 3
    table = selector.table("by_crc16")
    state = selector.get(table, b"\x41")
    assert state is not None
    assert (state.packets, state.bytes) == (8, 8 * len(frame(0)))
    selector.modify(table, Entry(b"\x41", MEMBER, number(4)))
    selector.set_direct_counter(table, b"\x41", 0, 100, 1000)
    assert chosen(selector, frame(0x41)) == 4
    state = selector.get(table, b"\x41")
    assert state is not None
    assert (state.packets, state.bytes) == (101, 1000 + len(frame(0)))


def test_the_members_action_decides_what_follows(selector: Bench) -> None:
    def ethertype(sent: bytes) -> bytes:
        ((_, data),) = selector.send(sent)
        return data[12:14]

    index = profiles(selector)["thirty_two"].index
    selector.insert(index, Entry(number(6), 2, b""))
    refer(selector, "by_crc32", b"\x81", MEMBER, 1)
    refer(selector, "by_crc32", b"\x82", MEMBER, 6)
    assert ethertype(frame(0x81)) == b"\x12\x35"
    assert ethertype(frame(0x82)) == b"\x12\x36"
    # The compiler gives such a table no default action and no way on from a miss.
    assert ethertype(frame(0x83)) == b"\x12\x34"


def test_many_groups(selector: Bench) -> None:
    index = profiles(selector)["same"].index
    refer(selector, "by_identity", number(0) + b"\0\0", GROUP, 500)
    for group in range(1, 1001):
        selector.set_member_group(index, group, [1 + group % 5] * (group % 7 + 1))
    for group in range(1, 1001):
        if group != 500:
            selector.set_member_group(index, group, None)
    assert chosen(selector, frame(0xC0)) == 1
    selector.load((PROGRAMS / "selector.json").read_bytes())
    assert selector.send(frame(0xC0)) == [(2, frame(0xC0))]


def test_there_is_room_for_twice_the_size(selector: Bench) -> None:
    index = profiles(selector)["plain"].index
    for member in range(6, 65):
        selector.insert(index, Entry(number(member), 1, b""))
    with pytest.raises(TableFull):
        selector.insert(index, Entry(number(65), 1, b""))


def edited(change: Callable[[Any, Any], None]) -> bytes:
    """The program with ``change`` made to its ingress's action profiles and indirect tables."""
    document = json.loads((PROGRAMS / "selector.json").read_bytes())
    ingress = document["pipelines"][0]
    tables = [t for t in ingress["tables"] if t["type"] != "simple"]
    change(ingress["action_profiles"], tables)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, t: p[1]["selector"].update(algo="round_robin"), "sixteen.*round_robin"),
        (lambda p, t: p[1].update(name=p[0]["name"]), "second action profile"),
        (lambda p, t: t[0].update(action_profile="nowhere"), "no action profile 'nowhere'"),
        (lambda p, t: t[0].update(action_profile=p[1]["name"]), "does not fit"),
        (lambda p, t: t[1].update(type="indirect"), "does not fit"),
        (lambda p, t: t[1].update(type="indirect_wsx"), "'indirect_wsx'"),
        (lambda p, t: t[0].update(default_entry={"action_id": t[0]["action_ids"][0], "action_data": []}), "default"),
        (lambda p, t: p[1]["selector"]["input"][0].update(value=["key", "none"]), "no field 'none'"),
    ],
)
def test_what_cannot_be_run_is_refused(bench: Callable[[str], Bench], change: Any, message: str) -> None:
    engine = bench("paths")
    with pytest.raises(PipelineError, match=message):
        engine.verify(edited(change))


def test_without_a_size_there_is_no_limit(bench: Callable[[str], Bench]) -> None:
    engine = bench("paths")
    engine.load(edited(lambda p, t: p[0].update(max_size=0)))
    index = profiles(engine)["plain"].index
    for member in range(1, 2000):
        engine.insert(index, Entry(number(member), 1, b""))
    assert engine.count(index) == 1999
    assert all(a.entry.key != b.entry.key for a, b in pairwise(engine.entries(index)))
