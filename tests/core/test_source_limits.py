"""Half-open sessions, sources and real servers: what is above their limits."""

from __future__ import annotations

import pytest
from fullnat.config.model import RealServer
from fullnat.core.declared.commands import CommandError
from fullnat.core.interface import Asked, SessionEvents
from fullnat.net.flow import Address, address
from fullnat.p4constants import ServiceFlag
from fullnat.tables.virtual_service import VirtualService

from .builders import CLIENT, EVENT, OUT, SERVER, VPORT, config, ip, real, syn, virtual
from .switch import Rig
from .udpkit import datagram


def clients(rig: Rig) -> set[Address]:
    return {session.client for session in rig.switch.sessions().values()}


def begin(rig: Rig, *sources: Address, port: int = 40000) -> None:
    for source in sources:
        rig.send(syn(port, client=source))
        rig.settle()


def answer(rig: Rig, source: Address) -> None:
    """The server sends its SYN-ACK."""
    (number,) = [number for number, session in rig.switch.sessions().items() if session.client == source]
    rig.send(SessionEvents(number, OUT, EVENT["SYN_ACK"]))


def test_the_oldest_half_open_session_makes_room() -> None:
    """Who has heard of nothing is told nothing; once the server has answered, both sides get a RST."""
    rig = Rig(config(virtual(half_open=2)))
    first, second, third, fourth = (ip("203.0.113.1", number) for number in range(4))
    begin(rig, first, second)
    answer(rig, second)
    begin(rig, third)
    assert (clients(rig), rig.switch.resets) == ({second, third}, [])
    begin(rig, fourth)
    assert len(rig.switch.resets) == 2
    rig.advance(2)
    assert clients(rig) == {third, fourth}
    assert rig.controller.stats()["half_open_ended"] == 2


def test_a_service_that_says_nothing_has_no_more_than_all_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of TCP, whatever it does about SYNs; UDP has no handshake."""
    monkeypatch.setattr("fullnat.core.access.limits.HALF_OPEN", 3)
    rig = Rig(config(virtual(syn_proxy="off"), virtual(protocol="udp")))
    begin(rig, *(ip("203.0.113.1", number) for number in range(7)))
    assert clients(rig) == {ip("203.0.113.1", number) for number in range(4, 7)}
    assert rig.controller.stats()["half_open_ended"] == 4
    for port in range(40000, 40007):
        rig.send(datagram(port))
        rig.settle()
    assert len(rig.switch.sessions()) == 10


def test_established_sessions_are_none_of_them() -> None:
    rig = Rig(config(virtual(half_open=1)))
    begin(rig, CLIENT)
    (number,) = rig.switch.sessions()
    rig.send(SessionEvents(number, OUT, EVENT["SYN_ACK"] | EVENT["ESTABLISHED"]))
    begin(rig, ip("203.0.113.1"), ip("203.0.113.2"))
    assert clients(rig) == {CLIENT, ip("203.0.113.2")}


def test_a_source_has_half_open_sessions_of_its_own() -> None:
    """Its oldest goes, not another's."""
    rig = Rig(config(virtual(source_half_open=2, source_prefix=24)))
    other = address("192.0.2.1")
    begin(rig, other, *(ip("203.0.113.1", number) for number in range(3)))
    assert clients(rig) == {other, ip("203.0.113.2"), ip("203.0.113.3")}


def test_who_sees_to_the_crowd_keeps_all_sessions() -> None:
    """As SYN cookies would."""
    rig = Rig(config(virtual(half_open=1)))
    heard: list[tuple[object, float]] = []

    def sees(service: object, now: float, _out: object) -> bool:
        heard.append((service, now))
        return True

    rig.controller._admission.on_crowd = sees
    begin(rig, CLIENT, ip("203.0.113.1"))
    assert len(rig.switch.sessions()) == 2
    (service,) = rig.controller._store.services
    assert heard == [(service, rig.now)]


