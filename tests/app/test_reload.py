"""Reading the configuration again: the difference is carried out, or the old one stays."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cli.samples import CONFIG_TEXT
from config.test_all_active import LEFT, RIGHT, SERVICE
from fullnat.app.changes import Changes, Refused
from fullnat.app.daemon import reload
from fullnat.app.group.shown import NotNow
from fullnat.app.runner import CoreRunner
from fullnat.app.switches import networks
from fullnat.config import file
from fullnat.config.diff import diff, model_of
from fullnat.config.errors import ConfigError
from fullnat.config.servers import SwitchSettings
from fullnat.core.controller import Controller
from fullnat.core.interface import Sizes


@pytest.fixture
async def runner() -> CoreRunner:
    made = CoreRunner(Controller(Sizes(1 << 10, 1 << 10), bytes(32), Random(1)))
    assert made.reconfigure(file.parse(CONFIG_TEXT)) > 0
    return made


async def test_a_reload_is_the_difference(runner: CoreRunner, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "fullnat.toml"
    changes = Changes(runner, path)
    same: list[str] = []
    for text, told, lines in (
        (CONFIG_TEXT, "0 changes", same),
        ("punt_rate = 77\n" + CONFIG_TEXT, "1 change", ["punt_rate 20000 -> 77"]),
        (CONFIG_TEXT, "1 change", ["punt_rate 77 -> 20000"]),
    ):
        path.write_text(text)
        caplog.clear()
        with caplog.at_level(logging.INFO):
            assert await reload(changes)
        named = [f"options of all services: changed ({line})" for line in lines]
        assert caplog.messages == [f"configuration reloaded from {path}: {told}", *named]
        assert diff(runner.core.model, model_of(file.parse(text))) == []


async def test_with_an_error_the_old_configuration_stays(
    runner: CoreRunner, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "fullnat.toml"
    path.write_text("punt_rate = 0\n" + CONFIG_TEXT)
    assert not await reload(Changes(runner, path))
    assert caplog.messages == [
        f"{path}:1: punt_rate: 0 is not a number from 1 to 10000000",
        "the configuration was not reloaded; the old one stays",
    ]
    assert diff(runner.core.model, model_of(file.parse(CONFIG_TEXT))) == []


SWITCHES = {name: SwitchSettings(name=name, grpc_addr=f"{name}:1") for name in "abc"}


def sections(*names: str) -> str:
    return "".join(f'[[switch]]\nname = "{name}"\ngrpc_addr = "{name}:1"\n\n' for name in names)


class Group:
    """Of switches, whose one may refuse to go."""

    def __init__(self) -> None:
        self.switches: tuple[SwitchSettings, ...] = (SWITCHES["a"], SWITCHES["b"])
        self.stays = ""

    def would_change(self, switches: Sequence[SwitchSettings]) -> list[str]:
        return [f"{','.join(each.name for each in self.switches)} -> {','.join(each.name for each in switches)}"]

    async def change(self, switches: Sequence[SwitchSettings]) -> list[str]:
        if self.stays and self.stays not in [each.name for each in switches]:
            raise NotNow(f"{self.stays} stays")
        told = self.would_change(switches)
        self.switches = tuple(switches)
        return told


async def test_switches_join_and_leave(runner: CoreRunner, tmp_path: Path) -> None:
    path, group = tmp_path / "fullnat.toml", Group()
    changes = Changes(runner, path, switches=group.switches, group=group)
    path.write_text(CONFIG_TEXT + sections("b", "c"))
    assert (await changes.reload(dry_run=True)).changes == ["a,b -> b,c"]
    assert [each.name for each in group.switches] == ["a", "b"]
    assert await changes.compare(path.read_text()) == ["a,b -> b,c"]
    assert (await changes.reload()).changes == ["a,b -> b,c"]
    assert [each.name for each in group.switches] == ["b", "c"]


async def test_all_stays_if_a_switch_does(runner: CoreRunner, tmp_path: Path) -> None:
    path, group = tmp_path / "fullnat.toml", Group()
    group.stays = "a"
    changes = Changes(runner, path, switches=group.switches, group=group)
    path.write_text("punt_rate = 77\n" + CONFIG_TEXT + sections("b"))
    with pytest.raises(Refused, match="a stays"):
        await changes.reload()
    assert [each.name for each in group.switches] == ["a", "b"]
    assert runner.core.model.settings.punt_rate == 20000


async def test_switches_of_commands(runner: CoreRunner, tmp_path: Path) -> None:
    """A reload undoes them, or keeps them where it keeps commands."""
    path, group = tmp_path / "fullnat.toml", Group()
    changes = Changes(runner, path, switches=group.switches, group=group)
    path.write_text(CONFIG_TEXT + sections("a", "b"))
    await changes.arrange(add=SWITCHES["c"])
    await changes.arrange(remove="a")
    assert [each.name for each in group.switches] == ["b", "c"]
    await changes.reload(keep=True)
    assert [each.name for each in group.switches] == ["b", "c"]
    await changes.reload()
    assert [each.name for each in group.switches] == ["a", "b"]


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ({"add": SwitchSettings(name="b", grpc_addr="x:1")}, "switch b: name is already that of switch b"),
        ({"add": SwitchSettings(name="x", grpc_addr="a:1")}, "switch x: grpc_addr is already that of switch a"),
        ({"remove": "x"}, "there is no switch x"),
    ],
)
async def test_switches_that_cannot_be(runner: CoreRunner, tmp_path: Path, call: Any, why: str) -> None:
    group = Group()
    changes = Changes(runner, tmp_path / "fullnat.toml", switches=group.switches, group=group)
    with pytest.raises(Refused, match=re.escape(why)):
        await changes.arrange(**call)
    await changes.arrange(remove="a")
    with pytest.raises(Refused, match="it is the last one"):
        await changes.arrange(remove="b")


async def test_one_switch_becomes_no_group(runner: CoreRunner, tmp_path: Path) -> None:
    path = tmp_path / "fullnat.toml"
    path.write_text(CONFIG_TEXT + sections("a"))
    with pytest.raises(ConfigError, match="decided at the start alone"):
        await Changes(runner, path).reload()
    with pytest.raises(Refused, match="there is one switch, where the command line says"):
        await Changes(runner, path).arrange(add=SWITCHES["a"])
    group = Group()
    path.write_text(CONFIG_TEXT)
    with pytest.raises(ConfigError, match="decided at the start alone"):
        await Changes(runner, path, switches=group.switches, group=group).reload()


async def test_switches_with_networks_stay(tmp_path: Path) -> None:
    """As the controller has started with them."""
    path = tmp_path / "fullnat.toml"
    group = Group()
    config = file.parse(SERVICE + LEFT + RIGHT)
    group.switches = config.switches
    runner = CoreRunner(Controller(Sizes(1 << 10, 1 << 10), bytes(32), Random(1), 0.0, networks(config.switches)))
    runner.reconfigure(config)
    changes = Changes(runner, path, switches=group.switches, group=group)
    path.write_text(SERVICE + LEFT + RIGHT)
    assert (await changes.reload()).changes == []
    path.write_text(SERVICE.replace("port = 80", "weight = 7\nport = 80").replace("weight = 7\n", "", 1) + LEFT + RIGHT)
    assert len((await changes.reload()).changes) == 1
    path.write_text(SERVICE + LEFT)
    with pytest.raises(ConfigError, match="networks of their own are read at the start alone"):
        await changes.reload()
