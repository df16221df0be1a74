"""Servers that do not take new sessions, as the sessions show it."""

from __future__ import annotations

from typing import Any

from fullnat.core.interface import Log
from fullnat.net.flow import Endpoint

from .builders import RPORT, SERVER, SERVER2, VIP, VPORT, config, real, virtual
from .commandkit import FIRST, KEY
from .helpers import again, established, opened, tell
from .switch import Rig
from .test_health import judge, shares

NAME = f"virtual server tcp {Endpoint(VIP, VPORT)}, real server {Endpoint(SERVER, RPORT)}"


def rigged(count: int = 2, **changes: Any) -> Rig:
    servers = tuple(real(f"10.0.2.{11 + number}") for number in range(count))
    fields = {"scheduler": "rr", "real_servers": servers, "passive_failures": 2, "passive_time": 20.0}
    return Rig(config(virtual(**fields | changes)))


class Clients:
    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.port = 40000

    def reset(self, server: bytes, count: int = 1) -> None:
        """So many new sessions are reset by ``server``; the other one takes its own."""
        while count:
            self.port += 1
            entry = opened(self.rig, self.port)
            if entry.server == server:
                tell(self.rig, entry.session_id, "RST_OUT")
                count -= 1
            else:
                tell(self.rig, entry.session_id, "SYN_ACK", "ESTABLISHED")
            self.rig.settle()


def ejected(rig: Rig) -> list[bool]:
    (found,) = rig.controller.services()
    return [server.ejected is not None for server in found.servers]


def test_resets_at_once_take_it_out_for_a_while_and_longer_each_time() -> None:
    rig = rigged()
    clients = Clients(rig)
    clients.reset(SERVER)
    assert ejected(rig) == [False, False]
    clients.reset(SERVER)
    assert ejected(rig) == [True, False]
    assert shares(rig, 50000) == {SERVER2: 4}
    rig.advance(21)
    assert ejected(rig) == [False, False]
    clients.reset(SERVER)
    assert ejected(rig) == [True, False]
    rig.advance(21)
    assert ejected(rig) == [True, False]
    rig.advance(20)
    assert ejected(rig) == [False, False]
    said = [log.message for log in rig.switch.logs if log.message.startswith(NAME)]
    assert said == [
        f"{NAME}: down: it has not taken 2 new sessions in a row; it is tried again in 20 s",
        f"{NAME}: up: it is tried again",
        f"{NAME}: down: it has not taken 2 new sessions in a row; it is tried again in 40 s",
        f"{NAME}: up: it is tried again",
    ]


def test_a_session_that_it_takes_clears_it() -> None:
    rig = rigged()
    clients = Clients(rig)
    clients.reset(SERVER)
    for port in (30000, 30001):
        established(rig, port)
    clients.reset(SERVER)
    assert ejected(rig) == [False, False]
    clients.reset(SERVER)
    rig.advance(21)
    for port in (31000, 31001):
        established(rig, port)
    clients.reset(SERVER)
    assert ejected(rig) == [False, False]


def test_syns_that_nobody_answers_take_it_out() -> None:
    rig = rigged(passive_failures=3)
    ports = range(40000, 40006)
    mine = [entry for port in ports if (entry := opened(rig, port)).server == SERVER]
    others = [entry for entry in rig.switch.sessions().values() if entry.server != SERVER]
    for entry in others:
        tell(rig, entry.session_id, "SYN_ACK", "ESTABLISHED")
    assert len(mine) == 3
    for _ in range(2):
        assert ejected(rig) == [False, False]
        for entry in mine:
            rig.send(again(entry, entry.client_isn))
    rig.settle()
    assert ejected(rig) == [True, False]
    (found,) = rig.controller.services()
    assert [server.unanswered for server in found.servers] == [0, 0]


def test_syns_that_are_not_repeated_take_it_out_when_their_time_is_over() -> None:
    rig = rigged(passive_failures=3)
    for port in range(40000, 40006):
        entry = opened(rig, port)
        if entry.server != SERVER:
            tell(rig, entry.session_id, "SYN_ACK", "ESTABLISHED")
    rig.advance(35)
    assert ejected(rig) == [True, False]


def test_clients_that_do_not_end_their_handshakes_are_no_fault_of_the_server() -> None:
    """A flood of SYNs: the server answers, and nobody goes on."""
    rig = rigged()
    for port in range(40000, 40010):
        tell(rig, opened(rig, port).session_id, "SYN_ACK")
    rig.advance(200)
    assert list(rig.controller.sessions()) == []
    assert ejected(rig) == [False, False]


def test_the_last_server_stays() -> None:
    rig = rigged(1)
    Clients(rig).reset(SERVER, 5)
    assert ejected(rig) == [False]
    assert shares(rig, 50000) == {SERVER: 4}


def test_it_counts_only_where_it_is_asked_for() -> None:
    rig = rigged(passive_failures=0)
    Clients(rig).reset(SERVER, 9)
    assert ejected(rig) == [False, False]


def test_one_that_checks_find_down_meanwhile_stays_down() -> None:
    rig = rigged()
    Clients(rig).reset(SERVER, 2)
    judge(rig, FIRST, False, "connection refused")
    rig.advance(21)
    assert shares(rig, 50000) == {SERVER2: 4}
    assert rig.switch.logs[-1] == Log("INFO", f"real server {FIRST} is down by its checks still")
    judge(rig, FIRST, True)
    assert shares(rig, 51000) == {SERVER: 2, SERVER2: 2}
    assert rig.controller.found_well(KEY, FIRST)
