"""Where a new flow goes: the scheduler's server, a local address in turn, or a refusal that holds nothing."""

from __future__ import annotations

from random import Random

import pytest
from fullnat.config.diff import model_of
from fullnat.config.model import RealServer, Timeouts
from fullnat.core.balancing.placement import Place, Refusal, place
from fullnat.core.balancing.service import Service
from fullnat.core.balancing.services import Services
from fullnat.core.declared.modes import Mode
from fullnat.core.memory import Memory
from fullnat.core.session.pool import ClientEndpoints, LocalPool, Peer
from fullnat.net.flow import Address, Endpoint, Flow

from .builders import CLIENT, LOCAL, LOCAL2, RPORT, SERVER, SERVER2, VIP, VPORT, config, real, virtual

FLOW = Flow(6, Endpoint(CLIENT, 40000), Endpoint(VIP, VPORT))
LOW, HIGH = 5000, 5001


def made(
    *servers: RealServer, locals_: tuple[Address, ...] = (LOCAL,), ids: int = 8
) -> tuple[LocalPool, ClientEndpoints, Service]:
    services = Services(ids, Random(4), Memory())
    for key, declared in model_of(config(virtual(real_servers=servers, scheduler="rr"))).services.items():
        services.configure(key, declared, Timeouts())
    services.number()
    (service,) = services.by_key.values()
    service.locals = locals_
    pool = LocalPool(Random(1), LOW, HIGH)
    pool.add(locals_)
    return pool, ClientEndpoints(), service


def test_servers_and_local_addresses_take_turns_and_no_place_is_given_twice() -> None:
    pool, clients, service = made(real(), real("10.0.2.12"), locals_=(LOCAL, LOCAL2))
    places = [place(pool, clients, service, FLOW, 0.0) for _ in range(8)]
    found = [(each.server.endpoint, each.local) for each in places if isinstance(each, Place)]
    assert [server for server, _ in found] == [Endpoint(SERVER, RPORT), Endpoint(SERVER2, RPORT)] * 4
    assert len(set(found)) == 8
    assert {local.address: local.used for local in pool} == {LOCAL: 4, LOCAL2: 4}


@pytest.mark.parametrize(
    ("servers", "locals_", "ids", "refusal"),
    [
        ((), (LOCAL,), 8, Refusal.NO_REAL_SERVER),
        ((real(weight=0),), (LOCAL,), 8, Refusal.NO_REAL_SERVER),
        ((real(),), (), 8, Refusal.NO_LOCAL_PORT),
        ((real(),), (LOCAL,), 0, Refusal.NO_ROOM),
    ],
)
def test_a_refusal_says_why(
    servers: tuple[RealServer, ...], locals_: tuple[Address, ...], ids: int, refusal: Refusal
) -> None:
    assert place(*made(*servers, locals_=locals_, ids=ids), FLOW, 0.0) is refusal


def test_when_every_port_towards_the_server_is_taken_the_next_flow_is_refused() -> None:
    pool, clients, service = made(real())
    first = place(pool, clients, service, FLOW, 0.0)
    assert isinstance(first, Place)
    assert isinstance(place(pool, clients, service, FLOW, 0.0), Place)
    assert place(pool, clients, service, FLOW, 0.0) is Refusal.NO_LOCAL_PORT
    pool.release(first.local, Peer(6, first.server.endpoint))
    assert place(pool, clients, service, FLOW, 0.0) == first


def test_in_nat_the_client_is_the_local_endpoint_and_once_towards_each_server() -> None:
    pool, clients, service = made(real(mode=Mode.NAT), real("10.0.2.12", mode=Mode.NAT), locals_=())
    places = [place(pool, clients, service, FLOW, 0.0) for _ in range(3)]
    first, second = service.servers.values()
    assert places == [Place(first, FLOW.src), Place(second, FLOW.src), Refusal.CLIENT_PORT_IN_USE]
    clients.release(FLOW.src, Peer(6, second.endpoint))
    assert place(pool, clients, service, FLOW, 0.0) == Place(second, FLOW.src)
    assert list(pool) == []


def test_only_who_may_not_try_again_soon_is_told() -> None:
    assert {refusal for refusal in Refusal if refusal.is_told} == {
        Refusal.NO_REAL_SERVER,
        Refusal.NO_LOCAL_PORT,
    }
