"""A million random acknowledgements open nothing, and are looked at only while cookies may be under way."""

from __future__ import annotations

import random
import struct

import fullnatkit as kit
from fullnat.net.checksum import checksum
from fullnat.p4constants import CookieEvent, CookieKey, DropReason, ServiceFlag
from p4soft.engine import NativeEngine

COUNT, BATCH = 1_000_000, 100_000
BYTES = 54
SYN, ACK = 0x02, 0x10


def test_a_million_random_acknowledgements_are_wrong() -> None:
    """Before a SYN has got a cookie, they are as where there are none."""
    engine = NativeEngine(0, kit.CPU_PORT)
    try:
        program = engine.load((kit.COMPILED / "fullnat.json").read_bytes())
        kit.install(engine, program, "port", kit.packed((1, 4)), "port_set", kit.packed(kit.mac(kit.SWITCH_MAC)))
        kit.install(engine, program, "own_address", kit.packed(kit.ipv4(kit.VIP)), "own_vip")
        key = kit.packed((6, 1), kit.ipv4(kit.VIP), (80, 2))
        kit.install(engine, program, "virtual_service", key, "service_punt", kit.packed((ServiceFlag.COOKIES, 1)))
        for generation in (0, 1):
            secret = kit.packed((0xFEDCBA9876543210 + generation, 8), (generation, 1), (1452, 2), (1420, 2), (7, 1))
            for wanted in (CookieKey.NEW, CookieKey.GENERATION_0 + generation):
                if wanted != CookieKey.NEW or not generation:
                    kit.install(engine, program, "cookie_key", kit.packed((wanted, 1)), "cookie_key_set", secret)
        rng = random.Random(17)
        engine.replay(1, _segments(rng, 1000, ACK), BYTES)
        assert engine.read_counter("drop_ctr", DropReason.NO_SESSION)[0] == 1000
        assert engine.read_counter("cookie_ctr", CookieEvent.WRONG)[0] == 0
        engine.replay(1, _segments(rng, 1, SYN), BYTES)
        assert engine.read_counter("cookie_ctr", CookieEvent.SENT)[0] == 1
        for _ in range(COUNT // BATCH):
            engine.replay(1, _segments(rng, BATCH, ACK), BYTES)
        assert engine.read_counter("cookie_ctr", CookieEvent.RIGHT)[0] == 0
        assert engine.read_counter("cookie_ctr", CookieEvent.WRONG)[0] == COUNT
        assert engine.read_counter("drop_ctr", DropReason.BAD_COOKIE)[0] == COUNT
    finally:
        engine.close()


def _segments(rng: random.Random, count: int, flags: int) -> bytes:
    """Frames with random ports and numbers."""
    ends = kit.packed(kit.ipv4(kit.CLIENT), kit.ipv4(kit.VIP))
    header = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0x4000, 64, 6, 0) + ends
    header = header[:10] + checksum(header).to_bytes(2, "big") + header[12:]
    front = kit.packed(kit.mac(kit.SWITCH_MAC), kit.mac(kit.CLIENT_MAC), (0x0800, 2)) + header
    behind = struct.pack("!BBHHH", 0x50, flags, 8192, 0, 0)
    noise = rng.randbytes(10 * count)
    return b"".join(
        front + noise[at : at + 2] + b"\0\x50" + noise[at + 2 : at + 10] + behind for at in range(0, len(noise), 10)
    )
