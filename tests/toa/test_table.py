"""The tables of connections and of replies with many threads, and after fork."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.tools import build, toa


@pytest.mark.parametrize("name", ["table", "replies"])
def test_threads_and_fork(tmp_path: Path, name: str) -> None:
    sources = [str(Path(__file__).with_name(f"{name}_stress.c")), str(toa.SOURCES / f"{name}.c")]
    flags = ["-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", f"-I{toa.SOURCES}", "-o", str(tmp_path / "stress")]
    plain = [*build.compiler(), *flags, *sources, "-lpthread"]
    # Not every compiler brings the race detector's run-time library (zig builds it first, for minutes), and it does
    # not run everywhere.
    racing = [] if "ziglang" in plain else [[*plain, "-fsanitize=thread", "-Wno-tsan"]]
    for command in (*racing, plain):
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        if built.returncode != 0 and command is not plain:
            continue
        assert built.returncode == 0, built.stderr
        done = subprocess.run([tmp_path / "stress"], capture_output=True, text=True, check=False, timeout=60)
        if "FATAL: ThreadSanitizer" in done.stderr:
            continue
        assert done.returncode == 0, done.stdout + done.stderr
        assert "wrong 0" in done.stdout
        return
