"""Groups of switches that services are spread over: the rule, what a file with groups says, and what it cannot say."""

from __future__ import annotations

import subprocess
import sys
from ipaddress import IPv4Address, IPv4Interface, ip_address
from random import Random

import pytest
from fullnat.config import file
from fullnat.config.errors import ConfigError
from fullnat.config.model import Config
from fullnat.config.parts import Part, part
from fullnat.config.spread import Spread, group_of, moved
from fullnat.config.written import GRAMMARS, document
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,9}", fullmatch=True)
ADDRESSES = st.ip_addresses().map(str)


def group(name: str, number: int, more: str = "") -> str:
    """A group of one switch, whose interface and local addresses are of its number."""
    return f"""
[[group]]
name = "{name}"
local_addresses = ["10.{number}.0.100", "10.{number}.0.101"]
controller = "lb-{name}:50051"
[[group.interface]]
port = 1
mac = "02:00:00:00:00:{number:02}"
address = "10.{number}.0.1/24"
[[group.route]]
prefix = "0.0.0.0/0"
gateway = "10.{number}.0.254"
{more}
[[switch]]
name = "{name}1"
grpc_addr = "192.0.2.{number}:9559"
group = "{name}"
"""


def service(address: str, more: str = "", server: str = "10.77.0.11", port: int = 80) -> str:
    return f"""
[[virtual_server]]
address = "{address}"
port = {port}
{more}
[[virtual_server.real_server]]
address = "{server}"
port = 80
"""


def by_match(number: int, *rules: str, more: str = "") -> str:
    quoted = ", ".join(f'"{rule}"' for rule in rules)
    return f'\n[[virtual_server]]\nfwmark = {number}\nmatch = [{quoted}]\nscheduler = "rr"\n{more}\n'


def snat(more: str = "", public: str = "203.0.113.99") -> str:
    return f'\n[[snat]]\nfwmark = 9\nsource = "10.5.0.0/16"\naddresses = ["{public}"]\n{more}\n'


EAST, WEST = group("east", 1), group("west", 2)
BOTH = EAST + WEST
OF_EAST = next(f"198.18.0.{last}" for last in range(256) if group_of(f"198.18.0.{last}", ("east", "west")) == "east")
OF_WEST = next(f"198.18.0.{last}" for last in range(256) if group_of(f"198.18.0.{last}", ("east", "west")) == "west")


def of(text: str, name: str) -> Config:
    return part(file.parse(text), name).config


def virtuals(config: Config) -> list[tuple[str, int]]:
    return [(str(each.address), each.port) for each in config.virtual_servers]


# ---------------------------------------------------------------------------------------------- the rule


@given(st.sets(NAMES, min_size=1, max_size=8), NAMES, st.lists(ADDRESSES, max_size=20), st.randoms())
def test_only_what_a_group_gains_or_loses_moves(
    names: set[str], new: str, addresses: list[str], random: Random
) -> None:
    """And the order in which groups are named does not matter."""
    names.discard(new)
    shuffled = sorted(names)
    random.shuffle(shuffled)
    for address in addresses if names else ():
        before, after = group_of(address, sorted(names)), group_of(address, [new, *shuffled])
        assert group_of(address, shuffled) == before
        assert after in (before, new)


def test_groups_get_about_as_many() -> None:
    names = [f"g{number}" for number in range(8)]
    found = [group_of(f"203.0.{number >> 8}.{number & 255}", names) for number in range(8192)]
    assert all(900 < found.count(name) < 1150 for name in names)


