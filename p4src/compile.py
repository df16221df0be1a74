#!/usr/bin/env python3
"""Compile the P4 program with p4c and refresh p4src/compiled/ (``make p4``), or check that it is fresh (``--check``).

Writes fullnat.json (BMv2), asic.json (the ASIC's order and options by layout on BMv2, for tests),
fullnat.p4info.txtpb (of both) and manifest.json (hash of the sources, p4c's version, the pipeline's cookie); and beside
the controller its enumerations of include/constants.p4.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))

from p4src.sharing import share_fields  # noqa: E402  (after the path is set)

Json = Any
COMPILED = HERE / "compiled"
TOP, STAND_IN = "fullnat_v1model.p4", "fullnat_v1model_asic.p4"
ARCHITECTURES = ("v1model", "tna")
SHARED_CONSTANTS = (
    "COOKIE_MSS6_0",
    "COOKIE_MSS6_1",
    "COOKIE_MSS6_2",
    "COOKIE_MSS6_3",
    "COOKIE_MSS_0",
    "COOKIE_MSS_1",
    "COOKIE_MSS_2",
    "COOKIE_MSS_3",
    "COOKIE_SCALE_1",
    "COOKIE_SCALE_2",
    "COOKIE_SCALE_3",
    "MSS_FLOOR",
    "MSS6_FLOOR",
    "OF_SERVER",
    "PORT_GUE",
    "PROXY_V4_BYTES",
    "PROXY_V6_BYTES",
    "TOA_V4_BYTES",
    "TOA_V6_BYTES",
)
ARTIFACTS = ("fullnat.json", "fullnat.p4info.txtpb", "asic.json")
WIDTH = 120
"""Characters of a line of Python."""
EXPLAINED = ("DropReason", "PuntReason", "ToaResult")
"""Enumerations whose comments the controller shows."""
ENUMERATIONS = HERE.parent / "runtime/fullnat/p4constants.py"


def sources(arch: str) -> list[Path]:
    """Every P4 file but those of other architectures, in a fixed order."""
    tops = {path.name for path in HERE.glob("*.p4") if not path.stem.startswith(f"fullnat_{arch}")}
    others = tops | set(ARCHITECTURES) - {arch}
    return sorted(path for path in HERE.rglob("*.p4") if others.isdisjoint(path.relative_to(HERE).parts))


def source_hash(arch: str = "v1model") -> str:
    """SHA-256 over the names and contents of the sources."""
    digest = hashlib.sha256()
    for path in sources(arch):
        digest.update(f"{path.relative_to(HERE).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def enumerations() -> str:
    """The Python module of the enumerations and numbers that the controller shares with the P4 sources."""
    source = (HERE / "include/constants.p4").read_text()
    text = re.sub(r"/\*.*?\*/", "", source, flags=re.S)
    lines = [
        '"""The enumerations and numbers of p4src/include/constants.p4, which explains them. Made by ``make p4``."""',
        "",
        "from enum import IntEnum",
        "",
    ]
    for name in SHARED_CONSTANTS:
        match = re.search(rf"const bit<\d+> +{name} += (\w+);", text)
        if match is None:
            raise SystemExit(f"p4src/include/constants.p4: no constant {name}")
        lines.append(f"{name} = {int(match[1], 0)}")
    for name, body in re.findall(r"enum bit<\d+> (\w+) \{(.*?)\}", text, flags=re.S):
        lines += ["", "", f"class {name}(IntEnum):"]
        lines += [f"    {member} = {int(value, 0)}" for member, value in re.findall(r"(\w+)\s*=\s*(\w+)", body)]
    return "\n".join([*lines, *explanations(source)]) + "\n"


def constants() -> list[str]:
    """The same as annotations of a P4Info's package: by what a program says them, a controller of another version
    knows whether it understands it (:mod:`fullnat.p4rt.contract`)."""
    kinds: dict[str, list[str]] = {"Number": []}
    for line in enumerations().partition("EXPLAINED")[0].splitlines():
        if kind := re.match(r"class (\w+)\(IntEnum\)", line):
            kinds[kind[1]] = []
        elif member := re.match(r"( *)(\w+) = (\d+)$", line):
            kinds[list(kinds)[-1] if member[1] else "Number"].append(f"{member[2]}={member[3]}")
    return [f'@constants("{kind}", "{" ".join(members)}")' for kind, members in kinds.items()]


def annotate(p4info: Path) -> None:
    """Have a P4Info say the constants."""
    text = p4info.read_text()
    said = "".join(f"  annotations: {json.dumps(each)}\n" for each in constants())
    p4info.write_text(text.replace("pkg_info {\n", f"pkg_info {{\n{said}", 1))


def explanations(source: str) -> list[str]:
    """What the comments say of what is counted, in the lines of a module."""
    lines = ["", "", "EXPLAINED = {"]
    for name in EXPLAINED:
        body = re.search(rf"enum bit<\d+> {name} \{{(.*?)\n\}}", source, flags=re.S)
        if body is None:
            raise SystemExit(f"p4src/include/constants.p4: no enumeration {name}")
        lines.append(f'    "{name}": {{')
        for member, comment in re.findall(r"(\w+)\s*=\s*\w+,?[ \t]*/\*(.*?)\*/", body[1], flags=re.S):
            text = " ".join(comment.split())
            if len(line := f'        "{member}": {json.dumps(text)},') <= WIDTH:
                lines.append(line)
                continue
            words = textwrap.wrap(text, WIDTH - 15 if len(text) > WIDTH - 14 else WIDTH)
            pieces = [json.dumps(word + " " * (word is not words[-1])) for word in words]
            lines += [f'        "{member}": (', *(f"            {piece}" for piece in pieces), "        ),"]
        lines.append("    },")
    return [*lines, "}", '"""By enumeration and member: what it means, where its name does not say it."""']


def compile_to(directory: Path, compiler: str) -> None:
    """Run p4c with warnings as errors; write the artifacts into ``directory``."""
    p4info = directory / "fullnat.p4info.txtpb"
    config = run_p4c(compiler, directory, TOP, p4info)
    (directory / "fullnat.json").write_text(json.dumps(config, indent=1) + "\n")
    # For tests only: a line suffices.
    stand_in_p4info = directory / "asic.p4info.txtpb"
    stand_in = run_p4c(compiler, directory, STAND_IN, stand_in_p4info)
    (directory / "asic.json").write_text(json.dumps(stand_in, separators=(",", ":")) + "\n")
    if objects(p4info) != objects(stand_in_p4info):
        raise SystemExit(f"{STAND_IN} has another P4Info; its tests would run on the wrong one")
    annotate(p4info)


def objects(p4info: Path) -> set[str]:
    """What a P4Info lists, whatever its order, without what only the compiler reads."""
    text = re.sub(r"^ *annotations: \"@noWarn.*\n", "", p4info.read_text(), flags=re.M)
    return set(re.split(r"^(?=\w)", text, flags=re.M))


def run_p4c(compiler: str, directory: Path, top: str, p4info: Path) -> Json:
    """BMv2 JSON, its fields shared; P4Info goes to ``p4info``. Raises CalledProcessError, after p4c has said why."""
    made = directory / "made.json"
    fixed = ("--arch", "v1model", "--std", "p4-16", "--Werror")
    subprocess.run([compiler, *fixed, "--p4runtime-files", p4info, "-o", made, top], cwd=HERE, check=True)
    program = json.loads(made.read_text(), object_hook=without_include_path)
    share_fields(program)
    return program


def without_include_path(node: dict[str, object]) -> dict[str, object]:
    """Cut the compiler's own directory out of source positions, so that the output is the same on every machine."""
    if isinstance(name := node.get("filename"), str) and "p4include/" in name:
        node["filename"] = name[name.index("p4include/") :]
    return node


