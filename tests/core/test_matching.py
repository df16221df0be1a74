"""Services of all ports of an address, and by match."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from random import Random
from typing import Any

import pytest
from fullnat.config.diff import model_of
from fullnat.config.model import ServerSettings, VirtualServer
from fullnat.core.controller import Controller
from fullnat.core.declared.commands import AddServer, AddService, CommandError, EditService, RemoveService
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import Op, Sizes, SwitchDown
from fullnat.net.flow import MARKS, Endpoint, Flow, address, mark_of, marked, named_mark
from fullnat.net.match import Match, parse
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.server_in import TO_SERVER_ANY, ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.service_match import ServiceMatch
from fullnat.tables.virtual_service import VirtualService
from hypothesis import given
from hypothesis import strategies as st

from . import builders6 as six
from .builders import CLIENT, SERVER, SERVER2, VIP, config, ip, real, syn, virtual
from .switch import Rig

VIP2 = ip("198.51.100.11")
ANY_PORT = (6, Endpoint(VIP, 0))


def any_port(**changes: Any) -> VirtualServer:
    """A service of all ports of the VIP."""
    return virtual(**({"port": 0, "real_servers": (real(port=0),)} | changes))


def by_match(number: int, *rules: str, **changes: Any) -> VirtualServer:
    named = {"address": IPv4Address(marked(number).address), "match": tuple(map(parse, rules))}
    return any_port(**(named | changes))


def opened(rig: Rig, *vports: int, vip: bytes = VIP, port: int = 1) -> list[tuple[int, bytes, int]]:
    """SYNs to these ports, which come in by ``port``: where those that have a session of its own went, as port asked
    for, server and port there."""
    before = {view.entry.session_id for view in rig.controller.sessions()}
    for number, vport in enumerate(vports):
        packet = syn(41000 + number, vip=address(IPv4Address(vip)), vport=vport)
        rig.send(packet._replace(ingress_port=port))
        rig.settle()
    new = [view.entry for view in rig.controller.sessions() if view.entry.session_id not in before]
    return [(entry.vport, entry.server, entry.server_port) for entry in new]


# ---- words


@pytest.mark.parametrize(
    "text",
    [
        "dst=203.0.113.80",
        "dst=203.0.113.80,dport=80",
        "dst=203.0.113.0/28,dport=80-443,sport=1024-65535,src=10.0.0.0/8,iif=3",
        "dst=2001:db8::80,src=2001:db8:1::/48",
        "dst=203.0.113.80,iif=3.100",
        "src=10.0.0.0/8,iif=1,oif=2.7",
        "dst=0.0.0.0/0,oif=2",
    ],
)
def test_a_rule_is_what_its_words_say(text: str) -> None:
    assert str(parse(text)) == text
    assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'': '' is not one of dst=, dport=, src=, sport=, iif=, oif="),
        ("dport=80", "'dport=80': dst is missing"),
        ("dst=1.2.3", "'dst=1.2.3': dst: '1.2.3' does not appear to be an IPv4 or IPv6 network"),
        ("dst=10.0.0.1/8", "'dst=10.0.0.1/8': dst: 10.0.0.1/8 has host bits set"),
        ("dst=1.2.3.4,dport=99999", "'dst=1.2.3.4,dport=99999': dport: '99999' is not a number up to 65535"),
        ("dst=1.2.3.4,dport=9-8", "'dst=1.2.3.4,dport=9-8': dport: 9-8 ends before it begins"),
        ("dst=1.2.3.4,dport=1,dport=2", "'dst=1.2.3.4,dport=1,dport=2': dport is there twice"),
        ("dst=1.2.3.4,src=::/0", "'dst=1.2.3.4,src=::/0': src and dst are not of one family"),
        ("dst=1.2.3.4,iif=1.4095", "'dst=1.2.3.4,iif=1.4095': iif: '4095' is not a number up to 4094"),
        ("dst=1.2.3.4,iif=511", "'dst=1.2.3.4,iif=511': iif: '511' is not a number up to 510"),
    ],
)
def test_what_is_no_rule_is_told(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        parse(text)
    assert str(caught.value) == message


@given(st.integers(*MARKS), st.booleans())
def test_a_mark_names_its_service(number: int, v6: bool) -> None:
    name = marked(number, v6=v6)
    assert mark_of(name) == number
    assert named_mark(str(name)) == name
    assert str(name) == f"{'fwmark6' if v6 else 'fwmark'}:{number}"


def test_no_hosts_address_is_a_mark() -> None:
    assert [mark_of(Endpoint(where, 0)) for where in (VIP, address("::1:0:0:0"), ip("0.0.0.0"))] == [None] * 3
    with pytest.raises(ValueError, match="fwmark 0 is not from 1 to 16777215"):
        marked(0)


# ---- of all ports


@pytest.mark.parametrize("mode", [mode for mode in Mode if not mode.is_outward])
def test_a_service_of_all_ports_keeps_the_port(mode: Mode) -> None:
    rig = Rig(config(any_port(mode=mode)))
    there = VIP if mode.keeps_destination else SERVER
    assert opened(rig, 21, 443, 65535) == [(port, there, port) for port in (21, 443, 65535)]
    (to,), (back,) = rig.switch.of(ServerIn), rig.switch.of(ServerOut)
    assert (to.address, to.port, back.vip, back.vport) == (SERVER, 0, VIP, 0)
    assert (to.action == TO_SERVER_ANY) is not mode.keeps_destination
    assert rig.switch.of(VirtualService) == set()
    (rule,) = rig.switch.of(ServiceMatch)
    assert (rule.destination, rule.destination_port, rule.priority) == ((VIP, 32), (0, 65535), 1)


def test_a_service_of_one_port_comes_first() -> None:
    rig = Rig(config(any_port(), virtual(real_servers=(real("10.0.2.12", 8080),))))
    assert opened(rig, 79, 80, 81) == [(79, SERVER, 79), (80, SERVER2, 8080), (81, SERVER, 81)]


def test_one_local_port_serves_several_ports_of_a_server() -> None:
    """And none that another service uses towards the same port of the same host."""
    other = virtual(port=81, real_servers=(real(port=82),))
    rig = Rig(config(any_port(), other, local_port_min=5000, local_port_max=5000))
    assert opened(rig, 80, 82, 81) == [(80, SERVER, 80), (82, SERVER, 82)]
    assert rig.controller.stats()["no_local_port"] == 1


def test_clients_stay_with_their_server_over_all_ports() -> None:
    """Passive FTP: the data connection goes where the control connection has gone."""
    servers = tuple(real(f"10.0.2.{host}", 0) for host in range(11, 19))
    rig = Rig(config(any_port(real_servers=servers, persistence_timeout=300.0)))
    assert len({server for _, server, _ in opened(rig, 21, 50001, 50002, 50003)}) == 1


def test_sessions_of_all_ports_are_found_again() -> None:
    rig = Rig(config(any_port(), by_match(3, "dst=198.51.100.10,dport=90-99", real_servers=(real("10.0.2.12", 0),))))
    opened(rig, 21, 95)
    before = list(rig.switch.sessions().values())
    again = Rig(rig.config, switch=rig.switch)
    assert [view.entry for view in again.controller.sessions()] == before
    counts = {service.virtual: service.servers[0].active for service in again.controller.services()}
    assert counts == {ANY_PORT[1]: 1, marked(3): 1}
    assert again.switch.sessions().keys() == {entry.session_id for entry in before}
    assert again.controller.stats()["sessions_adopted"] == 2


@pytest.mark.parametrize("first", ["all", "one"])
def test_a_session_stays_its_services_when_that_is_gone(first: str) -> None:
    """Of a service of one port that was removed, sessions are none of that of all ports, and the other way round."""
    one, every = virtual(real_servers=(real(port=8080),)), any_port()
    rig = Rig(config({"all": every, "one": one}[first]))
    opened(rig, 80)
    before = {entry.flow_out for entry in rig.switch.sessions().values()}
    again = Rig(config({"all": one, "one": every}[first]), switch=rig.switch)
    assert {view.entry.flow_out for view in again.controller.sessions()} <= before
    again.settle()
    for _ in range(3):
        again.advance(100)
    assert again.switch.sessions() == {}
    assert opened(again, 80) == [(80, SERVER, 8080 if first == "all" else 80)]


# ---- by match


def test_a_service_by_match_groups_ports_and_addresses() -> None:
    rig = Rig(config(by_match(1, "dst=198.51.100.10,dport=80", "dst=198.51.100.10/31,dport=443-444")))
    assert opened(rig, 80, 81, 443) == [(80, SERVER, 80), (443, SERVER, 443)]
    assert opened(rig, 80, 444, vip=VIP2) == [(444, SERVER, 444)]
    asked = {Endpoint(SERVER, port) for port in (80, 443, 444)}
    assert {view.server for view in rig.controller.sessions()} == asked
    backs = {entry.vip: entry.server_id for entry in rig.switch.of(ServerOut)}
    assert backs.keys() == {VIP, VIP2}
    assert {view.entry.server_id for view in rig.controller.sessions()} == set(backs.values())
    (service,) = rig.controller.services()
    assert (str(service.virtual), service.servers[0].inactive) == ("fwmark:1", 3)
    assert set(service.servers[0].ids) == set(backs.values())
    assert {entry for entry in rig.switch.of(OwnAddress) if entry.kind == "own_vip"} == {
        OwnAddress(VIP, "own_vip"),
        OwnAddress(VIP2, "own_vip"),
    }


def test_the_lowest_mark_counts_and_all_ports_come_last() -> None:
    servers = {number: (real(f"10.0.2.{number}", 0),) for number in range(11, 15)}
    rig = Rig(
        config(
            any_port(real_servers=servers[11]),
            by_match(9, "dst=198.51.100.10,dport=80-90", real_servers=servers[12]),
            by_match(5, "dst=198.51.100.10,dport=85-95,src=203.0.113.0/24", real_servers=servers[13]),
            by_match(2, "dst=198.51.100.10,dport=85-95,src=192.0.2.0/24", real_servers=servers[14]),
        )
    )
    found = {port: server for port, server, _ in opened(rig, 79, 80, 87, 95, 96)}
    assert found == {port: ip(f"10.0.2.{host}") for port, host in ((79, 11), (80, 12), (87, 13), (95, 13), (96, 11))}


def test_the_interface_and_the_clients_port_count() -> None:
    rules = "dst=198.51.100.10,iif=2", "dst=198.51.100.10,dport=80,sport=41001"
    rig = Rig(config(by_match(1, *rules)))
    assert opened(rig, 80, 80) == [(80, SERVER, 80)]
    assert opened(rig, 443, port=7 << 29 | 2) == [(443, SERVER, 443)], "whatever its priority"
    assert rig.controller.stats()["syn_without_service"] == 1


def test_rules_change_while_it_runs() -> None:
    rig = Rig(config(by_match(1, "dst=198.51.100.10,dport=80")))
    opened(rig, 80)
    key = (6, marked(1))
    settings = rig.controller.model.services[key].settings
    other = Match(dst=parse("dst=198.51.100.11").dst)
    rig.apply(EditService(key, type(settings)(**{**_fields(settings), "match": (other,)})))
    rig.settle()
    assert {entry.address for entry in rig.switch.of(OwnAddress) if entry.kind == "own_vip"} == {VIP2}
    (rule,) = rig.switch.of(ServiceMatch)
    assert rule.destination == (VIP2, 32)
    assert opened(rig, 81, vip=VIP2) == [(81, SERVER, 81)]
    assert {entry.vip for entry in rig.switch.of(ServerOut)} == {VIP, VIP2}, "the old session keeps its entries"
    rig.apply(RemoveService(key))
    for _ in range(3):
        rig.advance(100)
    assert (rig.switch.of(ServerOut), rig.switch.of(ServiceMatch), rig.switch.sessions()) == (set(), set(), {})


def test_an_address_stays_as_long_as_any_service_has_it() -> None:
    rig = Rig(config(by_match(1, "dst=198.51.100.10/31,dport=81"), virtual()))
    for gone in ((6, Endpoint(VIP, 80)), (6, marked(1))):
        rig.apply(RemoveService(gone))
        rig.settle()
        left = {entry.address for entry in rig.switch.of(OwnAddress) if entry.kind == "own_vip"}
        assert left == ({VIP, VIP2} if gone[1].port else set())


def test_what_is_refused_the_switch_has_no_room_for() -> None:
    """A server without entries for one of the addresses gets no sessions."""
    rig = Rig(config(by_match(1, "dst=198.51.100.10/31")), server_ids=1)
    assert opened(rig, 80) == []
    assert rig.controller.stats()["table_full"] == 1


def test_a_switch_that_was_away_gets_everything_again() -> None:
    rig = Rig(config(by_match(1, "dst=198.51.100.10/31"), any_port(address=IPv4Address(ip("198.51.100.12")))))
    opened(rig, 80)
    before = {**rig.switch.tables}
    rig.send(SwitchDown("broken"))
    del rig.switch.log_of_updates[:]
    rig.up()
    assert rig.switch.tables == before
    assert [each for each in rig.switch.log_of_updates if each[0] is not Op.DELETE] == []


# ---- what cannot be

SETTINGS = model_of(config(any_port())).services[ANY_PORT].settings


def _fields(settings: Any) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in type(settings).__dataclass_fields__}


def with_match(*rules: str) -> Any:
    return type(SETTINGS)(**{**_fields(SETTINGS), "match": tuple(map(parse, rules))})


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (AddServer(ANY_PORT, Endpoint(SERVER2, 80), ServerSettings()), "its own has to be 0, not 80"),
        (AddService((6, marked(1)), SETTINGS), "fwmark:1 needs match, 1 to 256 rules"),
        (
            AddService((6, marked(1, v6=True)), with_match("dst=198.51.100.10")),
            "dst is not of IPv6, as fwmark6:1 is; without -6 it is of IPv4, fwmark:1",
        ),
        (
            AddService((6, marked(1)), with_match("dst=2001:db8::1")),
            "dst=2001:db8::1: dst is not of IPv4, as fwmark:1 is; -6 makes it of IPv6, fwmark6:1",
        ),
        (AddService((6, marked(1)), with_match("dst=224.0.0.1")), "224.0.0.1 is not the address of one host"),
        (AddService((6, Endpoint(VIP2, 0)), with_match("dst=198.51.100.10")), "198.51.100.11:0 is none"),
        (AddService((6, marked(1)), with_match("dst=10.0.2.11")), "cannot be a virtual server and a real server"),
    ],
)
def test_what_cannot_be_is_refused(command: Any, message: str) -> None:
    rig = Rig(config(any_port()))
    with pytest.raises(CommandError) as caught:
        rig.controller.apply((command,), rig.now)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("v6", "says"),
    [
        (True, "there is no virtual server tcp fwmark:2; there is fwmark6:2 (-6)"),
        (False, "there is no virtual server tcp fwmark6:2; there is fwmark:2 (without -6)"),
    ],
)
def test_that_of_the_other_family_is_named(v6: bool, says: str) -> None:
    rig = Rig(config(any_port()))
    rule = "dst=2001:db8:3::1" if v6 else "dst=198.51.100.20"
    rig.controller.apply((AddService((6, marked(2, v6=v6)), with_match(rule)),), rig.now)
    wanted = marked(2, v6=not v6)
    for key, expected in (((6, wanted), says), ((17, wanted), f"there is no virtual server udp {wanted}")):
        with pytest.raises(CommandError) as caught:
            rig.controller.apply((RemoveService(key),), rig.now)
        assert str(caught.value) == expected


def test_a_program_without_such_tables_refuses_them_by_name() -> None:
    controller = Controller(Sizes(64, 64, has_match=False), bytes(16), Random(1))
    with pytest.raises(CommandError) as caught:
        controller.apply((AddService(ANY_PORT, SETTINGS),), 0.0)
    program = "this program of the switch does not have services of all ports and by match"
    assert str(caught.value) == f"virtual server tcp 198.51.100.10:0: {program}"


# ---- the two that look for a service agree


@given(
    st.lists(
        st.builds(
            Match,
            dst=st.sampled_from([parse(f"dst={each}").dst for each in ("198.51.100.10", "198.51.100.10/31")]),
            dport=st.sampled_from([(0, 65535), (80, 80), (80, 90)]),
            sport=st.sampled_from([(0, 65535), (41000, 41000)]),
            src=st.sampled_from([None, parse("dst=1.1.1.1,src=203.0.113.8/30").src]),
            iif=st.sampled_from([None, 1, 2]),
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(79, 91),
    st.integers(1, 2),
)
def test_the_switch_and_the_controller_find_the_same(matches: list[Match], vport: int, port: int) -> None:
    """Each rule is a service; the entry of the highest priority says which."""
    services = [by_match(number, str(match)) for number, match in enumerate(matches, 1)]
    rig = Rig(config(*services))
    flow = Flow(6, Endpoint(CLIENT, 41000), Endpoint(VIP, vport))
    found = rig.controller._store.services.serving(flow, port)
    fitting = [entry for entry in rig.switch.of(ServiceMatch) if _fits(entry, flow, port)]
    best = max(fitting, key=lambda entry: entry.priority, default=None)
    assert (found is None) is (best is None)
    if found is not None and best is not None:
        assert best.priority == MARKS[1] + 2 - (mark_of(found.key[1]) or 0)


def _fits(entry: ServiceMatch, flow: Flow, port: int) -> bool:
    def within(prefix: tuple[bytes, int], value: bytes) -> bool:
        return int.from_bytes(value) >> 32 - prefix[1] == int.from_bytes(prefix[0]) >> 32 - prefix[1]

    ports = entry.source_port[0] <= flow.src.port <= entry.source_port[1]
    ports = ports and entry.destination_port[0] <= flow.dst.port <= entry.destination_port[1]
    ways = within(entry.source, flow.src.address) and within(entry.destination, flow.dst.address)
    return ports and ways and entry.protocol == flow.protocol and entry.port in (None, port)


@pytest.mark.parametrize("mode", [Mode.FULLNAT, Mode.DR])
def test_ipv6_has_the_same(mode: Mode) -> None:
    changes = {"port": 0, "real_servers": (six.real(port=0),), "mode": mode}
    of_match = six.virtual(
        **changes
        | {"address": IPv6Address(marked(1, v6=True).address), "match": (parse("dst=2001:db8:9::80,dport=80"),)}
    )
    for service in (six.virtual(**changes), of_match):
        rig = Rig(six.config(service))
        rig.send(six.syn())
        rig.settle()
        (entry,) = rig.switch.sessions().values()
        there = six.VIP if mode.keeps_destination else six.SERVER
        assert (entry.vip, entry.vport, entry.server, entry.server_port) == (six.VIP, 80, there, 80)
        (rule,) = rig.switch.of(ServiceMatch)
        assert rule.destination == (six.VIP, 128)
