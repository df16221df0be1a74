"""Shorthands for lives of sessions in the core's tests."""

from __future__ import annotations

from fullnat.core.interface import Op, PacketIn, SessionEvents
from fullnat.core.views import SessionView
from fullnat.tables.session import SessionEntry

from .builders import EVENT, IN, OUT, syn
from .switch import Rig


def only(rig: Rig) -> SessionView:
    (view,) = rig.controller.sessions()
    return view


def opened(rig: Rig, port: int = 40000, seq: int = 1) -> SessionEntry:
    """A session whose SYN was injected."""
    rig.send(syn(port, seq))
    rig.settle()
    entry = rig.switch.log_of_updates[-1][1]
    assert isinstance(entry, SessionEntry)
    assert (entry.client_port, entry.client_isn) == (port, seq)
    assert rig.switch.injected[-1].session_id == entry.session_id
    return entry


def tell(rig: Rig, session_id: int, *events: str) -> None:
    """Digests of these SessionEvents."""
    for event in events:
        direction = IN if event in ("ESTABLISHED", "FIN_IN", "RST_IN") else OUT
        rig.hit(session_id)
        rig.send(SessionEvents(session_id, direction, EVENT[event]))


def session_writes(rig: Rig) -> list[tuple[Op, SessionEntry]]:
    """Every update of a session that the switch was asked for."""
    return [(op, entry) for op, entry in rig.switch.log_of_updates if isinstance(entry, SessionEntry)]


def established(rig: Rig, port: int = 40000, seq: int = 1) -> SessionEntry:
    entry = opened(rig, port, seq)
    tell(rig, entry.session_id, "SYN_ACK", "ESTABLISHED")
    return entry


def time_wait(rig: Rig, port: int = 40000, seq: int = 1) -> SessionEntry:
    entry = established(rig, port, seq)
    tell(rig, entry.session_id, "FIN_IN", "FIN_OUT")
    return entry


def again(entry: SessionEntry, seq: int) -> PacketIn:
    """A SYN on the session of ``entry``, as the switch punts it."""
    return syn(entry.client_port, seq, reason="SESSION_SYN", session_id=entry.session_id)


def over(rig: Rig) -> None:
    """No packet comes any more, and established sessions end."""
    rig.advance(91)
    rig.advance(9)


def nothing_left(rig: Rig) -> None:
    """No session anywhere, and every resource given back."""
    assert rig.switch.sessions() == {}
    assert list(rig.controller.sessions()) == []
    assert [local.used for local in rig.controller.local_addresses()] == [0] * len(rig.controller.local_addresses())
    for service in rig.controller.services():
        assert [(server.active, server.inactive) for server in service.servers] == [(0, 0)] * len(service.servers)
        assert not any(server.draining for server in service.servers)
