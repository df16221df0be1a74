"""Switches with networks of their own: [[switch.interface]], [[switch.route]] and [switch.bgp]."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from fullnat.config import file
from fullnat.config.bgp import Bgp, Neighbor
from fullnat.config.errors import ConfigError
from fullnat.config.servers import all_forward
from fullnat.config.written import GRAMMARS, document

SERVICE = """
[[virtual_server]]
address = "203.0.113.80"
port = 80
local_addresses = ["10.0.0.1-10.0.0.4"]

[[virtual_server.real_server]]
address = "10.9.0.11"
port = 80
"""


def switch(name: str, number: int, more: str = "") -> str:
    return f"""
[[switch]]
name = "{name}"
grpc_addr = "192.0.2.{number}:9559"

[[switch.interface]]
port = 1
mac = "02:00:00:00:01:{number:02}"
address = "198.51.100.{number}/24"

[[switch.interface]]
port = 2
mac = "02:00:00:00:02:{number:02}"
address = "10.1.0.{number}/24"

[[switch.route]]
prefix = "0.0.0.0/0"
gateway = "198.51.100.1"

[[switch.route]]
prefix = "10.9.0.0/16"
gateway = "10.1.0.1"

[switch.bgp]
local_as = 65001
router_id = "192.0.2.{number}"
vtysh = ["ip", "netns", "exec", "{name}", "vtysh"]
{more}
[[switch.bgp.neighbor]]
address = "198.51.100.1"
remote_as = 65000
bfd = true

[[switch.bgp.neighbor]]
address = "10.1.0.1"
remote_as = 65002
"""


LEFT, RIGHT = switch("left", 11), switch("right", 12)
PROGRAM = """
[[switch]]
name = "left"
grpc_addr = "192.0.2.11:9559"

[[switch.interface]]
port = 1
mac = "02:00:00:00:01:11"
address = "198.51.100.11/24"

[[switch.route]]
prefix = "0.0.0.0/0"
gateway = "198.51.100.1"

