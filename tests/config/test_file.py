"""The configuration file: what it means, and what is said about what is wrong with it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import pytest
from fullnat.config import file, networks
from fullnat.config.check_options import CHECK
from fullnat.config.errors import ConfigError
from fullnat.config.model import Config, Interface, RealServer, StaticRoute, Timeouts, VirtualServer
from fullnat.core.declared.modes import Mode
from fullnat.core.schedulers.base import SCHEDULERS

EXAMPLE = Path(__file__).parents[2] / "docs" / "example.toml"

GOOD = """\
punt_rate = 100
[timeouts]
syn_recv = 5
[[interface]]
port = 1
mac = "02:00:00:00:00:01"
address = "192.0.2.1/24"
[[interface]]
port = 2
mac = "02:00:00:00:00:02"
address = "10.0.0.1/24"
mtu = 9000
[[route]]
prefix = "0.0.0.0/0"
gateway = "192.0.2.254"
[[route]]
prefix = "10.9.0.0/16"
drop = true
[[virtual_server]]
address = "203.0.113.80"
port = 80
local_addresses = ["10.0.1.1-10.0.1.3", "10.0.1.9"]
[[virtual_server.real_server]]
address = "10.0.0.11"
port = 8080
[[virtual_server.real_server]]
address = "10.0.0.12"
port = 8080
weight = 0
[[virtual_server]]
address = "203.0.113.80"
port = 443
local_addresses = ["10.0.1.1"]
[[virtual_server.real_server]]
address = "172.16.0.1"
port = 443
"""


def test_a_file_becomes_the_model() -> None:
    assert file.parse(GOOD) == Config(
        punt_rate=100,
        timeouts=Timeouts(syn_recv=5.0),
        interfaces=(
            Interface(port=1, mac=0x020000000001, address=IPv4Interface("192.0.2.1/24")),
            Interface(port=2, mac=0x020000000002, address=IPv4Interface("10.0.0.1/24"), mtu=9000),
        ),
        routes=(
            StaticRoute(prefix=IPv4Network("0.0.0.0/0"), gateway=IPv4Address("192.0.2.254")),
            StaticRoute(prefix=IPv4Network("10.9.0.0/16"), gateway=None),
        ),
        virtual_servers=(
            VirtualServer(
                address=IPv4Address("203.0.113.80"),
                port=80,
                local_addresses=tuple(IPv4Address(f"10.0.1.{last}") for last in (1, 2, 3, 9)),
                real_servers=(
                    RealServer(address=IPv4Address("10.0.0.11"), port=8080),
                    RealServer(address=IPv4Address("10.0.0.12"), port=8080, weight=0),
                ),
            ),
            VirtualServer(
                address=IPv4Address("203.0.113.80"),
                port=443,
                local_addresses=(IPv4Address("10.0.1.1"),),
                real_servers=(RealServer(address=IPv4Address("172.16.0.1"), port=443),),
            ),
        ),
    )


def test_the_example_is_right_and_shows_every_option() -> None:
    config = file.load(EXAMPLE)
    assert config.virtual_servers
    text = EXAMPLE.read_text()
    options = [
        file.GLOBAL,
        networks.INTERFACE,
        networks.ROUTE,
        file.VIRTUAL_SERVER,
        file.REAL_SERVER,
        file.TIMEOUTS,
        CHECK,
    ]
    for option in (name for table in options for name in table):
        assert f"\n{option} = " in text, option


def test_the_examples_values_are_the_defaults_where_it_says_so() -> None:
    config = file.load(EXAMPLE)
    assert config.timeouts == Timeouts()
    assert (config.local_port_min, config.local_port_max) == (5000, 65535)


def test_a_services_own_timeouts_are_the_others_where_it_has_none() -> None:
    for section in ("timeouts = { close_wait = 600 }", "[virtual_server.timeouts]\nclose_wait = 600"):
        first, second = GOOD.rsplit("[[virtual_server]]", 1)
        head, tail = second.split("[[virtual_server.real_server]]")
        config = file.parse(f"{first}[[virtual_server]]{head}{section}\n[[virtual_server.real_server]]{tail}")
        assert [virtual.timeouts for virtual in config.virtual_servers] == [
            None,
            Timeouts(syn_recv=5.0, close_wait=600.0),
        ]


def test_only_fullnat_needs_local_addresses() -> None:
    config = file.parse(broken('local_addresses = ["10.0.1.1"]', 'mode = "nat"'))
    assert [(virtual.mode, len(virtual.local_addresses)) for virtual in config.virtual_servers] == [
        (Mode.FULLNAT, 4),
        (Mode.NAT, 0),
    ]
    text = broken('local_addresses = ["10.0.1.1"]', "").replace("port = 443\n\n", "port = 443\n")
    own = file.parse(text + 'mode = "nat"\n')
    assert [real.mode for virtual in own.virtual_servers for real in virtual.real_servers] == [None, None, Mode.NAT]
    mixed = text + 'mode = "nat"\n[[virtual_server.real_server]]\naddress = "172.16.0.2"\nport = 443\n'
    (problem,) = problems(mixed)
    assert problem.endswith("[virtual_server 2] local_addresses: FULLNAT needs at least one local address")


UDP = """\
[[virtual_server]]
address = "203.0.113.80"
port = 443
protocol = "udp"
local_addresses = ["10.0.1.1"]
[virtual_server.timeouts]
udp_oneway = 4
"""


def test_a_service_of_udp_beside_one_of_tcp_has_its_own_times() -> None:
    of_tcp, of_udp = file.parse(GOOD + UDP).virtual_servers[1:]
    assert (of_tcp.protocol, of_tcp.established_timeout) == ("tcp", 90.0)
    assert (of_udp.protocol, of_udp.established_timeout) == ("udp", 300.0)
    assert of_udp.timeouts == Timeouts(syn_recv=5.0, udp_oneway=4.0)
    timed = file.parse(GOOD + UDP.replace('"udp"', '"udp"\nestablished_timeout = 20'))
    assert timed.virtual_servers[-1].established_timeout == 20.0


@pytest.mark.parametrize("option", ["toa", "toa_kind", "keep_timestamps", "keep_mss", "reset_on_miss"])
def test_options_of_tcp_are_refused_for_udp(option: str) -> None:
    text = GOOD + UDP.replace('"udp"', f'"udp"\n{option} = {254 if option == "toa_kind" else "false"}')
    (problem,) = problems(text)
    assert problem.endswith(f"[virtual_server 3] {option}: is an option of TCP, and this is a service of UDP")


def test_one_packet_scheduling_is_for_udp_and_not_in_fullnat() -> None:
    server = '[[virtual_server.real_server]]\naddress = "10.0.0.11"\nport = 443\n'
    alone = GOOD + UDP.replace('"udp"', '"udp"\nops = true') + server
    (problem,) = problems(alone)
    assert problem.endswith("one-packet scheduling (ops) needs another mode than fullnat, as this is")
    assert file.parse(alone.replace("ops = true", 'ops = true\nmode = "nat"')).virtual_servers[-1].ops
    (problem,) = problems(GOOD + UDP.replace('"udp"', '"tcp"\nops = true'))
    assert problem.endswith("[virtual_server 3] ops: is an option of UDP, and this is a service of TCP")


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        file.parse(text, "x.toml")
    return list(caught.value.problems)


def broken(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("punt_rate = 100", "punt_rte = 100", "x.toml:1: punt_rte: unknown option; did you mean punt_rate?"),
        ("punt_rate = 100", "punt_rate = true", "x.toml:1: punt_rate: True is not a number from 1 to 10000000"),
        ("punt_rate = 100", "zebra = 1", "x.toml:1: zebra: unknown option"),
        ("punt_rate = 100", '"a\\n\\u001b b" = 1', r"x.toml:1: 'a\n\x1b b': unknown option"),
        ("punt_rate = 100", '"" = 1', "x.toml:1: '': unknown option"),
        (
            "punt_rate = 100",
            "local_port_min = 9\nlocal_port_max = 8",
            "x.toml:1: local_port_min: 9 is above local_port_max 8",
        ),
        (
            "port = 443\nlocal",
            "port = 443\ntimeouts = 3\nlocal",
            "x.toml:33: [virtual_server 2] timeouts: is not a section [virtual_server.timeouts]",
        ),
        (
            "port = 443\nlocal",
            "port = 443\ntimeouts = { close_wit = 3 }\nlocal",
            "x.toml:30: [virtual_server 2.timeouts] close_wit: unknown option; did you mean close_wait?",
        ),
        (
            "syn_recv = 5",
            "syn_recv = 0",
            "x.toml:3: [timeouts] syn_recv: 0 is not a number of seconds from 0.1 to 2678400",
        ),
        (
            'mac = "02:00:00:00:00:01"',
            'mac = "02:00:00:00:00"',
            "x.toml:6: [interface 1] mac: '02:00:00:00:00' is not a MAC address like 02:00:00:00:00:01",
        ),
        (
            'mac = "02:00:00:00:00:01"',
            'mac = "01:00:5e:00:00:01"',
            "x.toml:6: [interface 1] mac: '01:00:5e:00:00:01' is not the MAC address of one station",
        ),
        ("mtu = 9000", "mtu = 500", "x.toml:12: [interface 2] mtu: 500 is not a number from 576 to 65535"),
        ("port = 2\n", "", "x.toml:8: [interface 2] port: is missing"),
        (
            "port = 2\n",
            "port = 255\n",
            "x.toml:9: [interface 2] port: 255 is the port between switch and controller, and no interface's",
        ),
        ("port = 2\n", "port = 511\n", "x.toml:9: [interface 2] port: 511 is not a number from 0 to 510"),
        (
            "port = 2\n",
            "port = 1\n",
            "x.toml:9: [interface 2] port: port 1 is already that of interface 1 (line 5), unless each has its vlan",
        ),
        (
            "10.0.0.1/24",
            "10.0.0.1",
            "x.toml:11: [interface 2] address: '10.0.0.1' is not an IP address with prefix length"
            " like 192.0.2.1/24 or 2001:db8::1/64",
        ),
        (
            "10.0.0.1/24",
            "10.0.0.255/24",
            "x.toml:11: [interface 2] address: 10.0.0.255/24 is not the address of a host in 10.0.0.0/24",
        ),
        (
            'prefix = "10.9.0.0/16"',
            'prefix = "10.9.0.1/16"',
            "x.toml:17: [route 2] prefix: '10.9.0.1/16' is not a prefix: 10.9.0.1/16 has host bits set;"
            " did you mean 10.9.0.0/16?",
        ),
        ("drop = true", "", "x.toml:16: [route 2] gateway: a route has either a gateway or drop = true"),
        (
            "192.0.2.254",
            "198.51.100.1",
            "x.toml:15: [route 1] gateway: 198.51.100.1 is in the subnet of no interface",
        ),
        (
            "port = 443\nlocal",
            "port = 80\nlocal",
            "x.toml:31: [virtual_server 2] address: tcp 203.0.113.80:80 is already that of virtual_server 1 (line 20)",
        ),
        (
            "port = 443\nlocal",
            'port = 443\nscheduler = "foo"\nlocal',
            f"x.toml:33: [virtual_server 2] scheduler: 'foo' is not one of {', '.join(sorted(SCHEDULERS))}",
        ),
        (
            'local_addresses = ["10.0.1.1"]',
            "local_addresses = []",
            "x.toml:33: [virtual_server 2] local_addresses: FULLNAT needs at least one local address",
        ),
        (
            'local_addresses = ["10.0.1.1"]',
            "",
            "x.toml:30: [virtual_server 2] local_addresses: FULLNAT needs at least one local address",
        ),
        (
            'local_addresses = ["10.0.1.1"]',
            'mode = "masq"',
            "x.toml:33: [virtual_server 2] mode: 'masq' is not one of fullnat, nat, dr, tunnel, gue, snat",
        ),
        (
            'local_addresses = ["10.0.1.1"]',
            'mode = "dr"',
            "x.toml:35: [virtual_server 2.real_server 1] address: 172.16.0.1 is not next door, as dr needs it",
        ),
        (
            "weight = 0",
            'mode = "dr"',
            "x.toml:28: [virtual_server 1.real_server 2] port: dr changes no port: it has to be 80",
        ),
        (
            'local_addresses = ["10.0.1.1"]',
            'local_addresses = ["10.0.1.1", "10.0.1.1"]',
            "x.toml:33: [virtual_server 2] local_addresses: 10.0.1.1 is there twice",
        ),
        (
            "10.0.1.1-10.0.1.3",
            "10.0.1.3-10.0.1.1",
            "x.toml:22: [virtual_server 1] local_addresses: '10.0.1.3-10.0.1.1' ends before it begins",
        ),
        (
            "10.0.1.1-10.0.1.3",
            "10.0.0.1-10.1.0.1",
            "x.toml:22: [virtual_server 1] local_addresses:"
            " '10.0.0.1-10.1.0.1' is not a range of at most 65536 addresses",
        ),
        (
            "10.0.1.1-10.0.1.3",
            "10.0.1.0/30",
            "x.toml:22: [virtual_server 1] local_addresses:"
            " '10.0.1.0/30' is a prefix; a range is written 10.0.1.1-10.0.1.4",
        ),
        (
            "weight = 0",
            "weight = 65536",
            "x.toml:29: [virtual_server 1.real_server 2] weight: 65536 is not a number from 0 to 65535",
        ),
        (
            "10.0.0.12",
            "10.0.0.11",
            "x.toml:27: [virtual_server 1.real_server 2] address: 10.0.0.11:8080 is already that of real_server 1 "
            "(line 24)",
        ),
        (
            "172.16.0.1",
            "10.9.0.1",
            "x.toml:35: [virtual_server 2.real_server 1] address:"
            " 10.9.0.1 is in no interface's subnet and behind no route",
        ),
        (
            "172.16.0.1",
            "10.0.1.1",
            "x.toml:35: [virtual_server 2.real_server 1] address: 10.0.1.1 cannot be a real server:"
            " it is a local address at line 22 [virtual_server 1]",
        ),
        (
            "172.16.0.1",
            "224.0.0.1",
            "x.toml:35: [virtual_server 2.real_server 1] address: 224.0.0.1 is not the address of one host",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(old: str, new: str, problem: str) -> None:
    assert problems(broken(old, new)) == [problem]


def test_all_problems_are_reported_in_the_order_of_the_file() -> None:
    text = broken("weight = 0", "weight = -1").replace("punt_rate", "punt_rat").replace("mtu = 9000", "mtu = 1")
    assert [line.split(": ")[0] for line in problems(text)] == ["x.toml:1", "x.toml:12", "x.toml:29"]


def test_nothing_at_all_is_served_by_an_empty_file() -> None:
    assert file.parse("", "x.toml") == Config(interfaces=())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("interface = 3", "x.toml:1: interface: is not a list of sections [[interface]]"),
        ("timeouts = 3", "x.toml:1: timeouts: is not a section [timeouts]"),
        ("[[interface]]\nport = ", "x.toml:2: invalid value (the file ends here)"),
        ("[[interface]]\nport = 1\nmac 02", "x.toml:3: expected '=' after a key in a key/value pair (column 5)"),
        ("[timeouts]\n\n[timeouts]\n", "x.toml:3: cannot declare ('timeouts',) twice (column 10)"),
    ],
)
def test_a_file_of_another_shape_is_refused(text: str, problem: str) -> None:
    assert problem in problems(text)


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.toml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError) as caught:
            file.load(path)
        assert caught.value.problems == (f"{path}: {reason}",)
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        file.load(binary)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = " + "[" * 20_000, "x.toml: values are nested too deeply"),
        ("a = " + "{b = " * 20_000, "x.toml: values are nested too deeply"),
        ("punt_rate = " + "9" * 5000, "x.toml: Exceeds the limit (4300 digits) for integer string conversion"),
    ],
    ids=["arrays", "tables", "digits"],
)
def test_what_the_parser_cannot_take_is_one_line(text: str, problem: str) -> None:
    (found,) = problems(text)
    assert found.startswith(problem)
    assert "\n" not in found
