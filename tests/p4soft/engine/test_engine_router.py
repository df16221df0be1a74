"""Tables of every match kind, counters and checksums, on a small IPv4 router."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from enginekit import Bench
from p4soft.api import (
    Entry,
    EntryExists,
    EntryNotFound,
    EntryState,
    InvalidValue,
    MatchKind,
    TableFull,
)

SRC = bytes([192, 0, 2, 1])
DST = bytes([10, 1, 2, 3])
MACS = bytes.fromhex("020000000002") + bytes.fromhex("020000000001")
NEW_MACS = bytes.fromhex("0200000000bb") + bytes.fromhex("0200000000aa")


def checksum(header: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(
    dst: bytes = DST,
    src: bytes = SRC,
    ttl: int = 64,
    protocol: int = 17,
    tos: int = 0,
    macs: bytes = MACS,
    port: int = 53,
    wrong: int = 0,
) -> bytes:
    payload = struct.pack("!HH", 1234, port) + b"payload"
    header = struct.pack("!BBHHHBBH", 0x45, tos, 20 + len(payload), 7, 0, ttl, protocol, 0) + src + dst
    header = header[:10] + struct.pack("!H", checksum(header) ^ wrong) + header[12:]
    return macs + b"\x08\x00" + header + payload


@pytest.fixture
def router(bench: Callable[[str], Bench]) -> Bench:
    engine = bench("router")
    via = engine.action("route", "via")
    engine.insert(engine.table("route"), Entry(bytes([10, 0, 0, 0]) + b"\0\x08", via, bytes([10, 9, 9, 9])))
    params = b"\0\x02" + NEW_MACS
    key = bytes([10, 9, 9, 9])
    engine.insert(engine.table("neighbor"), Entry(key, engine.action("neighbor", "forward"), params))
    return engine


def test_program_is_described(router: Bench) -> None:
    program = router.program
    assert program is not None
    route, acl = program.tables["MyIngress.route"], program.tables["MyIngress.acl"]
    assert [(f.name, f.bits, f.kind) for f in route.fields] == [("hdr.ipv4.dst", 32, MatchKind.LPM)]
    assert [(a.name, a.param_bits) for a in route.actions] == [
        ("MyIngress.via", (32,)),
        ("MyIngress.connected", ()),
        ("MyIngress.drop", ()),
    ]
    assert (route.size, route.has_counter, route.has_meter, route.support_timeout) == (64, True, False, False)
    assert [f.kind for f in acl.fields] == [MatchKind.TERNARY, MatchKind.EXACT]
    assert acl.const_default
    assert not route.const_default
    assert program.tables["MyIngress.fixed_class"].initial
    assert program.tables["MyIngress.neighbor"].support_timeout
    assert program.counters == {"MyIngress.bad": 4}


def test_routed_packet_is_rewritten_and_checksummed(router: Bench) -> None:
    assert router.send(ipv4()) == [(2, ipv4(ttl=63, macs=NEW_MACS))]


@pytest.mark.parametrize(
    ("packet", "index"),
    [
        (MACS + b"\x86\xdd" + b"x" * 40, 0),
        (ipv4()[:20], 1),
        (ipv4()[:14] + b"\x46" + ipv4()[15:], 1),
        (ipv4(wrong=1), 2),
    ],
    ids=["not IPv4", "too short", "options", "checksum"],
)
def test_bad_packets_are_counted(router: Bench, packet: bytes, index: int) -> None:
    assert router.send(packet) == []
    assert router.read_counter("MyIngress.bad", index) == (1, len(packet))


def test_no_neighbor_counts_and_default_drops(router: Bench) -> None:
    router.delete(router.table("neighbor"), bytes([10, 9, 9, 9]))
    assert router.send(ipv4()) == []
    assert router.read_counter("MyIngress.bad", 3) == (1, len(ipv4()))
    router.write_counter("MyIngress.bad", 3, 5, 6)
    assert router.read_counter("MyIngress.bad", 3) == (5, 6)


def test_longest_prefix_wins(router: Bench) -> None:
    table, connected = router.table("route"), router.action("route", "connected")
    drop = router.action("route", "drop")
    forward = router.action("neighbor", "forward")
    router.insert(router.table("neighbor"), Entry(DST, forward, b"\0\x03" + NEW_MACS))
    router.insert(table, Entry(bytes([10, 1, 2, 0]) + b"\0\x18", connected, b""))
    assert router.send(ipv4()) == [(3, ipv4(ttl=63, macs=NEW_MACS))]
    router.insert(table, Entry(DST + b"\0\x20", drop, b""))
    assert router.send(ipv4()) == []
    router.delete(table, DST + b"\0\x20")
    assert router.send(ipv4()) == [(3, ipv4(ttl=63, macs=NEW_MACS))]
    router.delete(table, bytes([10, 1, 2, 0]) + b"\0\x18")
    assert router.send(ipv4()) == [(2, ipv4(ttl=63, macs=NEW_MACS))]
    router.set_default(table, connected)
    router.delete(table, bytes([10, 0, 0, 0]) + b"\0\x08")
    assert router.send(ipv4()) == [(3, ipv4(ttl=63, macs=NEW_MACS))]
    router.set_default(table, None)
    assert router.default(table) == (drop, b"")
    assert router.send(ipv4()) == []


def test_highest_priority_wins(router: Bench) -> None:
    acl, drop, classify = router.table("acl"), router.action("acl", "drop"), router.action("acl", "classify")

    def entry(src: bytes, mask: bytes, action: int, params: bytes, priority: int) -> Entry:
        return Entry(src + mask + b"\x11", action, params, priority)

    any_source = entry(b"\0\0\0\0", b"\0\0\0\0", drop, b"", 1)
    net = entry(bytes([192, 0, 2, 0]), b"\xff\xff\xff\0", classify, b"\x07", 5)
    host = entry(SRC, b"\xff\xff\xff\xff", classify, b"\x63", 9)
    for e in (net, host, any_source):
        router.insert(acl, e)
    # The host's class 99 is dropped by the program's own entry.
    assert router.send(ipv4()) == []
    router.delete(acl, host.key, 9)
    assert router.send(ipv4()) == [(2, ipv4(ttl=63, macs=NEW_MACS, tos=7))]
    assert router.send(ipv4(src=b"\x01\x01\x01\x01")) == []
    with pytest.raises(EntryNotFound):
        router.delete(acl, net.key, 6)
    router.delete(acl, net.key, 5)
    assert router.send(ipv4()) == []
    assert [s.entry for s in router.entries(acl)] == [any_source]


def test_ranges_and_optional_fields(router: Bench) -> None:
    service, classify = router.table("service"), router.action("service", "classify")
    any_protocol = b"\0\0"
    entries = [
        Entry(struct.pack("!HH", 50, 60) + any_protocol, classify, b"\x01", 1),
        Entry(struct.pack("!HH", 53, 53) + b"\x06\xff", classify, b"\x02", 2),
    ]
    for entry in entries:
        router.insert(service, entry)
    assert router.send(ipv4(port=49)) == [(2, ipv4(ttl=63, macs=NEW_MACS, port=49))]
    assert router.send(ipv4(port=50)) == [(2, ipv4(ttl=63, macs=NEW_MACS, port=50, tos=1))]
    assert router.send(ipv4(port=60)) == [(2, ipv4(ttl=63, macs=NEW_MACS, port=60, tos=1))]
    assert router.send(ipv4(port=61)) == [(2, ipv4(ttl=63, macs=NEW_MACS, port=61))]
    assert router.send(ipv4(protocol=6)) == [(2, ipv4(ttl=63, macs=NEW_MACS, protocol=6, tos=2))]
    assert sorted((s.entry for s in router.entries(service)), key=lambda e: e.priority) == entries
    with pytest.raises(InvalidValue):
        router.insert(service, Entry(struct.pack("!HH", 2, 1) + any_protocol, classify, b"\x01", 1))


def test_direct_counters_count_hits_with_the_received_length(router: Bench) -> None:
    table, key = router.table("route"), bytes([10, 0, 0, 0]) + b"\0\x08"
    router.send(ipv4())
    router.send(ipv4(ttl=2))
    state = router.get(table, key)
    assert state is not None
    assert (state.packets, state.bytes) == (2, 2 * len(ipv4()))
    router.set_direct_counter(table, key, 0, 100, 200)
    router.send(ipv4())
    router.modify(table, Entry(key, router.action("route", "via"), bytes([10, 9, 9, 9]), cookie=5))
    state = router.get(table, key)
    assert state is not None
    assert (state.packets, state.bytes, state.entry.cookie) == (101, 200 + len(ipv4()), 5)


def test_table_errors(router: Bench) -> None:
    table, forward = router.table("neighbor"), router.action("neighbor", "forward")
    entry = Entry(b"\x01\x02\x03\x04", forward, b"\0\x02" + NEW_MACS, 0, 0, 77)
    with pytest.raises(EntryNotFound):
        router.modify(table, entry)
    assert router.get(table, entry.key) is None
    router.insert(table, entry)
    with pytest.raises(EntryExists):
        router.insert(table, entry)
    for i in range(2):
        router.insert(table, Entry(bytes([9, 9, 9, i]), forward, entry.params))
    with pytest.raises(TableFull):
        router.insert(table, Entry(b"\x09\x09\x09\x09", forward, entry.params))
    assert router.count(table) == 4
    with pytest.raises(InvalidValue, match="4 bytes, not 3"):
        router.insert(table, Entry(b"\x01\x02\x03", forward, entry.params))
    with pytest.raises(InvalidValue, match="14 bytes, not 13"):
        router.modify(table, Entry(entry.key, forward, entry.params[1:]))
    with pytest.raises(InvalidValue):
        router.modify(table, Entry(entry.key, forward, b"\x02\x00" + NEW_MACS))
    with pytest.raises(InvalidValue, match="no action number 9"):
        router.modify(table, Entry(entry.key, 9, b""))
    with pytest.raises(EntryNotFound):
        router.insert(99, entry)
    assert router.program is not None
    keyless = next(t for t in router.program.tables.values() if not t.fields)
    with pytest.raises(InvalidValue):
        router.insert(keyless.index, Entry(b"", 0, b""))
    state = router.get(table, entry.key)
    assert isinstance(state, EntryState)
    assert state.entry == entry
    router.delete(table, entry.key)
    with pytest.raises(EntryNotFound):
        router.delete(table, entry.key)
    with pytest.raises(InvalidValue):
        router.insert(router.table("route"), Entry(DST + b"\0\x21", 1, b""))
