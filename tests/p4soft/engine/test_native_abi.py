"""What C and Python both must know of each other: one header, and numbers that are the same on both sides."""

from __future__ import annotations

import re
import shutil
import subprocess
from enum import IntEnum, IntFlag
from pathlib import Path

import pytest
from p4soft import api
from p4soft.codegen import ahead, hashing, load_flow, model
from p4soft.engine import binding, front, images, native, writer
from p4soft.engine.binding import NATIVE, PROGRAM, ffi
from p4soft.engine.toolchain import build, compiler

ABI = (NATIVE / "abi/abi.h").read_text()
TYPES = (PROGRAM / "p4s_types.h").read_text()
BASE = (NATIVE / "engine/base.h").read_text()
ENUMS: dict[str, tuple[str, type[IntEnum | IntFlag]]] = {
    "p4s_error": ("P4S_", binding.Error),
    "p4s_record_kind": ("P4S_REC_", images.RecordKind),
    "p4s_update_kind": ("P4S_", native.UpdateKind),
    "p4s_port_kind": ("P4S_PORT_", images.PortKind),
    "p4s_offload": ("P4S_", images.PortOffload),
    "p4s_wire_flags": ("P4S_WIRE_", writer.TableFlag),
    "p4s_written": ("P4S_", writer.Written),
    "p4s_call_event": ("P4S_CALL_", front.CallEvent),
}


def defined(header: str, name: str) -> int:
    """The number that a header defines."""
    found = re.search(rf"^#define {name} (0x[0-9a-f]+|\d+)u?\b", header, re.MULTILINE)
    assert found is not None
    return int(found[1], 0)


def test_every_enum_of_the_abi_is_the_same_in_python() -> None:
    assert set(re.findall(r"^enum (\w+) \{", ABI, re.MULTILINE)) == set(ENUMS)
    for name, (prefix, ours) in ENUMS.items():
        theirs = dict(ffi.typeof(f"enum {name}").relements)
        theirs.pop("P4S_OK", None)
        assert {f"{prefix}{member.name}": member.value for member in ours} == theirs, name


def test_limits_are_the_same() -> None:
    assert defined(ABI, "P4S_MAX_WORKERS") == api.MAX_WORKERS
    assert defined(TYPES, "P4S_DROP_PORT") == model.DROP_PORT
    assert defined(TYPES, "P4S_NO_ACTION") == binding.NO_ACTION
    assert defined(TYPES, "P4S_SCRATCH") * 8 == hashing._SCRATCH_BITS
    assert defined(TYPES, "P4S_KEY_WORDS") * 8 == load_flow._MAX_KEY
    assert defined(TYPES, "P4S_FEW") == ahead._LEAST
    assert defined(TYPES, "P4S_HINTS") == ahead._MOST
    assert defined(BASE, "P4S_MAX_PARAMS") == load_flow._MAX_PARAMS
    assert re.search(r"^#define P4S_NONE UINT32_MAX$", BASE, re.MULTILINE)
    assert binding.END == front.UNLIMITED == 2**32 - 1


def test_kinds_of_matches_are_the_same() -> None:
    found = re.search(r"enum p4s_match \{ (.*) \};", TYPES)
    assert found is not None
    names = [name.strip().removeprefix("P4S_") for name in found[1].split(",")]
    assert {api.MatchKind[name]: number for number, name in enumerate(names)} == writer._KINDS


def test_images_have_the_fields_that_python_unpacks() -> None:
    assert binding.fields("struct p4s_record") == ["size", "kind", "aux", "len"]
    assert binding.fields("struct p4s_entry_image") == [
        *("cookie", "idle", "packets", "bytes", "since"),
        *("priority", "action", "key_len", "params_len"),
    ]
    with pytest.raises(AssertionError):
        images.unpacker("struct p4s_update")  # it has a gap


def test_structures_are_laid_out_as_the_compiler_does(tmp_path: Path) -> None:
    names = re.findall(r"^struct (\w+) \{", ABI, re.MULTILINE)
    assert len(names) > 10
    wanted = {f"sizeof(struct {name})": ffi.sizeof(f"struct {name}") for name in names}
    wanted |= {
        f"offsetof(struct {name}, {field})": ffi.offsetof(f"struct {name}", field)
        for name in names
        for field in binding.fields(f"struct {name}")
    }
    checks = "".join(f'_Static_assert({text} == {number}, "{text}");\n' for text, number in wanted.items())
    source = tmp_path / "layout.c"
    source.write_text(f'#include <stddef.h>\n#include "abi/abi.h"\n{checks}')
    command = [*compiler("", False), f"-I{NATIVE}", "-o", str(tmp_path / "layout.so"), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("nm") is None, reason="no nm")
def test_what_is_exported_is_what_is_declared() -> None:
    library = build("core", sorted(NATIVE.rglob("*.c")), {}, NATIVE)
    lines = subprocess.run(["nm", "-D", "--defined-only", str(library)], capture_output=True, text=True, check=True)
    exported = {line.split()[-1] for line in lines.stdout.splitlines()}
    declared = set(re.findall(r"^EXPORT .*?(p4s_\w+)\(", ABI, re.MULTILINE))
    assert {name for name in exported if name.startswith("p4s_")} == declared
