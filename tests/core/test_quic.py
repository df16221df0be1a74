"""QUIC by connection id: a client that changes its address stays with its server."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fullnat.config.model import RealServer, ServerSettings, ServiceSettings
from fullnat.core.balancing.quic import ServerOfId, server_of
from fullnat.core.declared.commands import (
    AddServer,
    Command,
    CommandError,
    DrainServer,
    EditServer,
    EditService,
    RemoveServer,
    ServiceKey,
)
from fullnat.net.flow import Address, Endpoint
from hypothesis import given, settings
from hypothesis import strategies as st

from .builders import RPORT, SERVER, SERVER2, SERVER3, VIP, VPORT, config, real, virtual
from .helpers import session_writes
from .switch import Rig
from .udpkit import datagram, service

KEY: ServiceKey = (17, Endpoint(VIP, VPORT))
CONFIG = 2
FIRST, SECOND, THIRD = (Endpoint(address, RPORT) for address in (SERVER, SERVER2, SERVER3))


def named(host: str, quic_id: str, weight: int = 1) -> RealServer:
    return replace(real(host, weight=weight), quic_id=quic_id)


THREE = (named("10.0.2.11", "aa01"), named("10.0.2.12", "aa02"), named("10.0.2.13", "AA03"))


def cid(server: str, config_id: int = CONFIG) -> bytes:
    """8 bytes."""
    return bytes((config_id << 5 | 7,)) + bytes.fromhex(server) + b"nonce"


def short(server: str, config_id: int = CONFIG) -> bytes:
    return b"\x40" + cid(server, config_id) + b"protected"


def long(destination: bytes) -> bytes:
    return b"\xc0\x00\x00\x00\x01" + bytes((len(destination),)) + destination + b"\x00" + b"rest"


class Clients:
    """Each datagram is the first from its port."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.port = 10_000

    def server(self, payload: bytes) -> Address:
        self.port += 1
        self.rig.send(datagram(self.port, payload))
        self.rig.settle()
        entry = session_writes(self.rig)[-1][1]
        assert entry.client_port == self.port
        return entry.server


def made(**changes: object) -> Clients:
    return Clients(Rig(config(service(**({"real_servers": THREE, "quic_config": CONFIG} | changes)))))


def test_a_connection_goes_on_with_its_server_from_whatever_address() -> None:
    clients = made()
    for _ in range(3):
        assert clients.server(short("aa02")) == SERVER2
        assert clients.server(short("aa03")) == SERVER3
        assert clients.server(long(cid("aa01"))) == SERVER
    assert clients.rig.controller.stats()["quic_by_connection_id"] == 9


@pytest.mark.parametrize(
    "payload",
    [
        short("aa02", config_id=1),
        short("aa02", config_id=7),
        short("bb02"),
        long(b"chosen by the client"),
        long(b""),
        b"",
        b"\x40",
        b"\x40" + cid("aa02")[:2],
        b"\xc0\x00\x00\x00\x01",
        b"\xc0\x00\x00\x00\x01\x08" + cid("aa02")[:2],
        b"query of another protocol",
    ],
)
def test_what_names_no_server_is_scheduled(payload: bytes) -> None:
    clients = made()
    assert {clients.server(payload) for _ in range(6)} == {SERVER, SERVER2, SERVER3}
    assert clients.rig.controller.stats()["quic_by_connection_id"] == 0


def test_the_connection_id_comes_before_the_template() -> None:
    clients = made(persistence_timeout=300.0)
    home = clients.server(long(b"chosen by the client"))
    assert clients.server(long(b"chosen by the client")) == home
    for name, server in (("aa01", SERVER), ("aa02", SERVER2), ("aa03", SERVER3)):
        assert clients.server(short(name)) == server
    assert clients.server(long(b"chosen by the client")) == home


