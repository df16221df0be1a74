"""1,000 sessions against 1,000,000: the rate from interface to interface, that of the program alone, and the memory.

``python -m bench.scale SESSIONS`` is the switch under test: an engine with that many sessions on the interfaces sw1 and
sw2 of its network namespace. It prints one line of JSON when it is ready, and runs until it is ended.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p4soft.engine import NativeEngine

from bench import forwarding, sessions
from bench.forwarding import Rate
from topo import standard
from topo.process import Process, poll

SIZES = (1_000, 1_000_000)
PASSES = 2
_FRAMES = 1_000_000
_TURNS = 3
_READY_S = 240.0
_FLOOD_S = 60.0


@dataclass(frozen=True, slots=True)
class Scale:
    """What one number of sessions costs."""

    sessions: int
    rate: Rate
    """From interface to interface."""
    alone: tuple[float, ...]
    """Packets per second of the program alone, one a turn."""
    grown: float
    """Growth of the process per session, bytes of resident memory."""
    stated: int
    """Bytes per session by the engine's own account."""

    @property
    def best_alone(self) -> float:
        return max(self.alone)

    def __add__(self, other: Scale) -> Scale:
        return Scale(self.sessions, self.rate + other.rate, self.alone + other.alone, self.grown, self.stated)


def measure(count: int) -> Scale:
    """One switch with ``count`` sessions. Raises ProcessFailed or TimeoutError."""
    with forwarding.bare_network() as network:
        command = [sys.executable, "-m", "bench.scale", str(count)]
        process = network.start(network.topology.switch, "switch", command)
        poll(lambda: _facts(process), _READY_S, f"{count:,} sessions are in place")
        facts = _facts(process)
        flood = forwarding.generator(network, f"{sessions.VIP}:{sessions.VPORT}")
        flood += ["--rounds", str(forwarding.ROUNDS), "--seconds", str(forwarding.SECONDS)]
        # The last --sessions counts.
        flood += ["--no-handshake", "--scatter", "--sessions", str(count), "--from", sessions.FIRST_CLIENT]
        found = json.loads(network.start("client", "pktgen", flood).result(_FLOOD_S))
    rounds = tuple(float(round_["received_pps"]) for round_ in found["rounds"])
    rate = Rate(f"p4soft, {count:,} sessions", rounds)
    return Scale(count, rate, tuple(facts["alone"]), facts["grown"], facts["stated"])


def _facts(process: Process) -> dict[str, Any]:
    """What the switch printed; empty before it did."""
    process.check_running()
    line, newline, _ = process.output.partition("\n")
    found: dict[str, Any] = json.loads(line) if newline else {}
    return found


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def serve(count: int) -> None:
    """The switch under test."""
    engine = NativeEngine(0, None)
    program = engine.load((sessions.COMPILED / "fullnat.json").read_bytes())
    before = _resident()
    sessions.install(engine, program, count)
    grown = (_resident() - before) / count
    stated = sum(engine.entry_bytes(program.tables[name].index) for name in ("session_in", "session_out"))
    stated += engine.cell_bytes(*sessions.REGISTERS)
    for port in standard.SWITCH_MACS:
        engine.add_memory_port(port)
    frames = sessions.frames(count, _FRAMES)
    turns = [engine.replay(1, frames, sessions.FRAME_BYTES) for _ in range(_TURNS)]
    for port in standard.SWITCH_MACS:
        engine.remove_port(port)
        engine.add_interface(port, f"sw{port}")
    alone = [_FRAMES / seconds for seconds in turns]
    print(json.dumps({"alone": alone, "grown": grown, "stated": stated}), flush=True)
    signal.pause()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
