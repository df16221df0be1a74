"""What UDP may take: of a service, of a server's local ports and of the switch."""

from __future__ import annotations

from typing import Any

import pytest
from fullnat.core.declared.modes import Mode

from .builders import config, real, syn, virtual
from .helpers import nothing_left, opened, session_writes
from .switch import Rig
from .udpkit import begun, datagram, service


@pytest.mark.parametrize("changes", [{}, {"mode": Mode.NAT, "local_addresses": ()}], ids=["fullnat", "nat"])
def test_udp_and_tcp_of_one_server_take_no_local_ports_from_each_other(changes: dict[str, Any]) -> None:
    """Where there is but one, each has it, before and after a restart."""
    rig = Rig(config(virtual(**changes), service(**changes), local_port_min=6000, local_port_max=6000))
    of_udp, of_tcp = begun(rig), opened(rig)
    assert of_udp.flow_out._replace(protocol=6) == of_tcp.flow_out
    rig.send(datagram(40001))
    rig.settle()
    assert rig.controller.stats()["no_local_port"] == (0 if changes else 1)
    rig.restart()
    kept = {view.entry.flow_out for view in rig.controller.sessions()}
    assert {of_udp.flow_out, of_tcp.flow_out} <= kept
    (*locals_,) = rig.controller.local_addresses()
    assert [(local.used, local.free) for local in locals_] == ([] if changes else [(2, 0)])
    rig.advance(400)
    rig.advance(10)
    nothing_left(rig)


def test_what_a_service_has_counted_stays_when_its_servers_go() -> None:
    rig = Rig(config(service(real_servers=(real(),))))
    begun(rig, 40000)
    rig.advance(40)
    rig.reconfigure(config(service(real_servers=(real("10.0.2.12"),))))
    begun(rig, 40001)
    (view,) = rig.controller.services()
    assert [(server.connections, server.unanswered) for server in view.servers] == [(1, 0)]
    assert (view.connections, view.unanswered) == (2, 1)
    (local,) = rig.controller.local_addresses()
    assert (local.used, local.connections) == (1, 2)


def test_a_service_has_no_more_sessions_than_it_may() -> None:
    """The first that ends makes room for another; a limit that is raised holds at once, and other services go on."""
    rig = Rig(config(virtual(), service(max_sessions=2)))
    told = len(rig.switch.forwarded)
    for port in range(4):
        rig.send(datagram(40000 + port))
    rig.settle()
    assert sorted(view.entry.client_port for view in rig.controller.sessions()) == [40000, 40001]
    stats = rig.controller.stats()
    assert (stats["service_full"], stats["datagram_dropped"], len(rig.switch.forwarded)) == (2, 2, told)
    opened(rig)
    rig.reconfigure(config(virtual(), service(max_sessions=3)))
    begun(rig, 40002)
    rig.send(datagram(40003))
    assert rig.controller.stats()["service_full"] == 3
    assert [view.refused for view in rig.controller.services()] == [{}, {"service_full": 3}]
    rig.advance(40)
    begun(rig, 40003)


def test_a_service_begins_no_more_sessions_in_a_second_than_it_may() -> None:
    rig = Rig(config(virtual(new_rate=1), service(new_rate=10)))
    for second in range(3):
        for port in range(50):
            rig.send(datagram(40000 + 100 * second + port))
        rig.settle()
        rig.advance(1)
    of_udp = [entry for _, entry in session_writes(rig) if entry.protocol == 17]
    assert 27 <= len(of_udp) <= 30
    refused = rig.controller.stats()["service_rate"]
    assert refused == 150 - len(of_udp)
    assert [view.refused for view in rig.controller.services()] == [{}, {"service_rate": refused}]
    opened(rig, 40000)
    rig.send(syn(40001))
    assert rig.controller.stats()["service_rate"] == refused + 1
    assert not rig.switch.writes


def test_udp_leaves_half_of_the_switch_to_tcp() -> None:
    rig = Rig(config(virtual(), service()), session_ids=16)
    for port in range(20):
        rig.send(datagram(40000 + port))
    rig.settle()
    assert len(rig.switch.sessions()) == 8
    assert rig.controller.stats()["table_full"] == 12
    assert [view.refused for view in rig.controller.services()] == [{}, {"table_full": 12}]
    for port in range(8):
        opened(rig, 50000 + port)