@pytest.mark.parametrize(
    "command",
    [
        EditServer(KEY, SECOND, ServerSettings(weight=0, quic_id="aa02")),
        DrainServer(KEY, SECOND, 60.0),
        RemoveServer(KEY, SECOND),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_server_that_is_out_keeps_its_connections_and_gets_no_new_ones(command: Command) -> None:
    clients = made()
    assert clients.server(short("aa02")) == SERVER2
    clients.rig.apply(command)
    clients.rig.settle()
    assert len(clients.rig.switch.sessions()) == 1
    assert clients.server(short("aa02")) == SERVER2
    assert SERVER2 not in {clients.server(long(cid("aa02"))) for _ in range(4)}
    # The deadline of one is over, and the other, which is removed, was forgotten with its last session.
    clients.rig.advance(61)
    assert (clients.server(short("aa02")) == SERVER2) is isinstance(command, EditServer)


def test_a_removed_server_keeps_its_connections_through_a_restart_of_the_controller() -> None:
    """Its name is in no configuration any more, and goes with its last session."""
    clients = made()
    rig = clients.rig
    assert clients.server(short("aa02")) == SERVER2
    rig.reconfigure(config(service(real_servers=(THREE[0], THREE[2]), quic_config=CONFIG)))
    rig.settle()
    for _ in range(3):
        rig.remember()
        rig.restart()
        assert clients.server(short("aa02")) == SERVER2
        assert SERVER2 not in {clients.server(long(cid("aa02"))) for _ in range(4)}
    rig.advance(700)
    assert rig.switch.sessions() == {}
    assert clients.server(short("aa02")) != SERVER2
    rig.remember()
    assert not any(memo.quic_id for memo in rig.memos.values())


@pytest.mark.parametrize("restarts", [False, True])
def test_the_name_of_a_removed_server_is_no_others_while_it_has_connections(restarts: bool) -> None:
    clients = made(real_servers=THREE[:2])
    rig = clients.rig
    assert clients.server(short("aa02")) == SERVER2
    rig.apply(RemoveServer(KEY, SECOND))
    rig.settle()
    if restarts:
        rig.config = config(service(real_servers=THREE[:1], quic_config=CONFIG))
        rig.remember()
        rig.restart()
    taken = AddServer(KEY, THIRD, ServerSettings(quic_id="AA02"))
    with pytest.raises(
        CommandError, match=r"quic_id AA02 of 10.0.2.13:8080 is that of 10.0.2.12:8080, which is removed"
    ):
        rig.apply(taken)
    assert clients.server(short("aa02")) == SERVER2
    # The server itself may come back, and whoever is new when nothing is left.
    rig.apply(AddServer(KEY, SECOND, ServerSettings(quic_id="aa02")))
    rig.apply(RemoveServer(KEY, SECOND))
    rig.advance(700)
    rig.apply(taken)
    rig.settle()
    assert clients.server(short("aa02")) == SERVER3


def test_names_change_with_the_configuration() -> None:
    clients = made(real_servers=THREE[:2])
    clients.rig.apply(AddServer(KEY, THIRD, ServerSettings(quic_id="aa03")))
    clients.rig.settle()
    assert clients.server(short("aa03")) == SERVER3
    clients.rig.apply(EditServer(KEY, THIRD, ServerSettings(quic_id="aa04")))
    assert {clients.server(short("aa03")) for _ in range(3)} == {SERVER, SERVER2, SERVER3}
    assert clients.server(short("aa04")) == SERVER3


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (AddServer(KEY, THIRD, ServerSettings(quic_id="aa02")), "two servers have the same quic_id"),
        (AddServer(KEY, THIRD, ServerSettings(quic_id="AA02")), "two servers have the same quic_id"),
        (AddServer(KEY, THIRD, ServerSettings(quic_id="aa")), "quic_id has to be of the same length"),
        (AddServer(KEY, THIRD, ServerSettings(quic_id="zz")), "'zz' is not 1 to 15 bytes in hexadecimal"),
        (AddServer(KEY, THIRD, ServerSettings(quic_id="00" * 16)), "is not 1 to 15 bytes in hexadecimal"),
        (AddServer((6, KEY[1]), THIRD, ServerSettings(quic_id="aa03")), "quic_id is of UDP"),
    ],
)
def test_names_that_cannot_be_are_refused(command: Command, message: str) -> None:
    rig = Rig(config(service(real_servers=THREE[:2], quic_config=CONFIG), virtual()))
    with pytest.raises(CommandError, match=message):
        rig.apply(command)


def test_a_configuration_that_cannot_be_is_refused() -> None:
    with pytest.raises(CommandError, match="quic_config 7 is not from 0 to 6"):
        made().rig.apply(EditService(KEY, ServiceSettings(quic_config=7)))


@settings(deadline=None)
@given(st.binary(max_size=64), st.integers(0, 6), st.integers(1, 15))
def test_any_payload_names_a_server_or_none(payload: bytes, config_id: int, length: int) -> None:
    found = server_of(payload, config_id, length)
    assert found is None or (len(found.server) == length and found.server in payload)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=15), st.integers(0, 6), st.binary(max_size=4), st.binary(max_size=9))
def test_the_server_is_found_in_both_headers(name: bytes, config_id: int, nonce: bytes, rest: bytes) -> None:
    made_id = bytes((config_id << 5,)) + name + nonce
    assert server_of(b"\x41" + made_id + rest, config_id, len(name)) == ServerOfId(name, True)
    assert server_of(long(made_id), config_id, len(name)) == ServerOfId(name, False)
