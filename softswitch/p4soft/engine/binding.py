"""The C side as Python sees it: what native/abi/abi.h declares, in cffi's ABI mode."""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import cffi

from p4soft.api import EngineError, EntryExists, EntryNotFound, InvalidValue, TableFull
from p4soft.engine.toolchain import build, sanitizing

NATIVE = Path(__file__).resolve().parent.parent / "native"
PROGRAM = NATIVE / "program"
"""Headers of generated programs, the only ones that they include."""
NO_ACTION = 0xFFFF
END = 0xFFFFFFFF


class Error(IntEnum):
    """Results of the runtime, enum p4s_error."""

    EXISTS = -1
    NOT_FOUND = -2
    FULL = -3
    INVALID = -4
    NO_MEMORY = -5
    SYSTEM = -6


def declarations(header: str) -> str:
    """What cffi takes of native/abi/abi.h: everything but directives and attributes."""
    lines = [line for line in header.splitlines() if not line.startswith("#")]
    return "\n".join(line.removeprefix("EXPORT ") for line in lines)


ffi = cffi.FFI()
ffi.cdef(declarations((NATIVE / "abi" / "abi.h").read_text()))
_programs = cffi.FFI()
_programs.cdef("extern const char p4s_program[];")


@lru_cache(maxsize=2)
def _runtime(sanitize: bool) -> Any:
    del sanitize  # a key of the cache
    return ffi.dlopen(str(build("core", sorted(NATIVE.rglob("*.c")), {}, NATIVE)))


def runtime() -> Any:
    """The fixed runtime, compiled on first use. Raises ToolchainError."""
    return _runtime(sanitizing())


def program(text: str) -> tuple[Any, Any]:
    """(library, pointer to its struct p4s_prog) of a generated C file. Raises ToolchainError."""
    library: Any = _programs.dlopen(str(build("program", [], {"program.c": text}, PROGRAM)))
    return library, ffi.cast("const void *", _programs.addressof(library, "p4s_program"))


def fields(struct: str) -> list[str]:
    """The names of a structure's fields, in order."""
    return [name for name, _ in ffi.typeof(struct).fields]


def check(rc: int, what: str) -> None:
    """Raise the error that a negative result stands for. ``what`` is the subject of the message."""
    if rc >= 0:
        return
    if rc == Error.EXISTS:
        raise EntryExists(f"{what} exists already")
    if rc == Error.NOT_FOUND:
        raise EntryNotFound(f"{what} does not exist")
    if rc == Error.FULL:
        raise TableFull(f"{what} does not fit: the table is full")
    if rc == Error.INVALID:
        raise InvalidValue(f"{what} is not valid: a value is out of range")
    if rc == Error.NO_MEMORY:
        raise EngineError(f"{what}: out of memory")
    raise EngineError(f"{what}: error {rc}")
