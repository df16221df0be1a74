"""Build and run a fuzz target: with libFuzzer where clang has it, else with a driver of our own.

``python tests/p4soft/fuzz/fuzzkit.py --seconds 60`` (``make fuzz SECONDS=60``) fuzzes the FULLNAT program;
``--program`` takes another BMv2 JSON, ``--transport`` fuzzes the gRPC server's transport instead, ``--edge`` what
receives and sends frames. No privileges are needed. The corpus and what was found stay in build/fuzz/.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "softswitch"), str(ROOT / "tests/p4")]

import edgekit  # noqa: E402  (after the path is set)
import fullnatkit  # noqa: E402  (after the path is set)
import transportkit  # noqa: E402
from p4soft.api import Entry, Program  # noqa: E402
from p4soft.codegen.describe import api_program  # noqa: E402
from p4soft.codegen.unit import generate  # noqa: E402
from p4soft.engine.binding import NATIVE, PROGRAM  # noqa: E402

FULLNAT = fullnatkit.COMPILED / "fullnat.json"
PROGRAMS = HERE.parent / "programs"
OUTPUT = ROOT / "build" / "fuzz"
_FLAGS = ("-std=gnu11", "-g", "-w", "-pthread", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all")
# Looking ahead is to be fuzzed too, whatever the number of entries.
_AHEAD = "-DP4S_FEW=0"
_PORTS = {1: 0, 2: 1, 3: 2, fullnatkit.CPU_PORT: 3}
"""Port to how target.c numbers it."""
_MOST_INPUT = 4096
_GRACE_S = 120


class FuzzError(Exception):
    """The target found something, or could not be built; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Fuzzer:
    """How the target is built."""

    name: str
    command: tuple[str, ...]
    libfuzzer: bool


@dataclass(frozen=True, slots=True)
class Target:
    """What is fuzzed: C that is linked with a program and the runtime."""

    name: str
    config: Path
    source: Path
    seeds: Callable[[Program], Iterator[bytes]]
    counts: str
    """What it tells the number of at its end."""
    optimize: tuple[str, ...] = ("-O1",)
    """How hard the compiler is to try: what it needs for it has to come back by speed."""


class Recorder:
    """Takes the inserts of :func:`fullnatkit.install_session` and makes commands for the target of them."""

    def __init__(self, idle: set[int]) -> None:
        self.commands = bytearray()
        self._idle = idle

    def insert(self, table: int, entry: Entry) -> None:
        self.commands += bytes([0x80, table]) + entry.key + bytes([entry.priority, entry.action]) + entry.params
        if table in self._idle:
            self.commands.append(0)


def packet(port: int, data: bytes) -> bytes:
    """The command that a packet is."""
    return struct.pack("!BBH", 0, _PORTS[port], len(data)) + data


def packets(_: Program) -> Iterator[bytes]:
    """Inputs to begin with: every kind of packet alone, and all that fit into one input together."""
    commands = [packet(port, data) for port, data in fullnatkit.seeds()]
    yield from commands
    together = b"".join(commands)
    yield together[:_MOST_INPUT]
    yield b"\x8d\x40\x00\x8e" + b"".join(reversed(commands))[: _MOST_INPUT - 4]


def program(config: Path) -> Target:
    """The C made of a BMv2 JSON, and what runs it."""
    return Target(config.stem, config, HERE / "target.c", packets, "packets")


TRANSPORT = Target("transport", PROGRAMS / "kinds.json", HERE / "transport.c", transportkit.seeds, "frames")
"""The gRPC server's own HTTP/2, and native Writes into tables of every kind."""


EDGE = Target(
    "edge", PROGRAMS / "selector.json", HERE / "edge.c", lambda _: edgekit.seeds(), "frames", ("-O3", "-march=native")
)
"""Frames with virtio headers, received and sent: what a program that changes nothing gets and gives."""


@lru_cache(maxsize=1)
def fuzzers() -> tuple[list[Fuzzer], list[str]]:
    """Those that work here, the better one first; and why the others do not."""
    clang = next((found for name in _clangs() if (found := shutil.which(name))), None)
    compiler = shutil.which("gcc") or shutil.which("cc")
    candidates = []
    missing = []
    if clang is not None:
        candidates.append(Fuzzer("libFuzzer", (clang, *_FLAGS, "-fsanitize=fuzzer,address,undefined"), True))
    else:
        missing.append("libFuzzer: no clang on PATH")
    if compiler is not None:
        candidates.append(Fuzzer("own driver", (compiler, *_FLAGS, "-fsanitize=address,undefined"), False))
    else:
        missing.append("own driver: no gcc on PATH")
    working = []
    for fuzzer in candidates:
        problem = _probe(fuzzer)
        if problem is None:
            working.append(fuzzer)
        else:
            missing.append(f"{fuzzer.name}: {problem}")
    return working, missing


def _clangs() -> list[str]:
    return ["clang", *(f"clang-{version}" for version in range(22, 12, -1))]


