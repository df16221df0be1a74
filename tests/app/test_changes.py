"""Changes while the controller runs: as a whole or not at all, and what the file and commands make of each other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from cli.samples import CONFIG_TEXT
from finsy.proto import p4r
from fullnat.app import switch as switch_module
from fullnat.app.changes import Changes, Refused
from fullnat.app.runner import CoreRunner
from fullnat.app.switch import SwitchOwner
from fullnat.config import file
from fullnat.config.diff import diff, model_of
from fullnat.config.errors import ConfigError
from fullnat.config.merge import merged
from fullnat.config.model import ServerSettings
from fullnat.core.controller import Controller
from fullnat.core.declared.commands import AddLocal, AddServer, Command, EditServer, RemoveService
from fullnat.core.declared.model import Declared, Model
from fullnat.core.interface import Sizes
from fullnat.net.flow import Endpoint, address
from fullnat.p4rt import program
from fullnat.p4rt.client import Client
from fullnat.p4rt.grpc_transport import GrpcTransport
from hypothesis import given, settings
from hypothesis import strategies as st
from p4rt.fake_switch import FakeSwitch
from p4rt.waiting import until

KEY = (6, Endpoint(address("203.0.113.80"), 80))
SERVER = Endpoint(address("10.0.0.11"), 8080)
LOCAL = address("10.0.1.77")
WEIGHTED = 'weight = 9\n[[virtual_server.real_server]]\naddress = "10.0.0.12"\nport = 80\n'
EDIT = EditServer(KEY, SERVER, ServerSettings(weight=5))


def is_as(model: Model, text: str, *commands: Command) -> bool:
    """Whether the model is what the file ``text`` and ``commands`` make."""
    core = Controller(Sizes(1 << 10, 1 << 10), bytes(32), Random(1))
    core.apply([*diff(Model(), model_of(file.parse(text))), *commands], 0.0)
    return diff(model, core.model) == []


@pytest.fixture
def changes(tmp_path: Path) -> Changes:
    runner = CoreRunner(Controller(Sizes(1 << 10, 1 << 10), bytes(32), Random(1)))
    runner.reconfigure(file.parse(CONFIG_TEXT))
    path = tmp_path / "fullnat.toml"
    path.write_text(CONFIG_TEXT)
    return Changes(runner, path)


def write(changes: Changes, text: str) -> None:
    changes._path.write_text(text)


@pytest.mark.parametrize("keep", [False, True])
async def test_what_commands_changed_is_told_and_kept_or_undone(
    changes: Changes, caplog: pytest.LogCaptureFixture, keep: bool
) -> None:
    added = AddLocal(KEY, LOCAL)
    await changes.apply([EDIT, added])
    with caplog.at_level(logging.INFO, "fullnat.app.changes"):
        done = await changes.reload(keep)
    assert done.by_command == [
        "virtual server tcp 203.0.113.80:80, real server 10.0.0.11:8080: changed (weight 1 -> 5)",
        "virtual server tcp 203.0.113.80:80, local address 10.0.1.77: added",
    ]
    told = "changed by command and not in the file, kept" if keep else "changed by command and not in the file, undone"
    assert caplog.messages[:2] == [f"{told}: {line}" for line in done.by_command]
    assert done.changes == (
        []
        if keep
        else [
            "virtual server tcp 203.0.113.80:80, real server 10.0.0.11:8080: changed (weight 5 -> 1)",
            "virtual server tcp 203.0.113.80:80, local address 10.0.1.77: removed",
        ]
    )
    assert is_as(changes.model, CONFIG_TEXT, *((EDIT, added) if keep else ()))


async def test_what_the_file_changes_it_has_the_last_word_on(changes: Changes) -> None:
    added = AddLocal(KEY, LOCAL)
    await changes.apply([EDIT, added])
    write(changes, CONFIG_TEXT + WEIGHTED)
    await changes.reload(keep=True)
    assert is_as(changes.model, CONFIG_TEXT + WEIGHTED, added)
    # And it is still known what is by command.
    assert (await changes.reload(keep=True, dry_run=True)).by_command == [
        "virtual server tcp 203.0.113.80:80, local address 10.0.1.77: added"
    ]
    assert (await changes.reload(keep=False)).changes == [
        "virtual server tcp 203.0.113.80:80, local address 10.0.1.77: removed"
    ]
    assert is_as(changes.model, CONFIG_TEXT + WEIGHTED)


async def test_a_service_that_commands_removed_stays_away_unless_the_file_changes_it(changes: Changes) -> None:
    await changes.apply([RemoveService(KEY)])
    await changes.reload(keep=True)
    assert changes.model.services == {}
    write(changes, CONFIG_TEXT + WEIGHTED)
    await changes.reload(keep=True)
    assert is_as(changes.model, CONFIG_TEXT + WEIGHTED)


async def test_a_dry_run_of_a_reload_changes_nothing(changes: Changes) -> None:
    write(changes, "punt_rate = 5\n" + CONFIG_TEXT)
    done = await changes.reload(dry_run=True)
    assert done.changes == ["options of all services: changed (punt_rate 20000 -> 5)"]
    assert is_as(changes.model, CONFIG_TEXT)


async def test_a_file_with_errors_changes_nothing_and_is_not_remembered(changes: Changes) -> None:
    await changes.apply([EDIT])
    write(changes, "punt_rate = 0\n")
    with pytest.raises(ConfigError):
        await changes.reload()
    assert is_as(changes.model, CONFIG_TEXT, EDIT)
    # A real server that commands have made a local address elsewhere: the file alone is right.
    write(changes, CONFIG_TEXT + WEIGHTED)
    await changes.apply([AddLocal(KEY, address("10.0.0.12"))])
    with pytest.raises(ConfigError, match=r"10\.0\.0\.12 cannot be a local address and a real server"):
        await changes.reload(keep=True)
    await changes.reload(keep=False)
    assert is_as(changes.model, CONFIG_TEXT + WEIGHTED)


# ---- a switch that refuses


class Served:
    def __init__(self, directory: Path) -> None:
        self.switch = FakeSwitch()
        self.runner = CoreRunner(Controller(Sizes(1 << 10, 1 << 10), bytes(32), Random(1)))
        self.runner.reconfigure(file.parse(CONFIG_TEXT))
        path = directory / "fullnat.toml"
        path.write_text(CONFIG_TEXT)
        self.changes = Changes(self.runner, path)
        self.address = ""
        self.owner = SwitchOwner(
            self.runner,
            lambda: Client(GrpcTransport(self.address), program.load(), device_id=1, election_id=lambda: 1),
        )

    def entries(self) -> set[str]:
        return {str(entry) for entry in self.switch.entries.values()}


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    monkeypatch.setattr(switch_module, "BACKOFF_FIRST", 0.02)
    made = Served(tmp_path)
    made.address = await made.switch.start()
    tasks = [asyncio.create_task(made.runner.run()), asyncio.create_task(made.owner.run())]
    await until(lambda: made.owner.serving and made.owner.writer is not None and made.owner.writer.idle)
    yield made
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await made.switch.stop()


async def test_what_the_switch_refuses_in_part_is_undone_as_a_whole(served: Served) -> None:
    """By command and by reload; and the next one, which it takes, is carried out."""
    before = served.entries()
    text = "punt_rate = 5\n" + CONFIG_TEXT.replace('["10.0.1.1"]', '["10.0.1.2"]') + WEIGHTED
    served.changes._path.write_text(text)
    table = program.load().p4info.tables
    (server_in,) = [each.preamble.id for each in table if each.preamble.alias == "server_in"]

    def refuse(update: p4r.Update) -> tuple[int, str] | None:
        is_new = update.type == p4r.Update.INSERT and update.entity.table_entry.table_id == server_in
        return (8, "no room") if is_new else None

    served.switch.refuse = refuse
    with pytest.raises(Refused, match=r"the switch refused it, and all is as before: insert ServerIn.*no room"):
        await served.changes.reload()
    assert is_as(served.changes.model, CONFIG_TEXT)
    assert served.entries() == before
    added = AddServer(KEY, Endpoint(address("10.0.0.13"), 80), ServerSettings())
    with pytest.raises(Refused):
        await served.changes.apply([EDIT, added])
    assert is_as(served.changes.model, CONFIG_TEXT)
    assert served.entries() == before
    served.switch.refuse = lambda _update: None
    await served.changes.reload()
    assert is_as(served.changes.model, text)
    assert len(served.entries()) > len(before)


async def test_a_switch_that_goes_refuses_nothing(served: Served) -> None:
    served.switch.gate = asyncio.Event()
    added = AddServer(KEY, Endpoint(address("10.0.0.13"), 80), ServerSettings())
    change = asyncio.create_task(served.changes.apply([added]))
    await until(lambda: served.switch.writing)
    await served.switch.stop()
    assert len(await asyncio.wait_for(change, 10)) == 1
    assert is_as(served.changes.model, CONFIG_TEXT, added)


async def test_a_reload_with_one_weight_changed_writes_nothing(served: Served) -> None:
    """And one with another server, its entries alone: its id is new, so its counters are zero."""
    served.switch.writes.clear()
    served.changes._path.write_text(CONFIG_TEXT.replace("port = 8080", "port = 8080\nweight = 3"))
    assert (await served.changes.reload()).changes == [
        "virtual server tcp 203.0.113.80:80, real server 10.0.0.11:8080: changed (weight 1 -> 3)"
    ]
    assert served.switch.writes == []
    served.changes._path.write_text(CONFIG_TEXT + WEIGHTED)
    await served.changes.reload()
    updates = [update for write in served.switch.writes for update in write.updates]
    info = program.load().p4info
    names = {each.preamble.id: each.preamble.alias for each in info.tables}
    touched = [(update.type, update.entity) for update in updates]
    assert {(kind, names[each.table_entry.table_id]) for kind, each in touched} == {
        (p4r.Update.INSERT, "server_in"),
        (p4r.Update.INSERT, "server_out"),
    }
    assert len(updates) == 2


# ---- merging


WEIGHTS = st.sampled_from([None, 1, 2])
MODELS = st.lists(WEIGHTS, min_size=9, max_size=9)


def model(weights: list[int | None]) -> Model:
    """Three services; each is there when its first weight is, and its servers are those with a weight."""
    made = Model()
    for number in range(3):
        own = weights[number * 3 : number * 3 + 3]
        if own[0] is not None:
            servers = {Endpoint(address("10.0.0.1"), port): w for port, w in enumerate(own) if w is not None}
            key = (6, Endpoint(address("203.0.113.1"), number))
            settings = model_of(file.parse(CONFIG_TEXT)).services[KEY].settings
            made.services[key] = Declared(
                replace(settings, max_sessions=own[0]), {at: ServerSettings(weight=w) for at, w in servers.items()}
            )
    return made


def flat(given_: Model) -> dict[object, object]:
    """Everything of a model by a name of its own."""
    found: dict[object, object] = {}
    for key, declared in given_.services.items():
        found[key] = declared.settings
        found |= {(key, server): settings for server, settings in declared.servers.items()}
    return found


@settings(deadline=None)
@given(MODELS, MODELS, MODELS)
def test_merging(old: list[int | None], new: list[int | None], current: list[int | None]) -> None:
    """What the file changes is as the new one has it; of the rest, what commands have made stays."""
    first, second, now = map(model, (old, new, current))
    result = merged(first, second, now)
    assert flat(merged(first, first, now)) == flat(now)
    assert flat(merged(first, second, first)) == flat(second)
    was, wants, has, is_ = flat(first), flat(second), flat(now), flat(result)
    everywhere = first.services.keys() & second.services.keys() & now.services.keys()
    for part in was.keys() | wants.keys() | has.keys():
        if part in everywhere or (isinstance(part, tuple) and part[0] in everywhere):
            assert is_.get(part) == (has if was.get(part) == wants.get(part) else wants).get(part)
