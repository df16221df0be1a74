"""Slow start: a server that comes gets to its full weight in steps."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from fullnat.config.model import ServerSettings, ServiceSettings
from fullnat.core.declared.commands import AddServer, AddService, CommandError, EditServer, EditService
from fullnat.net.flow import Address, Endpoint

from .builders import SERVER, SERVER2, VIP, config, real, virtual
from .commandkit import FIRST, KEY, SECOND
from .helpers import opened
from .switch import Rig

WINDOW = 90.0
SLOW = ServiceSettings(scheduler="wrr", slow_start=WINDOW)


def started(**changes: object) -> Rig:
    return Rig(config(virtual(scheduler="wrr", slow_start=WINDOW, **changes)))


class Ports:
    """Clients' ports, none of which is used twice."""

    def __init__(self) -> None:
        self.next = 10_000

    def shares(self, rig: Rig, count: int) -> Counter[Address]:
        self.next += count
        return Counter(opened(rig, port).server for port in range(self.next - count, self.next))


def weights(rig: Rig) -> list[int]:
    (service,) = rig.controller.services()
    return [server.effective_weight for server in service.servers]


def test_a_server_that_is_added_gets_to_its_full_share_in_steps() -> None:
    rig, ports = started(), Ports()
    assert ports.shares(rig, 3) == {SERVER: 3}
    rig.apply(AddServer(KEY, SECOND, ServerSettings()))
    rig.settle()
    shares = []
    for _ in range(10):
        shares.append(ports.shares(rig, 110)[SERVER2])
        rig.advance(WINDOW / 9 + 0.3)
    assert shares[0] == 10
    assert shares == sorted(shares)
    assert shares[-1] == 55
    (service,) = rig.controller.services()
    assert [server.warming for server in service.servers] == [None, None]


def test_a_server_whose_weight_comes_back_starts_slowly_and_a_new_service_does_not() -> None:
    rig, ports = started(real_servers=(real(weight=3), real("10.0.2.12", weight=0))), Ports()
    rig.apply(EditServer(KEY, SECOND, ServerSettings(weight=3)))
    assert ports.shares(rig, 110) == {SERVER: 100, SERVER2: 10}
    (service,) = rig.controller.services()
    assert [server.warming for server in service.servers] == [None, 0.0]
    rig.advance(30)
    (service,) = rig.controller.services(rig.now)
    assert [server.warming for server in service.servers] == [None, 30.0]
    other = (6, Endpoint(VIP, 99))
    rig.apply(AddService(other, SLOW), *(AddServer(other, each, ServerSettings()) for each in (FIRST, SECOND)))
    assert [server.warming for server in rig.controller.services()[1].servers] == [None, None]


def test_without_others_or_without_the_option_the_full_weight_is_there_at_once() -> None:
    rig, ports = started(real_servers=(real(weight=0),)), Ports()
    rig.apply(EditServer(KEY, FIRST, ServerSettings()))
    assert ports.shares(rig, 5) == {SERVER: 5}
    rig.apply(EditService(KEY, replace(SLOW, slow_start=0.0)), AddServer(KEY, SECOND, ServerSettings()))
    rig.settle()
    assert ports.shares(rig, 20) == {SERVER: 10, SERVER2: 10}


def test_a_server_that_goes_while_it_warms_is_forgotten() -> None:
    rig = started()
    rig.apply(AddServer(KEY, SECOND, ServerSettings()))
    rig.apply(EditServer(KEY, SECOND, ServerSettings(weight=0)))
    rig.advance(WINDOW)
    assert Ports().shares(rig, 5) == {SERVER: 5}


@pytest.mark.parametrize("scheduler", ["rr", "lc", "fo", "ovf"])
def test_a_scheduler_that_does_not_go_by_weight_has_no_slow_start(scheduler: str) -> None:
    rig = Rig(config())
    with pytest.raises(CommandError, match=f"slow_start is by weight, which {scheduler} does not go by"):
        rig.apply(EditService(KEY, ServiceSettings(scheduler=scheduler, slow_start=5.0)))


def test_the_share_of_a_warm_up_holds_for_schedulers_by_load() -> None:
    """wlc: it is given no more than a tenth of what the others have, and not all that comes until it has as much."""
    rig, ports = Rig(config(virtual(scheduler="wlc", slow_start=WINDOW))), Ports()
    ports.shares(rig, 200)
    rig.apply(AddServer(KEY, SECOND, ServerSettings()))
    rig.settle()
    assert ports.shares(rig, 110) == {SERVER2: pytest.approx(28, abs=2), SERVER: pytest.approx(82, abs=2)}
