"""A real server whose MAC address changes without a word: it is asked for as soon as clients miss its answers."""

from __future__ import annotations

import pytest
from fullnat.net.headers import BROADCAST

from .builders import SERVER, SERVER_MAC, SERVER_PORT, config
from .helpers import again, opened, tell
from .switch import Rig
from .test_neighbors import SERVER_ROW, answer, requests

NEW_MAC = SERVER_MAC + 1


def asked(rig: Rig) -> list[int]:
    """The destinations of the questions for the server since the last look."""
    return [mac for port, mac, target in requests(rig) if (port, target) == (SERVER_PORT, SERVER)]


def resolved() -> Rig:
    """Its MAC address was confirmed a while ago."""
    rig = Rig(config())
    answer(rig)
    rig.advance(10)
    requests(rig)
    return rig


def test_a_repeated_syn_without_answer_has_its_server_asked_for() -> None:
    """Found in five seconds instead of within REFRESH: two questions to the old address, then one to all."""
    rig = resolved()
    entry = opened(rig, seq=7)
    assert asked(rig) == []
    rig.advance(1)
    rig.send(again(entry, 7))
    assert asked(rig) == [SERVER_MAC], "at once"
    rig.advance(4)
    assert asked(rig) == [SERVER_MAC, BROADCAST]
    assert rig.switch.neighbors() == {SERVER_ROW}, "traffic goes on meanwhile"
    answer(rig, mac=NEW_MAC)
    assert rig.switch.neighbors() == {SERVER_ROW._replace(destination=NEW_MAC)}


def test_a_server_that_answers_is_not_asked_for_each_syn() -> None:
    """It is there, and only its program is silent: not again for as long as Linux waits before it probes."""
    rig = resolved()
    entry = opened(rig, seq=7)
    rig.send(again(entry, 7))
    answer(rig)
    assert asked(rig) == [SERVER_MAC]
    for _ in range(3):
        rig.advance(1)
        rig.send(again(entry, 7))
    assert asked(rig) == []
    rig.advance(3)
    rig.send(again(entry, 7))
    rig.send(again(entry, 7))
    assert asked(rig) == [SERVER_MAC], "once, while the answer is awaited"


@pytest.mark.parametrize("events", [("SYN_ACK",), ("RST_OUT",)])
def test_a_server_that_has_answered_is_not_asked_for(events: tuple[str, ...]) -> None:
    rig = resolved()
    entry = opened(rig, seq=7)
    tell(rig, entry.session_id, *events)
    rig.send(again(entry, 7))
    assert asked(rig) == []


def test_a_server_that_is_gone_is_forgotten_and_looked_for() -> None:
    rig = resolved()
    entry = opened(rig, seq=7)
    rig.send(again(entry, 7))
    rig.advance(16)
    assert asked(rig) == [SERVER_MAC, SERVER_MAC, BROADCAST, BROADCAST, BROADCAST]
    assert rig.switch.neighbors() == set()
