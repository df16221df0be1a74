"""What keepalived.conf means: the same configuration as a TOML file, or a problem at its line."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from fullnat.config import file
from fullnat.config.errors import ConfigError
from fullnat.config.keepalived import keywords
from fullnat.config.model import Check, Config
from fullnat.core.declared.modes import Mode
from fullnat.core.schedulers.base import SCHEDULERS

OURS = """\
fullnat {
    punt_rate 100
    timeouts {
        syn_recv 5
    }
    interface {
        port 1
        mac 02:00:00:00:00:01
        address 203.0.113.1/24
    }
    interface {
        port 2
        mac 02:00:00:00:00:02
        address 10.0.0.1/24
    }
    route {
        prefix 0.0.0.0/0
        gateway 203.0.113.254
    }
}
"""
TOML = """\
punt_rate = 100
timeouts = { syn_recv = 5 }
[[interface]]
port = 1
mac = "02:00:00:00:00:01"
address = "203.0.113.1/24"
[[interface]]
port = 2
mac = "02:00:00:00:00:02"
address = "10.0.0.1/24"
[[route]]
prefix = "0.0.0.0/0"
gateway = "203.0.113.254"
"""
FULLNAT = """\
local_address_group inside {
    10.0.0.100-102
    10.0.0.104 eth1
}
virtual_server_group web {
    203.0.113.80 80
    203.0.113.81-82 443
}
virtual_server group web {
    delay_loop 7
    lb_algo wrr
    lb_kind FNAT
    protocol TCP
    establish_timeout 120
    laddr_group_name inside
    weight 3
    real_server 10.0.0.11 8080 {
        weight 5
        TCP_CHECK {
            connect_timeout 5
        }
    }
    real_server 10.0.0.12 {
        HTTP_GET {
            url {
                path /
                status_code 200
            }
        }
    }
}
virtual_server 203.0.113.53 53
{
    lvs_sched rr
    lvs_method DR
    protocol UDP
    real_server 10.0.0.13 53 {
    }
    real_server 10.0.0.14 53 {
        lvs_method NAT
        weight 0
    }
}
vrrp_instance VI_1 {
    state MASTER
    virtual_ipaddress { 203.0.113.80 }
}
"""
SAME = """
[[virtual_server]]
address = "203.0.113.80"
port = 80
scheduler = "wrr"
established_timeout = 120
local_addresses = ["10.0.0.100-10.0.0.102", "10.0.0.104"]
[[virtual_server.real_server]]
address = "10.0.0.11"
port = 8080
weight = 5
check = [{type = "tcp", interval = 7}]
[[virtual_server.real_server]]
address = "10.0.0.12"
port = 80
weight = 3
check = [{type = "http", interval = 7, retry_interval = 3, status = "200"}]
[[virtual_server]]
address = "203.0.113.81"
port = 443
scheduler = "wrr"
established_timeout = 120
local_addresses = ["10.0.0.100-10.0.0.102", "10.0.0.104"]
[[virtual_server.real_server]]
address = "10.0.0.11"
port = 8080
weight = 5
check = [{type = "tcp", interval = 7}]
[[virtual_server.real_server]]
address = "10.0.0.12"
port = 443
weight = 3
check = [{type = "http", interval = 7, retry_interval = 3, status = "200"}]
[[virtual_server]]
address = "203.0.113.82"
port = 443
scheduler = "wrr"
established_timeout = 120
local_addresses = ["10.0.0.100-10.0.0.102", "10.0.0.104"]
[[virtual_server.real_server]]
address = "10.0.0.11"
port = 8080
weight = 5
check = [{type = "tcp", interval = 7}]
[[virtual_server.real_server]]
address = "10.0.0.12"
port = 443
weight = 3
check = [{type = "http", interval = 7, retry_interval = 3, status = "200"}]
[[virtual_server]]
address = "203.0.113.53"
port = 53
protocol = "udp"
scheduler = "rr"
mode = "dr"
real_server = [{address = "10.0.0.13", port = 53}, {address = "10.0.0.14", port = 53, weight = 0, mode = "nat"}]
"""


def load(directory: Path, text: str) -> Config:
    path = directory / "k.conf"
    path.write_text(text)
    return file.load(path)


def problems(directory: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(directory, text)
    return [problem.removeprefix(f"{directory}/") for problem in caught.value.problems]


def test_it_is_the_configuration_that_toml_would_be(tmp_path: Path) -> None:
    found = load(tmp_path, OURS + FULLNAT)
    assert found == file.parse(TOML + SAME)
    assert [line.removeprefix(f"{tmp_path}/") for line in found.vain] == [
        "k.conf:64: vrrp_instance: without effect: is no business of a load balancer's data plane; keepalived may run "
        "beside",
    ]


def test_scheduler_and_method_are_keepalived_s_unless_it_says_others(tmp_path: Path) -> None:
    (virtual,) = load(
        tmp_path, OURS + "virtual_server 203.0.113.80 80 {\n protocol TCP\n real_server 10.0.0.11\n{ } }\n"
    ).virtual_servers
    assert virtual == replace(virtual, scheduler="wlc", mode=Mode.NAT, protocol="tcp", local_addresses=())


@pytest.mark.parametrize(
    ("word", "proxy"),
    [("disable", "off"), ("v2", "first"), ("v2-insecure", "clients"), ("first", "first"), ("clients", "clients")],
)
def test_proxy_protocol_is_said_by_dpvs_s_words_or_ours(tmp_path: Path, word: str, proxy: str) -> None:
    text = FULLNAT.replace("lb_algo wrr", f"lb_algo wrr\n    proxy_protocol {word}", 1)
    found = load(tmp_path, OURS + text).virtual_servers
    assert proxy in {virtual.proxy_protocol for virtual in found}


def test_the_problems_of_a_configuration_stand_at_the_lines_of_their_keywords(tmp_path: Path) -> None:
    text = OURS + FULLNAT.replace("lb_algo wrr", "lb_algo wrrr")
    assert problems(tmp_path, text.replace("weight 5", "wieght 5")) == [
        "k.conf:31: lb_algo: 'wrrr' is not rr, wrr, lc, wlc, sed, nq, sh, dh, lblc, lblcr, mh, fo, ovf",
        "k.conf:38: wieght: is no keyword of real_server; did you mean weight?",
    ]
    text = OURS + FULLNAT.replace("10.0.0.100-102", "10.0.0.11")
    assert problems(tmp_path, text.replace("real_server 10.0.0.13 53", "real_server 10.0.0.13 54")) == [
        "k.conf:37: [real_server 10.0.0.11 8080] 10.0.0.11 cannot be a real server: it is a local address at line 35 "
        "[virtual_server group web]",
        "k.conf:57: [real_server 10.0.0.13 54] dr changes no port: it has to be 53",
    ]


BLOCK = "virtual_server 203.0.113.80 80 {\n%s\n protocol TCP\n real_server 10.0.0.11 80 {\n }\n}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "virtual_sever 10.0.0.1 80 {\n}\n",
            "virtual_sever: is no block of keepalived.conf; did you mean virtual_server?",
        ),
        ("virtual_server 203.0.113.80 80 81 {\n}\n", "virtual_server: takes an address and a port"),
        ("virtual_server 203.0.113.80 80\n", "virtual_server: its block { } is missing"),
        (
            "virtual_server fwmark web {\n}\n",
            "virtual_server: 'web' is not a whole number",
        ),
        ("virtual_server group webs {\n}\n", "virtual_server: there is no virtual_server_group webs"),
        ("virtual_server 203.0.113.9-4 80 {\n}\n", "virtual_server: '203.0.113.9-4' ends before it begins"),
        (
            "virtual_server 203.0.113.9-400 80 {\n}\n",
            "virtual_server: '203.0.113.9-400' is not a range like 192.0.2.1-20",
        ),
        ("virtual_server 203.0.113.80 http {\n}\n", "virtual_server: 'http' is not a whole number"),
        ("virtual_server 203.0.113.80 80000 {\n}\n", "virtual_server: 80000 is not a port from 0 to 65535"),
        (
            "virtual_server 203.0.113.80 80 {\nprotocol SCTP\n}\n",
            "protocol: 'SCTP' is not tcp, udp, icmp, icmpv6: only these are translated",
        ),
        (
            BLOCK % "lb_kind SNAT",
            "[virtual_server 203.0.113.80 80] match: snat is of services by fwmark, and 203.0.113.80:80 is none",
        ),
        (BLOCK % "lb_algo rr\nlvs_sched wrr", "lvs_sched: is said already at k.conf:22"),
        (BLOCK % "est_timeout soon", "est_timeout: 'soon' is not a number of seconds"),
        (BLOCK % "laddr_group_name inside", "laddr_group_name: there is no local_address_group inside"),
        (BLOCK % "proxy_protocol v1", "proxy_protocol: PROXY protocol is of version 2 only"),
        (BLOCK % "proxy_protocol v3", "proxy_protocol: v3 is not one of disable, v2, v2-insecure"),
        (BLOCK % "syn_proxy 1 2", "syn_proxy: takes 0 to 1 arguments"),
        (BLOCK % "TCP_CHECK {\n}", "TCP_CHECK: is no keyword of virtual_server"),
        (BLOCK % "virtualhost a {\n}", "virtualhost: has no block { }"),
        ("}\n", "a } that closes no block"),
        ("{\n}\n", "a block without a keyword in front of its {"),
        (
            "virtual_server 203.0.113.80 80 {\n",
            "the block of virtual_server is not closed (k.conf:21 is its last line)",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    directory = f"{tmp_path}/"
    found = problems(tmp_path, OURS + text)
    assert any(
        line.split(": ", 1)[1].replace(directory, "") == expected and line.startswith("k.conf:2") for line in found
    ), found


def test_without_interfaces_it_says_where_they_belong(tmp_path: Path) -> None:
    assert problems(tmp_path, BLOCK % "") == [
        "k.conf:1: fullnat { interface }: at least one is needed: what ports the switch has, with their addresses"
    ]


def test_problems_of_an_included_file_name_it(tmp_path: Path) -> None:
    (tmp_path / "services.inc").write_text(BLOCK % "lb_kind FNAT")
    (tmp_path / "again.inc").write_text(BLOCK % "lb_kind NAT")
    text = OURS + "include services.inc\ninclude again.inc\n"
    assert problems(tmp_path, text) == [
        "again.inc:1: [virtual_server 203.0.113.80 80] tcp 203.0.113.80:80 is already that of virtual_server 1 "
        f"({tmp_path}/services.inc:1)",
        "services.inc:1: [virtual_server 203.0.113.80 80] laddr_group_name: FULLNAT needs at least one local address",
    ]


def test_a_group_s_problem_is_told_once(tmp_path: Path) -> None:
    assert problems(tmp_path, OURS + FULLNAT.replace("delay_loop 7", "delay_lop 7")) == [
        "k.conf:30: delay_lop: is no keyword of virtual_server; did you mean delay_loop?"
    ]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("punt_rate 100\npunt_rate 200", "k.conf:2: punt_rate: is said already at k.conf:1"),
        ("interface 5\ninterface {\n}", "k.conf:2: interface: is said already at k.conf:1"),
        ("route a b\nroute {\n}", "k.conf:2: route: is said already at k.conf:1"),
        ("timeouts\ntimeouts {\nsyn_recv 5\n}", "k.conf:2: timeouts: is said already at k.conf:1"),
        ("interface {\n}\ninterface 5", "k.conf:3: interface: is a block { } elsewhere"),
        ("virtual_server 5", "k.conf:3: virtual_server: is said already at k.conf:1"),
    ],
)
def test_an_option_of_our_own_block_is_said_once(tmp_path: Path, block: str, expected: str) -> None:
    """And is no block at the same time."""
    found = problems(tmp_path, f"fullnat {{ {block}\n}}\n{BLOCK % 'lb_kind NAT'}")
    assert expected in [line.replace(f"{tmp_path}/", "") for line in found]


CHECKED = """virtual_server 203.0.113.80 80 {
    delay_loop 7
    retry 3
    virtualhost all.example
    protocol TCP
    alpha
    real_server 10.0.0.11 80 {
        TCP_CHECK {
            connect_timeout 4
            connect_port 81
            connect_ip 10.0.0.99
            bindto 10.0.0.1
            bind_if eth7
            alpha no
        }
    }
    real_server 10.0.0.12 80 {
        delay_before_retry 2
        HTTP_GET {
            url {
                path /one
                status_code 200 301-302
            }
            url {
                path /two
                virtualhost two.example
            }
            nb_get_retry 2
        }
        MISC_CHECK {
            misc_path "/usr/bin/check --fast 'a b'"
            user nobody nogroup
            misc_dynamic
        }
    }
    real_server 10.0.0.13 80 {
        SSL_GET {
        }
    }
}
"""


def test_checkers_are_checks_with_keepalived_s_defaults(tmp_path: Path) -> None:
    (virtual,) = load(tmp_path, OURS + CHECKED).virtual_servers
    around = Check(type="tcp", interval=7.0, fall=4, start_down=True)
    web = replace(around, type="http", retry_interval=2.0, fall=3, host="all.example")
    script = replace(around, type="script", timeout=7.0, retry_interval=2.0, user="nobody", dynamic=True)
    first, second, third = (server.checks for server in virtual.real_servers)
    elsewhere: dict[str, Any] = {"address": ip_address("10.0.0.99"), "source": ip_address("10.0.0.1"), "device": "eth7"}
    assert first == (replace(around, timeout=4.0, port=81, start_down=False, **elsewhere),)
    assert second == (
        replace(web, path="/one", status="200,301-302"),
        replace(web, path="/two", host="two.example"),
        replace(script, command="/usr/bin/check --fast 'a b'"),
    )
    assert third == (replace(web, retry_interval=3.0, fall=4, tls=True),)


def test_what_is_wrong_with_a_checker_has_its_line(tmp_path: Path) -> None:
    text = CHECKED.replace("connect_port 81", "connect_port 0").replace("/usr/bin/check", "check")
    found = problems(tmp_path, OURS + text)
    first = OURS.count("\n")
    assert [problem.partition(" ")[0] for problem in found] == [f"k.conf:{first + 10}:", f"k.conf:{first + 31}:"]
    assert "connect_port: 0 is not a number from 1 to 65535" in found[0]
    assert "misc_path: \"check --fast 'a b'\" does not begin with the absolute path of a program" in found[1]


def test_the_schedulers_are_those_that_there_are() -> None:
    assert set(keywords.SCHEDULERS) == set(SCHEDULERS)
