"""libtoa_preload.so for tests and measurements, as ``make toa`` builds it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from bench.tools import build

SOURCES = Path(__file__).resolve().parents[2] / "toa"


def unavailable() -> str | None:
    """Why it cannot be built here, or None when it can."""
    return None if shutil.which("make") else "make is not installed"


def library(directory: Path) -> Path:
    """Build it into ``directory``. Raises BuildError."""
    compiler = " ".join(build.compiler())
    command = ["make", "-s", "-C", str(SOURCES), f"BUILD={directory}", f"CC={compiler}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise build.BuildError(f"cannot build libtoa_preload.so:\n{done.stderr}")
    return directory / "libtoa_preload.so"
