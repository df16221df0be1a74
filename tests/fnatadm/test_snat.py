"""Rules of SNAT by command."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fullnat.core.declared.modes import Mode
from fullnat.fnatadm import layouts

from fnatadm.conftest import Done, Run

COUNTS = ("connections", "in_packets", "out_packets", "in_bytes", "out_bytes")
RULE = "-A -f 3 -J -H src=10.0.3.0/24,oif=1"


async def listed(fnatadm: Run, options: str = "-L --json") -> list[Any]:
    return [json.loads(line) for line in (await fnatadm(options)).out.splitlines()]


@pytest.mark.parametrize("layout", [layouts.PLAIN, *layouts.LAYOUTS.values()])
@pytest.mark.parametrize("mode", Mode)
def test_every_mode_is_in_every_list(mode: Mode, layout: layouts.Layout) -> None:
    counted = dict.fromkeys((*COUNTS, "active", "inactive", "upper_threshold", "lower_threshold", "templates"), 0)
    server = {"server": "198.51.100.30:0", "mode": str(mode), "checked_weight": 1, **counted}
    settings = {"scheduler": "sh", "established_timeout": 90.0}
    found = {"protocol": "tcp", "virtual": "fwmark:3", "settings": settings, "servers": [server]}
    rows = list(layouts.services([found], layout, layouts.Wishes(numeric=True)))
    assert rows[0].split()[:2] == ["FWM", "3"]
    assert rows[1].split()[:2] == ["->", "198.51.100.30:0"]
    if layout is layouts.PLAIN:
        assert rows[1].split()[2] == layouts.MODE_NAMES[mode]


async def test_a_rule_is_listed(fnatadm: Run) -> None:
    await fnatadm(RULE)
    assert await fnatadm("-a -f 3 -J -r 198.51.100.30:0 -w 2") == Done(0, "", "")
    rows = (await fnatadm("-Ln")).out.splitlines()
    assert rows[-1].split() == ["->", "198.51.100.30:0", "SNAT", "2", "0", "0"]


async def test_a_rule_without_a_scheduler_keeps_a_host_at_one_address(fnatadm: Run) -> None:
    assert await fnatadm(RULE) == Done(0, "", "")
    await fnatadm("-A -f 4 -H dst=203.0.113.90")
    found = {each["virtual"]: each["settings"]["scheduler"] for each in await listed(fnatadm)}
    assert (found["fwmark:3"], found["fwmark:4"]) == ("sh", "wlc")
