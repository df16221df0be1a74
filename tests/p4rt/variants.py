"""Other builds of the program: made of the compiled one, as another compilation would have it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from finsy.proto import p4i
from fullnat.p4rt import program
from fullnat.p4rt.program import Program
from google.protobuf import text_format

SESSIONS = ("session_in", "session_out", "session_in6", "session_out6", "session46")
SERVERS = ("server_in", "server_out", "server_in_ctr", "server_out_ctr")
_SHIFT = 0x4000
"""Between the ids of two builds: of tables, actions and whatever else has one."""
_SIZED = ("tables", "counters", "meters", "registers")


def room(sessions: int | None = None, servers: int | None = None) -> dict[str, int]:
    """Sizes of a build with room for so many."""
    wanted = ((SESSIONS, sessions), (SERVERS, servers))
    return {name: size for names, size in wanted for name in names if size is not None}


def variant(
    own: Program, sizes: Mapping[str, int] | None = None, *, renumbered: bool = False, without: Collection[str] = ()
) -> Program:
    """``sizes``: of tables and arrays, by name; ``renumbered``: all ids are others;
    ``without``: of its tables and registers."""
    p4info, sizes = p4i.P4Info(), sizes or {}
    p4info.CopyFrom(own.p4info)
    for kind in _SIZED:
        for each in getattr(p4info, kind):
            each.size = sizes.get(each.preamble.name, each.size)
    for kind in ("tables", "registers"):
        objects = getattr(p4info, kind)
        for each in [each for each in objects if each.preamble.name in without]:
            objects.remove(each)
    if renumbered:
        _renumber(p4info)
    config = json.dumps(_sized(json.loads(own.device_config), sizes)).encode()
    cookie = int.from_bytes(hashlib.sha256(config + p4info.SerializeToString(deterministic=True)).digest()[:7], "big")
    return Program(config, p4info, program.sizes_of(p4info), cookie)


def write(build: Program, directory: Path) -> Path:
    """Have ``directory`` hold ``build``, as ``p4src/compile.py`` writes one."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "fullnat.json").write_bytes(build.device_config)
    (directory / "fullnat.p4info.txtpb").write_text(text_format.MessageToString(build.p4info))
    (directory / "manifest.json").write_text(json.dumps({"pipeline_cookie": build.cookie}))
    return directory


def _sized(config: Any, sizes: Mapping[str, int]) -> Any:
    """BMv2's JSON with these sizes."""
    for pipeline in config["pipelines"]:
        for table in pipeline["tables"]:
            table["max_size"] = sizes.get(table["name"], table["max_size"])
    for kind in ("counter_arrays", "register_arrays", "meter_arrays"):
        for each in config[kind]:
            if "size" in each:
                each["size"] = sizes.get(each["name"], each["size"])
    return config


def _renumber(p4info: p4i.P4Info) -> None:
    """Give everything another id, fields of keys and parameters as well."""
    for kind in ("tables", "actions", "counters", "direct_counters", "meters", "registers", "digests"):
        for each in getattr(p4info, kind):
            each.preamble.id += _SHIFT
    for table in p4info.tables:
        for field in table.match_fields:
            field.id += 20
        for reference in table.action_refs:
            reference.id += _SHIFT
        for number in range(len(table.direct_resource_ids)):
            table.direct_resource_ids[number] += _SHIFT
        if table.const_default_action_id:
            table.const_default_action_id += _SHIFT
        if table.HasField("initial_default_action"):
            table.initial_default_action.action_id += _SHIFT
    for action in p4info.actions:
        for param in action.params:
            param.id += 20
    for counter in p4info.direct_counters:
        counter.direct_table_id += _SHIFT
