"""``fullnat check``: what it says of a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from config.test_all_active import LEFT, RIGHT, SERVICE

from cli.controllerkit import invoke
from cli.samples import CONFIG_TEXT, NO_ROUTE

ROUTE = '[[route]]\nprefix = "0.0.0.0/0"\ngateway = "10.0.0.2"\n'


def test_check(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(ROUTE + CONFIG_TEXT)
    result = invoke("check", config)
    assert (result.exit_code, result.output) == (0, f"{config}: 1 virtual server, 1 real server\n")
    config.write_text(CONFIG_TEXT[: CONFIG_TEXT.index("[[virtual_server.real_server]]")])
    result = invoke("check", config)
    assert (result.exit_code, result.output.splitlines()) == (
        0,
        [
            "warning: virtual server tcp 203.0.113.80:80 has no real servers: its clients get no answer",
            f"{config}: 1 virtual server, 0 real servers",
        ],
    )
    config.write_text(CONFIG_TEXT)
    assert invoke("check", config).output.splitlines()[:-1] == [NO_ROUTE]
    config.write_text(CONFIG_TEXT.replace("port = 80\n", "port = 70000\nshedule = 1\n"))
    result = invoke("check", config)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"{config}:8: [virtual_server 1] port: 70000 is not a number from 0 to 65535",
        f"{config}:9: [virtual_server 1] shedule: unknown option; did you mean scheduler?",
        "mend these first: more is checked then",
    ]


@pytest.mark.parametrize(("text", "place"), [("punt_rate = 0\n", "1: punt_rate"), ("a = [\n", "1")])
def test_one_error_holds_back_checks(tmp_path: Path, text: str, place: str) -> None:
    config = tmp_path / "c.toml"
    config.write_text(text)
    result = invoke("check", config)
    told, more = result.output.splitlines()
    assert result.exit_code == 1
    assert told.startswith(f"{config}:{place}: ")
    assert more == "mend this first: more is checked then"


KEEPALIVED = """
local_address_group inside {
    192.0.2.100-103
}
virtual_server 203.0.113.80 80 {
    lb_algo rr
    lb_kind FNAT
    protocol TCP
    laddr_group_name inside
    real_server 192.0.2.11 80 {
        weight 1
    }
}
"""
TOML = """
[[virtual_server]]
address = "203.0.113.80"
port = 80
local_addresses = ["192.0.2.100"]

