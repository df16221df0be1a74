"""A controller that stands by: commands are for the primary one, and whoever asks is told."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from cli.samples import CONFIG_TEXT
from fullnat.api.handlers import Handlers
from fullnat.api.listener import Listener, Where
from fullnat.api.server import Dispatcher
from fullnat.app.snapshot import Snapshots
from fullnat.app.switch import SwitchOwner
from fullnat.cli import controlclient
from fullnat.cli.stats import sections
from fullnat.fnatadm.main import run
from p4rt.waiting import until

from app.test_changes import Served, is_as, served

__all__ = ["served"]
SENTENCE = "this controller stands by: another one is primary of the switch; send commands to that one"
EDIT = {
    "edit_server": {
        "protocol": "tcp",
        "virtual": "203.0.113.80:80",
        "server": "10.0.0.11:8080",
        "settings": {"weight": 3},
    }
}


class Done(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Awaitable[Done]]


@pytest.fixture
async def socket(served: Served, tmp_path: Path) -> AsyncIterator[Path]:
    about = {"version": "1.2", "embedded": False, "cookie": 77}
    handlers = Handlers(Snapshots(served.runner, served.owner), served.changes, about)
    listener = Listener(Where(tmp_path / "s"), Dispatcher(handlers))
    await listener.start()
    yield tmp_path / "s"
    await listener.stop()


@pytest.fixture
def fnatadm(socket: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    async def call(line: str, stdin: str = "") -> Done:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        monkeypatch.setattr("fullnat.cli.controlclient.control_socket", lambda: socket)
        capsys.readouterr()
        status = await asyncio.to_thread(run, line.split())
        return Done(status, *capsys.readouterr())

    return call


async def stands_by(served: Served) -> None:
    served.switch.take_over(10**6)
    await until(lambda: served.owner.state == "standby")


@pytest.mark.parametrize(
    ("line", "stdin"),
    [
        ("-A -t 203.0.113.80:443", ""),
        ("-e -t 203.0.113.80:80 -r 10.0.0.11:8080 -b -w 3", ""),
        ("-C", ""),
        ("-Z", ""),
        ("-R", "-A -t 203.0.113.80:443"),
    ],
)
async def test_it_refuses_commands_until_it_is_primary(served: Served, fnatadm: Run, line: str, stdin: str) -> None:
    await stands_by(served)
    assert await fnatadm(line, stdin) == Done(1, "", f"fnatadm: {SENTENCE}\n")
    assert is_as(served.changes.model, CONFIG_TEXT)
    served.switch.give_up()
    await until(lambda: served.owner.serving)
    assert await fnatadm(line, stdin) == Done(0, "", "")


async def test_a_call_fails_by_code_and_a_dry_run_does_not(served: Served, socket: Path) -> None:
    await stands_by(served)
    for name, message in (("apply", {"commands": [EDIT]}), ("zero", {})):
        with pytest.raises(controlclient.Refused) as refused:
            await asyncio.to_thread(controlclient.tell, socket, name, message)
        assert (refused.value.message, refused.value.code) == (SENTENCE, "FAILED_PRECONDITION")
    done = await asyncio.to_thread(controlclient.tell, socket, "apply", {"commands": [EDIT], "dry_run": True})
    assert len(done["changes"]) == 1


async def test_it_reads_its_file_again(served: Served, socket: Path) -> None:
    """Which it will go by when it is primary."""
    await stands_by(served)
    text = CONFIG_TEXT.replace("port = 8080", "port = 8080\nweight = 3")
    served.changes._path.write_text(text)
    done = await asyncio.to_thread(controlclient.tell, socket, "reload", {})
    assert len(done["changes"]) == 1
    assert is_as(served.changes.model, text)


async def test_lists_say_so(served: Served, socket: Path, fnatadm: Run) -> None:
    header = "IP Virtual Server version 1.2 (size=1024)"
    assert (await fnatadm("-Ln")).out.splitlines()[0] == header
    await stands_by(served)
    assert (await fnatadm("-Ln")).out.splitlines()[0] == f"{header} standby: another controller is primary"
    assert [about["switch"] for about in await asyncio.to_thread(_asked, socket, "about")] == ["standby"]
    assert [found["role"] for found in await asyncio.to_thread(_asked, socket, "switches")] == ["elsewhere"]
    (stats,) = await asyncio.to_thread(_asked, socket, "stats")
    title, _, _ = sections(stats)[0]
    assert title == "Services; this controller stands by: another one is primary, so its counters are missing"


async def test_without_a_switch_commands_are_taken(served: Served, socket: Path, fnatadm: Run) -> None:
    await served.switch.stop()
    await until(lambda: served.owner.state == "disconnected")
    assert await fnatadm("-Z") == Done(0, "", "")
    assert await fnatadm("-A -t 203.0.113.80:443") == Done(0, "", "")


async def test_a_standby_whose_switch_is_silent_is_one(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    await stands_by(served)
    owner: SwitchOwner = served.owner
    monkeypatch.setattr("fullnat.app.session.SILENT_SECONDS", 0.0)
    assert owner.state == "silent"
    assert owner.stands_by


def _asked(socket: Path, name: str) -> list[dict[str, object]]:
    return list(controlclient.ask(socket, name))
