"""Compile the traffic tools on demand, into the user's cache, once per content of their sources.

The compiler is $CC, the system's cc, gcc or clang, or the one in the ``ziglang`` wheel.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

_HERE = Path(__file__).parent
_FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror")
_SOURCES = {
    "afp_forward": ("afp_forward.c", "packet_ring.c"),
    "pktgen": ("pktgen.c", "endpoint.c", "frames.c", "packet_ring.c"),
    "conn_load": ("conn_load.c", "conn_options.c", "endpoint.c", "report.c"),
    "echo_server": ("echo_server.c", "endpoint.c", "http.c", "saved_syn.c"),
    "rpc_load": ("rpc_load.c",),
}
TOOLS = tuple(_SOURCES)
_LIBRARIES = {"wall_clock": ("wall_clock.c",)}
_SHARED = ("-shared", "-fPIC")


class BuildError(Exception):
    """No compiler, or it refused a source; the message says which."""


def compiler() -> list[str]:
    """The command that compiles C. Raises BuildError when there is none."""
    if os.environ.get("CC"):
        return shlex.split(os.environ["CC"])
    for name in ("cc", "gcc", "clang"):
        if path := shutil.which(name):
            return [path]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    raise BuildError("no C compiler: install gcc or clang, or run `pip install ziglang`")


def cache() -> Path:
    """Where the binaries are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "p4-fullnat" / "tools"


def tool(name: str) -> Path:
    """Path of the compiled tool ``name``, one of :data:`TOOLS`."""
    return _built(name, _SOURCES[name], _FLAGS)


def library(name: str) -> Path:
    """Path of a compiled library that processes are started with."""
    return _built(f"{name}.so", _LIBRARIES[name], (*_FLAGS, *_SHARED))


def _built(name: str, sources: Sequence[str], flags: Sequence[str]) -> Path:
    command = [*compiler(), *flags]
    digest = hashlib.sha256(repr(command).encode())
    for source in sorted(_HERE.glob("*.[ch]")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    binary = cache() / digest.hexdigest()[:16] / name
    if not binary.exists():
        _compile(command, sources, binary)
    return binary


def _compile(command: list[str], sources: Sequence[str], binary: Path) -> None:
    binary.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=binary.parent) as scratch:
        output = Path(scratch, binary.name)
        run = [*command, "-o", str(output), *(str(_HERE / source) for source in sources)]
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BuildError(f"cannot compile {binary.name}: {shlex.join(run)}\n{done.stderr}")
        output.replace(binary)
