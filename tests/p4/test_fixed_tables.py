"""Tables with the program's own entries are compiled to comparisons, and a change of their entries still counts."""

from __future__ import annotations

import struct

import fullnatkit as kit
from p4soft.engine import NativeEngine
from scapy.layers.l2 import ARP

RULES = "FullnatIngress.check.validate.arp_rules"
VALUE, MASK = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1), b"\xff" * 8
REQUEST_RULE = b"".join(VALUE[a:b] + MASK[a:b] for a, b in ((0, 2), (2, 4), (4, 5), (5, 6), (6, 8)))
"""The row of arp_rules that lets a request pass."""


def test_a_changed_table_decides_otherwise() -> None:
    engine = NativeEngine(0, kit.CPU_PORT)
    program = engine.load((kit.COMPILED / "fullnat.json").read_bytes())
    kit.install_session(engine, program)
    engine.add_memory_port(1)
    request = kit.frame(kit.CLIENT_MAC, ARP(op=1, hwsrc=kit.CLIENT_MAC, psrc=kit.CLIENT, pdst=kit.VIP))

    def answers() -> int:
        engine.inject(1, request)
        assert engine.drain(10)
        return len(engine.collect())

    assert answers() == 1
    table = next(t for t in program.tables.values() if t.name == RULES)
    rule = next(e.entry for e in engine.entries(table.index) if e.entry.key == REQUEST_RULE)
    engine.delete(table.index, rule.key, rule.priority)
    assert answers() == 0
    engine.insert(table.index, rule)
    assert answers() == 1
    engine.close()
