"""Clients whose server is remembered, as the fullnat command shows them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.controllerkit import invoke


def test_templates_are_shown_as_a_plain_table_when_piped(running: Path) -> None:
    result = invoke("sessions", "--templates", "--control-socket", running)
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "pro  expire  client           virtual          destination     sessions",
        "TCP  05:00   192.0.2.9        203.0.113.80:80  10.0.0.11:8080  2",
        "TCP  01:05   198.51.100.0/24  203.0.113.80:80  10.0.0.12:8080  0",
    ]


def test_templates_as_json_lines_have_stable_names(running: Path) -> None:
    result = invoke("sessions", "--templates", "--json", "--control-socket", running)
    assert [json.loads(line) for line in result.output.splitlines()][1] == {
        "protocol": "tcp",
        "client": "198.51.100.0/24",
        "virtual": "203.0.113.80:80",
        "server": "10.0.0.12:8080",
        "expires": 65.25,
        "sessions": 0,
    }


@pytest.mark.parametrize(
    ("filters", "clients"),
    [
        (["client=192.0.2.9:1024"], ["192.0.2.9"]),
        (["client=198.51.100.7"], ["198.51.100.0/24"]),
        (["client=198.51.0.0/16"], ["198.51.100.0/24"]),
        (["client=198.51.101.7"], []),
        (["virtual=203.0.113.80", "protocol=TCP"], ["192.0.2.9", "198.51.100.0/24"]),
        (["protocol=udp"], []),
        (["server=10.0.0.12"], ["198.51.100.0/24"]),
    ],
)
def test_templates_can_be_selected(running: Path, filters: list[str], clients: list[str]) -> None:
    options = [part for value in filters for part in ("--filter", value)]
    result = invoke("sessions", "--templates", "--json", "--control-socket", running, *options)
    assert result.exit_code == 0
    assert [json.loads(line)["client"] for line in result.output.splitlines()] == clients


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("virtual=203.0.113.81", "there is no virtual server 203.0.113.81"),
        ("state=NONE", "unknown filter 'state'; there are client, virtual, server, protocol"),
    ],
)
def test_a_filter_of_templates_that_cannot_be_is_one_line(running: Path, value: str, says: str) -> None:
    result = invoke("sessions", "--templates", "--filter", value, "--control-socket", running)
    assert (result.exit_code, result.output) == (1, f"Error: {says}\n")
