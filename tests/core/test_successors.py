"""Cookies that are acknowledged where there is a session of the flow: of a SYN that came here, and whose repetition got
the cookie, or of an older connection that is on its way out."""

from __future__ import annotations

import pytest
from fullnat.core.interface import Outcome, PacketIn, SessionEvents
from fullnat.net.headers import TcpFlag
from fullnat.net.parse import Segment, parse
from fullnat.p4constants import Direction, ServiceFlag, SessionEvent
from fullnat.tables.session import Splice

from .builders import CLIENT_PORT, syn
from .test_splicing import COOKIE, ISN, SERVER_ISN, Proxied

ACK, PSH = TcpFlag.ACK, TcpFlag.PSH


def ordinary(proxied: Proxied, isn: int = ISN) -> PacketIn:
    """The first SYN, which came here."""
    found = syn(40000, isn)
    proxied.send(found)
    return found


def spliced(proxied: Proxied) -> None:
    """The session is the cookie's, and the server's answer makes it whole."""
    proxied.settle()
    assert (proxied.entry.splice, proxied.entry.client_isn) == (Splice(0), ISN)
    asked = [parse(sent.frame) for sent in proxied.injected()]
    assert [packet.tcp for packet in asked] == [Segment(ISN, 0, TcpFlag.SYN, 32, 0)]
    proxied.send(proxied.from_server())
    proxied.settle()
    assert proxied.entry.splice == Splice(COOKIE - SERVER_ISN & 0xFFFFFFFF, 7, 7)
    assert proxied.resets() == []


def test_while_its_session_is_written() -> None:
    """Nobody has asked the server yet, and nobody does with the first SYN."""
    proxied = Proxied(syn_proxy="auto")
    ordinary(proxied)
    data = proxied.from_client(flags=PSH | ACK, payload=b"GET /")
    late = proxied.from_client("NO_SESSION", flags=PSH | ACK, seq=ISN + 6, payload=b"more")
    flags = int(ServiceFlag.COOKIES_IN_NEED | ServiceFlag.RESET_ON_MISS)
    proxied.send(proxied.from_client(), data, late._replace(service_flags=flags))
    spliced(proxied)
    assert [sent.frame for sent in proxied.injected()][:2] == [data.frame, late.frame]
    assert proxied.stat("sessions_spliced") == 1


def test_after_the_server_was_asked() -> None:
    """Its answer to the first SYN is late."""
    proxied = Proxied(syn_proxy="auto")
    ordinary(proxied)
    proxied.settle()
    number = proxied.entry.session_id
    assert [sent.port for sent in proxied.injected()] == [CLIENT_PORT]
    proxied.rig.send(SessionEvents(number, Direction.OUT, SessionEvent.SYN_ACK))
    proxied.send(proxied.from_client())
    spliced(proxied)


@pytest.mark.parametrize("outcome", Outcome)
def test_however_the_write_ends(outcome: Outcome) -> None:
    proxied = Proxied(syn_proxy="auto")
    proxied.switch.strict = False
    proxied.switch.fail.append(outcome)
    ordinary(proxied)
    proxied.send(proxied.from_client())
    spliced(proxied)


def test_while_an_old_session_is_removed() -> None:
    """Its client has begun anew, and got a cookie, as the entries were gone already."""
    proxied = Proxied()
    proxied.begin()
    proxied.send(proxied.from_client("SPLICE", TcpFlag.RST, ack=0))
    proxied.send(proxied.from_client())
    spliced(proxied)


def test_of_another_attempt_nothing_becomes() -> None:
    """Which of both is the newer one, nobody knows; the client says it with its next segment."""
    proxied = Proxied(syn_proxy="auto")
    ordinary(proxied, ISN + 99)
    proxied.send(proxied.from_client())
    proxied.settle()
    assert (proxied.entry.splice, proxied.entry.client_isn) == (None, ISN + 99)
    assert proxied.stat("cookie_segments_dropped") == 1


def test_a_connection_that_stands_stays() -> None:
    proxied = Proxied(syn_proxy="auto")
    ordinary(proxied)
    proxied.settle()
    number = proxied.entry.session_id
    both = SessionEvent.SYN_ACK | SessionEvent.ESTABLISHED
    proxied.rig.send(SessionEvents(number, Direction.OUT, both))
    proxied.send(proxied.from_client())
    proxied.settle()
    assert proxied.states() == ["ESTABLISHED"]
    assert proxied.entry.splice is None


def test_a_broken_stream_forgets_what_waits() -> None:
    proxied = Proxied(syn_proxy="auto")
    ordinary(proxied)
    proxied.send(proxied.from_client())
    proxied.rig.restart()
    proxied.settle()
    assert proxied.switch.sessions() == {}
    proxied.begin()


def test_a_syn_that_came_before_its_session_is_old() -> None:
    """A ring has stalled: it comes behind what acknowledged the cookie of its repetition, or of a later attempt."""
    proxied = Proxied(syn_proxy="auto")
    proxied.begin()
    for isn in (ISN, ISN - 77):
        ordinary(proxied, isn)
        proxied.settle()
        assert (proxied.entry.splice, proxied.entry.client_isn) == (Splice(0), ISN)
    assert proxied.injected() == []


@pytest.mark.parametrize(("came_again", "cookies"), [(False, True), (True, True), (False, False)])
def test_a_syn_whose_session_is_written_for_long(came_again: bool, cookies: bool) -> None:
    """Its repetition is here, or it may have got a cookie, where there are any: then the server is not asked, and the
    client says."""
    proxied = Proxied(syn_proxy="auto", half_open=int(cookies))
    proxied.send(syn(50000))
    proxied.settle()
    assert len(proxied.injected()) == 1
    ordinary(proxied)
    proxied.rig.now += 1.5
    if came_again:
        ordinary(proxied)
    proxied.settle()
    is_asked = came_again or not cookies
    assert len(proxied.injected()) == is_asked
    assert proxied.stat("cookie_syn_waited") == (not is_asked)
    assert len(proxied.switch.sessions()) == 1 + is_asked
    if not is_asked:
        proxied.send(proxied.from_client())
        proxied.settle()
        assert len(proxied.injected()) == 1, "its client says"