[switch.bgp]
local_as = 65001
"""


def test_they_are_read_and_written_again() -> None:
    config = file.parse(SERVICE + LEFT + RIGHT)
    left, right = config.switches
    assert all_forward(config.switches)
    assert config.interfaces == ()
    assert [str(interface.address) for interface in left.interfaces] == ["198.51.100.11/24", "10.1.0.11/24"]
    assert [str(route.gateway) for route in right.routes] == ["198.51.100.1", "10.1.0.1"]
    assert left.bgp == Bgp(
        local_as=65001,
        router_id=IPv4Address("192.0.2.11"),
        vtysh=("ip", "netns", "exec", "left", "vtysh"),
        neighbors=(
            Neighbor(address=IPv4Address("198.51.100.1"), remote_as=65000, bfd=True),
            Neighbor(address=IPv4Address("10.1.0.1"), remote_as=65002),
        ),
    )
    text, unsaid = GRAMMARS["toml"](document(config))
    assert (file.parse(text), unsaid) == (config, [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LEFT + '[[switch]]\nname = "b"\ngrpc_addr = "h:1"\n', "interface: is missing: others of the group"),
        (LEFT + RIGHT.replace("port = 2", "port = 3"), "interface: are of other ports than those of switch 1"),
        (
            LEFT + RIGHT + '[[interface]]\nport = 1\nmac = "02:00:00:00:00:01"\naddress = "192.0.2.1/24"\n',
            "[interface 1] is of all switches, and each has its own [[switch.interface]]",
        ),
        (
            LEFT
            + RIGHT.replace('prefix = "10.9.0.0/16"', 'prefix = "10.9.0.64/26"').replace('"0.0.0.0/0"', '"1.0.0.0/8"'),
            "10.9.0.11 is in no interface's subnet and behind no route of [switch 2]",
        ),
        (
            LEFT + RIGHT.replace('gateway = "10.1.0.1"', 'gateway = "10.2.0.1"'),
            "10.2.0.1 is in the subnet of no interface",
        ),
        (LEFT.replace("remote_as = 65002", "remote_as = 0") + RIGHT, "remote_as: 0 is not a number from 1 to"),
        (LEFT.replace('"10.1.0.1"\nremote', '"10.7.0.1"\nremote') + RIGHT, "10.7.0.1 is in no subnet of the switch's"),
        (
            LEFT + RIGHT.replace("198.51.100.12/24", "198.51.100.11/24"),
            "[switch 2.interface 1] address: 198.51.100.11 is already that of switch 1",
        ),
        (
            LEFT + RIGHT.replace("02:00:00:00:02:12", "02:00:00:00:02:11"),
            "[switch 2.interface 2] mac: 02:00:00:00:02:11 is already that of switch 1 in 10.1.0.0/24",
        ),
        (PROGRAM, "neighbor: is missing: no router hears"),
        (PROGRAM + 'program = ["/bin/x"]\nvtysh = ["y"]\n', "program: is instead of FRR"),
        (PROGRAM + 'program = ["/bin/x\\u0000"]\n', "program: has a word with a NUL byte"),
        (PROGRAM + "program = []\n", "program: [] is not a command as a list of words"),
        (PROGRAM + 'program = ["/bin/x"]\nrouter_id = "2001:db8::1"\n', "router_id: 2001:db8::1 is not of IPv4"),
    ],
)
def test_what_is_wrong_is_one_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        file.parse(f"{SERVICE}\n{text}\n")
    assert any(said in problem for problem in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("service", "said"),
    [
        (SERVICE.replace("203.0.113.80", "198.51.100.80"), "198.51.100.80 is in the subnet of an interface"),
        (SERVICE.replace("10.0.0.1-10.0.0.4", "10.1.0.100"), "10.1.0.100 is in the subnet of an interface"),
        (
            SERVICE.replace("port = 80", 'port = 80\nprotocol = "udp"\nops = true\nmode = "nat"', 1).replace(
                'local_addresses = ["10.0.0.1-10.0.0.4"]', ""
            ),
            "ops: one-packet scheduling",
        ),
    ],
)
def test_services_that_cannot_be_there(service: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        file.parse(f"{service}\n{LEFT}\n{RIGHT}\n")
    assert any(said in problem for problem in caught.value.problems), caught.value.problems


def test_each_subnet_has_macs_of_its_own() -> None:
    text = RIGHT.replace("02:00:00:00:02:12", "02:00:00:00:02:11").replace("10.1.0.", "10.2.0.")
    assert len(file.parse(SERVICE + LEFT + text).switches) == 2


def test_bgp_wants_a_network_of_ones_own() -> None:
    text = """
[[interface]]
port = 1
mac = "02:00:00:00:00:01"
address = "198.51.100.1/24"

[[switch]]
name = "a"
grpc_addr = "h:1"

[switch.bgp]
local_as = 65001
program = ["/bin/x"]
"""
    with pytest.raises(ConfigError, match="one that stands by announces nothing"):
        file.parse(text)


def test_what_controllers_share_is_of_the_switches_of_each() -> None:
    """The text has no sections [[switch]], and none of networks."""
    own = file.parse(SERVICE + LEFT + RIGHT)
    assert file.parse(SERVICE, members=own.switches) == own
    with pytest.raises(ConfigError, match="at least one is needed"):
        file.parse(SERVICE)


def test_what_is_wrong_with_an_interface_is_told_at_its_switch() -> None:
    """It was told at a section [[interface]], of which there is none."""
    text = SERVICE + LEFT + RIGHT.replace("10.1.0.12/24", "10.9.0.11/24").replace('gateway = "10.1.0.1"', "drop = true")
    with pytest.raises(ConfigError) as caught:
        file.parse(text)
    (found,) = [problem for problem in caught.value.problems if "cannot be" in problem]
    assert (
        "[switch 2.interface 2] address: 10.9.0.11 cannot be the address of an interface: it is a real server" in found
    )
