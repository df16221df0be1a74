"""Who calls, and what the caller may do.

On the Unix socket the kernel says who it is (unix(7), SO_PEERCRED and SO_PEERGROUPS): the owner of the controller and
root are administrators, members of groups have the roles that were granted to these. Over TCP it is the common name of
the client certificate.
"""

from __future__ import annotations

import grp
import os
import pwd
import socket
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

_CREDENTIALS = struct.Struct("iII")
"""struct ucred: process, user, group."""
_SO_PEERGROUPS = 59
"""Linux's asm-generic/socket.h, which Python's socket module has not."""
_GROUPS_BYTES = 1024
"""What Python lets getsockopt answer: 256 groups. Who is in more of them has the role of none."""


class Role(IntEnum):
    """Each may do what the ones before may."""

    NONE = 0
    READ = 1
    """Look at everything."""
    OPERATOR = 2
    """Change weights, drain, zero counters and reload."""
    ADMIN = 3
    """Everything."""


@dataclass(frozen=True, slots=True)
class Identity:
    name: str
    """For the audit log."""
    role: Role
    is_owner: bool = False
    """Of the controller, or root, on this machine: who may have it run programs."""


class Grants:
    """``groups`` are Unix groups by name, ``names`` the common names of client certificates. Raises ValueError for a
    group that there is not."""

    def __init__(self, groups: Mapping[str, Role] | None = None, names: Mapping[str, Role] | None = None) -> None:
        self.groups: dict[int, Role] = {}
        self.names = dict(names or {})
        for name, role in (groups or {}).items():
            try:
                self.groups[grp.getgrnam(name).gr_gid] = role
            except KeyError:
                raise ValueError(f"there is no group {name!r}") from None

    @classmethod
    def parse(cls, words: Iterable[str]) -> Grants:
        """Of ROLE=group:NAME and ROLE=cn:NAME. Raises ValueError."""
        found: dict[str, dict[str, Role]] = {"group": {}, "cn": {}}
        for word in words:
            role, _, who = word.partition("=")
            kind, _, name = who.partition(":")
            if role.upper() not in Role.__members__ or role.upper() == "NONE" or kind not in found or not name:
                raise ValueError(f"{word!r} is not ROLE=group:NAME or ROLE=cn:NAME with read, operator or admin")
            found[kind][name] = Role[role.upper()]
        return cls(found["group"], found["cn"])

    def of_socket(self, connection: Any) -> Identity:
        """Who is at the other end of a Unix socket."""
        process, user, group = _CREDENTIALS.unpack(
            connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        )
        name = f"{_user_name(user)} (pid {process})"
        if user in (0, os.geteuid()):
            return Identity(name, Role.ADMIN, is_owner=True)
        groups = {group, *_peer_groups(connection)}
        return Identity(name, max((self.groups.get(each, Role.NONE) for each in groups), default=Role.NONE))

    def of_certificate(self, certificate: Mapping[str, Any] | None) -> Identity:
        """Whose client certificate it is, as ssl.SSLSocket.getpeercert shows it once it is verified."""
        subject = (certificate or {}).get("subject", ())
        names = [value for part in subject for key, value in part if key == "commonName"]
        name = names[-1] if names else ""
        return Identity(f"certificate {name!r}", self.names.get(name, Role.NONE))


def _peer_groups(connection: Any) -> Iterable[int]:
    try:
        found = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_BYTES)
    except OSError:
        return ()
    return [number for (number,) in struct.iter_unpack("I", found)]


def _user_name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"uid {user}"
