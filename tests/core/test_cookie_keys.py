"""What services with SYN cookies have in the switch: flags and keys, and when both begin."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest
from fullnat.config.model import ServiceSettings
from fullnat.core.declared.commands import CommandError
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import Behind, Op, SessionEvents
from fullnat.p4constants import CookieKey, Direction, ServiceFlag, SessionEvent
from fullnat.tables.cookie_key import CookieKeyEntry
from fullnat.tables.virtual_service import VirtualService

from .builders import VIP, VPORT, config, syn, virtual
from .builders import real as real_server
from .switch import Rig

DEFAULT = ServiceSettings().syn_proxy


def test_flags_and_keys_follow_the_configuration() -> None:
    """The key first; without a service that asks for cookies there is none."""
    rig = Rig(config(virtual()))
    assert rig.switch.of(CookieKeyEntry) == set()
    for word, flag in (("always", ServiceFlag.COOKIES), ("auto", ServiceFlag.COOKIES_IN_NEED)):
        rig.reconfigure(config(virtual(syn_proxy=word)))
        rig.settle()
        assert {entry.flags for entry in rig.switch.of(VirtualService)} == {flag}
        keys = {entry.wanted: entry for entry in rig.switch.of(CookieKeyEntry)}
        new = keys[CookieKey.NEW]
        assert keys[CookieKey.GENERATION_0 + new.generation] == new._replace(
            wanted=CookieKey.GENERATION_0 + new.generation
        )
        assert (new.mss, new.mss6, new.scale) == (1452, 1420, 7)
    before = rig.switch.of(CookieKeyEntry)
    rig.restart()
    assert rig.switch.of(CookieKeyEntry) == before
    rig.reconfigure(config(virtual(syn_proxy="auto"), syn_proxy_mss=1400, syn_proxy_scale=9))
    rig.settle()
    assert {(entry.mss, entry.scale) for entry in rig.switch.of(CookieKeyEntry)} == {(1400, 9)}
    rig.reconfigure(config(virtual()))
    rig.settle()
    assert rig.switch.of(CookieKeyEntry) == set()
    assert {entry.flags for entry in rig.switch.of(VirtualService)} == {0}


def test_keys_rotate_and_the_old_one_goes() -> None:
    rig = Rig(config(virtual(syn_proxy="always")))
    seen = {}
    for _ in range(3):
        rig.advance(3600, idle_notices=False)
        rig.advance(130, idle_notices=False)
        keys = {entry.wanted: entry for entry in rig.switch.of(CookieKeyEntry)}
        new = keys[CookieKey.NEW]
        assert set(keys) == {CookieKey.NEW, CookieKey.GENERATION_0 + new.generation}
        assert new.key not in seen
        seen[new.key] = new.generation
    assert len(set(seen.values())) == 2
    updates = [(op, e.wanted) for op, e in rig.switch.log_of_updates if isinstance(e, CookieKeyEntry)]
    for position, (operation, wanted) in enumerate(updates):
        if wanted == CookieKey.NEW and operation is Op.MODIFY:
            assert updates[position - 1][0] is Op.INSERT


def test_auto_begins_with_half_open_sessions_and_ends_without() -> None:
    rig = Rig(config(virtual(syn_proxy="auto"), syn_proxy_half_open=8))
    rig.settle()
    for port in range(1000, 1009):
        rig.send(syn(port))
        rig.settle()
    (service,) = rig.switch.of(VirtualService)
    assert service.flags == ServiceFlag.COOKIES | ServiceFlag.COOKIES_IN_NEED
    assert rig.controller.stats()["cookies_begun"] == 1
    rig.advance(59)
    (service,) = rig.switch.of(VirtualService)
    assert service.flags & ServiceFlag.COOKIES
    rig.advance(30)
    (service,) = rig.switch.of(VirtualService)
    assert service.flags == ServiceFlag.COOKIES_IN_NEED


@pytest.mark.parametrize(
    ("half_open", "answered", "seconds", "begins"),
    [(256, 85, 1.0, True), (256, 86, 1.0, False), (255, 0, 1.0, False), (256, 0, 0.9, False), (256, 0, 2.0, False)],
)
def test_auto_begins_when_syns_wait_and_nobody_answers(
    half_open: int, answered: int, seconds: float, begins: bool
) -> None:
    """For the service that they are for; one that only has more clients than are served is better off without. What
    has begun counts from the last time that SYNs waited, if that was just now."""
    rig = Rig(config(virtual(syn_proxy="auto"), virtual(syn_proxy="auto", port=81)))
    rig.settle()
    rig.send(Behind())
    for port in range(1000, 1000 + half_open + answered):
        rig.send(syn(port))
        rig.settle()
    for number in sorted(rig.switch.sessions())[:answered]:
        rig.send(SessionEvents(number, Direction.IN, SessionEvent.SYN_ACK | SessionEvent.ESTABLISHED))
    rig.now += seconds
    rig.send(Behind())
    rig.settle()
    flags = {entry.vport: entry.flags for entry in rig.switch.of(VirtualService)}
    usual = ServiceFlag.COOKIES_IN_NEED
    assert flags == {VPORT: usual | ServiceFlag.COOKIES if begins else usual, 81: usual}
    (first, _) = rig.controller.services()
    assert (first.half_open, first.cookies_for) == (half_open, 0 if begins else None)


def test_a_syn_that_waited_when_cookies_began_makes_no_session() -> None:
    """Its repetition has got a cookie, and the server's own numbers are others: it would reset the client. One that the
    switch sends later, without cookies as it seems, does."""
    rig = Rig(config(virtual(syn_proxy="auto")))
    rig.settle()
    rig.send(Behind())
    for port in range(1000, 1256):
        rig.send(syn(port))
        rig.settle()
    rig.now += 1.1
    rig.send(Behind())
    rig.send(syn(2000))
    rig.settle()
    assert (len(rig.switch.sessions()), rig.controller.stats()["cookie_syn_waited"]) == (256, 1)
    rig.now += 5
    rig.send(syn(2000))
    rig.settle()
    assert (len(rig.switch.sessions()), rig.controller.stats()["cookie_syn_waited"]) == (256, 2), "a ring has stalled"
    rig.now += 6
    rig.send(syn(2000))
    rig.settle()
    assert (len(rig.switch.sessions()), rig.controller.stats()["cookie_syn_waited"]) == (257, 2)


def test_auto_begins_when_nobody_answers_for_two_seconds_of_the_rate() -> None:
    """Forged SYNs at the rate that the service may have would take all of it, and never be more than the limit."""
    rig = Rig(config(virtual(syn_proxy="auto", new_rate=3)))
    rig.settle()
    for port in range(1000, 1012):
        rig.send(syn(port))
        rig.settle()
        rig.now += 0.34
    (service,) = rig.switch.of(VirtualService)
    assert service.flags == ServiceFlag.COOKIES | ServiceFlag.COOKIES_IN_NEED
    assert len(rig.switch.sessions()) > 6


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"protocol": "udp"}, "of TCP, and this is a service of UDP"),
        ({"mode": Mode.DR, "real_servers": (real_server(port=VPORT),)}, "in dr they answer past us"),
        ({"mode": Mode.TUNNEL, "real_servers": (real_server(port=VPORT),)}, "in tunnel they answer past us"),
    ],
)
def test_what_cannot_have_cookies_is_refused(changes: dict[str, Any], said: str) -> None:
    rig = Rig(config())
    with pytest.raises(CommandError, match=f"syn_proxy always is .*{said}"):
        rig.reconfigure(config(virtual(syn_proxy="always", address=IPv4Address(VIP), **changes)))
    rig.reconfigure(config(virtual(syn_proxy=DEFAULT, **changes)))
    rig.settle()
    assert ({entry.flags for entry in rig.switch.of(VirtualService)}, rig.switch.of(CookieKeyEntry)) == ({0}, set())


def test_cookies_in_need_are_the_default_where_they_can_be() -> None:
    """A server that answers past us takes them away from its service, and when it goes they are back."""
    assert DEFAULT == "auto"
    usual, direct = real_server(), replace(real_server("10.0.2.12", VPORT), mode=Mode.DR)
    rig = Rig(config(virtual(syn_proxy=DEFAULT)))
    for servers, flags in (((usual, direct), 0), ((usual,), ServiceFlag.COOKIES_IN_NEED)):
        rig.reconfigure(config(virtual(syn_proxy=DEFAULT, real_servers=servers)))
        rig.settle()
        assert {entry.flags for entry in rig.switch.of(VirtualService)} == {flags}
        assert bool(rig.switch.of(CookieKeyEntry)) is bool(flags)


def test_a_program_without_cookies_has_none_in_need() -> None:
    """Who asks for them always is refused by name."""
    rig = Rig(config(virtual(syn_proxy=DEFAULT)), has_cookies=False)
    assert ({entry.flags for entry in rig.switch.of(VirtualService)}, rig.switch.of(CookieKeyEntry)) == ({0}, set())
    with pytest.raises(CommandError, match="syn_proxy always is not in this program of the switch"):
        rig.reconfigure(config(virtual(syn_proxy="always")))
