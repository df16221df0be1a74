"""Sections [[snat]], and what is wrong with them."""

from __future__ import annotations

import pytest
from fullnat.config import file
from fullnat.config.errors import ConfigError

INTERFACES = """\
[[interface]]
port = 1
vlan = 12
mac = "02:00:00:00:00:01"
address = "203.0.113.1/24"
[[interface]]
port = 1
vlan = 20
mac = "02:00:00:00:00:01"
address = "192.0.2.1/24"
[[interface]]
port = 2
mac = "02:00:00:00:00:02"
address = "10.0.0.1/24"
"""
SNAT = """
[[snat]]
fwmark = 1
source = ["10.0.0.0/24", "10.0.3.0/24"]
addresses = "203.0.113.20-203.0.113.23"
"""


def problems(text: str) -> list[str]:
    try:
        file.parse(text, "x.toml")
    except ConfigError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("out_interface = 1", "out_interface: 1: no [[interface]] is port 1 without a tag; there are 1.12 and 1.20"),
        ("interface = '2.7'", "interface: 2.7: no [[interface]] is VLAN 7 of port 2; there is 2"),
        ("out_interface = 4", "out_interface: 4: no [[interface]] is port 4 without a tag; there are 1.12, 1.20 and 2"),
        ("out_interface = '1.12'", ""),
        ("interface = 2", ""),
    ],
)
def test_an_interface_that_is_not_there_is_refused(said: str, problem: str) -> None:
    found = problems(f"{INTERFACES}{SNAT}{said}\n")
    assert found == ([f"x.toml:20: [snat 1] {problem}"] if problem else [])


def test_one_of_match_as_well() -> None:
    rule = """
[[virtual_server]]
fwmark = 2
mode = "snat"
match = ["src=10.0.3.0/24,iif=2,oif=3"]
"""
    assert problems(INTERFACES + rule) == [
        "x.toml:19: [virtual_server 1] match: oif 3: no [[interface]] is port 3 without a tag; "
        "there are 1.12, 1.20 and 2"
    ]


RULE = """
[[virtual_server]]
fwmark = 2
match = ["src=10.0.3.0/24"]
mode = "snat"
"""
SERVICE = """
[[virtual_server]]
address = "203.0.113.80"
port = 80
mode = "nat"
"""


@pytest.mark.parametrize(
    ("section", "said", "problem"),
    [
        (RULE, 'deny = ["10.0.3.9"]', "deny: deny is not for snat"),
        (RULE, 'allow = ["10.0.3.9"]', "allow: allow is not for snat"),
        (RULE, 'syn_proxy = "always"', "syn_proxy: syn_proxy always is not for snat"),
        (
            RULE,
            'local_addresses = ["10.0.0.100"]',
            "local_addresses: local_addresses is not for snat: its servers are the public addresses",
        ),
        (SERVICE, "host_sessions = 9", "host_sessions: host_sessions is of snat"),
        (SERVICE, "block_size = 512", "block_size: block_size is of snat"),
        (SERVICE, "block_log = true", "block_log: block_log is of snat"),
        (SERVICE, 'mapping = "address-dependent"', "mapping: mapping is of snat"),
    ],
)
def test_what_would_be_ignored_is_refused(section: str, said: str, problem: str) -> None:
    assert problems(f"{INTERFACES}{section}{said}\n") == [f"x.toml:20: [virtual_server 1] {problem}"]
