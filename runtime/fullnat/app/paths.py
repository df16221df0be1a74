"""Where the controller keeps its files unless told otherwise."""

from __future__ import annotations

import os
from pathlib import Path


def state_directory() -> Path:
    """/var/lib/fullnat for root, the user's state directory for others."""
    if os.geteuid() == 0:
        return Path("/var/lib/fullnat")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "fullnat"


def of_group(directory: Path, group: str | None) -> Path:
    """Where the controller of one of several groups keeps its files: two on one machine never share any."""
    return directory / "group" / group if group else directory


CONTROL_SOCKET = "FULLNAT_CONTROL_SOCKET"
"""Of the environment: stands for --control-socket wherever that is not given."""


def control_socket() -> Path:
    """What FULLNAT_CONTROL_SOCKET says; else /run/fullnat/fullnat.sock for root, in the user's runtime directory for
    others."""
    if said := os.environ.get(CONTROL_SOCKET):
        return Path(said)
    if os.geteuid() == 0:
        return Path("/run/fullnat/fullnat.sock")
    return Path(os.environ.get("XDG_RUNTIME_DIR") or f"/tmp/fullnat-{os.geteuid()}") / "fullnat.sock"
