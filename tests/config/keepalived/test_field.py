"""What people reported of keepalived's reading of its own file, tried on ours."""

from __future__ import annotations

from typing import Any

import pytest
from fullnat.config import file, keepalived
from fullnat.config.errors import ConfigError
from fullnat.config.model import Config
from fullnat.core.schedulers.base import SCHEDULERS
from fullnat.fnatadm import commands
from fullnat.fnatadm.parse import parse

OURS = """\
fullnat {
    interface {
        port 1
        mac 02:00:00:00:00:01
        address 10.0.0.1/16 2001:db8::1/64
    }
}
"""
SERVICE = """\
virtual_server %s 80 {
    lb_algo %s
    lb_kind %s
    protocol TCP
    %s
    real_server %s 80 {
    }
}
"""


def service(vip: str, server: str, mode: str = "NAT", scheduler: str = "rr", more: str = "") -> str:
    return SERVICE % (vip, scheduler, mode, more, server)


def load(text: str) -> Config:
    document, problems, vain = keepalived.parse(OURS + text, "f")
    return file.of_document(document, problems, vain=vain)


@pytest.mark.parametrize(("mode", "is_taken"), [("TUN", True), ("DR", False), ("NAT", False)])
@pytest.mark.parametrize("families", [("2001:db8:1::80", "10.0.0.11"), ("203.0.113.80", "2001:db8::11")])
def test_mixed_families_are_taken_where_the_mode_can(mode: str, is_taken: bool, families: tuple[str, str]) -> None:
    """acassen/keepalived#876, #1540, #1536: read as another family, a crash, or a whole group that is gone."""
    vip, server = families
    if is_taken:
        (virtual,) = load(service(vip, server, mode)).virtual_servers
        assert (str(virtual.address), *(str(real.address) for real in virtual.real_servers)) == families
        return
    with pytest.raises(ConfigError) as caught:
        load(service(vip, server, mode))
    (problem,) = caught.value.problems
    assert problem.startswith(f"f:{OURS.count(chr(10)) + 6}: ")
    assert server in problem
    assert vip in problem


@pytest.mark.parametrize(
    ("vip", "server", "granularity", "bits"),
    [
        ("203.0.113.80", "10.0.0.11", "255.255.255.255", 32),
        ("203.0.113.80", "10.0.0.11", "255.255.254.0", 23),
        ("203.0.113.80", "10.0.0.11", "128.0.0.0", 1),
        ("2001:db8:1::80", "2001:db8::11", "128", 128),
        ("2001:db8:1::80", "2001:db8::11", "56", 56),
        ("2001:db8:1::80", "2001:db8::11", "1", 1),
    ],
)
def test_every_granularity_there_is(vip: str, server: str, granularity: str, bits: int) -> None:
    """acassen/keepalived#806."""
    more = f"persistence_timeout 60\n    persistence_granularity {granularity}"
    (virtual,) = load(service(vip, server, more=more)).virtual_servers
    assert virtual.persistence_prefix == bits


def test_all_services_of_ipv6_are_there() -> None:
    """acassen/keepalived#667: after an upgrade the first one and the last one alone."""
    vips = [f"2001:db8:1::{number:x}" for number in range(1, 41)]
    found = load("".join(service(vip, "2001:db8::11") for vip in vips)).virtual_servers
    assert [str(virtual.address) for virtual in found] == vips


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_schedulers_name_is_known_everywhere(scheduler: str) -> None:
    """iqiyi/dpvs PR #530: by one half of the program, and not by the other."""
    (virtual,) = load(service("203.0.113.80", "10.0.0.11", scheduler=scheduler)).virtual_servers
    assert virtual.scheduler == scheduler
    message: Any = commands.messages(parse(["-A", "-t", "203.0.113.80:80", "-s", scheduler]))[0]
    assert message["add_service"]["settings"]["scheduler"] == scheduler


def test_a_keyword_without_its_value_is_an_error_with_its_line() -> None:
    """acassen/keepalived PR #1660: the process ends at a reload."""
    check = "real_server 10.0.0.12 80 {\nTCP_CHECK {\nconnect_port\nconnect_timeout 5\n}\n}"
    with pytest.raises(ConfigError) as caught:
        load(service("203.0.113.80", "10.0.0.11", more=check))
    (problem,) = caught.value.problems
    assert problem.startswith(f"f:{OURS.count(chr(10)) + 7}: ")
    assert "connect_port" in problem


def test_a_server_that_is_there_twice_is_an_error() -> None:
    """acassen/keepalived#1904: a whole service is lost at a reload, whatever reloads follow."""
    twice = "real_server 10.0.0.11 80 {\n    }"
    with pytest.raises(ConfigError) as caught:
        load(service("203.0.113.80", "10.0.0.11", more=twice))
    (problem,) = caught.value.problems
    assert problem.endswith("10.0.0.11:80 is already that of real_server 1 (line 12)")


def test_what_is_wrong_with_a_range_of_addresses_is_told_once() -> None:
    """Each of its services has it: the second one was a traceback."""
    with pytest.raises(ConfigError) as caught:
        load(service("203.0.113.80-82", "10.0.0.11").replace("TCP", "TCPP"))
    assert caught.value.problems[0] == "f:11: protocol: 'TCPP' is not tcp, udp, icmp, icmpv6"
    assert len(set(caught.value.problems)) == len(caught.value.problems)
