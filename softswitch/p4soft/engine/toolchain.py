"""Finding a C compiler, and compiling C into shared objects that are kept by the hash of what they were made of.

The cache is ``$P4SOFT_CACHE_DIR``, else ``$XDG_CACHE_HOME/p4soft``, else ``~/.cache/p4soft``. ``$P4SOFT_CC`` names
another compiler (a command line); ``P4SOFT_SANITIZE=1`` builds with AddressSanitizer and UndefinedBehaviorSanitizer,
whose runtime then has to be preloaded.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from p4soft.api import ToolchainError
from p4soft.engine import prebuilt

_FLAGS = ("-std=gnu11", "-fPIC", "-shared", "-fvisibility=hidden", "-fno-strict-overflow", "-w", "-pthread")
_SANITIZE = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer")
_PROBE = "int probe(int x) { return x + 1; }\n"
_TIMEOUT = 300.0


def cache_directory() -> Path:
    """Where compiled programs are kept; created if need be."""
    if own := os.environ.get("P4SOFT_CACHE_DIR"):
        path = Path(own)
    else:
        path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "p4soft"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise ToolchainError(f"cannot create the cache directory {path}: {e.strerror}; set P4SOFT_CACHE_DIR") from None
    return path


def sanitizing() -> bool:
    """Whether this process wants instrumented code."""
    return os.environ.get("P4SOFT_SANITIZE", "") not in ("", "0")


def _candidates() -> list[list[str]]:
    if own := os.environ.get("P4SOFT_CC"):
        return [shlex.split(own)]
    found = [[path] for name in ("cc", "gcc", "clang") if (path := shutil.which(name))]
    if importlib.util.find_spec("ziglang") is not None:
        # zig instruments undefined behaviour by default.
        found.append([sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=all"])
    return found


def _run(command: list[str]) -> str | None:
    """None if the command succeeds, else what it printed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as e:
        return str(e)
    return None if done.returncode == 0 else done.stderr.strip() or f"exit status {done.returncode}"


@lru_cache(maxsize=8)
def compiler(own: str, sanitize: bool) -> tuple[str, ...]:
    """The command and flags of the first compiler that works. ``own`` is $P4SOFT_CC, a key of the cache."""
    problems = []
    with tempfile.TemporaryDirectory(prefix="p4soft-") as scratch:
        source, target = Path(scratch) / "probe.c", Path(scratch) / "probe.so"
        source.write_text(_PROBE)
        for command in _candidates():
            for tuning in (("-O3", "-march=native"), ("-O3",)):
                flags = [*_FLAGS, *(_SANITIZE if sanitize else tuning)]
                problem = _run([*command, *flags, "-o", str(target), str(source)])
                if problem is None:
                    return (*command, *flags)
                problems.append(f"{' '.join(command)}: {problem.splitlines()[-1] if problem else '?'}")
    detail = f" ({'; '.join(problems)})" if problems else ""
    hint = "install gcc or clang (Debian, Ubuntu: apt install gcc libc6-dev; Fedora: dnf install gcc)"
    raise ToolchainError(f"no working C compiler{detail}: {hint}, or pip install ziglang")


@lru_cache(maxsize=1)
def _processor() -> str:
    """What -march=native depends on: a cache may be shared by different machines."""
    return " ".join([platform.machine(), *sorted(prebuilt.processor_flags() or {platform.processor()})])


def digest_of(sources: Sequence[Path], texts: Mapping[str, str], include: Path) -> str:
    """The hash of what :func:`build` compiles."""
    digest = hashlib.sha256()
    for path in sorted([*sources, *include.rglob("*.h")]):
        digest.update(path.relative_to(include).as_posix().encode() + b"\0" + path.read_bytes())
    for label, text in sorted(texts.items()):
        digest.update(label.encode() + b"\0" + text.encode())
    return digest.hexdigest()


def build(name: str, sources: Sequence[Path], texts: Mapping[str, str], include: Path) -> Path:
    """Compile files of ``sources`` and generated ``texts`` (file name to content) into one shared object, or find the
    one that came with the package. ``$P4SOFT_CC`` wants it compiled in any case.

    Sources and the headers that they include lie below ``include``.

    Raises ToolchainError. Concurrent builds of the same thing are harmless: the result is moved into place.
    """
    content = digest_of(sources, texts, include)
    own = os.environ.get("P4SOFT_CC", "")
    if not own and not sanitizing() and (shipped := prebuilt.find(name, content)) is not None:
        return shipped
    command = compiler(own, sanitizing())
    key = hashlib.sha256("\0".join([_processor(), *command, content]).encode())
    target = cache_directory() / f"{name}-{key.hexdigest()[:32]}.so"
    if target.exists():
        with contextlib.suppress(OSError):
            os.utime(target)
        return target
    compile_to(target, command, sources, texts, include)
    return target


def compile_to(
    target: Path, command: Sequence[str], sources: Sequence[Path], texts: Mapping[str, str], include: Path
) -> None:
    """Compile with ``command`` (a compiler and its flags) and move the result to ``target``. Raises ToolchainError."""
    with tempfile.TemporaryDirectory(prefix="build-", dir=target.parent) as scratch:
        files = [str(p) for p in sources]
        for label, text in texts.items():
            path = Path(scratch) / label
            path.write_text(text)
            files.append(str(path))
        made = Path(scratch) / "out.so"
        problem = _run([*command, f"-I{include}", "-o", str(made), *files])
        if problem is not None:
            raise ToolchainError(f"the C compiler failed on {target.name}: {problem[-2000:]}")
        os.replace(made, target)
