"""Where mininet is. Debian's package belongs to the system's interpreter, which need not be the one that runs us."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

_DIST_PACKAGES = ("/usr/lib/python3/dist-packages", "/usr/local/lib/python3/dist-packages")
INSTALL = "apt-get install mininet"


class MininetMissing(Exception):
    """mininet cannot be used here; the message says why and what to install."""


def use() -> None:
    """Make ``import mininet`` work. Raises MininetMissing.

    Only that one package of the system's interpreter becomes visible: with its whole directory on sys.path, other
    packages there would stand in for missing ones of ours.
    """
    if reason := unavailable():
        raise MininetMissing(reason)
    if "mininet" in sys.modules or importlib.util.find_spec("mininet"):
        return
    directory = next(Path(place, "mininet") for place in _DIST_PACKAGES if Path(place, "mininet").is_dir())
    spec = importlib.util.spec_from_file_location(
        "mininet", directory / "__init__.py", submodule_search_locations=[str(directory)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["mininet"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def unavailable() -> str | None:
    """Why mininet cannot be used here, or None when it can."""
    found = importlib.util.find_spec("mininet") or any(Path(place, "mininet").is_dir() for place in _DIST_PACKAGES)
    if not found:
        return f"mininet is not installed: {INSTALL}"
    if missing := [command for command in ("mnexec", "ifconfig") if shutil.which(command) is None]:
        return f"mininet needs {' and '.join(missing)} on PATH: {INSTALL} net-tools"
    if importlib.util.find_spec("distutils") is None:
        return "mininet needs distutils, which setuptools brings to Python 3.12 and newer: pip install setuptools"
    return None
