"""Servers that are taken out, with a time for the sessions that they have left."""

from __future__ import annotations

import json

import pytest
from api.apikit import Api
from fullnat.config.model import ServerSettings
from fullnat.core.declared.modes import Mode
from fullnat.fnatadm import commands
from fullnat.fnatadm.parse import parse
from fullnat.net.flow import Endpoint, v4

from fnatadm.conftest import Done, Run

NAMED = {"protocol": "tcp", "virtual": "203.0.113.80:443", "server": "10.0.0.11:8443"}
TYPED = """\
-C
-A -t 203.0.113.80:443
-P -t 203.0.113.80:443 -z 10.0.1.5
-a -t 203.0.113.80:443 -r 10.0.0.11:8443 -b -w 9 -x 100 -y 50
"""


@pytest.mark.parametrize(
    ("line", "messages"),
    [
        ("-e {} -w 0 --within 30", [{"drain_server": {**NAMED, "within": 30.0}}]),
        ("-e {} --within 0 -w 0", [{"drain_server": {**NAMED, "within": 0.0}}]),
        (
            "-e {} -b -w 0 --within 2.5",
            [
                {
                    "edit_server": {
                        **NAMED,
                        "settings": {"mode": "fullnat", "weight": 0, "upper_threshold": 0, "lower_threshold": 0},
                    }
                },
                {"drain_server": {**NAMED, "within": 2.5}},
            ],
        ),
        ("-d {} --within 30", [{"drain_server": {**NAMED, "within": 30.0}}, {"remove_server": NAMED}]),
        ("-d {}", [{"remove_server": NAMED}]),
    ],
)
def test_what_it_asks_for(line: str, messages: list[object]) -> None:
    words = line.format("-t 203.0.113.80:443 -r 10.0.0.11:8443").split()
    assert commands.messages(parse(words)) == messages


async def test_a_transcript(api: Api, fnatadm: Run) -> None:
    async def server() -> dict[str, object]:
        (found,) = json.loads((await fnatadm("-L -t 203.0.113.80:443 --json")).out)["servers"]
        return {name: found.get(name) for name in ("weight", "mode", "upper_threshold", "lower_threshold")} | {
            "has_deadline": found.get("reset_in") is not None
        }

    for line in TYPED.splitlines():
        assert await fnatadm(line) == Done(0, "", "")
    kept = {"mode": "fullnat", "upper_threshold": 100, "lower_threshold": 50}
    assert await server() == {"weight": 9, **kept, "has_deadline": False}
    assert await fnatadm("-e -t 203.0.113.80:443 -r 10.0.0.11:8443 -w 0 --within 600") == Done(0, "", "")
    assert await server() == {"weight": 0, **kept, "has_deadline": True}
    assert await fnatadm("-e -t 203.0.113.80:443 -r 10.0.0.11:8443 -b -w 0 --within 600") == Done(0, "", "")
    none = {"mode": "fullnat", "upper_threshold": 0, "lower_threshold": 0}
    assert await server() == {"weight": 0, **none, "has_deadline": True}
    # A weight takes it back.
    assert await fnatadm("-e -t 203.0.113.80:443 -r 10.0.0.11:8443 -b -w 3") == Done(0, "", "")
    assert await server() == {"weight": 3, **none, "has_deadline": False}
    (declared,) = api.model.services.values()
    assert declared.servers == {Endpoint(v4(0x0A00000B), 8443): ServerSettings(weight=3, mode=Mode.FULLNAT)}
    assert await fnatadm("-d -t 203.0.113.80:443 -r 10.0.0.11:8443 --within 600") == Done(0, "", "")
    assert [row.split()[1] for row in (await fnatadm("-Ln")).out.splitlines()[3:]] == ["203.0.113.80:443"]
    assert await fnatadm("-d -t 203.0.113.80:443 -r 10.0.0.11:8443 --within 0") == Done(
        1, "", "fnatadm: virtual server tcp 203.0.113.80:443 has no real server 10.0.0.11:8443\n"
    )
