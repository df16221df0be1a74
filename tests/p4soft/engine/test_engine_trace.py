"""What is logged of single packets, and that only programs compiled for it log."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from enginekit import CPU_PORT, PROGRAMS
from p4soft.api import Entry, Replica
from p4soft.codegen.trace import quoted, shortened
from p4soft.codegen.unit import generate
from p4soft.engine import NativeEngine
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

LINE = re.compile(r"^\[\d\d:\d\d:\d\d\.\d{3}\] \[p4soft\] \[trace\] \[(\d+)\.(\d+)\] \[cxt 0\] (.*)$")


class Traced:
    """An engine that logs to a file."""

    def __init__(self, config: bytes, log: Path) -> None:
        self.log = log
        self.descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.engine = NativeEngine(0, CPU_PORT)
        self.engine.start_trace(self.descriptor)
        self.program = self.engine.load(config)
        for port in (1, 2, 3):
            self.engine.add_memory_port(port)

    def insert(self, table: str, key: bytes, action: str, params: bytes = b"") -> None:
        found = next(t for t in self.program.tables.values() if t.name.endswith(table))
        number = next(a.index for a in found.actions if a.name.endswith(action))
        self.engine.insert(found.index, Entry(key, number, params))

    def lines(self, data: bytes, port: int = 1) -> list[tuple[int, str]]:
        """(copy, text) of every line about one packet."""
        before = self.log.stat().st_size
        self.engine.inject(port, data)
        assert self.engine.drain(10)
        out = []
        for line in self.log.read_bytes()[before:].decode().splitlines():
            match = LINE.match(line)
            assert match, line
            out.append((int(match[2]), match[3]))
        return out

    def close(self) -> None:
        self.engine.close()
        os.close(self.descriptor)


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[Callable[..., Traced]]:
    made: list[Traced] = []

    def make(name: str, *edits: tuple[bytes, bytes]) -> Traced:
        config = (PROGRAMS / f"{name}.json").read_bytes()
        for old, new in edits:
            assert old in config
            config = config.replace(old, new)
        made.append(Traced(config, tmp_path / "log"))
        return made[-1]

    yield make
    for one in made:
        one.close()


def datagram(to: str = "10.0.0.2") -> bytes:
    return bytes(Ether(dst="02:00:00:00:00:01") / IP(src="10.0.0.1", dst=to) / UDP(sport=7, dport=9) / b"payload")


def test_every_step_of_a_packet_is_told_in_order(traced: Callable[..., Traced]) -> None:
    router = traced("router")
    router.insert("route", bytes((10, 0, 0, 0)) + b"\0\x08", "via", bytes((10, 0, 0, 9)))
    lines = [text for _, text in router.lines(datagram())]
    expected = [
        "Processing packet received on port 1",
        "Parser 'parser': start",
        "Parser 'parser' entering state 'start'",
        "Extracting header 'ethernet'",
        "Parser state 'start': key is 0800",
        "Extracting header 'ipv4'",
        "Parser 'parser': end, 38 bytes parsed",
        "Pipeline 'ingress': start",
        'Condition "hdr.ipv4.isValid()" (node_6) is true',
        "Applying table 'MyIngress.route'",
        "Looking up key:",
        "* hdr.ipv4.dst: 0a000002",
        "Table 'MyIngress.route': hit",
        "Action MyIngress.via - 0a000009",
        "Applying table 'MyIngress.neighbor'",
        "* m.next_hop: 0a000009",
        "Table 'MyIngress.neighbor': miss",
        "Action MyIngress.drop",
        "router.p4:44 Primitive mark_to_drop(sm)",
        "Pipeline 'ingress': end",
        "Dropping packet at the end of ingress",
    ]
    at = -1
    for line in expected:
        assert line in lines[at + 1 :], f"{line} does not follow {lines[at]}"
        at = lines.index(line, at + 1)


def test_a_packet_that_leaves_is_told_to_its_last_header(traced: Callable[..., Traced]) -> None:
    router = traced("router")
    router.insert("route", bytes((10, 0, 0, 0)) + b"\0\x08", "via", bytes((10, 0, 0, 9)))
    router.insert("neighbor", bytes((10, 0, 0, 9)), "forward", b"\0\2" + bytes(12))
    lines = [text for _, text in router.lines(datagram())]
    assert lines[-6:] == [
        "Pipeline 'egress': end",
        "Deparser 'deparser': start",
        "Deparsing header 'ethernet'",
        "Deparsing header 'ipv4'",
        "Deparsing header 'ports'",
        f"Transmitting packet of size {len(datagram())} out of port 2",
    ]


def test_messages_of_the_program_show_their_values(traced: Callable[..., Traced]) -> None:
    fields = [["ipv4", "ttl"], ["ethernet", "dst"]]
    values = [{"type": "field", "value": field} for field in fields] + [{"type": "hexstr", "value": "0x" + "ab" * 10}]
    message = {
        "op": "log_msg",
        "parameters": [
            {"type": "string", "value": "100% of {}, {} and {}, not {}"},
            {"type": "parameters_vector", "value": values},
        ],
    }
    name = b'"op" : "mark_to_drop",'
    router = traced("router", (b"{\n          " + name, json.dumps(message).encode() + b",{\n          " + name))
    expected = f"100% of 64, {0x020000000001} and {'ab' * 10}, not {{}}"
    assert (0, expected) in router.lines(datagram())


def test_parser_errors_are_told(traced: Callable[..., Traced]) -> None:
    assert (0, "Exception while parsing: PacketTooShort") in traced("router").lines(b"abc")


@pytest.mark.parametrize(
    ("op", "arg", "told"),
    [
        (2, 1, ["Replicating packet to port 2, egress_rid 1", "Replicating packet to port 3, egress_rid 2"]),
        (2, 9, ["Multicast group 9 does not exist: dropping packet"]),
        (3, 5, ["Cloning packet at ingress to session 5"]),
        (3, 6, ["Cloning packet at ingress to session 6, which does not exist"]),
        (4, 0, ["Resubmitting packet"]),
        (5, 5, ["Cloning packet at egress to session 5"]),
        (6, 0, ["Recirculating packet", "Recirculating packet"]),
        (12, 0, ["Dropping packet at the end of egress"]),
    ],
)
def test_copies_have_numbers_of_their_own(traced: Callable[..., Traced], op: int, arg: int, told: list[str]) -> None:
    paths = traced("paths")
    paths.engine.set_multicast_group(1, [Replica(2, 1), Replica(3, 2)])
    paths.engine.set_clone_session(5, [Replica(3, 9)])
    lines = paths.lines(bytes([op, arg]) + bytes(20))
    assert [text for _, text in lines if text in told] == told
    copies = {copy for copy, _ in lines}
    assert copies == set(range(len(copies)))
    assert len(copies) == 1 + {2: 2 * (arg == 1), 3: arg == 5, 4: 1, 5: 1, 6: 2, 12: 0}[op]


@pytest.mark.parametrize("name", [path.stem for path in sorted(PROGRAMS.glob("*.json"))])
def test_every_program_can_be_traced(traced: Callable[..., Traced], name: str) -> None:
    assert traced(name).lines(datagram())[0] == (0, "Processing packet received on port 1")


def test_programs_log_only_when_they_are_compiled_for_it() -> None:
    config = (PROGRAMS / "router.json").read_bytes()
    assert "trace" not in generate(config)[1]
    assert "c->trace(" in generate(config, trace=True)[1]


def test_a_reader_that_is_gone_stops_the_log_and_not_the_traffic() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    engine = NativeEngine(0, CPU_PORT)
    try:
        engine.start_trace(writer, flush=True)
        engine.load((PROGRAMS / "router.json").read_bytes())
        engine.add_memory_port(1)
        engine.inject(1, datagram())
        assert engine.drain(10)
        engine.stop_trace()
        engine.stop_trace()
    finally:
        engine.close()
        os.close(writer)


def test_texts_of_a_program_are_safe_in_c() -> None:
    assert quoted('say "100%"\\ ??/\n', False) == '"say \\"100%%\\"\\\\ \\?\\?/ "'
    assert shortened("a\n  b") == "a b"
    assert len(shortened("x" * 1000)) == 100
