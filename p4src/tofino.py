"""Compile the P4 program for Tofino 1 and 2 with p4c's open-source backend and refresh p4src/compiled/tofino/
(``make tofino``).

Writes the P4Info of each chip, report.md, which says what the compiler placed in which stage and whether that fits, and
manifest.json (hash of the sources, p4c's version). A program that fits is assembled, too. Exit status 1 when the
compiler refuses the program or Tofino 1 would sum what it should not, 2 when it does not fit a chip.
"""

from __future__ import annotations

import collections
import itertools
import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from p4src.compile import COMPILED, annotate, source_hash, version_of

HERE = Path(__file__).resolve().parent
PLACE = COMPILED / "tofino"
TOP = "fullnat_tna.p4"
COMPILER, ASSEMBLER = "p4c-barefoot", "bfas"
HARMLESS = (
    "is unused",  # what only IPv6 uses, or another target
    "Unknown annotation",  # of P4Runtime, which the backend reads elsewhere
    "out parameter 'm' may be uninitialized when",  # metadata start at zero: pa_auto_init_metadata
    "min_parse_depth_accept_loop",  # states that the compiler adds itself
    "but we could not place it until stage",  # two banks of registers fit a stage, and the others follow
    "'DynHash' extern type",  # the hash that widens a number has nothing to control
)
"""Warnings that need no attention, and why."""
STATE = ("stateful", "meter")
HEADING = re.compile(r"stage (\d+) (ingress|egress):")
OBJECT = re.compile(r"  (\w+) (\S+?)(?:\s+\d+)?:$")
OPTIONS = ("--alt-phv-alloc", "--p4runtime-force-std-externs")
"""Containers are given out when the tables have their stages: the other way round, the session tables find none."""


@dataclass(frozen=True, slots=True)
class Chip:
    name: str
    target: str
    arch: str
    number: int
    stages: int


CHIPS = Chip("tofino1", "tofino", "tna", 1, 12), Chip("tofino2", "tofino2", "t2na", 2, 20)
SUMS_ALL = CHIPS[0]
"""Sums the containers of a header for a checksum whether it is valid or not."""


def compile_for(chip: Chip, directory: Path) -> tuple[list[str], bool]:
    """Compile into ``directory``; the compiler's messages that matter, and whether it placed the program."""
    p4info = PLACE / f"{chip.name}.p4info.txtpb"
    command = [COMPILER, "--target", chip.target, "--arch", chip.arch, f"-D__TARGET_TOFINO__={chip.number}"]
    command += [*OPTIONS, "--p4runtime-files", str(p4info), "-o", str(directory), TOP]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        annotate(p4info)
    said = [line for line in (done.stdout + done.stderr).splitlines() if "warning:" in line or "error:" in line]
    return [line for line in said if not any(known in line for known in HARMLESS)], done.returncode == 0


@dataclass(slots=True)
class Stage:
    """What one stage has of one direction: its tables with memory, others, and blocks of memory."""

    tables: list[str] = field(default_factory=list)
    others: int = 0
    state: list[str] = field(default_factory=list)
    sram: int = 0
    tcam: int = 0
    map_ram: int = 0

    def add(self, kind: str, name: str, lines: list[str]) -> None:
        columns = blocks(lines, "    column:")
        self.map_ram += blocks(lines, "    maprams:") + blocks(lines, "      column:")
        if kind == "ternary_match":
            self.tcam += columns
        else:
            self.sram += columns
        if kind == "exact_match" and columns:
            self.tables.append(f"{name.lstrip('_')} ({columns})")
        elif kind in ("exact_match", "ternary_match", "hash_action"):
            self.others += 1
        elif kind in STATE:
            self.state.append(f"{name.rpartition('.')[2]} ({columns})")


def blocks(lines: list[str], key: str) -> int:
    """How many numbers the list under ``key`` has, on its own line or as a list of lists below it."""
    count = 0
    for at, line in enumerate(lines):
        if line.startswith(key):
            count += len(re.findall(r"\d+", line[len(key) :]))
            below = itertools.takewhile(lambda text: text.lstrip().startswith("- "), lines[at + 1 :])
            count += sum(len(re.findall(r"\d+", text)) for text in below)
    return count


def stages(assembly: str) -> dict[tuple[str, int], Stage]:
    """What the assembly program has in each (direction, stage)."""
    found: dict[tuple[str, int], Stage] = {}
    lines = assembly.splitlines()
    starts = [at for at, line in enumerate(lines) if HEADING.match(line) or OBJECT.match(line)]
    place: tuple[str, int] | None = None
    for at, end in itertools.pairwise([*starts, len(lines)]):
        if heading := HEADING.match(lines[at]):
            place = heading[2], int(heading[1])
        elif place is not None and (match := OBJECT.match(lines[at])):
            found.setdefault(place, Stage()).add(match[1], match[2], lines[at + 1 : end])
    return found


def section(assembly: str, heading: str) -> str:
    """The lines below a heading; none without it."""
    found = re.search(rf"^{heading}:\n((?:  .*\n)+)", assembly, flags=re.M)
    return found[1] if found else ""


