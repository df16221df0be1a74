"""fullnat talkers: what it shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cli.controllerkit import invoke

FOUND = {"source": "198.51.100.7", "rate": 120.0, "share": 0.75}


@pytest.mark.parametrize(
    ("found", "plain", "as_json"),
    [
        ([], "no new sessions in the last 10 to 20 s\n", ""),
        ([FOUND], f"{'198.51.100.7':<43}      120.0/s   75.0%\n", json.dumps(FOUND) + "\n"),
    ],
)
def test_talkers(monkeypatch: pytest.MonkeyPatch, found: list[Any], plain: str, as_json: str) -> None:
    monkeypatch.setattr("fullnat.cli.talkers.ask", lambda _path, _call, _message: iter(found))
    assert invoke("talkers").output == plain
    assert invoke("talkers", "--json").output == as_json
