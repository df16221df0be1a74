"""What messages about a configuration file lead to: the right line, and what was meant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fullnat.compiled import CPU_PORTS
from fullnat.config import file
from fullnat.config.advice import advice
from fullnat.config.errors import ConfigError

from config.test_file import GOOD, problems


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x = 1\n\n[virtual_server]\nport = 80\n", "x.toml:3: virtual_server: is one of several: [[virtual_server]]"),
        ("\n[[real_server]]\n", "x.toml:2: real_server: unknown option; that is [[virtual_server.real_server]]"),
        (
            "[[virtual_server]]\n[virtual_server.real_server]\n",
            "x.toml:2: [virtual_server 1] real_server: is one of several: [[virtual_server.real_server]]",
        ),
        (
            "[[virtual_server]]\nmtu = 1\n",
            "x.toml:2: [virtual_server 1] mtu: unknown option; it is one of [[interface]]",
        ),
        (
            "[[interface]]\nweight = 1\n",
            "x.toml:2: [interface 1] weight: unknown option; it is one of [[virtual_server.real_server]]",
        ),
        (
            "[timeouts]\nestablished = 4\n",
            "x.toml:2: [timeouts] established: unknown option; that is established_timeout of a [[virtual_server]]",
        ),
        (
            '[[virtual_server]]\nlb_algo = "rr"\n',
            "x.toml:2: [virtual_server 1] lb_algo: unknown option; that is scheduler",
        ),
        (
            "[[interface]]\nvlan_id = 12\n",
            "x.toml:2: [interface 1] vlan_id: unknown option; that is vlan of an [[interface]]",
        ),
        (
            "[[interface]]\nvlan-id = 12\n",
            "x.toml:2: [interface 1] vlan-id: unknown option; that is vlan of an [[interface]]",
        ),
        (
            '[[virtual_server]]\nlocal_addresses = ["10.0.0.100-103"]\n',
            "x.toml:2: [virtual_server 1] local_addresses: '103' is not an IP address; both ends of a range are "
            "whole addresses: 10.0.0.100-10.0.0.103",
        ),
        (
            "[[virtual_server]]\naddress = 10.0.0.1\n",
            "x.toml:2: expected newline or end of document after a statement (column 15); text is written in quotes: "
            '"10.0.0.1"',
        ),
        (
            "[[virtual_server]]\nlocal_addresses = [10.0.0.1]\n",
            'x.toml:2: unclosed array (column 24); text is written in quotes: "10.0.0.1"',
        ),
        ("[[interface]]\nmac = nothing", 'x.toml:2: invalid value (column 7); text is written in quotes: "nothing"'),
        ("port = 80 81\n", "x.toml:1: expected newline or end of document after a statement (column 11)"),
    ],
)
def test_what_was_meant(text: str, problem: str) -> None:
    assert problem in problems(text)


@pytest.mark.parametrize("key", ["forum", "listener"])
def test_nothing_is_suggested_that_is_something_else(key: str) -> None:
    assert f"x.toml:2: [virtual_server 1] {key}: unknown option" in problems(f"[[virtual_server]]\n{key} = 1\n")


def test_the_port_to_the_controller_is_that_of_the_target() -> None:
    text = GOOD.replace("port = 2\n", "port = 192\n")
    file.parse(text)
    with pytest.raises(ConfigError, match="192 is the port between switch and controller"):
        file.parse(text, target="tofino1")
    file.parse(GOOD.replace("port = 2\n", "port = 255\n"), target="tofino1")


def test_those_ports_are_the_programs_own() -> None:
    def defined(arch: str) -> list[int]:
        headers = Path(__file__).parents[2] / "p4src" / "arch" / arch / "headers.p4"
        return [int(number) for number in re.findall(r"#define CPU_PORT (\d+)", headers.read_text())]

    assert (defined("v1model"), defined("tna")) == (
        [CPU_PORTS["v1model"]],
        [CPU_PORTS["tofino1"], CPU_PORTS["tofino2"]],
    )


def test_services_that_refuse_everybody_are_told() -> None:
    assert list(advice(file.parse(GOOD))) == []
    without = GOOD.replace("weight = 0", "").replace("port = 8080", "port = 8080\nweight = 0")
    without = without[: without.rindex("[[virtual_server.real_server]]")]
    assert list(advice(file.parse(without))) == [
        "virtual server tcp 203.0.113.80:80 has only real servers of weight 0, which take no new sessions: its clients "
        "get no answer",
        "virtual server tcp 203.0.113.80:443 has no real servers: its clients get no answer",
    ]


def test_a_keepalived_conf_by_another_name_says_how_it_was_read() -> None:
    (problem,) = problems("global_defs {\n}\nvirtual_server 192.0.2.1 80 {\n}\n")
    assert problem.endswith("; read as TOML, as its name does not end in .conf")
    (problem,) = problems("virtual_server = 1 2\n")
    assert "read as TOML" not in problem


def test_answers_that_do_not_come_to_clients_are_told() -> None:
    """For want of a route, or as they are another's."""
    no_route = GOOD[: GOOD.index("[[route]]")] + GOOD[GOOD.index("[[virtual_server]]") :]
    told = next(iter(advice(file.parse(no_route.replace("172.16.0.1", "10.0.0.99")))))
    assert told == (
        "no [[route]] of IPv4 has a gateway: clients outside the subnets of the interfaces get no answer "
        '(prefix = "0.0.0.0/0" leads to all)'
    )
    assert list(advice(file.parse(GOOD))) == []
    server = '[[virtual_server.real_server]]\naddress = "10.0.0.11"\nport = 53\n'
    alone = (
        f'[[virtual_server]]\naddress = "203.0.113.80"\nport = 53\nprotocol = "udp"\nops = true\nmode = "nat"\n{server}'
    )
    assert list(advice(file.parse(GOOD + alone))) == [
        "virtual server udp 203.0.113.80:53 has ops and servers in nat: these answer with their own addresses, not "
        "with its"
    ]
    assert list(advice(file.parse(GOOD + alone.replace("nat", "dr")))) == []


def test_one_range_of_local_addresses_needs_no_list() -> None:
    one = GOOD.replace('["10.0.1.1"]', '"10.0.1.1"')
    assert one != GOOD
    assert file.parse(one) == file.parse(GOOD)


def test_a_service_without_interface_is_a_problem() -> None:
    service = '[[virtual_server]]\naddress = "203.0.113.80"\nport = 80\nlocal_addresses = ["10.0.1.1"]\n'
    assert "x.toml:1: interface: at least one is needed: what ports the switch has, with their addresses" in problems(
        service
    )