def containers(assembly: str) -> list[str]:
    """Lines on the PHV containers of each direction, by their kind."""
    lines = []
    for direction in ("ingress", "egress"):
        placed = "".join(text.partition(":")[2] for text in section(assembly, f"phv {direction}").splitlines())
        used = set(re.findall(r"\b(T?[BHWMD]+)(\d+)\b", placed))
        kinds = collections.Counter(kind for kind, _ in used)
        lines.append(f"* {direction}: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
    return lines


def unsafe_sums(assembly: str) -> list[str]:
    """Fields that share a container with what egress sums for a checksum.

    Tofino 1 sums a header's containers whether it is valid or not, so those of one that is not there must hold nothing.
    """
    deparser = section(assembly, "deparser egress")
    sums = re.findall(r"^  partial_checksum \d+:.*\n((?:    .*\n)+)", deparser, flags=re.M)
    meant: dict[str, set[str]] = collections.defaultdict(set)
    for container, text in re.findall(r"^    - (\w+): \{(.*\n(?:     .*\n)*)", "".join(sums), flags=re.M):
        meant[container].update(re.findall(r"egress::([\w.$-]+)", text))
    return sorted(
        f"{name} is in {container}, with {', '.join(sorted(meant[container]))}"
        for name, place in re.findall(r"^  ([\w.$-]+): (.*)$", section(assembly, "phv egress"), flags=re.M)
        for container in meant.keys() & set(re.findall(r"\bT?[BHW]\d+\b", place))
        if name not in meant[container]
    )


def describe(chip: Chip, messages: list[str], assembly: Path | None) -> tuple[list[str], bool]:
    """The report's section on a chip, and whether it fits."""
    lines = [f"## {chip.name}, {chip.stages} stages", ""]
    if assembly is None:
        told = [f"    {text}" for text in messages]
        return [*lines, "Not placed: PHV or tables did not find room.", "", *told, ""], False
    text = assembly.read_text()
    rows = stages(text)
    needed = 1 + max(number for _, number in rows)
    fits = needed <= chip.stages
    lines += [f"Placed in {needed} stages: " + ("it fits." if fits else f"{needed - chip.stages} too many."), ""]
    lines += [
        "Ingress and egress share a stage's memory. In brackets: blocks of SRAM for keys or registers.",
        "",
    ]
    lines += ["| stage | | tables with memory | others | registers and meters | SRAM | TCAM | map RAM |"]
    lines += ["|---:|---|---|---:|---|---:|---:|---:|"]
    for (direction, number), stage in sorted(rows.items(), key=lambda row: (row[0][0] == "egress", row[0][1])):
        lines.append(
            f"| {number} | {direction} | {', '.join(stage.tables)} | {stage.others} | {', '.join(stage.state)} "
            f"| {stage.sram} | {stage.tcam} | {stage.map_ram} |"
        )
    total = [sum(getattr(stage, kind) for stage in rows.values()) for kind in ("sram", "tcam", "map_ram")]
    lines += [f"| all | | | | | {total[0]} | {total[1]} | {total[2]} |", ""]
    lines += [
        "PHV containers (B 8 bits, H 16, W 32; T only carried; M, D written from one source):",
        "",
        *containers(text),
        "",
    ]
    return lines, fits


def main() -> int:
    for tool in (COMPILER, ASSEMBLER):
        if shutil.which(tool) is None:
            print(f"{tool} is not on PATH: see docs/tofino.md", file=sys.stderr)
            return 1
    PLACE.mkdir(parents=True, exist_ok=True)
    report = ["# What the compiler makes of it", "", "Written by `make tofino`.", ""]
    misfits = []
    for chip in CHIPS:
        with tempfile.TemporaryDirectory() as name:
            print(f"compiling for {chip.name} ...", flush=True)
            messages, compiled = compile_for(chip, Path(name))
            print("\n".join(messages), file=sys.stderr)
            assembly = next(Path(name).glob("pipe/*.bfa"), None) if compiled else None
            if assembly and chip is SUMS_ALL and (shared := unsafe_sums(assembly.read_text())):
                print("\n".join(["what is summed shares containers with other fields:", *shared]), file=sys.stderr)
                return 1
            lines, fits = describe(chip, messages, assembly)
            report += lines
            if not fits:
                misfits.append(chip.name)
            elif assembly is not None:
                command = [ASSEMBLER, "--target", chip.target, "-o", str(assembly.parent), str(assembly)]
                if subprocess.run(command, check=False).returncode != 0:
                    return 1
    (PLACE / "report.md").write_text("\n".join(report).rstrip() + "\n")
    manifest = {"sources_sha256": source_hash("tna"), "p4c": version_of(COMPILER)}
    (PLACE / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    for name in misfits:
        print(f"{name}: does not fit, see p4src/compiled/tofino/report.md", file=sys.stderr)
    return 2 if misfits else 0


if __name__ == "__main__":
    sys.exit(main())
