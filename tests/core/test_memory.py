"""What a session costs the controller, by the account of Python's own allocator."""

from __future__ import annotations

import tracemalloc
from random import Random

from fullnat.config.diff import diff, model_of
from fullnat.core.controller import Controller
from fullnat.core.interface import THE_SWITCH, Sizes, SwitchUp
from fullnat.net.flow import v4
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.session import SessionEntry

from .builders import LOCAL, RPORT, SERVER, VIP, VPORT, config
from .switch import SECRET

SESSIONS = 20_000
LIMIT = 1000
"""Bytes."""


def session(number: int) -> SessionEntry:
    client = v4(0x0A010000 + number)
    port = 1024 + number
    isn, delta = 0x70000000 + number, 0x60000000 + number
    return SessionEntry(number, 0, 6, client, port, VIP, VPORT, LOCAL, port, SERVER, RPORT, delta, isn, 90.0)


def test_a_session_found_on_the_switch_takes_less_than_a_kilobyte() -> None:
    controller = Controller(Sizes(1 << 20, 1 << 16), SECRET, Random(1))
    controller.apply(diff(controller.model, model_of(config(local_port_min=1024))), 999.0)
    servers = (ServerIn(0, 1, SERVER, RPORT), ServerOut(0, 1, VIP, VPORT))
    tracemalloc.start()
    try:
        effects = controller.handle(SwitchUp((*servers, *map(session, range(SESSIONS)))), 1000.0, THE_SWITCH)
        del effects
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert controller.stats()["sessions"] == SESSIONS
    assert held / SESSIONS < LIMIT
