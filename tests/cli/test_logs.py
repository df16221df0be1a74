"""The log as JSON: one object a line, with the fields of what has changed."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
from core.builders import config, real, virtual
from core.switch import Rig
from fullnat.app.runner import CoreRunner
from fullnat.cli import logs
from fullnat.core.balancing.health import Verdict
from fullnat.core.interface import Log
from fullnat.net.flow import Endpoint


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a log in JSON writes to standard error."""
    text, root = io.StringIO(), logging.getLogger()
    before, level, raises = root.handlers[:], root.level, logging.raiseExceptions
    monkeypatch.setattr(sys, "stderr", text)
    root.handlers.clear()
    logs.start("info", "json")
    yield text
    root.handlers[:], logging.raiseExceptions = before, raises
    root.setLevel(level)


def lines(written: io.StringIO) -> list[dict[str, object]]:
    found = [json.loads(line) for line in written.getvalue().splitlines()]
    assert all(str(line.pop("time")).endswith("Z") for line in found)
    return found


def test_a_change_of_a_server_is_one_line(written: io.StringIO) -> None:
    rig = Rig(config(virtual(real_servers=(real(), real("10.0.2.12")), quorum=2)))
    key, server = next((key, next(iter(one.servers))) for key, one in rig.controller.model.services.items())
    for healthy, reason in ((False, "connection refused"), (True, "")):
        for _, effects in rig.controller.judge(Verdict(key, server, healthy, reason), rig.now):
            for effect in effects:
                if isinstance(effect, Log):
                    CoreRunner._log(effect)
    of = {"logger": "fullnat.app.runner", "protocol": "tcp", "virtual": str(key[1])}
    name = f"virtual server tcp {key[1]}"
    down = {"level": "warning", "message": f"{name}, real server {server}: down: connection refused"}
    lost = {"level": "warning", "message": f"{name}: quorum lost: servers of weight 1 are well"}
    up = {"level": "info", "message": f"{name}, real server {server}: up"}
    gained = {"level": "info", "message": f"{name}: quorum gained: servers of weight 2 are well"}
    assert isinstance(server, Endpoint)
    of_server = {"server": str(server)}
    assert lines(written) == [
        {**of, **down, **of_server, "event": "server_down", "reason": "connection refused"},
        {**of, **lost, "event": "quorum_lost", "weight": 1},
        {**of, **up, **of_server, "event": "server_up", "reason": ""},
        {**of, **gained, "event": "quorum_gained", "weight": 2},
    ]


def test_what_is_no_plain_text_and_what_failed(written: io.StringIO) -> None:
    logger = logging.getLogger("fullnat.x")
    logger.info('two\nlines "%s"', "\x1b[2J")
    try:
        raise ValueError("why")
    except ValueError:
        logger.exception("it failed")
    first, second = lines(written)
    assert first == {"level": "info", "logger": "fullnat.x", "message": 'two\nlines "\x1b[2J"'}
    assert str(second.pop("exception")).endswith("ValueError: why")
    assert second == {"level": "error", "logger": "fullnat.x", "message": "it failed"}
    assert len(written.getvalue().splitlines()) == 2
