"""Which stream is the primary controller (P4Runtime specification, "Client Arbitration and Controller Replication").

Pure state: streams are opaque keys, and every change returns the notifications to send, as (stream, message).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from finsy.proto import p4r
from google.protobuf.any_pb2 import Any

from p4soft.api_write import Grant
from p4soft.server.errors import Code, RpcError, invalid

Notices = list[tuple[Hashable, p4r.StreamMessageResponse]]

MAX_STREAMS = 64
"""Live streams per device, over all roles; one more is refused with RESOURCE_EXHAUSTED."""


def election_key(message: p4r.Uint128) -> int:
    """The 128-bit election id as an integer."""
    return message.high << 64 | message.low


@dataclass(slots=True)
class _Role:
    highest: int | None = None
    """The highest election id ever seen; it stays when its stream goes."""
    config: Any = field(default_factory=Any)
    has_config: bool = False
    streams: dict[Hashable, int | None] = field(default_factory=dict)

    def primary(self) -> Hashable | None:
        if self.highest is None:
            return None
        return next((stream for stream, election in self.streams.items() if election == self.highest), None)


class Arbitration:
    """All roles of one device."""

    def __init__(self, device_id: int) -> None:
        self._device_id = device_id
        self._roles: dict[str, _Role] = {"": _Role()}
        self._role_of: dict[Hashable, str] = {}
        self._primaries: tuple[Hashable, ...] = ()
        self._grants: list[Grant] = []
        self.on_grants: Callable[[list[Grant]], None] = lambda grants: None
        """Called with the rights to write, one for each primary, when they may have changed."""

    @property
    def primaries(self) -> tuple[Hashable, ...]:
        """The primary stream of every role that has one."""
        return self._primaries

    def has_role(self, role: str) -> bool:
        """Whether the role is the default one or has ever been taken by a stream."""
        return role in self._roles

    def is_primary(self, role: str, election: int | None) -> bool:
        """Whether a live stream with this election id is the role's primary."""
        return election is not None and Grant(role, election) in self._grants

    def is_primary_stream(self, stream: Hashable) -> bool:
        return stream in self._primaries

    def update(self, stream: Hashable, message: p4r.MasterArbitrationUpdate) -> Notices:
        """Handle a MasterArbitrationUpdate. An RpcError means: end the stream with it."""
        role = message.role.name
        election = election_key(message.election_id) if message.HasField("election_id") else None
        self._check(stream, message, role, election)
        state = self._roles.setdefault(role, _Role())
        before = (state.primary(), state.highest, state.config.SerializeToString())
        state.streams[stream] = election
        self._role_of[stream] = role
        if election is not None and (state.highest is None or election >= state.highest):
            state.highest = election
            state.has_config = message.role.HasField("config")
            state.config.CopyFrom(message.role.config)
        self._refresh()
        if before != (state.primary(), state.highest, state.config.SerializeToString()):
            return self._notices(role, list(state.streams))
        return self._notices(role, [stream])

    def remove(self, stream: Hashable) -> Notices:
        """A stream is gone. When it was the primary, the others are told that there is none."""
        role = self._role_of.pop(stream, None)
        if role is None:
            return []
        state = self._roles[role]
        was_primary = state.primary() is stream
        del state.streams[stream]
        self._refresh()
        return self._notices(role, list(state.streams)) if was_primary else []

    def _check(self, stream: Hashable, message: p4r.MasterArbitrationUpdate, role: str, election: int | None) -> None:
        current = self._role_of.get(stream)
        if message.device_id != self._device_id:
            if current is not None:
                raise RpcError(Code.FAILED_PRECONDITION, "a stream cannot change its device_id")
            raise RpcError(Code.NOT_FOUND, unknown_device(message.device_id, self._device_id))
        if current is not None and role != current:
            raise RpcError(Code.FAILED_PRECONDITION, f"a stream cannot change its role (it is {current!r})")
        state = self._roles.get(role)
        if state is not None and election is not None:
            for other, taken in state.streams.items():
                if taken == election and other is not stream:
                    raise invalid(f"Election id {election} is already used by another controller")
        if current is None and len(self._role_of) >= MAX_STREAMS:
            raise RpcError(Code.RESOURCE_EXHAUSTED, f"{MAX_STREAMS} controllers are connected, which is the limit")

    def _refresh(self) -> None:
        primaries = (state.primary() for state in self._roles.values())
        self._primaries = tuple(stream for stream in primaries if stream is not None)
        self._grants = [
            Grant(name, state.highest)
            for name, state in self._roles.items()
            if state.highest is not None and state.highest in state.streams.values()
        ]
        self.on_grants(self._grants)

    def _notices(self, role: str, streams: list[Hashable]) -> Notices:
        state = self._roles[role]
        primary = state.primary()
        notices: Notices = []
        for stream in streams:
            response = p4r.StreamMessageResponse()
            update = response.arbitration
            update.device_id = self._device_id
            if role or state.has_config:
                update.role.name = role
            if state.has_config:
                update.role.config.CopyFrom(state.config)
            if state.highest is not None:
                update.election_id.high = state.highest >> 64
                update.election_id.low = state.highest & 0xFFFFFFFFFFFFFFFF
            if stream is primary:
                update.status.code = Code.OK
                update.status.message = "Is primary"
            elif primary is not None:
                update.status.code = Code.ALREADY_EXISTS
                update.status.message = "Is backup"
            else:
                update.status.code = Code.NOT_FOUND
                update.status.message = "Is backup, and there is no primary"
            notices.append((stream, response))
        return notices


def unknown_device(asked: int, ours: int) -> str:
    """The message for a request to another device."""
    return f"no device with id {asked} here; this switch is device {ours}"
