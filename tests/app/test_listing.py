"""The control socket beside other work: long listings leave the loop to others, and whatever goes wrong is one line."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from fullnat.api import large
from fullnat.api.calls import BY_NAME
from fullnat.api.handlers import Handlers
from fullnat.api.listener import Listener, Where
from fullnat.api.server import Dispatcher
from fullnat.app import snapshot
from fullnat.app.changes import Changes
from fullnat.app.snapshot import SERVERS_PER_TURN, SERVICES_PER_TURN, SESSIONS_PER_TURN, Snapshots
from fullnat.cli import controlclient as client
from fullnat.core.interface import Op, ProbeResult
from fullnat.core.views import ServerView, ServiceView, SessionView
from fullnat.net.flow import Endpoint, v4
from fullnat.p4rt.client import Client
from p4rt.entries import session
from p4rt.waiting import until

from app.conftest import Rig

SESSIONS = 20 * SESSIONS_PER_TURN + 1


class Turns:
    """Counts the turns of the event loop, and what is taken in each."""

    def __init__(self) -> None:
        self.number = 0
        self.taken: dict[int, int] = {}
        self._task = asyncio.create_task(self._count())

    async def _count(self) -> None:
        while True:
            self.number += 1
            await asyncio.sleep(0)

    def views(self) -> Iterator[SessionView]:
        for number in range(SESSIONS):
            self.taken[self.number] = self.taken.get(self.number, 0) + 1
            yield SessionView(session(number), "ESTABLISHED", "INSTALLED", 1.0, 2.0, None)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.fixture
async def control(rig: Rig, tmp_path: Path) -> Any:
    handlers = Handlers(Snapshots(rig.runner, rig.owner), Changes(rig.runner, tmp_path / "fullnat.toml"))
    server = Listener(Where(tmp_path / "s"), Dispatcher(handlers))
    await server.start()
    yield server
    await server.stop()


async def ask(control: Listener, path: str) -> list[dict[str, Any]]:
    return await asyncio.to_thread(lambda: _asked(control.path, path))


def _asked(socket: Path, path: str) -> list[dict[str, Any]]:
    name, _, query = path.partition("?")
    try:
        return list(client.ask(socket, name, dict(parse_qsl(query))))
    except client.Refused as error:
        return [{"error": str(error)}]


@pytest.mark.parametrize(("filters", "found"), [({}, SESSIONS), ({"state": "none"}, 0)])
async def test_a_listing_takes_few_sessions_a_turn(
    rig: Rig, control: Listener, monkeypatch: pytest.MonkeyPatch, filters: dict[str, str], found: int
) -> None:
    turns = Turns()
    monkeypatch.setattr(rig.core, "sessions", lambda _now: turns.views())
    answers = await ask(control, f"sessions?{urlencode(filters)}")
    await turns.stop()
    assert len(answers) == found
    assert sum(turns.taken.values()) == SESSIONS
    assert max(turns.taken.values()) <= SESSIONS_PER_TURN


@pytest.mark.parametrize("told", [True, False])
async def test_a_listing_tells_packets_and_time_left_as_of_now(
    rig: Rig, control: Listener, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    """As the switch tells them; as last known if it does not answer, which is waited for once."""
    monkeypatch.setattr(snapshot, "COUNTER_SECONDS", 60.0 if told else 0.05)
    entry = session(1)
    rig.run()
    await until(lambda: rig.owner.serving)
    assert rig.owner.client is not None
    updates = rig.owner.client.schema.encode(Op.INSERT, entry)
    await rig.owner.client.write(updates)
    rig.switch.since_hit_ns = 10_000_000_000
    known = SessionView(entry, "ESTABLISHED", "INSTALLED", 100.0, 2.0, ProbeResult(5.0, 1, 60, 1, 60), 90.0)
    monkeypatch.setattr(rig.core, "sessions", lambda _now: iter([known] * SESSIONS))
    if not told:
        rig.switch.read_gate = asyncio.Event()
    sessions = await ask(control, "sessions")
    assert len(sessions) == SESSIONS
    shown = {(found["in_packets"], found["out_packets"], found["expires"]) for found in sessions}
    assert shown == ({(3, 3, 80.0)} if told else {(1, 1, 2.0)})


async def test_a_reader_who_does_not_read_holds_nobody_up(
    rig: Rig, control: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What he does not take is not made: the listing waits for him."""
    turns = Turns()
    monkeypatch.setattr(rig.core, "sessions", lambda _now: turns.views())
    _, writer = await asyncio.open_unix_connection(control.path, limit=1)
    writer.write(b"GET /v1/sessions HTTP/1.1\r\n\r\n")
    await until(lambda: turns.taken)
    (about,) = await ask(control, "about")
    assert (about["switch"], about["role"]) == ("disconnected", "admin")
    made, turn = sum(turns.taken.values()), turns.number
    await until(lambda: turns.number > turn + 100)
    assert sum(turns.taken.values()) - made <= SESSIONS_PER_TURN * 8
    assert sum(turns.taken.values()) < SESSIONS
    writer.close()
    await turns.stop()


