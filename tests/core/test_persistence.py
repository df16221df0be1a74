"""Persistence: which server a client's next connection goes to, for how long, and when not."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from fullnat.config.model import RealServer, ServerSettings, ServiceSettings, VirtualServer
from fullnat.core.declared.commands import (
    CommandError,
    DrainServer,
    EditServer,
    EditService,
    RemoveServer,
    RemoveService,
)
from fullnat.net.flow import Address, address, marked, prefix_of
from fullnat.net.match import parse

from .builders import SERVER, SERVER2, config, ip, real, syn, virtual
from .commandkit import FIRST, KEY, SECOND
from .helpers import tell
from .switch import Rig
from .udpkit import datagram

TIMEOUT = 300.0
FIRST_CLIENT, OTHER_CLIENT = ip("203.0.113.9"), ip("203.0.113.77")


class Clients:
    """Connections of clients to one service, each from a port of its own."""

    def __init__(self, *servers: RealServer, scheduler: str = "rr", prefix: int = 128) -> None:
        self.rig = Rig(
            config(
                virtual(
                    real_servers=servers or (real(), real("10.0.2.12")),
                    scheduler=scheduler,
                    persistence_timeout=TIMEOUT,
                    persistence_prefix=prefix,
                    established_timeout=9000.0,
                )
            )
        )
        self.port = 10_000

    def tries(self, client: Address = FIRST_CLIENT) -> tuple[Address, int]:
        """The server and the id of a new session that is not answered yet."""
        self.port += 1
        self.rig.send(syn(self.port, client=client))
        self.rig.settle()
        entry = self.rig.switch.sessions()[self.rig.switch.injected[-1].session_id]
        assert entry.client_port == self.port
        return entry.server, entry.session_id

    def connects(self, client: Address = FIRST_CLIENT) -> tuple[Address, int]:
        server, number = self.tries(client)
        tell(self.rig, number, "SYN_ACK", "ESTABLISHED")
        return server, number

    def closes(self, number: int) -> None:
        tell(self.rig, number, "FIN_IN", "FIN_OUT")

    def templates(self) -> int:
        return len(list(self.rig.controller.templates()))


def test_a_client_stays_with_its_server_and_others_take_turns() -> None:
    clients = Clients()
    home, _ = clients.connects()
    assert [clients.connects()[0] for _ in range(5)] == [home] * 5
    assert {clients.connects(ip("192.0.2.1", number))[0] for number in range(4)} == {SERVER, SERVER2}
    assert clients.rig.controller.stats()["persistent_sessions"] == 5
    (service,) = clients.rig.controller.services()
    assert (service.templates, service.persistent, service.persistence_timeout) == (5, 5, TIMEOUT)
    assert sum(server.templates for server in service.servers) == 5


def test_clients_of_one_prefix_are_one() -> None:
    clients = Clients(prefix=24)
    home, _ = clients.connects(FIRST_CLIENT)
    assert [clients.connects(OTHER_CLIENT)[0] for _ in range(3)] == [home] * 3
    (view,) = clients.rig.controller.templates()
    assert (view.client, view.prefix, view.server.address, view.sessions) == (ip("203.0.113.0"), 24, home, 4)


@pytest.mark.parametrize(
    ("whole", "length", "prefix"),
    [
        ("203.0.113.9", 128, "203.0.113.9"),
        ("203.0.113.9", 32, "203.0.113.9"),
        ("203.0.113.9", 25, "203.0.113.0"),
        ("203.0.113.129", 25, "203.0.113.128"),
        ("203.0.113.9", 1, "128.0.0.0"),
        ("2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::"),
        ("2001:db8:1:2:3:4:5:6", 127, "2001:db8:1:2:3:4:5:6"),
    ],
)
def test_a_prefix_of_an_address(whole: str, length: int, prefix: str) -> None:
    assert prefix_of(address(whole), length) == address(prefix)


def test_a_template_lasts_while_a_session_is_established_and_its_time_after_that() -> None:
    clients = Clients()
    home, number = clients.connects()
    clients.rig.advance(3 * TIMEOUT, idle_notices=False)
    assert clients.templates() == 1
    clients.closes(number)
    clients.rig.advance(TIMEOUT - 1)
    assert clients.templates() == 1
    assert clients.tries()[0] == home
    clients.rig.advance(2)
    assert clients.templates() == 0


def test_connections_that_come_to_nothing_renew_nothing() -> None:
    """B13: a client that tries again and again, and a server that does not answer (kubernetes/kubernetes#71809)."""
    clients = Clients()
    home, _ = clients.tries()
    for _ in range(9):
        clients.rig.advance(3)
        assert clients.tries()[0] == home
    clients.rig.advance(4)
    assert clients.tries()[0] != home


@pytest.mark.parametrize(
    "command",
    [EditServer(KEY, FIRST, ServerSettings(weight=0)), RemoveServer(KEY, FIRST), DrainServer(KEY, FIRST, 5.0)],
    ids=lambda command: type(command).__name__,
)
def test_a_template_never_leads_to_a_server_that_is_out(command: EditServer) -> None:
    """B13: of weight 0, drained or removed."""
    clients = Clients(real(weight=1), scheduler="rr")
    home, held = clients.connects()
    assert home == SERVER
    added = replace(real("10.0.2.12"))
    changed = virtual(
        real_servers=(real(), added), scheduler="rr", persistence_timeout=TIMEOUT, established_timeout=9000.0
    )
    clients.rig.reconfigure(config(changed))
    clients.rig.settle()
    assert [clients.connects()[0] for _ in range(3)] == [SERVER] * 3
    clients.rig.apply(command)
    clients.rig.settle()
    assert [clients.connects()[0] for _ in range(3)] == [SERVER2] * 3
    assert held in clients.rig.switch.sessions()
    clients.rig.apply(EditServer(KEY, SECOND, ServerSettings()))
    clients.rig.settle()
    assert clients.connects()[0] == SERVER2


def test_a_template_does_not_go_above_a_threshold_and_the_client_stays_where_it_went() -> None:
    clients = Clients(replace(real(), upper_threshold=2, weight=9), real("10.0.2.12"), scheduler="fo")
    numbers = [clients.connects() for _ in range(2)]
    assert [server for server, _ in numbers] == [SERVER, SERVER]
    assert clients.connects()[0] == SERVER2
    for _, number in numbers:
        clients.closes(number)
    clients.rig.advance(8)
    assert clients.connects()[0] == SERVER2
    assert clients.connects(OTHER_CLIENT)[0] == SERVER


def test_the_end_of_a_session_on_the_old_server_does_not_renew_the_new_template() -> None:
    clients = Clients()
    home, number = clients.connects()
    other = {SERVER: SECOND, SERVER2: FIRST}[home]
    clients.rig.apply(EditServer(KEY, {SERVER: FIRST, SERVER2: SECOND}[home], ServerSettings(weight=0)))
    server, latest = clients.connects()
    assert server == other.address
    clients.closes(latest)
    clients.rig.advance(TIMEOUT - 10)
    clients.closes(number)
    clients.rig.advance(11)
    assert clients.templates() == 0


def test_the_option_is_changed_while_it_runs() -> None:
    clients = Clients()
    clients.connects()
    settings = ServiceSettings(scheduler="rr", persistence_timeout=TIMEOUT, persistence_prefix=24)
    clients.rig.apply(EditService(KEY, replace(settings, persistence_prefix=128, persistence_timeout=10.0)))
    assert clients.templates() == 1
    clients.rig.apply(EditService(KEY, settings))
    assert clients.templates() == 0
    clients.connects()
    clients.rig.apply(EditService(KEY, ServiceSettings(scheduler="rr")))
    assert clients.templates() == 0
    assert {clients.connects()[0] for _ in range(2)} == {SERVER, SERVER2}
    clients.rig.apply(EditService(KEY, settings))
    clients.connects()
    clients.rig.apply(RemoveService(KEY))
    clients.rig.settle()
    clients.rig.advance(TIMEOUT)
    assert clients.templates() == 0


def test_sessions_found_on_the_switch_bring_their_templates_back() -> None:
    clients = Clients()
    homes = {client: clients.connects(client)[0] for client in (ip("192.0.2.1", number) for number in range(9))}
    clients.rig.restart()
    assert clients.templates() == 9
    assert {client: clients.connects(client)[0] for client in homes} == homes


def test_sessions_that_vanish_from_the_switch_hold_nothing() -> None:
    clients = Clients()
    _, number = clients.connects()
    clients.rig.switch.lose(number)
    clients.rig.up()
    clients.rig.advance(TIMEOUT + 1)
    assert clients.templates() == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ServiceSettings(persistence_timeout=-1.0), "persistence_timeout -1.0 is not from 0 to 2678400"),
        (ServiceSettings(persistence_prefix=0), "persistence_prefix 0 is not from 1 to 128"),
    ],
)
def test_what_cannot_be_is_refused(settings: ServiceSettings, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        Clients().rig.apply(EditService(KEY, settings))


def grouped(**changes: object) -> Rig:
    """HTTP and HTTPS of one site, on the same hosts."""
    common = {"persistence_timeout": TIMEOUT, "persistence_group": "shop", "scheduler": "rr"}
    https = tuple(replace(server, port=8443) for server in (real(), real("10.0.2.12")))
    one = virtual(real_servers=(real(), real("10.0.2.12")), **common)
    other = virtual(port=443, real_servers=https, **(common | changes))
    return Rig(config(one, other))


def lands(rig: Rig, number: int, vport: int) -> Address:
    rig.send(syn(20_000 + number, client=ip("192.0.2.1", number % 9), vport=vport))
    rig.settle()
    entry = rig.switch.sessions()[rig.switch.injected[-1].session_id]
    tell(rig, entry.session_id, "SYN_ACK", "ESTABLISHED")
    return entry.server


def test_services_of_a_group_send_a_client_to_the_same_host() -> None:
    rig = grouped()
    homes = [lands(rig, number, 80) for number in range(9)]
    assert set(homes) == {SERVER, SERVER2}
    assert [lands(rig, number, 443) for number in range(9)] == homes
    assert rig.controller.stats()["templates"] == 9
    assert rig.controller.stats()["persistent_sessions"] == 9
    rig.remember()
    rig.restart()
    assert [lands(rig, 9 + number, 443) for number in range(9)] == homes


def test_a_client_stays_on_one_host_for_tcp_and_udp() -> None:
    """HTTP/2 and HTTP/3: a mark is of one protocol, and two services by match with one group are what one firewall mark
    of both is in LVS."""

    def by_mark(protocol: str) -> VirtualServer:
        return virtual(
            protocol=protocol,
            address=IPv4Address(marked(1).address),
            port=0,
            match=(parse("dst=198.51.100.10,dport=443"),),
            real_servers=(real(port=0), real("10.0.2.12", 0)),
            scheduler="rr",
            persistence_timeout=TIMEOUT,
            persistence_group="site",
        )

    rig = Rig(config(by_mark("tcp"), by_mark("udp")))
    for number in range(8):
        home = lands(rig, number, 443)
        rig.send(datagram(30_000 + number, client=ip("192.0.2.1", number), vport=443))
        rig.settle()
        entry = rig.switch.sessions()[rig.switch.injected[-1].session_id]
        assert (entry.protocol, entry.server, entry.server_port) == (17, home, 443)
    assert rig.controller.stats()["templates"] == 8


def test_who_is_in_no_group_is_not_concerned() -> None:
    rig = grouped(persistence_group="")
    lands(rig, 0, 80)
    assert {lands(rig, number, 443) for number in range(2)} == {SERVER, SERVER2}
    assert rig.controller.stats()["templates"] == 3


def test_a_group_is_left_and_joined_while_it_runs() -> None:
    rig = grouped()
    homes = [lands(rig, number, 80) for number in range(9)]
    https = (KEY[0], KEY[1]._replace(port=443))
    alone = rig.controller.model.services[https].settings
    rig.apply(EditService(https, replace(alone, persistence_group="")))
    assert rig.controller.stats()["templates"] == 9
    rig.apply(EditService(https, alone))
    assert [lands(rig, number, 443) for number in range(9)] == homes


def test_a_host_that_is_out_of_one_service_of_a_group_keeps_the_others_clients() -> None:
    rig = grouped()
    homes = [lands(rig, number, 80) for number in range(9)]
    https = (KEY[0], KEY[1]._replace(port=443))
    rig.apply(EditServer(https, FIRST._replace(port=8443), ServerSettings(weight=0)))
    assert {lands(rig, number, 443) for number in range(9)} == {SERVER2}
    assert [lands(rig, 9 + number, 80) for number in range(9)] == homes
