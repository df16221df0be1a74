"""fullnat switches: what it shows, and what it has done."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fullnat.app.group.shown import switch_json

from cli.controllerkit import invoke

LEFT = switch_json(
    "left",
    "active",
    "serving",
    "",
    3,
    20,
    takeovers=1,
    why="right: Connection reset by peer",
    ago=12.4,
    took=0.0014,
    packets=9999,
    packet_rate=1234.56,
)
RIGHT = switch_json("right", "filling", "serving", "insert Port(1): no room", 4, 5, behind=128, filled=0.256, fills=2)

OTHERS = (("standby", ""), ("refused", "its program (cookie 0x5) is too small"))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    done: list[Any] = []

    def tell(_path: object, call: str, message: Any) -> dict[str, Any]:
        done.append((call, message))
        announced = "announcing" if dict(message).get("back") else "draining"
        return {"before": "left", "changes": ["switch third joins the group"], "announced": announced}

    monkeypatch.setattr(
        "fullnat.cli.switches.ask", lambda _path, call: iter([LEFT, RIGHT] if call == "switches" else [])
    )
    monkeypatch.setattr("fullnat.cli.switches.tell", tell)
    return done


def test_they_are_listed(told: list[Any]) -> None:
    assert invoke("switches").output.splitlines() == [
        "switch  role         sessions  behind  packets/s  why",
        "left    active             20       0       1235  "
        "took over 12 s ago in 0.001 s: right: Connection reset by peer",
        "right   filling 26%         5     128          0  insert Port(1): no room",
    ]
    assert [json.loads(line) for line in invoke("switches", "--json").output.splitlines()] == [LEFT, RIGHT]
    assert told == []


def test_that_it_runs_another_program_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = [switch_json("left", role, "serving", why, 1, 0, program=5, other_program=True) for role, why in OTHERS]
    monkeypatch.setattr("fullnat.cli.switches.ask", lambda _path, _call: iter(shown))
    assert invoke("switches").output.splitlines()[1:] == [
        "left    standby         0       0          0  another program than the controller's",
        "left    refused         0       0          0  its program (cookie 0x5) is too small",
    ]


def test_one_that_is_away_has_not_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """It had, before it went: that was told as if it forwarded."""
    away = switch_json(
        "left", "away", "disconnected", "Connection refused", 3, 0, takeovers=1, why="x", ago=9, took=0.1
    )
    monkeypatch.setattr("fullnat.cli.switches.ask", lambda _path, _call: iter([away]))
    assert invoke("switches").output.splitlines()[1:] == [
        "left    away         0       0          0  Connection refused",
    ]


def test_another_one_is_made_active(told: list[Any]) -> None:
    assert invoke("switches", "--activate", "right").output == "right is active; it was left before\n"
    assert told == [("activate", {"name": "right"})]


def test_one_joins_and_one_leaves(told: list[Any]) -> None:
    lines = "switch third joins the group\n"
    then = "it is connected to and filled; once it is standby in `fullnat switches` it holds everything\n"
    assert invoke("switches", "--add", "third=192.0.2.23:9559", "--device-id", "3").output == lines + then
    assert invoke("switches", "--remove", "left").output == lines
    assert told == [
        ("add_switch", {"name": "third", "grpc_addr": "192.0.2.23:9559", "device_id": 3}),
        ("remove_switch", {"name": "left"}),
    ]
    assert invoke("switches", "--upgrade", "right").output == lines
    assert told[2:] == [("upgrade_switch", {"name": "right"})]
    assert "do not go together" in invoke("switches", "--remove", "left", "--activate", "right").output


@pytest.mark.parametrize("words", [(), ("--remove", "left"), ("--activate", "right")])
def test_a_device_id_is_of_one_that_joins(told: list[Any], words: tuple[str, ...]) -> None:
    """It was ignored otherwise."""
    answer = invoke("switches", "--device-id", "3", *words)
    assert answer.exit_code == 2
    assert "--device-id is of a switch that joins: it goes with --add" in answer.output
    assert told == []


def test_how_they_are_announced(told: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    shown = switch_json(
        "left",
        "active",
        "serving",
        "",
        1,
        7,
        announced="announcing",
        neighbors=2,
        neighbors_up=1,
        bgp_trouble="no vtysh",
    )
    monkeypatch.setattr("fullnat.cli.switches.ask", lambda _path, _call: iter([shown, RIGHT]))
    assert invoke("switches").output.splitlines() == [
        "switch  role         sessions  behind  packets/s  announced                   why",
        "left    active              7       0          0  announcing, 1 of 2 routers  no vtysh",
        "right   filling 26%         5     128          0                              insert Port(1): no room",
    ]
    assert invoke("switches", "--drain", "left").output == "left is draining\n"
    assert invoke("switches", "--undrain", "left").output == "left is announcing\n"
    assert told == [("drain_switch", {"name": "left", "back": False}), ("drain_switch", {"name": "left", "back": True})]
    assert "do not go together" in invoke("switches", "--drain", "left", "--undrain", "left").output


@pytest.mark.parametrize(
    ("role", "state", "announced"), [("away", "disconnected", "draining"), ("active", "mute", "withdrawn")]
)
def test_a_drain_of_what_forwards_nothing_says_so(
    monkeypatch: pytest.MonkeyPatch, role: str, state: str, announced: str
) -> None:
    left = switch_json("left", role, state, "it is gone", 3, 0, announced=announced)
    monkeypatch.setattr("fullnat.cli.switches.ask", lambda _path, _call: iter([left, RIGHT]))
    monkeypatch.setattr("fullnat.cli.switches.tell", lambda *_: {"announced": announced})
    said = f"left is {role} (it is gone): it is not announced, and"
    assert invoke("switches", "--drain", "left").output == f"{said} stays drained when it forwards again\n"
    assert invoke("switches", "--undrain", "left").output == f"{said} is announced when it forwards again\n"


@pytest.mark.parametrize("word", ["third", "third="])
def test_one_that_joins_is_somewhere(told: list[Any], word: str) -> None:
    result = invoke("switches", "--add", word)
    assert (result.exit_code, told) == (2, [])
    assert f"--add {word}: where is it? --add third=HOST:PORT or --add third=unix:PATH" in result.output
