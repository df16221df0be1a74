"""Programs that are told when servers and quorums come and go."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from fullnat.config.model import ServerSettings, ServiceSettings
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.declared.model import Declared, Model
from fullnat.core.interface import Turned
from fullnat.health.notify import Known, Notifier
from fullnat.net.flow import Endpoint, address

from .conftest import until

KEY: ServiceKey = (6, Endpoint(address("192.0.2.1"), 80))
SERVER, OTHER = (Endpoint(address(f"198.51.100.{host}"), 8080) for host in (1, 2))


class Told:
    """A program that writes down how it is called."""

    def __init__(self, directory: Path) -> None:
        directory.chmod(0o755)
        self.book = directory / "book"
        self.gate = directory / "gate"
        self.book.touch()
        self.book.chmod(0o666)
        program = directory / "told me"
        names = "$FULLNAT_PROTOCOL $FULLNAT_VIRTUAL ${FULLNAT_SERVER-none} $FULLNAT_STATE"
        wait = f"while test -e {self.gate}; do :; done"
        program.write_text(f'#!/bin/sh\n{wait}\necho "$# $1 {names} $(id -un)" >>{self.book}\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        self.program = f"'{program}'"
        self.quorum, self.well = True, {SERVER, OTHER}
        self.notifier = Notifier(Known(lambda _: self.quorum, lambda _, server: server in self.well))
        self.notifier.lead(True)

    @property
    def lines(self) -> list[str]:
        return self.book.read_text().splitlines()

    async def reads(self, *lines: str) -> None:
        await until(lambda: self.lines == list(lines), f"{lines} are told")

    def model(self, **changes: Any) -> Model:
        settings: dict[str, Any] = {
            "quorum_up": f"{self.program} 'a b'",
            "quorum_down": f"{self.program} '$HOME;ls'",
        }
        server = ServerSettings(notify_up=f"{self.program} +", notify_down=f"{self.program} -")
        servers = {SERVER: server, OTHER: ServerSettings()}
        return Model(services={KEY: Declared(ServiceSettings(**settings | changes), servers)})

    def turn(self, server: Endpoint | None, is_up: bool) -> None:
        self.notifier.turned(Turned(KEY, server, is_up))


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


ME = "root" if os.geteuid() == 0 else os.environ.get("USER", "")
UP = f"1 a b tcp 192.0.2.1:80 none up {ME}"
DOWN = f"1 $HOME;ls tcp 192.0.2.1:80 none down {ME}"
SERVER_UP = f"1 + tcp 192.0.2.1:80 {SERVER} up {ME}"
SERVER_DOWN = f"1 - tcp 192.0.2.1:80 {SERVER} down {ME}"


def test_the_quorum_is_told_at_the_start_and_when_it_changes(told: Told) -> None:
    async def run() -> None:
        told.turn(None, False)  # nobody is to be told yet
        told.notifier.follow(told.model())
        await told.reads(UP)
        told.notifier.follow(told.model(scheduler="rr"))
        told.turn(None, False)
        await told.reads(UP, DOWN)
        told.turn(None, True)
        await told.notifier.close()
        assert told.lines == [UP, DOWN, UP]

    asyncio.run(run())


def test_servers_are_told_with_their_names(told: Told) -> None:
    async def run() -> None:
        told.notifier.follow(told.model(quorum_up=""))
        told.turn(SERVER, False)
        await told.reads(SERVER_DOWN)
        told.turn(SERVER, True)
        told.turn(OTHER, False)  # has no program
        told.turn(Endpoint(address("198.51.100.3"), 1), False)  # has left
        await told.notifier.close()
        assert told.lines == [SERVER_DOWN, SERVER_UP]

    asyncio.run(run())


def test_services_that_are_as_they_were_are_not_looked_at(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 10,000 services an edit of one would take 10 ms."""
    looked: list[Declared] = []

    def tells(declared: Declared) -> bool:
        looked.append(declared)
        return False

    monkeypatch.setattr("fullnat.health.notify._tells", tells)
    silent, model = Declared(ServiceSettings()), told.model()
    model.services[6, Endpoint(address("192.0.2.2"), 80)] = silent
    told.notifier.follow(model)
    assert looked == list(model.services.values())
    changed = model.services[KEY] = model.services[KEY].copy()
    told.notifier.follow(model)
    assert looked[2:] == [changed]
    assert looked[2] is changed


