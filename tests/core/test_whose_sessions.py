"""Whose a session is that the switch has and the controller does not know yet."""

from __future__ import annotations

import pytest
from fullnat.core.balancing.server_ids import FoundServers, ServerKey
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import SessionEvents
from fullnat.net.flow import Endpoint
from fullnat.net.headers import PROTO_TCP
from fullnat.tables.server_in import ServerIn
from fullnat.tables.session import SessionEntry

from .builders import CLIENT, EVENT, OUT, VIP, config, ip, real, syn, virtual
from .switch import Rig

SERVER, LOCAL = ip("10.0.2.11"), ip("10.0.2.100")


@pytest.mark.parametrize(("port", "at"), [(80, 0), (8080, None)])
def test_servers_of_all_ports_keep_what_clients_ask_for(port: int, at: int | None) -> None:
    """A session to another port was of a service of one port, whose server the switch has lost: it was taken for one of
    the service of all ports that came in its place."""
    session = SessionEntry(1, 1, PROTO_TCP, CLIENT, 40000, VIP, 80, LOCAL, 5000, SERVER, port, 0, 0, 90.0)
    service = PROTO_TCP, Endpoint(VIP, 0)
    key = None if at is None else ServerKey(service, Endpoint(SERVER, at), Mode.FULLNAT, Endpoint(VIP, 0))
    assert FoundServers().key(session, service) == key


def test_such_a_session_ends_with_a_word_to_both_ends() -> None:
    """Its service is configured no more, so it is reset, as it would be had the switch lost nothing."""
    rig = Rig(config(virtual()))
    rig.send(syn())
    rig.settle()
    (number,) = rig.switch.sessions()
    rig.send(SessionEvents(number, OUT, EVENT["SYN_ACK"]))
    (server,) = rig.switch.of(ServerIn)
    del rig.switch.tables["server_in", server.server_id]
    rig.config = config(virtual(port=0, real_servers=(real(port=0),)))
    rig.restart()
    rig.settle()
    assert {reset.session_id for reset in rig.switch.resets} == {number}
    assert len(rig.switch.resets) == 2