@pytest.mark.parametrize("bits", [24, 32])
def test_a_source_may_have_so_many_sessions(bits: int) -> None:
    """What is a source by its prefix; one more may begin when one has gone."""
    rig = Rig(config(virtual(source_sessions=2, source_prefix=bits)))
    begin(rig, ip("203.0.113.1"), ip("203.0.113.2"), ip("203.0.113.3"))
    begin(rig, ip("203.0.113.1"), port=40001)
    assert len(rig.switch.sessions()) == (2 if bits == 24 else 4)
    begin(rig, ip("203.0.113.1"), port=40002)
    refused = rig.controller.stats()["source_full"]
    assert refused == (3 if bits == 24 else 1)
    rig.advance(60)
    begin(rig, ip("203.0.113.1"), port=40003)
    assert rig.controller.stats()["source_full"] == refused
    assert not [each for each in rig.controller._store.services if len(each.limits.sources) > 1]


def test_a_server_gets_so_many_new_sessions_a_second() -> None:
    """A second's at once."""
    server = RealServer(address=real().address, port=real().port, new_rate=2)
    rig = Rig(config(virtual(real_servers=(server,))))
    for port in range(40000, 40005):
        begin(rig, CLIENT, port=port)
    assert len(rig.switch.sessions()) == 2
    assert rig.controller.stats()["server_rate"] == 3
    rig.advance(0.5)
    begin(rig, CLIENT, port=40005)
    assert len(rig.switch.sessions()) == 3
    assert {(session.server, session.vport) for session in rig.switch.sessions().values()} == {(SERVER, VPORT)}


def test_talkers_are_told_by_their_share() -> None:
    """Of a flood from random sources none; of one that asks for half of all, half."""
    rig = Rig(config())
    for number in range(6000):
        rig.send(syn(number % 50000 + 1, client=CLIENT if number % 2 else ip("10.1.0.0", number)))
        rig.now += 0.001
    (first, *others) = rig.controller.talkers(3, rig.now)
    assert (str(first.source), round(first.share, 1)) == ("203.0.113.9/32", 0.5)
    assert first.rate == pytest.approx(500, rel=0.2)
    assert all(other.share < 0.01 for other in others)
    rig.now += 60
    assert rig.controller.talkers(3, rig.now) == []


def test_who_gets_cookies_is_among_the_talkers() -> None:
    """Of a flood that gets cookies no SYN is brought; some are told, each for many."""
    rig = Rig(config(virtual(syn_proxy="always")))
    for number in range(4000):
        rig.send(Asked(CLIENT if number % 4 else ip("10.1.0.0", number), 512))
        rig.now += 0.001
    (first,) = rig.controller.talkers(3, rig.now)
    assert (str(first.source), round(first.share, 2)) == ("203.0.113.9/32", 0.75)
    assert first.rate == pytest.approx(750 * 512, rel=0.1)


def test_auto_begins_where_the_service_has_as_many_as_it_may() -> None:
    """And the oldest does not have to go."""
    rig = Rig(config(virtual(syn_proxy="auto", half_open=2)))
    rig.settle()
    for port in range(1000, 1003):
        rig.send(syn(port))
        rig.settle()
    (service,) = rig.switch.of(VirtualService)
    assert service.flags == ServiceFlag.COOKIES | ServiceFlag.COOKIES_IN_NEED
    assert (len(rig.switch.sessions()), rig.controller.stats()["half_open_ended"]) == (3, 0)


def test_more_policies_than_there_are_numbers_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """For want of a number the core would look for one for ever."""
    for module in ("declared.checks", "access.policies"):
        monkeypatch.setattr(f"fullnat.core.{module}.POLICIES", 4)
    services = [virtual(port=port, new_rate=5) for port in (81, 82, 83)]
    rig = Rig(config(*services[:2]))
    with pytest.raises(CommandError, match="3 services have lists or rates of new sessions: there is room for 2"):
        rig.reconfigure(config(*services))