def test_of_changes_that_wait_the_last_is_told(told: Told) -> None:
    """A server that flaps does not have programs run one beside the other, or for what is over."""

    async def run() -> None:
        told.gate.touch()
        told.notifier.follow(told.model())
        await asyncio.sleep(0)
        for is_up in (False, True, False, True, False):
            told.turn(SERVER, is_up)
            told.turn(None, is_up)
        told.gate.unlink()
        await told.notifier.close()
        assert told.lines == [UP, SERVER_DOWN, DOWN]

    asyncio.run(run())


def test_with_omega_what_is_up_is_told_as_down_at_the_end(told: Told) -> None:
    async def run() -> None:
        told.notifier.follow(told.model(omega=True))
        await told.reads(UP)
        await told.notifier.close()
        assert told.lines == [UP, SERVER_DOWN, DOWN]

    asyncio.run(run())


def test_with_omega_what_is_down_is_not_told_again(told: Told) -> None:
    async def run() -> None:
        told.quorum, told.well = False, set()
        told.notifier.follow(told.model(omega=True))
        await told.notifier.close()
        assert told.lines == [DOWN]

    asyncio.run(run())


def test_without_omega_nothing_is_told_at_the_end(told: Told) -> None:
    async def run() -> None:
        told.notifier.follow(told.model())
        await told.notifier.close()
        assert told.lines == [UP]

    asyncio.run(run())


def test_who_stands_by_tells_nothing_whatever_happens(told: Told) -> None:
    async def run() -> None:
        told.notifier.lead(False)
        told.notifier.follow(told.model(omega=True))
        told.turn(SERVER, False)
        told.turn(None, False)
        await told.notifier.close()
        assert told.lines == []

    asyncio.run(run())


@pytest.mark.parametrize(
    ("well", "changed", "lines"),
    [
        (True, False, [UP]),  # as at any start
        (True, True, [SERVER_UP, UP]),  # another one has told that it was down
        (False, False, [SERVER_DOWN, UP]),  # down since before this one was started
        (False, True, [SERVER_DOWN, UP]),
    ],
)
def test_who_leads_from_now_on_tells_how_things_are(told: Told, well: bool, changed: bool, lines: list[str]) -> None:
    async def run() -> None:
        told.notifier.lead(False)
        told.notifier.follow(told.model())
        told.turn(None, False)
        if changed:
            told.turn(SERVER, False)
            told.turn(SERVER, well)
        told.well = {SERVER, OTHER} if well else {OTHER}
        told.notifier.lead(True)
        await told.reads(*lines)
        # It stands by, and what another one has told meanwhile is not known.
        told.notifier.lead(False)
        told.turn(None, False)
        told.turn(None, True)
        told.notifier.lead(True)
        await told.notifier.close()
        assert told.lines[len(lines) :] == ([UP] if well else [SERVER_DOWN, UP])

    asyncio.run(run())


def test_omega_is_told_of_the_switch_that_is_lost_by_ending(told: Told) -> None:
    async def run() -> None:
        told.notifier.follow(told.model(omega=True))
        await told.reads(UP)
        told.notifier.end()
        told.notifier.lead(False)
        await told.notifier.close()
        assert told.lines == [UP, SERVER_DOWN, DOWN]

    asyncio.run(run())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may be another user")
def test_it_has_the_rights_of_a_user(told: Told, tmp_path: Path) -> None:
    for directory in tmp_path.parents:
        if directory.owner() == "root" and directory != Path("/") and not directory.stat().st_mode & stat.S_IXOTH:
            directory.chmod(directory.stat().st_mode | stat.S_IXOTH)

    async def run() -> None:
        told.notifier.follow(told.model(notify_user="nobody"))
        await told.notifier.close()
        assert told.lines == [UP.replace("root", "nobody")]

    asyncio.run(run())


def test_a_program_that_fails_is_logged_and_nothing_else(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        told.gate.touch()
        told.notifier.follow(told.model(notify_timeout=0.3, quorum_down="/nowhere/at/all"))
        await asyncio.sleep(0)
        told.turn(None, False)
        await told.notifier.close()
        told.gate.unlink()
        again = Notifier(Known(lambda _: True, lambda *_: True))
        again.lead(True)
        again.follow(told.model(quorum_up="/bin/sh -c 'exit 3'"))
        await again.close()

    with caplog.at_level(logging.INFO):
        asyncio.run(run())
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("ERROR", f"{told.program} 'a b': the program has not ended in 0.3 s"),
        ("ERROR", "/nowhere/at/all: no such file or directory"),
        ("WARNING", "/bin/sh -c 'exit 3': was told, and says 3"),
    ]
    assert told.lines == []