def test_every_process_finds_the_same() -> None:
    """And every version: who changes the rule moves every service of every installation."""
    program = (
        "from fullnat.config.spread import group_of\nprint(*(group_of(f'203.0.113.{n}', 'abc') for n in range(9)))"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == PINNED
    assert group_of("2001:db8::1", ("east", "west")) == "east"


PINNED = ["c", "b", "b", "a", "b", "c", "b", "c", "a"]

# ---------------------------------------------------------------------------------------------- what is right


def test_each_group_has_its_part() -> None:
    text = BOTH + service(OF_EAST) + service(OF_WEST) + service(OF_EAST, port=443)
    config = file.parse(text)
    east, west = part(config, "east"), part(config, "west")
    assert (virtuals(east.config), virtuals(west.config)) == ([(OF_EAST, 80), (OF_EAST, 443)], [(OF_WEST, 80)])
    assert [each.name for each in east.config.switches] == ["east1"]
    assert [each.address for each in east.config.interfaces] == [IPv4Interface("10.1.0.1/24")]
    assert [each.gateway for each in west.config.routes] == [IPv4Address("10.2.0.254")]
    locals_ = [[str(local) for local in each.config.virtual_servers[0].local_addresses] for each in (east, west)]
    assert locals_ == [["10.1.0.100", "10.1.0.101"], ["10.2.0.100", "10.2.0.101"]]
    assert east.share.spread is not None
    assert east.share.spread.told("west") == "group west (lb-west:50051)"


def test_what_is_read_is_written_again() -> None:
    config = file.parse(BOTH + service(OF_EAST, 'group = "west"') + service(OF_WEST) + snat('group = "east"'))
    text, unsaid = GRAMMARS["toml"](document(config))
    again = file.parse(text)
    assert ((again.groups, again.switches), unsaid) == ((config.groups, config.switches), [])
    assert [each.group for each in again.virtual_servers] == [each.group for each in config.virtual_servers]


@pytest.mark.parametrize("grammar", ["keepalived", "ipvsadm"])
def test_what_others_cannot_say_is_named(grammar: str) -> None:
    _, unsaid = GRAMMARS[grammar](document(file.parse(BOTH + service(OF_EAST, 'group = "east"'))))
    assert any("group" in line for line in unsaid)


def test_what_a_service_says_wins_and_holds_for_its_address() -> None:
    text = BOTH + service(OF_EAST, port=443) + service(OF_EAST, 'group = "west"') + service(OF_WEST)
    assert virtuals(of(text, "east")) == []
    assert virtuals(of(text, "west")) == [(OF_EAST, 443), (OF_EAST, 80), (OF_WEST, 80)]


def test_a_service_by_match_of_one_address_is_where_that_is() -> None:
    text = BOTH + service(OF_EAST) + by_match(1, f"dst={OF_EAST},dport=21", f"dst={OF_EAST},dport=20")
    assert [each.fwmark for each in of(text, "east").virtual_servers] == [None, 1]


def test_a_service_by_match_of_several_addresses_takes_them_all_along() -> None:
    rules = (f"dst={OF_WEST},dport=21", "dst=198.18.7.0/29")
    text = BOTH + service(OF_WEST) + by_match(1, *rules, more='group = "east"')
    assert [each.fwmark for each in of(text, "east").virtual_servers] == [None, 1]
    assert virtuals(of(text, "west")) == []


def test_of_hosts_inside_the_file_says_the_group() -> None:
    text = BOTH + snat('group = "west"')
    assert {each.mode.value for each in of(text, "west").virtual_servers} == {"snat"}
    assert of(text, "east").virtual_servers == ()


def test_of_one_group_nothing_has_to_be_said() -> None:
    text = EAST + service(OF_WEST) + by_match(1, "dst=198.18.7.0/29") + snat()
    assert len(of(text, "east").virtual_servers) == 5


def test_local_addresses_are_for_what_needs_some_and_names_none() -> None:
    """A stateless service needs none, and what a service names is its own."""
    direct = 'scheduler = "mh"\nsessions = false\nmode = "tunnel"'
    text = EAST + service("198.18.0.1", direct) + service("198.18.0.2", 'local_addresses = ["10.1.0.7"]')
    assert [[*map(str, each.local_addresses)] for each in of(text, "east").virtual_servers] == [[], ["10.1.0.7"]]


def test_switches_may_have_networks_of_their_own() -> None:
    """Then a group needs no section, if its services name their local addresses."""
    own = """
[[switch]]
name = "north1"
grpc_addr = "192.0.2.9:9559"
group = "north"
[[switch.interface]]
port = 1
mac = "02:00:00:00:00:09"
address = "10.9.0.1/24"
[[switch.route]]
prefix = "0.0.0.0/0"
gateway = "10.9.0.254"
"""
    text = own + EAST + service("198.18.0.1", 'group = "north"\nlocal_addresses = ["10.10.0.7"]')
    config = of(text, "north")
    assert ([each.name for each in config.switches], config.interfaces) == (["north1"], ())
    assert [each.name for each in file.parse(text).groups] == ["east", "north"]


def test_two_groups_may_each_have_an_embedded_switch() -> None:
    text = BOTH.replace('grpc_addr = "192.0.2.1:9559"', "embedded = true")
    text = text.replace('grpc_addr = "192.0.2.2:9559"', "embedded = true")
    assert of(text, "west").switches[0].embedded


def test_without_groups_a_configuration_is_its_own_part() -> None:
    config = of_one = file.parse(EXAMPLE)
    assert part(config, "") == Part(of_one)


EXAMPLE = """
[[interface]]
port = 1
mac = "02:00:00:00:00:01"
address = "10.0.0.1/24"
"""

# ---------------------------------------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            BOTH + service(OF_EAST, 'group = "north"'),
            "[virtual_server 1] group: there is no group north; there are east, west",
        ),
        (
            EXAMPLE + service("198.18.0.1", 'group = "a"', "10.0.0.9"),
            "[virtual_server 1] group: there are no groups: no [[switch]] has one",
        ),
        (EXAMPLE + BOTH, "[interface 1] is of no group: here it is [[group.interface]] or [[switch.interface]]"),
        (BOTH + EAST.replace("east1", "e2").replace("2.1:", "2.8:"), "[group 3] name: there is a group east already"),
        (EAST.replace('group = "east"', 'group = "up"'), '[group 1] name: no [[switch]] has group = "east"'),
        (BOTH.replace('group = "west"', ""), "[switch 2] group: is missing: there are east, west"),
        (BOTH + snat(), "[snat 1] group: is missing: hosts inside reach one group, and there are east and west"),
        (
            BOTH + by_match(1, "dst=198.18.7.0/29"),
            "[virtual_server 1] group: is missing: it has 8 addresses, which the rule may give to several groups",
        ),
        (BOTH + "[[virtual_server]]\nfwmark = 3\n", "[virtual_server 1] group: is missing: it has no address"),
        (
            BOTH + service(OF_EAST, 'group = "east"') + service(OF_EAST, 'group = "west"', port=81),
            f"[virtual_server 2] group: {OF_EAST} is of group east (line ",
        ),
        (
            BOTH + service(OF_EAST, 'group = "east"') + by_match(1, f"dst={OF_EAST}", more='group = "west"'),
            "an address is of one group",
        ),
        (
            BOTH + service(OF_EAST, 'local_addresses = ["10.2.0.100"]'),
            "10.2.0.100 is of group west (line 21), and this of east: answers go to one of them",
        ),
        (
            BOTH + "".join(service(each, 'local_addresses = ["10.3.0.1"]') for each in (OF_EAST, OF_WEST)),
            "10.3.0.1 is of group east",
        ),
        (
            EAST + WEST.replace("10.2.0.101", "10.1.0.101"),
            "[group 2] local_addresses: 10.1.0.101 is of group east (line",
        ),
        (
            BOTH.replace("10.1.0.101", OF_WEST) + service(OF_WEST),
            f"[group 1] local_addresses: {OF_WEST} is a virtual address of group west, and this is of east",
        ),
        (
            BOTH + snat('group = "west"', "10.1.0.100"),
            "[snat 1] addresses: 10.1.0.100 is of group east (line ",
        ),
        (
            BOTH + "".join(service(each, 'persistence_group = "web"') for each in (OF_EAST, OF_WEST)),
            "persistence_group: web is of services in group east, and this one is in west, which share no templates",
        ),
        (
            EAST + '[[switch]]\nname = "x"\ngroup = "north"\ngrpc_addr = "h:1"\n',
            "[switch 2] interface: is missing: the switches of a group share [[group.interface]], or each has its",
        ),
        (
            BOTH + service(OF_WEST, 'mode = "dr"', server="10.1.0.9"),
            "[virtual_server 1.real_server 1] address: 10.1.0.9 is not next door, as dr needs it",
        ),
        (
            BOTH.replace('gateway = "10.2.0.254"', 'gateway = "10.1.0.254"'),
            "[group 2.route 1] gateway: 10.1.0.254 is in the subnet of no interface",
        ),
        (
            BOTH.replace('local_addresses = ["10.2.0.100", "10.2.0.101"]', "") + service(OF_WEST),
            "[virtual_server 1] local_addresses: FULLNAT needs at least one local address",
        ),
        (BOTH.replace("192.0.2.2", "192.0.2.1"), "[switch 2] grpc_addr: is already that of switch 1"),
        (
            BOTH.replace("10.2.0.1/24", "10.1.0.1/24"),
            "[group 2.interface 1] address: 10.1.0.1 is already that of group 1",
        ),
        (
            BOTH.replace("10.2.0.1/24", "10.1.0.9/24").replace("00:02", "00:01"),
            "[group 2.interface 1] mac: 02:00:00:00:00:01 is already that of group 1 in 10.1.0.0/24",
        ),
        ('[[group]]\nname = "a b"\n', "[group 1] name: 'a b' is not a name"),
        (BOTH.replace("lb-east:50051", "a\\nb"), "[group 1] controller: 'a\\nb' is not one line of text"),
    ],
)
def test_what_is_wrong_is_one_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        file.parse(text)
    assert any(said in problem for problem in caught.value.problems), caught.value.problems
    assert all("\n" not in problem for problem in caught.value.problems)