[[virtual_server.real_server]]
address = "192.0.2.11"
port = 80
"""


@pytest.mark.parametrize(("name", "text"), [("keepalived.conf", KEEPALIVED), ("c.toml", TOML)])
def test_a_file_without_interfaces_is_shown_some(tmp_path: Path, name: str, text: str) -> None:
    """With what is shown it is right."""
    config = tmp_path / name
    config.write_text(text)
    result = invoke("check", config)
    wrong, mend, for_example, *sample = result.stderr.splitlines()
    assert (result.exit_code, mend) == (1, "mend this first: more is checked then")
    assert wrong.endswith(": at least one is needed: what ports the switch has, with their addresses")
    assert for_example.startswith("for example")
    config.write_text("\n".join(sample) + text)
    result = invoke("check", config)
    assert (result.exit_code, result.output) == (0, f"{config}: 1 virtual server, 1 real server\n")


def test_speakers_that_are_not_on_this_machine(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    left = LEFT.replace('"ip", "netns", "exec", "left", "vtysh"', '"no-such-vtysh"')
    right = RIGHT.replace('vtysh = ["ip", "netns", "exec", "right", "vtysh"]', 'program = ["/no/speaker", "-x"]')
    config.write_text(SERVICE + left + right)
    result = invoke("check", config)
    assert (result.exit_code, result.stderr.splitlines()) == (
        0,
        [
            "warning: switch left: vtysh: there is no program no-such-vtysh on this machine",
            "warning: switch right: program: there is no program /no/speaker on this machine",
        ],
    )


def test_check_warns_where_there_are_errors_as_well(tmp_path: Path) -> None:
    """Of options that are wrong only together: nothing is held back by them."""
    config = tmp_path / "c.toml"
    config.write_text("local_port_max = 4000\n" + CONFIG_TEXT[: CONFIG_TEXT.index("[[virtual_server.real_server]]")])
    result = invoke("check", config)
    assert (result.exit_code, result.output.splitlines()) == (
        1,
        [
            "warning: virtual server tcp 203.0.113.80:80 has no real servers: its clients get no answer",
            f"{config}:1: local_port_min: 5000 is above local_port_max 4000",
        ],
    )


def test_check_warns_of_what_keepalived_says_in_vain_whatever_is_wrong(tmp_path: Path) -> None:
    config = tmp_path / "k.conf"
    config.write_text("vrrp_instance one {\n}\nvirtual_server 203.0.113.80 80 {\n    lb_kind NONE\n}\n")
    result = invoke("check", config)
    first, *more = result.output.splitlines()
    assert result.exit_code == 1
    assert first.startswith(f"warning: {config}:1: vrrp_instance")
    assert "mend these first: more is checked then" in more


SNAT = """
[[snat]]
fwmark = 3
source = "10.0.0.0/24"
addresses = "203.0.113.20-203.0.113.23"
"""


def test_rules_of_snat_are_counted_apart_and_named_by_their_number(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(ROUTE + CONFIG_TEXT + SNAT)
    assert invoke("check", config).output == (
        f"{config}: 1 virtual server, 1 real server, 1 SNAT rule of 4 addresses\n"
    )
    config.write_text(
        f'{ROUTE}{CONFIG_TEXT}[[virtual_server]]\nfwmark = 3\nmode = "nat"\nmatch = ["dst=203.0.113.9"]\n'
    )
    assert invoke("check", config).output.splitlines()[0] == (
        "warning: virtual server tcp fwmark:3 has no real servers: its clients get no answer"
    )


def test_hosts_inside_need_a_route_out(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(CONFIG_TEXT[: CONFIG_TEXT.index("[[virtual_server]]")] + SNAT)
    assert invoke("check", config).output.splitlines() == [
        "warning: no [[route]] of IPv4 has a gateway: hosts inside reach nobody outside the subnets of the interfaces "
        '(prefix = "0.0.0.0/0" leads to all)',
        f"{config}: 0 virtual servers, 0 real servers, 1 SNAT rule of 4 addresses",
    ]


def test_check_warns_of_what_this_machine_does_not_have(tmp_path: Path) -> None:
    """The file may be another machine's, so it is right; here its checks would never say anything."""
    config = tmp_path / "fullnat.toml"
    config.write_text(
        CONFIG_TEXT
        + """
[[virtual_server]]
address = "203.0.113.83"
port = 80
local_addresses = ["10.0.1.1"]
quorum_up = "/bin/sh -c true"
quorum_down = "/no/quorum '1 2'"
notify_user = "no-such-user"
[[virtual_server.real_server]]
address = "10.0.0.11"
port = 80
notify_up = "/no/notify"
[[virtual_server.check]]
type = "script"
command = "/etc/passwd"
user = "nobody-here"
[[virtual_server.real_server.check]]
type = "http"
tls = true
ca_file = "/no/ca"
device = "nosuchdev0"
"""
    )
    result = invoke("check", config)
    name = "warning: virtual server tcp 203.0.113.83:80"
    server = f"{name}, real server 10.0.0.11:80"
    told = [line for line in result.stderr.splitlines() if "on this machine" in line]
    assert (result.exit_code, told) == (
        0,
        [
            f"{name}: quorum_down: there is no program /no/quorum on this machine",
            f"{name}: notify_user: there is no user no-such-user on this machine",
            f"{name}: check of type script: /etc/passwd is not executable on this machine",
            f"{name}: check of type script: there is no user nobody-here on this machine",
            f"{server}: notify_up: there is no program /no/notify on this machine",
            f"{server}: check of type http: there is no file /no/ca on this machine",
            f"{server}: check of type http: there is no network interface nosuchdev0 on this machine",
        ],
    )
