"""A wheel whose core mypyc has compiled: the same sources, a session for 0.64 of the controller's CPU time.

``python -m deploy.compiled [DIRECTORY]``: what the wheel installs is put into DIRECTORY as well, for tests.
"""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from pathlib import Path

from deploy import wheels

HOT = (
    "core",
    "net",
    "p4rt/halves.py",
    "p4rt/packetio.py",
    "p4rt/session_template.py",
    "p4rt/sessions.py",
    "app/networks.py",
    "app/outgoing.py",
    "app/runner.py",
    "app/session.py",
    "app/writer.py",
)
"""What is compiled, in fullnat: what a session passes. Around it are asynchronous generators and classes of other
libraries, which mypyc does not take, and what works once."""

_SETUP = """
from mypyc.build import mypycify
from setuptools import setup

setup(ext_modules=mypycify(["--ignore-missing-imports", *{paths!r}], opt_level={level!r}, debug_level="0"))
"""


def wheel(directory: Path, level: str = "3") -> Path:
    """The wheel, for this Python and this kind of machine, in ``directory``; ``level`` is how far C is optimised.

    Raises CalledProcessError when it cannot be built.
    """
    with tempfile.TemporaryDirectory(prefix="fullnat-compiled-") as scratch:
        tree = Path(scratch)
        wheels.copy_sources(tree)
        # The names of modules come from their paths.
        paths = [path for name in HOT for path in _modules(tree, tree / "runtime" / "fullnat" / name)]
        (tree / "setup.py").write_text(_SETUP.format(paths=paths, level=level))
        return wheels.build(tree, directory, ["--plat-name", f"linux_{platform.machine()}"])


def _modules(tree: Path, place: Path) -> list[str]:
    found = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    return [str(path.relative_to(tree)) for path in found]


if __name__ == "__main__":
    made = wheel(wheels.ROOT / "build" / "dist")
    for place in map(Path, sys.argv[1:]):
        shutil.rmtree(place, ignore_errors=True)
        wheels.unpack(made, place)
    print(made)
