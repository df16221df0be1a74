"""What a configuration names that this machine does not have: programs, users, files, network interfaces. It may be for
another machine, so this is no error of the configuration."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

from fullnat.config import probes
from fullnat.config.model import Check, Config
from fullnat.config.servers import SwitchSettings
from fullnat.net.flow import Endpoint
from fullnat.net.flow import address as as_bytes


def no_program(command: str) -> str:
    """Why ``command`` cannot be run here, "" if it can. Raises ValueError for what is no command."""
    path = Path(shlex.split(probes.command(command))[0])
    if not path.is_file():
        return f"there is no program {path}"
    return "" if os.access(path, os.X_OK) else f"{path} is not executable"


def absent(config: Config) -> Iterator[str]:
    """One line each."""
    yield from _of_speakers(config.switches)
    for virtual in config.virtual_servers:
        name = f"virtual server {virtual.protocol} {virtual.endpoint}"
        programs = {"quorum_up": virtual.quorum_up, "quorum_down": virtual.quorum_down}
        yield from _told(name, programs, virtual.notify_user)
        yield from _of_checks(name, virtual.checks)
        for real in virtual.real_servers:
            of = f"{name}, real server {Endpoint(as_bytes(real.address), real.port)}"
            yield from _told(of, {"notify_up": real.notify_up, "notify_down": real.notify_down}, real.notify_user)
            yield from _of_checks(of, real.checks)


def _of_speakers(switches: Iterable[SwitchSettings]) -> Iterator[str]:
    """What is run is looked for as a shell does."""
    for switch in switches:
        if switch.bgp is not None:
            option = "program" if switch.bgp.program else "vtysh"
            name = (switch.bgp.program or switch.bgp.vtysh)[0]
            if shutil.which(name) is None:
                yield f"switch {switch.name}: {option}: there is no program {name}"


def _told(name: str, programs: dict[str, str], user: str) -> Iterator[str]:
    for option, command in programs.items():
        if command and (why := no_program(command)):
            yield f"{name}: {option}: {why}"
    if user and not _is_user(user):
        yield f"{name}: notify_user: there is no user {user}"


def _of_checks(name: str, checks: Iterable[Check]) -> Iterator[str]:
    for check in checks:
        of = f"{name}: check of type {check.type}"
        if check.command and (why := no_program(check.command)):
            yield f"{of}: {why}"
        if check.user and not _is_user(check.user):
            yield f"{of}: there is no user {check.user}"
        if check.ca_file and not Path(check.ca_file).is_file():
            yield f"{of}: there is no file {check.ca_file}"
        if check.device and not _is_interface(check.device):
            yield f"{of}: there is no network interface {check.device}"


def _is_user(name: str) -> bool:
    import pwd  # of Unix alone

    try:
        return bool(pwd.getpwnam(name))
    except KeyError:
        return False


def _is_interface(name: str) -> bool:
    try:
        return bool(socket.if_nametoindex(name))
    except OSError:
        return False
