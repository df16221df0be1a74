"""Which roles one address cannot have together: every pair is tried, and both places are named."""

from __future__ import annotations

from itertools import combinations

import pytest
from fullnat.config import file
from fullnat.config.errors import ConfigError
from fullnat.core.declared.roles import EXCLUSIVE, Role

SECTIONS = {
    Role.INTERFACE: "[interface 2] address",
    Role.GATEWAY: "[route 1] gateway",
    Role.VIRTUAL: "[virtual_server 1] address",
    Role.LOCAL: "[virtual_server 1] local_addresses",
    Role.SERVER: "[virtual_server 2.real_server 1] address",
    Role.PUBLIC: "[snat 1] addresses",
}
USUAL = {
    Role.INTERFACE: "10.0.0.1",
    Role.GATEWAY: "10.0.0.254",
    Role.VIRTUAL: "203.0.113.80",
    Role.LOCAL: "10.0.0.100",
    Role.SERVER: "10.0.0.12",
    Role.PUBLIC: "10.0.0.90",
}
SHARED = "10.0.0.77"


def text(addresses: dict[Role, str]) -> str:
    """Two services; what is in ``addresses`` belongs to the first, but the real server to the second."""
    return f"""\
[[interface]]
port = 1
mac = "02:00:00:00:00:01"
address = "192.0.2.1/24"
[[interface]]
port = 2
address = "{addresses[Role.INTERFACE]}/24"
mac = "02:00:00:00:00:02"
[[route]]
gateway = "{addresses[Role.GATEWAY]}"
prefix = "0.0.0.0/0"
[[virtual_server]]
port = 80
local_addresses = ["10.0.0.101-10.0.0.103", "{addresses[Role.LOCAL]}"]
address = "{addresses[Role.VIRTUAL]}"
[[virtual_server.real_server]]
address = "10.0.0.11"
port = 80
[[virtual_server]]
address = "203.0.113.81"
port = 80
local_addresses = ["10.0.0.104"]
[[virtual_server.real_server]]
address = "{addresses[Role.SERVER]}"
port = 80
[[snat]]
fwmark = 1
protocols = ["tcp"]
source = "10.0.0.0/24"
addresses = ["{addresses[Role.PUBLIC]}"]
"""


def problems(config: str) -> list[str]:
    try:
        file.parse(config, "x.toml")
    except ConfigError as error:
        return list(error.problems)
    return []


def line(config: str, role: Role) -> int:
    """Where ``role``'s option stands."""
    section, _, key = SECTIONS[role].rpartition(" ")
    name, number = section.strip("[]").split(".")[-1].split(" ")
    lines = config.splitlines()
    starts = [at for at, content in enumerate(lines) if content.strip("[]").split(".")[-1] == name]
    start = starts[int(number) - 1 if name != "real_server" else 1]
    return next(at for at, content in enumerate(lines[start:], start + 1) if content.startswith(f"{key} ="))


@pytest.mark.parametrize(("one", "other"), list(combinations(Role, 2)))
def test_every_pair_of_roles(one: Role, other: Role) -> None:
    config = text({**USUAL, one: SHARED, other: SHARED})
    found = problems(config)
    if frozenset((one, other)) not in EXCLUSIVE:
        assert found == []
        return
    first, second = sorted((one, other), key=lambda role: line(config, role))
    section = SECTIONS[first].rpartition(" ")[0]
    assert found == [
        f"x.toml:{line(config, second)}: {SECTIONS[second]}: {SHARED} cannot be {second.value}: "
        f"it is {first.value} at line {line(config, first)} {section}"
    ]


def test_what_works_is_not_refused() -> None:
    assert problems(text(USUAL)) == []
    shared_server = text({**USUAL, Role.SERVER: "10.0.0.11"})
    assert problems(shared_server) == []
    shared_local = text(USUAL).replace('["10.0.0.104"]', '["10.0.0.100-10.0.0.104"]')
    assert problems(shared_local) == []
    other_port = text(USUAL).replace('address = "203.0.113.81"\nport = 80', 'address = "203.0.113.80"\nport = 443')
    assert problems(other_port) == []


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.INTERFACE])
@pytest.mark.parametrize(("address", "kind"), [("10.0.0.0", "network"), ("10.0.0.255", "broadcast")])
def test_addresses_that_no_host_can_have(role: Role, address: str, kind: str) -> None:
    config = text({**USUAL, role: address})
    assert problems(config) == [
        f"x.toml:{line(config, role)}: {SECTIONS[role]}: {address} is the {kind} address of interface 2 (line 7)"
    ]


def test_a_subnet_of_two_addresses_has_no_such() -> None:
    config = text({**USUAL, Role.GATEWAY: "192.0.2.0"}).replace("192.0.2.1/24", "192.0.2.1/31")
    assert problems(config) == []


@pytest.mark.parametrize("address", ["127.0.0.1", "224.0.0.5", "0.0.0.0", "0.1.2.3", "255.255.255.255", "240.0.0.1"])
@pytest.mark.parametrize("role", list(Role))
def test_addresses_of_no_single_host(role: Role, address: str) -> None:
    config = text({**USUAL, role: address})
    assert problems(config) == [
        f"x.toml:{line(config, role)}: {SECTIONS[role]}: {address} is not the address of one host"
    ]


def test_one_range_is_one_problem_for_each_server() -> None:
    config = text({**USUAL, Role.LOCAL: "10.0.0.11-10.0.0.12"})
    assert problems(config) == [
        "x.toml:17: [virtual_server 1.real_server 1] address: 10.0.0.11 cannot be a real server: "
        "it is a local address at line 14 [virtual_server 1]",
        "x.toml:24: [virtual_server 2.real_server 1] address: 10.0.0.12 cannot be a real server: "
        "it is a local address at line 14 [virtual_server 1]",
    ]
