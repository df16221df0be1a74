"""Both families in one configuration, on the same ports and the same servers."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

from topo import standard
from topo.process import poll
from topo.world import World, report

from .checks import CLOSING, assert_all_good, assert_clean
from .conftest import MakeWorld, Sizes

BOTH = (4, 6)


@pytest.fixture(scope="module")
def worlds(make_world: MakeWorld, target: str) -> dict[int, World]:
    """One network, by the family in which its service is asked."""
    if target == "asic":
        pytest.skip("the ASIC's program has no IPv6")
    v6 = make_world(standard.config(families=BOTH, timeouts=CLOSING), family=6)
    v4 = World(v6.network, v6.stack)
    v4.start_servers()
    return {4: v4, 6: v6}


def assert_all_clean(worlds: dict[int, World]) -> None:
    for world in worlds.values():
        assert_clean(world)


def test_each_service_has_its_own_servers_and_counts(worlds: dict[int, World]) -> None:
    for world in worlds.values():
        answers = [world.get(client) for client in standard.CLIENTS * 3]
        assert Counter(answer.server for answer in answers) == dict.fromkeys(standard.SERVERS, 2)
        assert all(answer.toa == answer.client and answer.toa_options == 1 for answer in answers)
        assert all(world.plan.is_local(answer.peer) for answer in answers)
    stats = worlds[4].stack.stats()
    assert {each["virtual"]: each["connections"] for each in stats["services"]} == {
        "10.9.0.1:80": 6,
        "[fd00:9::1]:80": 6,
    }
    assert [len(each["servers"]) for each in stats["services"]] == [3, 3]
    assert all(server["in_packets"] for each in stats["services"] for server in each["servers"])
    assert_all_clean(worlds)


def test_loads_of_both_at_once(worlds: dict[int, World], sizes: Sizes) -> None:
    each = sizes.connections // 8
    loads = [
        world.start_load(client, n=each, c=25, request=100, answer=1000, toa=True)
        for world in worlds.values()
        for client in standard.CLIENTS
    ]
    for load in loads:
        assert_all_good(report(load), each)
    assert_all_clean(worlds)


def test_sessions_of_both_are_listed_selected_and_adopted(worlds: dict[int, World], target: str) -> None:
    """A listing shows them in their notation, selects by prefix, and is the same after a restart of the controller."""
    stack = worlds[4].stack
    open_ones = [world.http(client) for world in worlds.values() for client in standard.CLIENTS]
    poll(lambda: len(stack.sessions()) == 4, 10, "the sessions are there")
    sessions = {each["client"]: each for each in stack.sessions()}
    assert sorted(each["virtual"] for each in sessions.values()) == ["10.9.0.1:80"] * 2 + ["[fd00:9::1]:80"] * 2
    listed = stack.command("sessions", "--filter", "client=fd00:1::/64", "--json").splitlines()
    assert len(listed) == 2
    assert stack.command("sessions", "--filter", "client=FD00:1:0::2", "--json").count("\n") == 1
    if target != "embedded":
        assert stack.controller is not None
        stack.controller.kill()
        stack.start_controller()
        stack.wait_ready()
        found = {each["client"]: each for each in stack.sessions()}
        names = ("session_id", "client", "virtual", "local", "server", "delta")
        assert {client: [each[name] for name in names] for client, each in found.items()} == {
            client: [each[name] for name in names] for client, each in sessions.items()
        }
        assert stack.stats()["controller"]["sessions_adopted"] == 4
    for connection in open_ones:
        connection.close()
    assert_all_clean(worlds)


def test_a_service_of_one_family_leaves_alone(worlds: dict[int, World]) -> None:
    """A reload without the service of IPv4 resets that one's connections, and no other's."""
    stack = worlds[4].stack
    gone, stays = worlds[4].http("c1"), worlds[6].http("c1")
    poll(lambda: {each["state"] for each in stack.sessions()} == {"ESTABLISHED"}, 10, "both are established")
    assert stack.controller is not None
    stack.configure(only_v6())
    stack.controller.signal(signal.SIGHUP)
    poll(lambda: len(stack.stats()["services"]) == 1, 10, "the configuration is taken over")
    assert gone.sock is not None
    gone.sock.settimeout(10)
    with pytest.raises(ConnectionResetError):
        gone.sock.recv(1)
    stays.request("GET", "/")
    assert stays.getresponse().status == 200
    stays.close()
    stack.configure(standard.config(families=BOTH, timeouts=CLOSING))
    stack.controller.signal(signal.SIGHUP)
    poll(lambda: len(stack.stats()["services"]) == 2, 10, "the service is back")
    assert worlds[4].get("c1").toa is not None
    assert_all_clean(worlds)


def only_v6() -> str:
    """The configuration of both, with the service of IPv6 alone."""
    head, _, v6 = standard.config(families=BOTH, timeouts=CLOSING).split("[[virtual_server]]\n")
    return f"{head}[[virtual_server]]\n{v6}"
