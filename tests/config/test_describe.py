"""What a new configuration changes, in words."""

from __future__ import annotations

import pytest
from fullnat.config import file
from fullnat.config.describe import described
from fullnat.config.diff import diff, model_of
from fullnat.core.declared.model import Model

BEFORE = """\
[[interface]]
port = 1
mac = "02:00:00:00:00:01"
address = "192.0.2.1/24"
[[interface]]
port = 2
mac = "02:00:00:00:00:02"
address = "10.0.0.1/24"
[[route]]
prefix = "198.51.100.0/24"
gateway = "192.0.2.9"
[[virtual_server]]
address = "203.0.113.80"
port = 80
local_addresses = ["10.0.0.100", "10.0.0.101"]
[[virtual_server.real_server]]
address = "10.0.0.11"
port = 80
[[virtual_server.real_server]]
address = "10.0.0.12"
port = 80
"""
AFTER = (
    BEFORE.replace('"10.0.0.11"\nport = 80', '"10.0.0.11"\nport = 80\nweight = 0')
    .replace("10.0.0.12", "10.0.0.13")
    .replace('"10.0.0.100", ', "")
    .replace("port = 80\nlocal", 'port = 80\nscheduler = "rr"\nmax_sessions = 9\nlocal')
    .replace('"10.0.0.1/24"', '"10.0.0.1/24"\nmtu = 9000')
    .replace("198.51.100.0/24", "198.51.0.0/16")
)


def test_every_change_is_named() -> None:
    old, new = model_of(file.parse(BEFORE)), model_of(file.parse("punt_rate = 9\n" + AFTER))
    assert described(diff(old, new), old) == [
        "options of all services: changed (punt_rate 20000 -> 9)",
        "[[interface]] of port 2: changed (mtu 1500 -> 9000)",
        "route to 198.51.100.0/24: removed",
        "route to 198.51.0.0/16: added",
        "virtual server tcp 203.0.113.80:80: changed (scheduler wrr -> rr, max_sessions 0 -> 9)",
        "virtual server tcp 203.0.113.80:80, real server 10.0.0.12:80: removed",
        "virtual server tcp 203.0.113.80:80, real server 10.0.0.11:80: changed (weight 1 -> 0)",
        "virtual server tcp 203.0.113.80:80, real server 10.0.0.13:80: added",
        "virtual server tcp 203.0.113.80:80, local address 10.0.0.100: removed",
    ]


@pytest.mark.parametrize(
    ("was", "now", "line"),
    [
        (
            'address = "192.0.2.1/24"',
            'address = ["192.0.2.1/24", "2001:db8:1::1/64"]',
            "[[interface]] of port 1: changed (address 192.0.2.1/24 -> 192.0.2.1/24, 2001:db8:1::1/64)",
        ),
        (
            'mac = "02:00:00:00:00:01"',
            'mac = "02:00:00:00:00:0a"',
            "[[interface]] of port 1: changed (mac 02:00:00:00:00:01 -> 02:00:00:00:00:0a)",
        ),
        (
            "port = 80\nlocal",
            'port = 80\npersistence_group = "web"\nlocal',
            "virtual server tcp 203.0.113.80:80: changed (persistence_group none -> web)",
        ),
        (
            'gateway = "192.0.2.9"',
            "drop = true",
            "route to 198.51.100.0/24: changed (gateway 192.0.2.9 -> none)",
        ),
    ],
)
def test_values_are_written_as_in_the_file(was: str, now: str, line: str) -> None:
    old, new = model_of(file.parse(BEFORE)), model_of(file.parse(BEFORE.replace(was, now)))
    assert described(diff(old, new), old) == [line]
    before, _, after = line.partition(" (")[2].removesuffix(")").partition(" -> ")
    name, _, before = before.partition(" ")
    assert described(diff(new, old), new) == [f"{line.partition(' (')[0]} ({name} {after} -> {before})"]


def test_the_rules_of_a_service_by_match_are_named() -> None:
    rules = (["dst=203.0.113.80"], ["dst=203.0.113.80,dport=80", "dst=203.0.113.81"])
    old, new = (
        model_of(
            file.parse(
                BEFORE.replace('address = "203.0.113.80"\nport = 80', f"fwmark = 7\nmatch = {rule}").replace(
                    '"\nport = 80', '"'
                )
            )
        )
        for rule in rules
    )
    assert described(diff(old, new), old) == [
        "virtual server tcp fwmark:7: changed (match dst=203.0.113.80 -> dst=203.0.113.80,dport=80, dst=203.0.113.81)"
    ]


def test_order_and_what_is_wholly_new_or_gone() -> None:
    old = model_of(file.parse(BEFORE))
    turned = file.parse(BEFORE.replace("10.0.0.11", "?").replace("10.0.0.12", "10.0.0.11").replace("?", "10.0.0.12"))
    assert described(diff(old, model_of(turned)), old) == [
        "virtual server tcp 203.0.113.80:80, real servers: put into another order",
    ]
    udp = file.parse(BEFORE.replace("port = 80\nlocal", 'port = 80\nprotocol = "udp"\nlocal'))
    lines = described(diff(old, model_of(udp)), old)
    assert lines[:2] == ["virtual server tcp 203.0.113.80:80: removed", "virtual server udp 203.0.113.80:80: added"]


@pytest.mark.parametrize(
    ("service", "server", "then_service", "then_server", "lines"),
    [
        ("fullnat", "fullnat", "fullnat", None, []),
        ("fullnat", None, "fullnat", "fullnat", []),
        ("nat", None, "nat", "nat", []),
        ("fullnat", "nat", "fullnat", None, [", real server 10.0.0.11:80: changed (mode nat -> fullnat)"]),
        ("fullnat", None, "fullnat", "nat", [", real server 10.0.0.11:80: changed (mode fullnat -> nat)"]),
        ("fullnat", None, "nat", "fullnat", [": changed (mode fullnat -> nat)"]),
        (
            "fullnat",
            "fullnat",
            "nat",
            None,
            [
                ": changed (mode fullnat -> nat)",
                ", real server 10.0.0.11:80: changed (mode fullnat -> nat)",
            ],
        ),
    ],
)
def test_a_mode_has_changed_when_that_in_effect_has(
    service: str, server: str | None, then_service: str, then_server: str | None, lines: list[str]
) -> None:
    old, new = _with_modes(service, server), _with_modes(then_service, then_server)
    assert described(diff(old, new), old) == [f"virtual server tcp 203.0.113.80:80{line}" for line in lines]


def test_what_changes_beside_a_mode_that_stays_is_named_alone() -> None:
    old = _with_modes("fullnat", "fullnat")
    new = _with_modes("fullnat", None, weight=0)
    assert described(diff(old, new), old) == [
        "virtual server tcp 203.0.113.80:80, real server 10.0.0.11:80: changed (weight 1 -> 0)"
    ]


def _with_modes(service: str, server: str | None, weight: int = 1) -> Model:
    text = BEFORE.replace("local_addresses", f'mode = "{service}"\nlocal_addresses')
    of_server = f'address = "10.0.0.11"\nweight = {weight}' + (f'\nmode = "{server}"' if server else "")
    assert 'address = "10.0.0.11"' in BEFORE
    return model_of(file.parse(text.replace('address = "10.0.0.11"', of_server)))
