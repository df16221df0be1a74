"""Compile the P4 program for Tofino 1 and 2 with p4c's open-source backend and refresh p4src/compiled/tofino/
(``make tofino``).

Writes the P4Info of each chip, report.md, which says what the compiler placed in which stage and whether that fits, and
manifest.json (hash of the sources, p4c's version). A program that fits is assembled, too. Exit status 1 when the
compiler refuses the program, 2 when it does not fit a chip.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from p4src.compile import COMPILED, source_hash

HERE = Path(__file__).resolve().parent
PLACE = COMPILED / "tofino"
TOP = "fullnat_tna.p4"
COMPILER, ASSEMBLER = "p4c-barefoot", "bfas"
HARMLESS = (
    "Unknown annotation",  # of P4Runtime, which the backend reads elsewhere
    "may be uninitialized when 'FullnatParser' terminates",  # metadata start at zero: pa_auto_init_metadata
    "min_parse_depth_accept_loop",  # states that the compiler adds itself
    "'DynHash' extern type",  # the hash that widens a number has nothing to control
)
"""Warnings that need no attention, and why."""
KINDS = ("exact_match", "ternary_match", "hash_action", "stateful", "meter", "counter", "idletime")
"""What of a stage is listed."""


@dataclass(frozen=True, slots=True)
class Chip:
    name: str
    target: str
    arch: str
    number: int
    stages: int


CHIPS = (Chip("tofino1", "tofino", "tna", 1, 12), Chip("tofino2", "tofino2", "t2na", 2, 20))


def compile_for(chip: Chip, directory: Path) -> tuple[list[str], bool]:
    """Compile into ``directory``; the compiler's messages that matter, and whether it placed the program."""
    command = [COMPILER, "--target", chip.target, "--arch", chip.arch, f"-D__TARGET_TOFINO__={chip.number}"]
    command += ["--p4runtime-files", str(PLACE / f"{chip.name}.p4info.txtpb"), "--p4runtime-force-std-externs"]
    done = subprocess.run([*command, "-o", str(directory), TOP], cwd=HERE, capture_output=True, text=True, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if "warning:" in line or "error:" in line]
    return [line for line in said if not any(known in line for known in HARMLESS)], done.returncode == 0


def placed(assembly: Path) -> Iterator[tuple[int, str, str]]:
    """(stage, kind, name) of what the assembly program has in its stages."""
    stage = -1
    for line in assembly.read_text().splitlines():
        if match := re.match(r"stage (\d+) ingress:", line):
            stage = int(match[1])
        elif (match := re.match(r"  (\w+) (\S+?)(?:\s+\d+)?:", line)) and match[1] in KINDS:
            yield stage, match[1], match[2]


def describe(chip: Chip, messages: list[str], assembly: Path | None) -> tuple[list[str], bool]:
    """The report's section on a chip, and whether the program fits."""
    lines = [f"## {chip.name}, {chip.stages} stages", ""]
    if assembly is None:
        return [
            *lines,
            "Not placed: PHV or tables did not find room.",
            "",
            *(f"    {text}" for text in messages),
            "",
        ], False
    rows: dict[int, dict[str, list[str]]] = {}
    for stage, kind, name in placed(assembly):
        rows.setdefault(stage, {}).setdefault(kind, []).append(name.lstrip("_"))
    needed = max(rows) + 1
    fits = needed <= chip.stages
    lines += [f"Placed in {needed} stages: " + ("it fits." if fits else f"{needed - chip.stages} too many."), ""]
    lines += ["| stage | tables with memory | others | registers and meters |", "|---:|---|---:|---|"]
    for stage, kinds in sorted(rows.items()):
        tables = ", ".join(kinds.get("exact_match", []))
        others = len(kinds.get("ternary_match", [])) + len(kinds.get("hash_action", []))
        state = ", ".join(name.rpartition(".")[2] for kind in ("stateful", "meter") for name in kinds.get(kind, []))
        lines.append(f"| {stage} | {tables} | {others} | {state} |")
    return [*lines, ""], fits


def main() -> int:
    for tool in (COMPILER, ASSEMBLER):
        if shutil.which(tool) is None:
            print(f"{tool} is not on PATH: see docs/tofino.md", file=sys.stderr)
            return 1
    version = subprocess.run([COMPILER, "--version"], check=True, capture_output=True, text=True).stdout.split()
    PLACE.mkdir(parents=True, exist_ok=True)
    report = ["# What the compiler makes of it", "", "Written by `make tofino`.", ""]
    misfits = []
    for chip in CHIPS:
        with tempfile.TemporaryDirectory() as name:
            print(f"compiling for {chip.name} ...", flush=True)
            messages, compiled = compile_for(chip, Path(name))
            print("\n".join(messages), file=sys.stderr)
            assembly = next(Path(name).glob("pipe/*.bfa"), None) if compiled else None
            section, fits = describe(chip, messages, assembly)
            report += section
            if not fits:
                misfits.append(chip.name)
            elif assembly is not None:
                command = [ASSEMBLER, "--target", chip.target, "-o", str(assembly.parent), str(assembly)]
                if subprocess.run(command, check=False).returncode != 0:
                    return 1
    (PLACE / "report.md").write_text("\n".join(report).rstrip() + "\n")
    manifest = {"sources_sha256": source_hash("tna"), "p4c": next((w for w in version if w[0].isdigit()), "unknown")}
    (PLACE / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    for name in misfits:
        print(f"{name}: does not fit, see p4src/compiled/tofino/report.md", file=sys.stderr)
    return 2 if misfits else 0


if __name__ == "__main__":
    sys.exit(main())
