"""PacketReplicationEngineEntry: multicast groups and clone sessions.

The engine can set groups but not list them, so the messages as written are kept here (a switch has few).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from finsy.proto import p4r

from p4soft.api import Replica
from p4soft.server.bytestrings import to_int
from p4soft.server.errors import already_exists, invalid, not_found, unimplemented
from p4soft.server.tables import State
from p4soft.server.translation import Translation

MAX_GROUP = 0xFFFF
MAX_SESSION = 0x7FFF
MAX_INSTANCE = 0xFFFF
PORT_BITS = 9
"""v1model: mcast_grp and egress_rid are 16 bits, ports 9 bits, clone sessions share the upper half of the group ids."""


class ReplicationHandler:
    def __init__(self, engine: State, ports: Translation | None) -> None:
        """``ports``: the type that clients have port numbers in, if there is one."""
        self._engine = engine
        self._ports = ports
        self._groups: dict[int, p4r.MulticastGroupEntry] = {}
        self._sessions: dict[int, p4r.CloneSessionEntry] = {}

    def adopt(self, other: ReplicationHandler) -> None:
        """Take over what ``other`` holds (its state has been replayed into our engine)."""
        self._groups = other._groups
        self._sessions = other._sessions

    def write(self, kind: p4r.Update.Type.ValueType, update: p4r.PacketReplicationEngineEntry) -> None:
        which = update.WhichOneof("type")
        if which == "multicast_group_entry":
            self._write_group(kind, update.multicast_group_entry)
        elif which == "clone_session_entry":
            self._write_session(kind, update.clone_session_entry)
        else:
            raise invalid("packet replication: neither a multicast group nor a clone session")

    def _write_group(self, kind: p4r.Update.Type.ValueType, update: p4r.MulticastGroupEntry) -> None:
        group = update.multicast_group_id
        what = f"multicast group {group}"
        if not 0 < group <= MAX_GROUP:
            raise invalid(f"{what}: the id must be in 1..{MAX_GROUP}")
        _check_presence(kind, group in self._groups, what)
        if kind == p4r.Update.DELETE:
            self._engine.set_multicast_group(group, None)
            del self._groups[group]
            return
        self._engine.set_multicast_group(group, _replicas(update.replicas, what, self._ports))
        kept = p4r.MulticastGroupEntry()
        kept.CopyFrom(update)
        self._groups[group] = kept

    def _write_session(self, kind: p4r.Update.Type.ValueType, update: p4r.CloneSessionEntry) -> None:
        session = update.session_id
        what = f"clone session {session}"
        if not 0 < session <= MAX_SESSION:
            raise invalid(f"{what}: the id must be in 1..{MAX_SESSION}")
        _check_presence(kind, session in self._sessions, what)
        if kind == p4r.Update.DELETE:
            self._engine.set_clone_session(session, None)
            del self._sessions[session]
            return
        if update.class_of_service:
            raise invalid(f"{what}: there is only class of service 0")
        if update.packet_length_bytes < 0:
            raise invalid(f"{what}: packet_length_bytes is negative")
        self._engine.set_clone_session(
            session, _replicas(update.replicas, what, self._ports), update.packet_length_bytes
        )
        kept = p4r.CloneSessionEntry()
        kept.CopyFrom(update)
        self._sessions[session] = kept

    def read(self, query: p4r.PacketReplicationEngineEntry) -> Iterator[p4r.Entity]:
        """One group or session, or all of a kind when its id is 0, or everything when neither is named."""
        which = query.WhichOneof("type")
        if which != "clone_session_entry":
            for group in _selected(self._groups, query.multicast_group_entry.multicast_group_id):
                entity = p4r.Entity()
                entity.packet_replication_engine_entry.multicast_group_entry.CopyFrom(group)
                yield entity
        if which != "multicast_group_entry":
            for session in _selected(self._sessions, query.clone_session_entry.session_id):
                entity = p4r.Entity()
                entity.packet_replication_engine_entry.clone_session_entry.CopyFrom(session)
                yield entity


_Message = TypeVar("_Message", p4r.MulticastGroupEntry, p4r.CloneSessionEntry)


def _selected(entries: dict[int, _Message], number: int) -> list[_Message]:
    if number:
        return [entries[number]] if number in entries else []
    return list(entries.values())


def _check_presence(kind: p4r.Update.Type.ValueType, present: bool, what: str) -> None:
    if kind == p4r.Update.INSERT and present:
        raise already_exists(f"{what}: exists")
    if kind != p4r.Update.INSERT and not present:
        raise not_found(f"{what}: does not exist")


def _replicas(messages: Iterable[p4r.Replica], what: str, ports: Translation | None) -> list[Replica]:
    replicas = []
    seen = set()
    for message in messages:
        if message.backup_replicas:
            raise unimplemented(f"{what}: backup replicas are not supported")
        port = _port(message, what, ports)
        if message.instance > MAX_INSTANCE:
            raise invalid(f"{what}: instance {message.instance} is above {MAX_INSTANCE}")
        if (port, message.instance) in seen:
            raise invalid(f"{what}: port {port} with instance {message.instance} is given twice")
        seen.add((port, message.instance))
        replicas.append(Replica(port, message.instance))
    return replicas


def _port(message: p4r.Replica, what: str, ports: Translation | None) -> int:
    kind = message.WhichOneof("port_kind")
    if kind is None:
        raise invalid(f"{what}: a replica has no port")
    if kind == "port":
        if ports is not None:
            return ports.number(message.port, PORT_BITS, f"{what}: port")
        return to_int(message.port, PORT_BITS, f"{what}: port")
    if message.egress_port >> PORT_BITS:
        raise invalid(f"{what}: port {message.egress_port} does not fit in {PORT_BITS} bits")
    return message.egress_port