def test_places_are_those_of_the_file() -> None:
    """Not of the part of a group, in which it is the first of its services."""
    text = BOTH + service(OF_EAST) + service(OF_WEST, 'mode = "dr"', server="10.1.0.9")
    with pytest.raises(ConfigError) as caught:
        file.parse(text, "f.toml")
    (problem,) = caught.value.problems
    line = text[: text.index('address = "10.1.0.9"')].count("\n") + 1
    assert problem.startswith(f"f.toml:{line}: [virtual_server 2.real_server 1] address")


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        (BOTH, "", "which group is this controller's? there are east, west (fullnat run --group)"),
        (BOTH, "north", "there is no group north; there are east, west"),
        (EXAMPLE, "east", "there is no group east; no [[switch]] has one"),
    ],
)
def test_a_part_has_to_be_there(text: str, name: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        part(file.parse(text), name)
    assert caught.value.problems == (said,)


# ---------------------------------------------------------------------------------------------- moves


def found(text: str) -> Spread:
    spread = file.parse(text).spread
    assert spread is not None
    return spread


def test_what_moves_when_a_group_comes() -> None:
    services = "".join(service(f"198.18.0.{last}") for last in range(1, 40))
    pinned = service("198.18.1.1", 'group = "east"')
    before, after = found(BOTH + services + pinned), found(BOTH + group("north", 3) + services + pinned)
    moves = moved(before, after)
    assert {now for _, now in moves.values()} == {"north"}
    assert 0 < len(moves) < 39
    assert ip_address("198.18.1.1") not in moves
    assert list(moves) == sorted(moves, key=int)
    back = moved(after, before)
    assert back == {address: (now, then) for address, (then, now) in moves.items()}


def test_what_comes_new_or_goes_does_not_move() -> None:
    assert moved(found(BOTH + service(OF_EAST)), found(BOTH + service(OF_WEST))) == {}


@given(
    st.lists(
        st.tuples(st.integers(0, 15), st.sampled_from(["", "east", "west"]), st.sampled_from([80, 443])), max_size=12
    )
)
def test_every_service_is_of_one_group_and_those_of_an_address_together(wanted: list[tuple[int, str, int]]) -> None:
    """However it is said, or the file is refused."""
    unique = {(last, port): name for last, name, port in wanted}
    lines = [
        service(f"198.18.0.{last}", f'group = "{name}"' if name else "", port=port)
        for (last, port), name in unique.items()
    ]
    said = {last: {name for (other, _), name in unique.items() if other == last and name} for last, _ in unique}
    if any(len(names) > 1 for names in said.values()):
        with pytest.raises(ConfigError, match="an address is of one group"):
            file.parse(BOTH + "".join(lines))
        return
    config = file.parse(BOTH + "".join(lines))
    of_group = {name: virtuals(part(config, name).config) for name in ("east", "west")}
    assert sorted(of_group["east"] + of_group["west"]) == sorted((f"198.18.0.{last}", port) for last, port in unique)
    for last, names in said.items():
        expected = next(iter(names), group_of(f"198.18.0.{last}", ("east", "west")))
        assert {name for name, has in of_group.items() for address, _ in has if address == f"198.18.0.{last}"} == {
            expected
        }
