"""What a command line says and is hardly meant: it is carried out as it is, with a warning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fullnat.fnatadm.commands import MODES
from fullnat.fnatadm.parse import Line

DEFAULT_MODE = "-g (direct routing) is the default and takes the service's port; did you mean -b?"
NO_LOCAL = "the service has no local address yet: -P gives one"
_COMMANDS = ("add_server", "edit_server")


def concerns(line: Line) -> bool:
    """Whether there can be doubts about it, for which its service has to be known."""
    return line.command.name in _COMMANDS and ("fullnat" in line or _says_no_mode(line))


def of_service(line: Line, service: dict[str, Any]) -> Iterator[str]:
    """``service`` is as the API lists it, before the ``line`` is carried out."""
    modes = {server["mode"] for server in service["servers"] if not server["draining"]}
    locals_ = service["local_addresses"]
    if _says_no_mode(line) and (modes == {"fullnat"} or (locals_ and "dr" not in modes)):
        yield DEFAULT_MODE
    if "fullnat" in line and not locals_:
        yield NO_LOCAL


def _says_no_mode(line: Line) -> bool:
    return "within" not in line and not any(mode in line for mode in MODES)
