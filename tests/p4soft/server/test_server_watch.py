"""Watch ports: members that are chosen only while a port is up."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from finsy.proto import p4r
from p4kit import CPU_PORT, DELETE, DEVICE, INSERT, MODIFY, Client, until
from p4soft.embedded import Switch, native_engine
from p4switch import client_of
from profilekit import by_crc16, group, marks, member, one_shot, selector_config, to_group

SET = p4r.SetForwardingPipelineConfigRequest


@pytest.fixture
async def controller(client: Client, switch: Switch) -> Client:
    """A primary client with the selector program loaded."""
    if type(switch.engine).__name__ == "FakeEngine":
        pytest.skip("the fake engine forwards nothing")
    client.primary_stream, _ = await client.open(1)
    await client.push(message=selector_config())
    return client


def watched(*ports: int | None) -> p4r.ActionProfileGroup:
    """Group 1 of members 1, 2 ... of weight 3, each with the port that it watches."""
    message = group(1, *((number, 3) for number in range(1, len(ports) + 1)))
    for item, port in zip(message.members, ports, strict=True):
        if port is not None:
            item.watch_port = bytes([port])
    return message


def watched_set(*ports: int | None) -> p4r.TableAction:
    """The same as a one-shot action set."""
    action = one_shot(*((number, 3) for number in range(1, len(ports) + 1)))
    for item, port in zip(action.action_profile_action_set.action_profile_actions, ports, strict=True):
        if port is not None:
            item.watch_port = bytes([port])
    return action


async def use(client: Client, *ports: int | None, once: bool = False, kind: p4r.Update.Type.ValueType = INSERT) -> None:
    """Have the entry's packets choose between members that watch ``ports``."""
    if once:
        await client.write((kind, by_crc16(0x41, watched_set(*ports))))
        return
    if kind == INSERT:
        await client.write(*((INSERT, member(number)) for number in range(1, len(ports) + 1)))
    await client.write((kind, watched(*ports)))
    if kind == INSERT:
        await client.write((INSERT, by_crc16(0x41, to_group(1))))


@pytest.mark.parametrize("once", [False, True], ids=["group", "one-shot"])
async def test_who_watches_a_port_is_chosen_while_it_is_up(controller: Client, switch: Switch, once: bool) -> None:
    await use(controller, None, 2, 7, once=once)
    assert marks(switch) == {1, 2}
    switch.engine.remove_port(2)
    switch.service.ports_changed()
    assert marks(switch) == {1}
    switch.engine.add_memory_port(7)
    switch.service.ports_changed()
    assert marks(switch) == {1, 3}
    if once:
        assert await controller.read(by_crc16(0x41, None)) == [by_crc16(0x41, watched_set(None, 2, 7))]
    else:
        assert await controller.read(p4r.ActionProfileGroup()) == [watched(None, 2, 7)]
    await use(controller, 2, 2, 2, once=once, kind=MODIFY)
    assert marks(switch) == set()
    await use(controller, 2, None, 7, once=once, kind=MODIFY)
    assert marks(switch) == {2, 3}
    switch.engine.add_memory_port(2)
    switch.service.ports_changed()
    assert marks(switch) == {1, 2, 3}
    await controller.write((DELETE, by_crc16(0x41, None)))
    switch.service.ports_changed()
    assert marks(switch) == set()


async def test_the_number_of_old_clients_means_the_same(controller: Client, switch: Switch) -> None:
    choice = watched(None, None, None)
    for item, port in zip(choice.members, (0, 1, 7), strict=True):
        item.watch = port
    await use(controller, None, None, None)
    await controller.write((MODIFY, choice))
    assert marks(switch) == {1, 2}
    assert await controller.read(p4r.ActionProfileGroup()) == [choice]


async def test_a_port_that_went_down_before_the_commit(controller: Client, switch: Switch) -> None:
    await controller.push(action=SET.VERIFY_AND_SAVE, message=selector_config())
    await use(controller, 1, 2)
    switch.engine.remove_port(2)
    await controller.push(action=SET.COMMIT)
    assert marks(switch) == {1}


@pytest.fixture
def veth() -> Iterator[str]:
    name = f"p4w{os.getpid()}"[-15:]
    subprocess.run(["ip", "link", "add", name, "type", "veth", "peer", "name", f"{name[:-1]}p"], check=True)
    try:
        for end in (name, f"{name[:-1]}p"):
            subprocess.run(["ip", "link", "set", end, "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "link", "del", name], check=False)


def set_peer(name: str, state: str) -> None:
    subprocess.run(["ip", "link", "set", f"{name[:-1]}p", state], check=True)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root and iproute2 for a veth pair")
async def test_an_interface_that_loses_its_carrier(veth: str) -> None:
    async with Switch(DEVICE, CPU_PORT, None, {1: None, 2: veth}, engine_factory=native_engine) as switch:
        async for client in client_of(switch, "inprocess"):
            client.primary_stream, _ = await client.open(1)
            await client.push(message=selector_config())
            await use(client, None, 2)
            assert marks(switch) == {1, 2}
            set_peer(veth, "down")
            await until(lambda: marks(switch) == {1})
            set_peer(veth, "up")
            await until(lambda: marks(switch) == {1, 2})
