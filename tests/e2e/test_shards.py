"""Services spread over two groups of switches by one file: each serves its own, whatever becomes of the other."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest
from fullnat.cli import controlclient
from fullnat.cli.controlclient import Refused

from topo import shards
from topo.netns import Network
from topo.process import poll
from topo.shards import NAMES, VIPS, Shard
from topo.stack import installed
from topo.standard import CLIENTS
from topo.talk import Talk
from topo.world import World, ask, report

from .checks import CLOSING, assert_all_good, assert_clean
from .test_switches import come_and_go

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def beds(target: str) -> Iterator[dict[str, World]]:
    """By group; the real servers are in each of the worlds, and started once."""
    if target != "p4soft":
        pytest.skip("the switches are p4soft, whatever the target")
    with Network(shards.topology()) as network:
        found: dict[str, World] = {}
        for name in NAMES:
            shard = Shard(network, name, shards.config(timeouts=CLOSING))
            found[name] = World(network, shard)
            found[name].plan = shard.plan
        east, west = found.values()
        east.start_servers()
        west.servers = east.servers
        for world in found.values():
            world.stack.start()
        yield found


def stack(world: World) -> Shard:
    assert isinstance(world.stack, Shard)
    return world.stack


def test_each_serves_its_own_addresses(beds: dict[str, World]) -> None:
    pairs = zip(beds.values(), CLIENTS, strict=True)
    loads = [world.start_load(client, n=100, c=20, toa=True) for world, client in pairs]
    for load in loads:
        assert_all_good(report(load), 100)
    for name, world in beds.items():
        shard = stack(world)
        (service,) = shard.services()
        assert (service["virtual"], service["group"]) == (f"{VIPS[name]}:80", name)
        answer = world.get("c1")
        assert answer.toa == answer.client
        assert world.plan.is_local(answer.peer)
        assert shard.stats()["services"][0]["connections"] > 100
        world.drained()
    secrets = [(stack(world).state / "group" / name / "secret").read_bytes() for name, world in beds.items()]
    assert secrets[0] != secrets[1]


def test_what_the_other_has_is_refused(beds: dict[str, World]) -> None:
    east, west = map(stack, beds.values())
    command = [*installed("fnatadm"), "-A", "-t", f"{VIPS['west']}:443", "--control-socket", str(east.socket)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    said = "is of group west (the lb of west), and this controller has group east"
    assert (done.returncode, done.stderr) == (1, f"fnatadm: virtual server tcp {VIPS['west']}:443 {said}\n")
    assert east.virtuals() == [f"{VIPS['east']}:80"]
    named = {"protocol": "tcp", "virtual": f"{VIPS['west']}:80"}
    with pytest.raises(Refused, match=re.escape(said)):
        list(controlclient.ask(east.socket, "services", named))
    command[-1] = str(west.socket)
    subprocess.run(command, check=True, timeout=30)
    assert west.virtuals() == [f"{VIPS['west']}:80", f"{VIPS['west']}:443"]
    west.command("reload")


def test_a_controller_is_killed_and_the_other_group_does_not_notice(beds: dict[str, World]) -> None:
    """Established connections of both go on, and so do new ones of the other; those of its own wait for it."""
    east, west = beds.values()
    before = stack(west).said()
    connects = stack(west).stats()["switch"]["connects"]
    other = west.start_load("c2", n=200, c=200, rate=50, toa=True, progress=True)
    with Talk(east, count=2) as ours, Talk(west, count=2) as theirs:
        come_and_go(other, 50)
        killed = stack(east).controller
        assert killed is not None
        killed.kill()
        reached, there = ours.answers, theirs.answers
        poll(lambda: ours.answers > reached + 50 and theirs.answers > there + 50, 10, "all go on without it")
        come_and_go(other, 150)
        new = east.start_load("c1", n=5, c=5)
        stack(east).start_controller()
        stack(east).wait_ready()
        assert_all_good(report(new), 5)
        assert len(stack(east).sessions()) >= 2
        reached = ours.answers
        poll(lambda: ours.answers > reached + 50, 10, "all go on with the next one")
        told = report(other)
        longest = told["connect_us"]["max"] / 1e6
        print(f"longest silence {ours.gap:.3f} s and {theirs.gap:.3f} s; longest connect {longest:.3f} s")
    assert_all_good(told, 200)
    # Less than what TCP waits for before it repeats a SYN.
    assert longest < 0.9
    assert stack(west).said() == before
    assert stack(west).stats()["switch"]["connects"] == connects
    for world in beds.values():
        assert_clean(world)


def test_an_address_moves(beds: dict[str, World]) -> None:
    """Told before; its sessions are reset in its old group, and new ones begin in the other, with that one's local
    addresses."""
    east, west = map(stack, beds.values())
    moving = east.network.logs / "moved.toml"
    moving.write_text(shards.config(timeouts=CLOSING, of={"east": "west"}))
    command = [*installed("fullnat"), "groups", str(moving), "--before", str(east.config_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.splitlines()
    assert told[0] == f"address {VIPS['east']} moves from group east to west"
    connection = beds["east"].http("c1")
    ask(connection)
    east.configure(moving.read_text())
    says = f"{VIPS['east']} moves to group west (the lb of west): 1 session here will be reset"
    assert east.command("reload", "--dry-run").splitlines()[0] == says
    ask(connection)
    assert east.command("reload").splitlines()[0] == says
    with pytest.raises(ConnectionResetError):
        ask(connection)
    comes = f"{VIPS['east']} comes from group east (the lb of east), where its sessions end"
    assert west.command("reload").splitlines()[0] == comes
    shards.route(east.network, VIPS["east"], "west")
    answer = beds["east"].get("c1")
    assert answer.toa == answer.client
    assert beds["west"].plan.is_local(answer.peer)
    assert (east.virtuals(), {*west.virtuals()}) == ([], {f"{VIPS[name]}:80" for name in NAMES})
    for world in beds.values():
        world.drained()
