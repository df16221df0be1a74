"""What the service manager is told: sd_notify(3) without a library."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from fullnat.app.notify import STATUS_SECONDS, Notifier
from fullnat.app.runner import CoreRunner
from fullnat.app.service import Service
from p4rt.waiting import until

from app.conftest import CONFIG
from app.fake_core import FakeCore

pytestmark = pytest.mark.interpreted


class Manager:
    """The manager's end: a datagram socket, by path or in the abstract namespace."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def heard(self) -> list[str]:
        """Everything that was said since the last call."""
        found = []
        while True:
            try:
                found.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return found


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify") if request.param == "path" else f"@fullnat-test-{os.getpid()}")
    yield made
    made.socket.close()


def test_every_message(manager: Manager) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.address})
    notifier.ready("serving")
    notifier.reloading()
    notifier.beat("silent:\nthe switch does not answer")
    notifier.stopping()
    ready, reloading, beat, stopping = manager.heard()
    assert ready == "READY=1\nSTATUS=serving"
    assert reloading.startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert int(reloading.rpartition("=")[2]) > 0
    assert beat == "WATCHDOG=1\nSTATUS=silent: the switch does not answer"
    assert stopping == "STOPPING=1"


def test_no_manager_or_one_that_is_gone(tmp_path: Path) -> None:
    for environment in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}):
        notifier = Notifier(environment)
        notifier.ready("serving")
        notifier.beat("serving")
        notifier.stopping()


@pytest.mark.parametrize(
    ("environment", "period"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "3000000"}, None),  # nobody would hear it
        ({"NOTIFY_SOCKET": "/x"}, STATUS_SECONDS),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "3000000"}, 1.5),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, STATUS_SECONDS),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "600000000"}, STATUS_SECONDS),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "soon"}, STATUS_SECONDS),
    ],
)
def test_how_often_the_watchdog_is_fed(environment: dict[str, str], period: float | None) -> None:
    assert Notifier(environment).period == period


class CountingRunner(CoreRunner):
    """Counts what it is given to call."""

    given = 0

    def after_round(self, call: Callable[[], None]) -> None:
        self.given += 1
        super().after_round(call)


Served = tuple[Service, CountingRunner, asyncio.Task[None]]


@pytest.fixture
async def served(manager: Manager) -> AsyncIterator[Served]:
    runner = CountingRunner(FakeCore(CONFIG))
    notifier = Notifier({"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "100000"})
    task: asyncio.Task[None] = asyncio.create_task(runner.run())
    yield Service(notifier, runner, lambda: "serving"), runner, task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _said(manager: Manager, message: str) -> Callable[[], bool]:
    return lambda: message in manager.heard()


async def test_the_core_itself_feeds_the_watchdog(manager: Manager, served: Served) -> None:
    service, runner, task = served
    beat = asyncio.create_task(service.beat())
    for _ in range(3):
        await until(_said(manager, "WATCHDOG=1\nSTATUS=serving"))
    # The core's task is what has got stuck; the loop, which the beat's own task shares, goes on.
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    manager.heard()
    given = runner.given
    await until(lambda: runner.given >= given + 3)
    assert manager.heard() == []
    beat.cancel()
    await asyncio.gather(beat, return_exceptions=True)


@pytest.mark.parametrize(
    ("good", "status"), [(True, "serving"), (False, "the configuration has errors; the old one stays")]
)
async def test_a_reload_is_over_when_the_core_has_taken_it(
    manager: Manager, served: Served, good: bool, status: str
) -> None:
    service, _, _ = served

    async def reload() -> bool:
        return good

    await service.reload(reload)
    (reloading,) = manager.heard()
    assert reloading.startswith("RELOADING=1")
    await until(_said(manager, f"READY=1\nSTATUS={status}"))
