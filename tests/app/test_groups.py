"""A controller of one of several groups: what is refused as another's, what a reload moves, and what is kept apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from config.test_spread import BOTH, EAST, OF_EAST, OF_WEST, by_match, group, service, snat
from fullnat.app.changes import Changes
from fullnat.app.metrics import render
from fullnat.app.paths import of_group
from fullnat.app.runner import CoreRunner
from fullnat.app.shared.keys import Keys
from fullnat.app.snapshot import Snapshots
from fullnat.app.switch import SwitchOwner
from fullnat.config import file
from fullnat.config.errors import ConfigError
from fullnat.config.model import ServerSettings, ServiceSettings
from fullnat.config.parts import part
from fullnat.config.servers import SwitchSettings
from fullnat.config.written.model import text_of
from fullnat.core.controller import Controller
from fullnat.core.declared.commands import (
    AddLocal,
    AddServer,
    AddService,
    Command,
    CommandError,
    EditServer,
    EditService,
    RemoveService,
    ServiceKey,
)
from fullnat.core.interface import Sizes
from fullnat.core.views import LocalAddressView, ServerView, ServiceView
from fullnat.etcd import settings
from fullnat.net.flow import Endpoint, address, marked
from fullnat.net.match import parse
from fullnat.p4rt.client import Client

from app.test_metrics import stats

OURS = service(OF_EAST) + service(OF_WEST, server="10.78.0.11")
HERE = "and this controller has group east"
PLAIN = ServiceSettings()


def key(where: str, port: int = 80) -> ServiceKey:
    return 6, Endpoint(address(where), port)


MARK: ServiceKey = (6, marked(3))


def matching(*rules: str) -> ServiceSettings:
    return replace(PLAIN, match=tuple(map(parse, rules)))


class Switches:
    """Those of the group, which nothing happens to."""

    def __init__(self, switches: tuple[SwitchSettings, ...]) -> None:
        self.switches = switches

    def would_change(self, switches: Sequence[SwitchSettings]) -> list[str]:
        assert tuple(switches) == self.switches
        return []

    async def change(self, switches: Sequence[SwitchSettings]) -> list[str]:
        raise AssertionError(switches)


Make = Callable[[str], Changes]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """The changes of group east of a file, on a core that has nothing to write to."""

    def made(text: str) -> Changes:
        path = tmp_path / "fullnat.toml"
        path.write_text(text)
        config, share, _ = part(file.load(path), "east")
        runner = CoreRunner(Controller(Sizes(1 << 10, 1 << 10), bytes(32), Random(1)))
        runner.reconfigure(config)
        return Changes(runner, path, switches=config.switches, group=Switches(config.switches), share=share)

    return made


def virtuals(changes: Changes) -> list[str]:
    return [str(virtual) for _, virtual in changes.model.services]


# ---------------------------------------------------------------------------------------------- commands


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            AddService(key(OF_WEST, 81), PLAIN),
            f"virtual server tcp {OF_WEST}:81 is of group west (lb-west:50051), {HERE}",
        ),
        (
            AddServer(key(OF_WEST), Endpoint(address("10.1.0.11"), 80), ServerSettings()),
            f"virtual server tcp {OF_WEST}:80 is of group west (lb-west:50051), {HERE}",
        ),
        (RemoveService(key(OF_WEST)), f"virtual server tcp {OF_WEST}:80 is of group west (lb-west:50051), {HERE}"),
        (AddService(MARK, matching(f"dst={OF_WEST}")), f"is of group west (lb-west:50051), {HERE}"),
        (AddService(MARK, matching(f"dst={OF_WEST}", "dst=198.18.7.7")), f"is of group west (lb-west:50051), {HERE}"),
        (AddService((6, marked(5)), matching("dst=198.18.9.0/30")), f"is of group west (lb-west:50051), {HERE}"),
        (
            AddLocal(key(OF_EAST), address("10.2.0.100")),
            f"local address 10.2.0.100 is of group west (lb-west:50051), {HERE}",
        ),
        (
            AddServer(key(OF_EAST), Endpoint(address("203.0.113.99"), 80), ServerSettings()),
            f"address 203.0.113.99 is of group west (lb-west:50051), {HERE}",
        ),
    ],
)
async def test_what_another_group_has_is_refused_with_its_controller(make: Make, command: Command, said: str) -> None:
    changes = make(BOTH + OURS + by_match(5, "dst=198.18.8.0/30", more='group = "west"') + snat('group = "west"'))
    before = text_of(changes.model)
    with pytest.raises(CommandError) as caught:
        await changes.apply([command])
    with pytest.raises(CommandError) as dry:
        changes.check([command])
    (message,) = caught.value.messages
    assert said in message
    assert dry.value.messages == [message]
    assert text_of(changes.model) == before


async def test_what_is_ours_is_carried_out(make: Make) -> None:
    changes = make(BOTH + OURS)
    server = Endpoint(address("10.1.0.12"), 80)
    await changes.apply(
        [
            AddService(key(OF_EAST, 81), PLAIN),
            AddLocal(key(OF_EAST, 81), address("10.1.0.100")),
            AddServer(key(OF_EAST, 81), server, ServerSettings()),
            EditServer(key(OF_EAST, 81), server, ServerSettings(weight=3)),
            # Whoever is asked to has a service of several addresses that no group has by the file.
            AddService(MARK, matching("dst=198.18.9.0/30")),
            EditService(MARK, matching("dst=198.18.9.0/31")),
        ]
    )
    assert virtuals(changes) == [f"{OF_EAST}:80", f"{OF_EAST}:81", "fwmark:3"]


async def test_one_service_is_refused_once(make: Make) -> None:
    changes = make(BOTH + OURS)
    server = Endpoint(address("10.1.0.12"), 80)
    batch: list[Command] = [AddService(key(OF_WEST, 81), PLAIN), AddServer(key(OF_WEST, 81), server, ServerSettings())]
    with pytest.raises(CommandError) as caught:
        await changes.apply(batch)
    assert len(caught.value.messages) == 1


async def test_without_groups_nobody_asks(tmp_path: Path) -> None:
    runner = CoreRunner(Controller(Sizes(1 << 10, 1 << 10), bytes(32), Random(1)))
    changes = Changes(runner, tmp_path / "none")
    await changes.apply([AddService(key(OF_WEST), PLAIN)])
    assert changes.share.elsewhere(key("192.0.2.1")) == ""


# ---------------------------------------------------------------------------------------------- reloads


def counted(core: object, sessions: int) -> None:
    """Have ``core`` show so many sessions of OF_EAST, and of its local address."""
    server = ServerView(Endpoint(address("10.77.0.11"), 80), 1, (1,), False, sessions, 0, sessions)
    view = ServiceView(6, Endpoint(address(OF_EAST), 80), "wrr", (server,), sessions, 0, {})
    core.service = lambda _key, _now: view  # type: ignore[attr-defined]
    core.local_addresses = lambda: (LocalAddressView(address("10.1.0.101"), sessions, 8, 0, 0, False, 0),)  # type: ignore[attr-defined]


async def test_a_reload_tells_what_moves_before_it_does(make: Make) -> None:
    changes = make(BOTH + OURS)
    counted(changes._runner.core, 12)
    moved = service(OF_EAST, 'group = "west"') + service(OF_WEST, 'group = "east"', server="10.78.0.11")
    changes._path.write_text(
        EAST.replace(', "10.1.0.101"', "") + group("west", 2).replace('"10.2.0.101"', '"10.1.0.101"') + moved
    )
    told = [
        f"{OF_EAST} moves to group west (lb-west:50051): 12 sessions here will be reset",
        f"{OF_WEST} comes from group west (lb-west:50051), where its sessions end",
        "local address 10.1.0.101 moves to group west (lb-west:50051): 12 sessions here will get no answers",
    ]
    dry = await changes.reload(dry_run=True)
    assert dry.changes[:3] == told
    assert virtuals(changes) == [f"{OF_EAST}:80"]
    text = changes._path.read_text()
    assert (await changes.compare(text))[:3] == told
    done = await changes.reload()
    assert done.changes[:3] == told
    assert virtuals(changes) == [f"{OF_WEST}:80"]
    with pytest.raises(CommandError, match="is of group west"):
        await changes.apply([AddService(key(OF_EAST, 99), PLAIN)])
    assert (await changes.reload()).changes == []


@pytest.mark.parametrize("keep", [False, True])
async def test_what_a_command_has_made_moves_as_well(make: Make, keep: bool) -> None:
    """Even where a reload keeps what commands have made."""
    changes = make(BOTH + OURS)
    await changes.apply([AddService(key(OF_EAST, 81), PLAIN), AddService(MARK, matching("dst=198.18.9.0/30"))])
    changes._path.write_text(BOTH + service(OF_EAST, 'group = "west"'))
    done = await changes.reload(keep)
    assert done.changes[0] == f"{OF_EAST} moves to group west (lb-west:50051): it has no sessions here"
    assert virtuals(changes) == (["fwmark:3"] if keep else [])


async def test_a_reload_keeps_its_group(make: Make) -> None:
    changes = make(BOTH + OURS)
    changes._path.write_text(group("west", 2) + service(OF_WEST))
    with pytest.raises(ConfigError, match="there is no group east; there are west"):
        await changes.reload()
    with pytest.raises(ConfigError, match="there is no group east"):
        await changes.compare(group("west", 2))
    assert virtuals(changes) == [f"{OF_EAST}:80"]


async def test_who_stands_by_learns_who_has_what_with_the_configuration(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """The leader has read a file that is the same here."""
    changes = make(BOTH + OURS)
    running = text_of(changes.model)
    changes._path.write_text(BOTH + service(OF_EAST, 'group = "west"'))
    await changes.adopt(running, "etcd")
    assert changes.share.elsewhere(key(OF_EAST, 443)).endswith(f"is of group west (lb-west:50051), {HERE}")
    changes._path.write_text("nonsense")
    await changes.adopt(running, "etcd")
    assert "who has which services is as it was" in caplog.text
    assert changes.share.elsewhere(key(OF_EAST, 443))


# ---------------------------------------------------------------------------------------------- apart


def test_groups_share_nothing_in_etcd_and_on_disk() -> None:
    """Not even with names of which one begins as the other."""
    prefixes = [settings.of_group("/fullnat/default", name) for name in (None, "east", "east2", "leader", "memo")]
    keys = [Keys(prefix.encode()) for prefix in prefixes]
    mine = {key for each in keys[1:2] for key in (each.leader, each.secret, each.config, each.switches, each.memo)}
    for other in keys[2:]:
        assert not any(key.startswith(other.all) for key in mine)
    alone = keys[0]
    written = (alone.leader, alone.secret, alone.config, alone.switches, alone.raised)
    assert not any(each.all.startswith(alone.memo) or each.all.startswith(key) for each in keys[1:] for key in written)
    assert settings.prefix(prefixes[1]) == "/fullnat/default/group/east"
    assert of_group(Path("/s"), "east") == Path("/s/group/east")
    assert of_group(Path("/s"), None) == Path("/s")


def test_metrics_are_of_a_group() -> None:
    found = stats({"sessions": 3})
    plain, grouped = (render(each).decode() for each in (found, found | {"group": "east"}))
    assert 'fullnat_sessions{group="east"} 3.0' in grouped
    assert "group=" not in plain
    values = [line for line in grouped.splitlines() if not line.startswith("#")]
    assert all('group="east"' in line for line in values)


async def test_groups_that_have_read_the_same_say_so(make: Make) -> None:
    """However the file is ordered; and a reload says something else at once."""
    changes = make(BOTH + OURS)
    snapshots = Snapshots(changes._runner, SwitchOwner(changes._runner, Client), grouped=changes)  # type: ignore[arg-type]
    first = await snapshots.stats()
    assert first["group"] == "east"
    west = part(file.parse(BOTH + service(OF_WEST, server="10.78.0.11") + service(OF_EAST)), "west").share
    assert west.spread is not None
    assert first["spread"] == west.spread.digest
    changes._path.write_text(BOTH + service(OF_EAST))
    await changes.reload()
    assert (await snapshots.stats())["spread"] not in ("", west.spread.digest)
    assert (
        'fullnat_spread_info{group="east",spread="abc"} 1.0'
        in render(stats({}) | {"group": "east", "spread": "abc"}).decode()
    )
