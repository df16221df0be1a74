"""IPv6 in the configuration file, and both families in one."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv6Address, IPv6Interface, IPv6Network

import pytest
from fullnat.config import file, keepalived
from fullnat.config.errors import ConfigError
from fullnat.config.model import Interface, RealServer, StaticRoute, VirtualServer
from fullnat.config.written import GRAMMARS, document
from fullnat.core.declared.modes import Mode

GOOD = """\
[[interface]]
port = 1
mac = "02:00:00:00:00:01"
address = ["192.0.2.1/24", "2001:db8:1::1/64", "2001:DB8:1:0::2/64"]
[[interface]]
port = 2
mac = "02:00:00:00:00:02"
address = "2001:db8:2::1/64"
[[route]]
prefix = "::/0"
gateway = "2001:db8:1::fe"
[[route]]
prefix = "2001:db8:66::/48"
drop = true
[[virtual_server]]
address = "2001:db8:9::80"
port = 80
local_addresses = ["2001:db8:2::100-2001:db8:2::101", "2001:db8:2::109"]
[[virtual_server.real_server]]
address = "2001:db8:2::11"
port = 8080
[[virtual_server.real_server]]
address = "192.0.2.7"
port = 80
mode = "tunnel"
"""


def test_a_file_becomes_the_model() -> None:
    config = file.parse(GOOD)
    first, further = IPv4Interface("192.0.2.1/24"), ("2001:db8:1::1/64", "2001:db8:1::2/64")
    assert config.interfaces == (
        Interface(port=1, mac=0x020000000001, address=first, further=tuple(map(IPv6Interface, further))),
        Interface(port=2, mac=0x020000000002, address=IPv6Interface("2001:db8:2::1/64")),
    )
    assert config.interfaces[0].addresses == (first, *map(IPv6Interface, further))
    assert config.routes == (
        StaticRoute(prefix=IPv6Network("::/0"), gateway=IPv6Address("2001:db8:1::fe")),
        StaticRoute(prefix=IPv6Network("2001:db8:66::/48"), gateway=None),
    )
    (service,) = config.virtual_servers
    assert service == VirtualServer(
        address=IPv6Address("2001:db8:9::80"),
        port=80,
        local_addresses=tuple(IPv6Address(f"2001:db8:2::{last}") for last in ("100", "101", "109")),
        real_servers=(
            RealServer(address=IPv6Address("2001:db8:2::11"), port=8080),
            RealServer(address=service.real_servers[1].address, port=80, mode=Mode.TUNNEL),
        ),
    )


ONLY_SOME = "fullnat and tunnels alone lead to the other family"
HOST = "is not the address of one host"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("2001:db8:2::1/64", "fe80::1/64", f"8: [interface 2] address: fe80::1 {HOST}"),
        ("2001:db8:2::1/64", "::ffff:10.0.0.1/64", f"8: [interface 2] address: ::ffff:a00:1 {HOST}"),
        ("2001:db8:2::1/64", "ff02::1/64", f"8: [interface 2] address: ff02::1 {HOST}"),
        (
            "2001:db8:2::1/64",
            "2001:db8:2::/64",
            "8: [interface 2] address: 2001:db8:2::/64 is not the address of a host in 2001:db8:2::/64",
        ),
        (
            '"2001:db8:2::1/64"',
            "[]",
            "8: [interface 2] address: an interface has at least one address",
        ),
        (
            "2001:db8:2::1/64",
            "2001:db8:2::1%eth0/64",
            "8: [interface 2] address: '2001:db8:2::1%eth0/64' is not an IP address with prefix length"
            " like 192.0.2.1/24 or 2001:db8::1/64",
        ),
        (
            '"2001:DB8:1:0::2/64"',
            '"2001:db8:1::1/64"',
            "4: [interface 1] address: 2001:db8:1::1 is already that of interface 1 (line 4)",
        ),
        (
            '"2001:DB8:1:0::2/64"',
            '"2001:db8:1::2/65"',
            "4: [interface 1] address: 2001:db8:1::/65 overlaps 2001:db8:1::/64 of interface 1",
        ),
        (
            'address = "2001:db8:2::1/64"',
            'address = "2001:db8:2::1/64"\nmtu = 1279',
            "9: [interface 2] mtu: 1279 is below 1280, which IPv6 needs",
        ),
        ("2001:db8:1::fe", "192.0.2.254", "11: [route 1] gateway: 192.0.2.254 is not of the family of ::/0"),
        ("2001:db8:1::fe", "fe80::1", f"11: [route 1] gateway: fe80::1 {HOST}"),
        (
            "2001:db8:2::100-2001:db8:2::101",
            "10.0.0.1-2001:db8:2::101",
            "18: [virtual_server 1] local_addresses: '10.0.0.1-2001:db8:2::101' ends before it begins",
        ),
        (
            'address = "2001:db8:2::11"',
            'address = "192.0.2.7"',
            "20: [virtual_server 1.real_server 1] address: real server 192.0.2.7:8080 needs a local address of IPv4,"
            " which the service does not have",
        ),
        (
            'mode = "tunnel"',
            'mode = "nat"',
            "23: [virtual_server 1.real_server 2] address: real server 192.0.2.7:80 cannot serve the IPv6 address"
            f" [2001:db8:9::80]:80 in nat: {ONLY_SOME}",
        ),
        (
            'address = "2001:db8:2::11"',
            'address = "2001:db8:1::"',
            "20: [virtual_server 1.real_server 1] address: 2001:db8:1:: is the anycast address of interface 1 (line 4)",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(old: str, new: str, problem: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        file.parse(GOOD.replace(old, new), "x.toml")
    assert caught.value.problems == (f"x.toml:{problem}",)


def test_it_is_written_as_it_is_read() -> None:
    config = file.parse(GOOD.replace("port = 80\nlocal", "port = 80\ntoa_kind = 253\nlocal"))
    toml, unsaid = GRAMMARS["toml"](document(config))
    assert (file.parse(toml), unsaid) == (config, [])
    text, _ = GRAMMARS["keepalived"](document(config))
    values, problems, vain = keepalived.parse(text)
    assert (problems.sorted(), vain) == ([], ())
    assert file.of_document(values, problems) == config
    lines, _ = GRAMMARS["ipvsadm"](document(config))
    assert lines.splitlines() == [
        "-A -t [2001:db8:9::80]:80 -s wrr",
        "-a -t [2001:db8:9::80]:80 -r [2001:db8:2::11]:8080 -b -w 1",
        "-a -t [2001:db8:9::80]:80 -r 192.0.2.7:80 -i -w 1",
        *(f"-P -t [2001:db8:9::80]:80 -z 2001:db8:2::{last}" for last in ("100", "101", "109")),
    ]
