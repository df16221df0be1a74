"""A real server is there before the sessions that lead to it, whatever comes together."""

from __future__ import annotations

from fullnat.core.interface import THE_SWITCH, Event, Op
from fullnat.tables.server_in import ServerIn
from fullnat.tables.session import SessionEntry

from .builders import SERVER2, config, real, syn, virtual
from .helpers import opened
from .switch import Rig

FIRST, SECOND = real("10.0.2.11"), real("10.0.2.12")
BOTH = virtual(real_servers=(FIRST, SECOND))


def test_a_server_is_written_before_sessions_that_come_together_with_its_id() -> None:
    rig = Rig(config(BOTH), server_ids=1)
    opened(rig)
    rig.reconfigure(config(virtual(real_servers=(SECOND,))))
    ports = iter(range(41000, 41020))

    def send(event: Event) -> None:
        """A client begins before it is asked what comes of ``event``."""
        rig.execute(rig.controller.handle(event, rig.now, THE_SWITCH))
        port = next(ports, None)
        if port is not None:
            rig.execute(rig.controller.handle(syn(port), rig.now, THE_SWITCH))
        rig.execute(rig.controller.conclude(rig.now))

    rig.send = send  # type: ignore[method-assign]
    rig.advance(200)
    rig.advance(5)
    written = [entry for op, entry in rig.switch.log_of_updates if op is Op.INSERT]
    sessions = [entry for entry in written if isinstance(entry, SessionEntry) and entry.server == SERVER2]
    server = next(entry for entry in written if isinstance(entry, ServerIn) and entry.address == SERVER2)
    assert len(sessions) > 1
    assert written.index(server) < written.index(sessions[0])
