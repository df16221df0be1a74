"""Whose a session is that the switch has and the controller does not know yet."""

from __future__ import annotations

import pytest
from fullnat.core.modes import Mode
from fullnat.core.server_ids import FoundServers, ServerKey
from fullnat.net.flow import Endpoint
from fullnat.net.headers import PROTO_TCP
from fullnat.tables.session import SessionEntry

from .builders import CLIENT, VIP, ip

SERVER, LOCAL = ip("10.0.2.11"), ip("10.0.2.100")


@pytest.mark.parametrize(("port", "at"), [(80, 0), (8080, None)])
def test_servers_of_all_ports_keep_what_clients_ask_for(port: int, at: int | None) -> None:
    """A session to another port was of a service of one port, whose server the switch has lost: it was taken for one of
    the service of all ports that came in its place."""
    session = SessionEntry(1, 1, PROTO_TCP, CLIENT, 40000, VIP, 80, LOCAL, 5000, SERVER, port, 0, 0, 90.0)
    service = PROTO_TCP, Endpoint(VIP, 0)
    key = None if at is None else ServerKey(service, Endpoint(SERVER, at), Mode.FULLNAT, Endpoint(VIP, 0))
    assert FoundServers().key(session, service) == key
