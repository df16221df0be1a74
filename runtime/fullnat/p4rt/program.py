"""The compiled P4 program: P4Info, what the switch runs, and the cookie of these."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from finsy.proto import p4i
from google.protobuf import text_format

from fullnat import compiled
from fullnat.compiled import TOFINO, V1MODEL
from fullnat.core.interface import Sizes
from fullnat.net.vlan import PORT_BITS
from fullnat.p4rt.errors import ProgramError
from fullnat.p4rt.pipeline import Pipeline, sizes
from fullnat.tables.session import SESSION_IN, SESSION_OUT


@dataclass(frozen=True, slots=True)
class Program:
    device_config: bytes
    """What the switch runs: the BMv2 JSON, or what an ASIC's SDE packs for it."""
    p4info: p4i.P4Info
    sizes: Sizes
    cookie: int
    """64 bits of the hash of device_config and P4Info; a switch that reports it runs this program."""


def load(directory: Path | None = None, target: str = V1MODEL, device_config: Path | None = None) -> Program:
    """Read the program for ``target`` from ``directory`` (default: where :mod:`fullnat.compiled` finds it).

    An ASIC's device configuration is made by its SDE and given as a file. Raises ProgramError.
    """
    try:
        place = directory or compiled.directory()
        name = "fullnat" if target == V1MODEL else f"tofino/{target}"
        p4info = text_format.Parse((place / f"{name}.p4info.txtpb").read_text(), p4i.P4Info())
        if device_config is not None:
            config = device_config.read_bytes()
            cookie = _cookie(config + p4info.SerializeToString(deterministic=True))
        elif target in TOFINO:
            raise ProgramError(f"{target} needs a device configuration, which its SDE makes: see docs/tofino.md")
        else:
            config = (place / f"{name}.json").read_bytes()
            cookie = int(json.loads((place / "manifest.json").read_text())["pipeline_cookie"])
            if not 0 < cookie < 1 << 64:
                raise ValueError(f"manifest.json: pipeline_cookie is {cookie}, and not a number of 64 bits above 0")
            if directory is not None and not isinstance(json.loads(config), dict):
                raise ValueError(f"{name}.json: not what p4c-bm2-ss writes")
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError, text_format.ParseError) as error:
        raise ProgramError(f"the compiled P4 program cannot be read: {error}") from error
    return Program(config, p4info, sizes_of(p4info), cookie)


def found(pipeline: Pipeline) -> Program:
    """What a switch runs that has got it from somebody else: it is not ours to load into another one."""
    return Program(b"", pipeline.p4info, sizes_of(pipeline.p4info), pipeline.cookie)


def sizes_of(p4info: p4i.P4Info) -> Sizes:
    """What a program has room for. What it has not, :class:`fullnat.p4rt.schema.Schema` reports."""
    tables = sizes(p4info)
    both = ("", "6") if "session_in6" in tables else ("",)
    return Sizes(
        min(tables.get(f"{name}{family}", 0) for name in (SESSION_IN, SESSION_OUT) for family in both),
        min(tables.get(name, 0) for name in ("server_in", "server_out")),
        has_ipv6="session_in6" in tables,
        has_stateless="bucket" in tables,
        has_match="service_match" in tables,
        list_size=tables.get("list", 0),
        has_proxy=any(register.preamble.name == "proxy_first" for register in p4info.registers),
        has_cookies="cookie_key" in tables,
        has_vlans=_key_bits(p4info.tables, "port") > PORT_BITS,
    )


def _cookie(program: bytes) -> int:
    return int.from_bytes(hashlib.sha256(program).digest()[:7], "big")


def _key_bits(tables: Iterable[p4i.Table], name: str) -> int:
    """The width of the key of the table of this name, likewise."""
    fields = (field for table in tables if table.preamble.name == name for field in table.match_fields)
    return sum(int(field.bitwidth) for field in fields)