def version_of(compiler: str) -> str:
    """What the compiler calls its version, some on standard output and some on standard error."""
    asked = subprocess.run([compiler, "--version"], check=True, capture_output=True, text=True)
    return next((word for word in (asked.stdout + asked.stderr).split() if re.match(r"\d+\.\d+", word)), "unknown")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compile and compare; write nothing")
    parser.add_argument("--output", type=Path, default=COMPILED, help="where the program goes (default: %(default)s)")
    parser.add_argument("--p4c", default="p4c-bm2-ss", help="the compiler (default: %(default)s)")
    arguments = parser.parse_args()
    if shutil.which(arguments.p4c) is None:
        hint = "see docs/installing-p4c.md, or use the committed p4src/compiled/"
        print(f"{arguments.p4c} is not on PATH: {hint}", file=sys.stderr)
        return 1
    version = version_of(arguments.p4c)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        try:
            compile_to(directory, arguments.p4c)
        except subprocess.CalledProcessError:
            print("p4c refused the program (its messages are above)", file=sys.stderr)
            return 1
        if arguments.check:
            stale = [COMPILED / a for a in ARTIFACTS if (COMPILED / a).read_text() != (directory / a).read_text()]
            stale += [ENUMERATIONS] if ENUMERATIONS.read_text() != enumerations() else []
            for path in stale:
                print(f"{path.relative_to(HERE.parent)} is stale: run make p4", file=sys.stderr)
            return 1 if stale else 0
        pipeline = hashlib.sha256()
        arguments.output.mkdir(exist_ok=True)
        for artifact in ARTIFACTS:
            shutil.copyfile(directory / artifact, arguments.output / artifact)
            pipeline.update((directory / artifact).read_bytes())
        if arguments.output == COMPILED:
            ENUMERATIONS.write_text(enumerations())
        manifest = {
            "sources_sha256": source_hash(),
            "pipeline_cookie": int.from_bytes(pipeline.digest()[:7], "big"),
            "p4c": version,
        }
        (arguments.output / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
