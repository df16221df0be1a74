"""The compiled P4 program: BMv2 JSON, P4Info, the enumerations of the P4 source, and the cookie that identifies it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from finsy.proto import p4i
from google.protobuf import text_format

from fullnat import compiled
from fullnat.core.interface import Constants
from fullnat.p4rt.errors import ProgramError


@dataclass(frozen=True, slots=True)
class Program:
    device_config: bytes
    """What the switch runs: the BMv2 JSON."""
    p4info: p4i.P4Info
    constants: Constants
    cookie: int
    """64 bits of the hash of device_config and P4Info; a switch that reports it runs this program."""


def load(directory: Path | None = None) -> Program:
    """Read the program from ``directory`` (default: where :mod:`fullnat.compiled` finds it). Raises ProgramError."""
    try:
        place = directory or compiled.directory()
        device_config = (place / "fullnat.json").read_bytes()
        p4info = text_format.Parse((place / "fullnat.p4info.txtpb").read_text(), p4i.P4Info())
        constants = Constants(**json.loads((place / "fullnat.constants.json").read_text()))
        cookie = int(json.loads((place / "manifest.json").read_text())["pipeline_cookie"])
    except (OSError, ValueError, TypeError, KeyError, text_format.ParseError) as error:
        raise ProgramError(f"the compiled P4 program cannot be read: {error}") from error
    return Program(device_config, p4info, constants, cookie)
