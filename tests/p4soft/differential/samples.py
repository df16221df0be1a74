"""Programs to compare the switches with: P4 sources, which p4c compiles here, and compiled pairs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finsy.proto import p4i, p4r
from google.protobuf import text_format

COMPILER = "p4c-bm2-ss"
_SECONDS = 120
_FOR_V1MODEL = re.compile(r'^\s*#\s*include\s*[<"](.*/)?v1model\.p4[>"]', re.MULTILINE)
_PAIRS = (".p4info.txtpb", ".txtpb", ".p4info.txt")
"""What the P4Info of x.json may be called, after x."""


class SampleError(Exception):
    """A sample that cannot be had; the message is one line."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A compiled program. ``document`` is its BMv2 JSON."""

    name: str
    config: bytes
    p4info: p4i.P4Info
    document: dict[str, Any]
    stf: Path | None = None
    """What the file beside its source says is to come out."""

    def pipeline(self) -> p4r.ForwardingPipelineConfig:
        return p4r.ForwardingPipelineConfig(p4info=self.p4info, p4_device_config=self.config)


def find(paths: Sequence[Path]) -> Iterator[Path]:
    """P4 sources for v1model and BMv2 JSON files among ``paths``, in which a directory stands for all below it."""
    for path in paths:
        if path.is_dir():
            yield from (file for file in sorted(path.rglob("*.p4")) if _is_for_v1model(file))
        elif path.suffix != ".p4" or _is_for_v1model(path):
            yield path


def _is_for_v1model(path: Path) -> bool:
    try:
        return _FOR_V1MODEL.search(path.read_text(errors="replace")) is not None
    except OSError as error:
        raise SampleError(f"{path}: {error.strerror}") from None


def have(path: Path, directory: Path) -> Sample:
    """The sample at ``path``; what is compiled of a source is kept in ``directory``. Raises SampleError."""
    config = path if path.suffix == ".json" else _compiled(path, directory)
    texts = (config.with_name(config.name.removesuffix(".json") + ending) for ending in _PAIRS)
    text = next((candidate for candidate in texts if candidate.exists()), None)
    if text is None:
        raise SampleError(f"{config} has no P4Info beside it ({', '.join('*' + ending for ending in _PAIRS)})")
    try:
        data = config.read_bytes()
        info = text_format.Parse(text.read_text(), p4i.P4Info())
        stf = path.with_suffix(".stf")
        return Sample(path.stem, data, info, json.loads(data), stf if stf.exists() else None)
    except OSError as error:
        raise SampleError(f"{error.filename}: {error.strerror}") from None
    except (ValueError, text_format.ParseError) as error:
        raise SampleError(f"{config} or {text.name}: {error}") from None


def _compiled(source: Path, directory: Path) -> Path:
    """The JSON of a source, with its P4Info beside it; compiled unless there is one that is newer than the source."""
    compiler = shutil.which(COMPILER)
    config = directory / f"{source.stem}.json"
    info = config.with_suffix(_PAIRS[0])
    if config.exists() and info.exists() and config.stat().st_mtime > source.stat().st_mtime:
        return config
    if compiler is None:
        raise SampleError(f"{source}: {COMPILER} is not on PATH")
    directory.mkdir(parents=True, exist_ok=True)
    made = directory / f"{source.stem}.new.json"
    fixed = ("--std", "p4-16", "--arch", "v1model", "--p4runtime-files", str(info))
    try:
        done = subprocess.run(
            [compiler, *fixed, "-o", str(made), str(source)], capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise SampleError(f"{COMPILER} takes more than {_SECONDS} s") from None
    if done.returncode != 0 or not made.exists():
        said = [line for line in done.stderr.splitlines() if "error" in line.lower()] or done.stderr.splitlines()
        raise SampleError(f"{COMPILER}: {said[0].strip() if said else f'exit status {done.returncode}'}")
    made.replace(config)
    return config