def _probe(fuzzer: Fuzzer) -> str | None:
    """None if it builds programs that run, else what is wrong."""
    source = (
        "#include <stddef.h>\nint LLVMFuzzerTestOneInput(const unsigned char *d, size_t n) { return 0 * (int)n; }\n"
    )
    if not fuzzer.libfuzzer:
        source += 'int main(void) { return LLVMFuzzerTestOneInput((const unsigned char *)"", 0); }\n'
    with tempfile.TemporaryDirectory() as directory:
        binary = Path(directory, "probe")
        command = [*fuzzer.command, "-x", "c", "-", "-o", str(binary)]
        done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            run = [str(binary), *(["-runs=1"] if fuzzer.libfuzzer else [])]
            done = subprocess.run(run, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it fails"])[-1]


def build(fuzzer: Fuzzer, target: Target) -> tuple[Path, Path]:
    """The target and its set-up file, made once for the same sources. Raises FuzzError."""
    definition, text = generate(target.config.read_bytes())
    bound = api_program(definition)
    seeds = list(target.seeds(bound))
    common = runtime(fuzzer, target)
    digest = hashlib.sha256("\0".join([common.parent.name, text]).encode() + b"\0".join(seeds))
    digest.update(target.source.read_bytes())
    directory = OUTPUT / f"{target.name}-{digest.hexdigest()[:16]}"
    binary, setup = directory / "target", directory / "setup"
    if not binary.exists():
        directory.mkdir(parents=True, exist_ok=True)
        generated = directory / "program.c"
        generated.write_text(text)
        made = directory / f"target.{os.getpid()}"
        _compile(fuzzer, target, "-o", str(made), str(generated), str(target.source), str(common))
        recorder = Recorder({t.index for t in definition.tables if t.support_timeout})
        if target.config == FULLNAT:
            fullnatkit.install_session(recorder, bound)
        setup.write_bytes(bytes(recorder.commands))
        first = directory / "seeds"
        first.mkdir(exist_ok=True)
        for number, data in enumerate(seeds):
            (first / f"seed{number:03}").write_bytes(data)
        made.replace(binary)
    return binary, setup


def runtime(fuzzer: Fuzzer, target: Target) -> Path:
    """What all programs are linked with, as one object; made once for the same sources. Raises FuzzError."""
    sources = [*sorted(NATIVE.rglob("*.c")), *([] if fuzzer.libfuzzer else [HERE / "driver.c"])]
    digest = hashlib.sha256("\0".join([*fuzzer.command, *target.optimize, _AHEAD]).encode())
    for path in [*sources, *sorted(NATIVE.rglob("*.h"))]:
        digest.update(path.read_bytes())
    whole = OUTPUT / f"runtime-{digest.hexdigest()[:16]}" / "runtime.o"
    if not whole.exists():
        with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = [str(Path(scratch, f"{number}.o")) for number, _ in enumerate(sources)]
            done = pool.map(lambda made, of: _compile(fuzzer, target, "-c", "-o", made, str(of)), objects, sources)
            list(done)
            whole.parent.mkdir(parents=True, exist_ok=True)
            made = whole.with_suffix(f".{os.getpid()}")
            subprocess.run([fuzzer.command[0], "-r", "-nostdlib", "-o", str(made), *objects], check=True)
            made.replace(whole)
    return whole


def _compile(fuzzer: Fuzzer, target: Target, *arguments: str) -> None:
    command = [*fuzzer.command, *target.optimize, _AHEAD, f"-I{NATIVE}", f"-I{PROGRAM}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise FuzzError(f"cannot build the target {target.name}: {done.stderr[-2000:]}")


def fuzz(fuzzer: Fuzzer, target: Target, seconds: int, seed: int = 1) -> int:
    """Fuzz for so long, with other inputs for another ``seed``. Returns what the target counted; raises FuzzError with
    the report of a finding."""
    binary, setup = build(fuzzer, target)
    corpus, found = OUTPUT / f"{target.name}-corpus", OUTPUT / f"{target.name}-found"
    first = binary.parent / "seeds"
    for directory in (corpus, found):
        directory.mkdir(parents=True, exist_ok=True)
    if fuzzer.libfuzzer:
        command = [str(binary), f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={_MOST_INPUT}", "-timeout=20"]
        # Some memory of tables is reached from mapped memory only, where LeakSanitizer does not look.
        command += [f"-artifact_prefix={found}/", f"-detect_leaks={int(target is TRANSPORT)}", str(corpus), str(first)]
    else:
        command = [str(binary), str(seconds), str(seed), str(found / f"last-{seed}")]
        command += map(str, sorted(first.iterdir()))
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=seconds + _GRACE_S,
        env={**os.environ, "P4S_FUZZ_SETUP": str(setup)},
    )
    if done.returncode != 0:
        raise FuzzError(
            f"{fuzzer.name} on {target.name} ended with {done.returncode} (inputs in {found}):\n{done.stderr[-6000:]}"
        )
    counted = re.search(rf"^{target.counts}: (\d+)$", done.stderr, re.MULTILINE)
    if counted is None:
        raise FuzzError(f"{fuzzer.name} on {target.name} did not come to its end:\n{done.stderr[-2000:]}")
    return int(counted[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1, help="another one tries other inputs (default: 1)")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--program", type=Path, default=FULLNAT, help="BMv2 JSON (default: FULLNAT)")
    chosen.add_argument("--transport", action="store_true", help="the gRPC server's transport")
    chosen.add_argument("--edge", action="store_true", help="receiving and sending, offloads on")
    options = parser.parse_args()
    target = TRANSPORT if options.transport else EDGE if options.edge else program(options.program.resolve())
    working, missing = fuzzers()
    if not working:
        print("cannot fuzz: " + "; ".join(missing), file=sys.stderr)
        return 1
    try:
        count = fuzz(working[0], target, options.seconds, options.seed)
    except FuzzError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{working[0].name}, seed {options.seed}: {count:,} {target.counts}, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