async def test_counters_that_do_not_come_are_left_out(
    rig: Rig, control: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "COUNTER_SECONDS", 0.05)
    rig.run()
    await until(lambda: rig.owner.serving)
    rig.switch.read_gate = asyncio.Event()
    (stats,) = await ask(control, "stats")
    assert stats["switch_counters"] is False
    assert (stats["drops"], stats["punts"], stats["toa"]) == ({}, {}, {})


@pytest.mark.parametrize("per_service", [10, 3000])
async def test_statistics_take_few_servers_a_turn(rig: Rig, control: Listener, per_service: int) -> None:
    """To read, to put into words, and to write; the loop is others' in between."""
    rig.core.service_views = tuple(
        ServiceView(6, Endpoint(v4(1000 + number), 80), "wrr", tuple(servers(number, per_service)), 0, 0, {})
        for number in range(3000 // per_service)
    )
    turns = Turns()
    before = turns.number
    stats = await Snapshots(rig.runner, rig.owner).stats()
    made = turns.number
    octets = await large.encoded(stats)
    written = turns.number
    await large.message(BY_NAME["GetStats"].response, stats)
    packed = turns.number
    await turns.stop()
    assert sum(len(service["servers"]) for service in json.loads(octets)["services"]) == 3000
    assert made - before > 3000 // max(SERVERS_PER_TURN, SERVICES_PER_TURN * min(per_service, 10)) - 2
    assert written - made > len(octets) // large.OCTETS_PER_TURN - 2
    assert packed - written > 3000 // large.MESSAGES_PER_TURN - 2


def servers(service: int, count: int) -> Iterator[ServerView]:
    for number in range(count):
        yield ServerView(Endpoint(v4(service * count + number), 80), 1, (number,), False, 0, 0, 0)


async def test_a_switch_that_does_not_tell_is_waited_for_once(
    rig: Rig, control: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "COUNTER_SECONDS", 0.05)
    rig.core.service_views = tuple(
        ServiceView(6, Endpoint(v4(1000 + number), 80), "wrr", tuple(servers(number, 1)), 0, 0, {})
        for number in range(20 * SERVICES_PER_TURN)
    )
    rig.run()
    await until(lambda: rig.owner.serving)
    asked = []

    async def silent(_client: object, *question: object) -> None:
        asked.append(question)
        await asyncio.Event().wait()

    monkeypatch.setattr(Client, "counters", silent)
    (stats,) = await ask(control, "stats")
    assert (stats["switch_counters"], len(stats["services"])) == (False, 20 * SERVICES_PER_TURN)
    assert len(asked) == 1


async def test_a_connection_lost_during_a_question_is_no_error(
    rig: Rig, control: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    """gRPC cancels the calls of a channel that is closed; nobody may take that for his own end."""
    rig.run()
    await until(lambda: rig.owner.serving)
    rig.switch.read_gate = asyncio.Event()
    with caplog.at_level(logging.ERROR):
        question = asyncio.create_task(ask(control, "stats"))
        await until(lambda: rig.switch.reading)
        assert rig.owner.client is not None
        await rig.owner.client.close()
        (stats,) = await question
    assert stats["switch_counters"] is False
    assert caplog.records == []


async def test_an_unforeseen_error_is_one_line_and_logged(
    rig: Rig, control: Listener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(now: float) -> None:
        raise RuntimeError(f"a bug at {now}")

    monkeypatch.setattr(rig.core, "each_service", fail)
    with caplog.at_level(logging.ERROR):
        assert await ask(control, "stats") == [{"error": "the controller failed on this request: see its log"}]
    assert "a bug" in caplog.text


async def test_filters_with_unknown_values_are_answered(control: Listener) -> None:
    (answer,) = await ask(control, "sessions?state=5")
    assert answer["error"].startswith("unknown state '5'; there are NONE, ESTABLISHED, ")
