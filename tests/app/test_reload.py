"""Reading the configuration again: the difference is carried out, or the old one stays."""

from __future__ import annotations

import logging
from pathlib import Path
from random import Random

import pytest
from cli.samples import CONFIG_TEXT
from fullnat.app.changes import Changes
from fullnat.app.daemon import reload
from fullnat.app.runner import CoreRunner
from fullnat.config import file
from fullnat.config.diff import diff, model_of
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
