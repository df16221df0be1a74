"""The entries that the measurement of many sessions installs are those of the program: its packets are forwarded."""

from __future__ import annotations

from p4soft.engine.native import NativeEngine

from bench import sessions
from topo import standard

FRAMES, SESSIONS = 100, 10


def test_packets_of_every_session_are_forwarded() -> None:
    engine = NativeEngine(0, None)
    program = engine.load((sessions.COMPILED / "fullnat.json").read_bytes())
    sessions.install(engine, program, SESSIONS)
    for port in standard.SWITCH_MACS:
        engine.add_memory_port(port)
    engine.replay(1, sessions.frames(SESSIONS, FRAMES), sessions.FRAME_BYTES)
    stats = {port.port: port for port in engine.port_stats()}
    assert stats[2].tx_packets == FRAMES
