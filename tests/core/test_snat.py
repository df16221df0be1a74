"""SNAT: sessions of hosts inside, by rules, through public addresses."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from fullnat.config.model import ServerSettings, ServiceSettings
from fullnat.core.declared.commands import (
    AddLocal,
    AddPrefixes,
    AddServer,
    AddService,
    Command,
    CommandError,
    EditService,
    RemoveInterface,
    RemoveServer,
)
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import SessionsFound, SessionsRead, SwitchUp
from fullnat.net.flow import Address, Endpoint, marked
from fullnat.net.match import parse
from fullnat.net.prefixes import parse as prefix
from fullnat.p4constants import SessionFlag
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.server_in import TO_OUTSIDE, ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.service_match import ServiceMatch
from fullnat.tables.session import SessionEntry
from fullnat.tables.snat_match import SnatMatch

from .builders import SERVER, VIP, VPORT, ip, virtual
from .snatkit import HOST, HOST2, OUTSIDE, OUTSIDE2, PUBLIC, PUBLIC2, echo, first, opened, public, rig, rule, shown

NOBODY = Address(bytes(4))


# ---- what the switch holds


def test_a_rule_is_in_the_switch_with_its_public_addresses() -> None:
    made = rig(rule("udp", "src=10.0.2.0/24,dst=192.0.2.0/24,iif=2,oif=1,dport=53", number=3))
    (entry,) = made.switch.of(SnatMatch)
    assert (entry.protocol, entry.source, entry.destination) == (17, (ip("10.0.2.0"), 24), (ip("192.0.2.0"), 24))
    assert (entry.port, entry.out_port, entry.destination_port, entry.source_port) == (2, 1, (53, 53), (0, 65535))
    assert made.switch.of(ServiceMatch) == set()
    assert OwnAddress(PUBLIC, "own_local") in made.switch.of(OwnAddress)
    (to,), (back,) = made.switch.of(ServerIn), made.switch.of(ServerOut)
    flags = SessionFlag.KEEP_TIMESTAMPS | SessionFlag.KEEP_MSS
    assert to == ServerIn(to.server_id, flags, PUBLIC, 0, TO_OUTSIDE)
    assert back == ServerOut(to.server_id, flags, NOBODY, 0)


def test_all_of_it_goes_with_the_rule() -> None:
    made = rig()
    opened(made, first())
    made.reconfigure(rig(virtual()).config)
    made.settle()
    for _ in range(3):
        made.advance(100)
    assert made.switch.sessions() == {}
    assert made.switch.of(SnatMatch) == set()
    assert OwnAddress(PUBLIC, "own_local") not in made.switch.of(OwnAddress)


# ---- sessions


@pytest.mark.parametrize("protocol", ["tcp", "udp", "icmp"])
def test_a_first_packet_makes_a_session_and_goes_on_in_it(protocol: str) -> None:
    made = rig(rule(protocol))
    dport = 0 if protocol == "icmp" else 443
    packet = first(protocol=protocol, dport=dport)
    entry = opened(made, packet)
    assert entry is not None
    assert (entry.client, entry.client_port, entry.vip, entry.vport) == (HOST, 40000, OUTSIDE, dport)
    assert (entry.local, entry.server, entry.server_port, entry.delta) == (PUBLIC, OUTSIDE, dport, 0)
    assert 5000 <= entry.local_port <= 65535
    (view,) = made.controller.sessions()
    assert view.server == Endpoint(OUTSIDE, dport)
    (injected,) = made.switch.injected
    assert (injected.frame, injected.session_id, injected.new_session) == (packet.frame, entry.session_id, True)


def test_a_reply_to_an_echo_opens_nothing() -> None:
    made = rig(rule("icmp"))
    packet = first(protocol="icmp")
    assert opened(made, packet._replace(frame=packet.frame[:34] + echo(0, 7))) is None
    assert made.controller.stats()["bad_frame"] == 1


@pytest.mark.parametrize(
    ("words", "opens"),
    [
        ("src=10.0.2.50", True),
        ("src=10.0.2.51", False),
        ("src=10.0.0.0/8,dst=192.0.2.0/24", True),
        ("src=10.0.0.0/8,dst=192.0.3.0/24", False),
        ("src=10.0.0.0/8,iif=2", True),
        ("src=10.0.0.0/8,iif=1", False),
        ("src=10.0.0.0/8,oif=1", True),
        ("src=10.0.0.0/8,oif=2", False),
        ("dst=0.0.0.0/0,dport=443", True),
        ("dst=0.0.0.0/0,dport=80-442", False),
    ],
)
def test_the_controller_goes_by_the_same_rules(words: str, opens: bool) -> None:
    """Whatever reason the packet comes for: without next hop the switch cannot ask its own."""
    for reason in ("SNAT", "NO_NEIGHBOR"):
        made = rig(rule("tcp", words))
        assert (opened(made, first(reason=reason)) is not None) is opens


def test_the_lowest_number_counts() -> None:
    made = rig(rule(number=2, real_servers=(public(PUBLIC2),)), rule("tcp", "src=10.0.2.50", number=1))
    assert (at := shown(made, first())) is not None
    assert at.address == PUBLIC
    assert (at := shown(made, first(host=HOST2))) is not None
    assert at.address == PUBLIC2


def test_our_own_addresses_are_not_outside() -> None:
    """A host inside asks a service of ours, whose clients' rules it goes by."""
    made = rig(rule("tcp", "dst=0.0.0.0/0"), virtual())
    entry = opened(made, first(to=VIP, dport=VPORT, reason="SERVICE_SYN"))
    assert entry is not None
    assert entry.server == SERVER
    assert opened(made, first(to=VIP, dport=81, reason="SERVICE_SYN")) is None


def test_a_repeated_syn_goes_on_in_its_session() -> None:
    made = rig()
    entry = opened(made, first(seq=7))
    assert entry is not None
    assert opened(made, first(seq=7, reason="SESSION_SYN")._replace(session_id=entry.session_id)) is None
    assert [each.new_session for each in made.switch.injected] == [True, False]
    assert made.controller.stats()["syn_retransmitted"] == 1


def test_nothing_is_left_of_sessions_that_ended() -> None:
    made = rig(rule("tcp"), rule("udp"), rule("icmp"))
    for number, protocol in enumerate(("tcp", "udp", "icmp")):
        opened(made, first(40000 + number, protocol=protocol))
    assert len(made.switch.sessions()) == 3
    for _ in range(4):
        made.advance(100)
    assert made.switch.sessions() == {}
    assert [service.servers[0].inactive + service.servers[0].active for service in made.controller.services()] == [
        0
    ] * 3


# ---- restart and reload


def test_a_restarted_controller_takes_sessions_over() -> None:
    rules = (rule("tcp", number=1), rule("udp", number=1), rule("tcp", "src=10.0.2.51", number=2))
    made = rig(*rules)
    at = [
        shown(made, first(host=host, protocol=protocol))
        for host, protocol in ((HOST, "tcp"), (HOST, "udp"), (HOST2, "tcp"))
    ]
    before = made.switch.sessions()
    made.restart()
    assert made.switch.sessions() == before
    assert made.controller.stats()["sessions_adopted"] == 3
    assert {view.entry.session_id: view.entry.local_port for view in made.controller.sessions()} == {
        entry.session_id: entry.local_port for entry in before.values()
    }
    # Their mappings are known as well.
    assert shown(made, first(to=OUTSIDE2)) == at[0]
    assert shown(made, first(to=OUTSIDE2, protocol="udp")) == at[1]


def test_new_sessions_do_not_wait_for_those_found() -> None:
    """The switch is asked for its sessions while others begin."""
    made = rig(rule("tcp"), rule("udp"))
    for protocol in ("tcp", "udp"):
        opened(made, first(protocol=protocol))
    before = made.switch.sessions()
    made.controller = made._controller()
    known = tuple(entry for entry in made.switch.entries() if not isinstance(entry, SessionEntry))
    made.send(SwitchUp(known, whole=False))
    made.settle()
    made.switch.strict = False
    opened(made, first(40001))
    made.send(SessionsFound(tuple(before.values())))
    made.send(SessionsRead(0))
    made.settle()
    assert made.switch.sessions().keys() > before.keys()
    assert made.controller.stats()["sessions_adopted"] == 2


def test_a_reload_keeps_sessions_and_a_public_address_that_goes_drains() -> None:
    made = rig()
    entry = opened(made, first())
    assert entry is not None
    made.reconfigure(rig(rule(real_servers=(public(PUBLIC2),), mapping="address-dependent")).config)
    made.settle()
    assert entry in made.switch.sessions().values()
    assert OwnAddress(PUBLIC, "own_local") in made.switch.of(OwnAddress)
    assert (at := shown(made, first(40001))) is not None
    assert at.address == PUBLIC2
    for _ in range(4):
        made.advance(100)
    made.settle()
    assert OwnAddress(PUBLIC, "own_local") not in made.switch.of(OwnAddress)


# ---- refusals


OUT = ServiceSettings(mode=Mode.SNAT, match=(parse("src=10.0.2.0/24"),))
INWARD = (parse("dst=198.51.100.9"),)
KEY = (6, marked(1))


@pytest.mark.parametrize(
    ("settings", "server", "message"),
    [
        (OUT, ServerSettings(mode=Mode.NAT), "a public address is in snat, and no other server is"),
        (ServiceSettings(match=(parse("dst=198.51.100.9"),)), ServerSettings(mode=Mode.SNAT), "no other server is"),
        (
            ServiceSettings(match=(parse("dst=198.51.100.9,oif=1"),)),
            ServerSettings(),
            "dst=198.51.100.9,oif=1: oif is of snat",
        ),
        (ServiceSettings(match=(parse("src=10.0.0.0/8"),)), ServerSettings(), "has more than 256 addresses"),
    ],
)
def test_what_is_no_rule_is_refused(settings: ServiceSettings, server: ServerSettings, message: str) -> None:
    made = rig(virtual())
    with pytest.raises(CommandError, match=message):
        made.apply(AddService(KEY, settings), AddServer(KEY, Endpoint(PUBLIC, 0), server))


def test_icmp_is_of_snat_alone() -> None:
    made = rig(virtual())
    with pytest.raises(CommandError, match="icmp is of snat"):
        made.apply(AddService((1, Endpoint(VIP, 9)), ServiceSettings()))


def test_a_service_becomes_no_rule() -> None:
    made = rig()
    with pytest.raises(CommandError, match="cannot change to or from snat: remove it first"):
        made.apply(EditService(KEY, ServiceSettings(match=(parse("dst=198.51.100.9"),))))


def test_a_public_address_is_nobody_elses() -> None:
    made = rig()
    local = virtual(local_addresses=(IPv4Address(PUBLIC),))
    with pytest.raises(CommandError, match=r"198\.51\.100\.20 cannot be a local address and a public address of SNAT"):
        made.reconfigure(rig(rule(), local).config)


def test_the_last_public_address_gone_refuses() -> None:
    made = rig()
    made.apply(RemoveServer(KEY, Endpoint(PUBLIC, 0)))
    made.settle()
    made.switch.forwarded.clear()
    assert opened(made, first()) is None
    assert made.controller.stats()["no_real_server"] == 1
    assert made.switch.forwarded == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("oif=3", "oif 3: no interface is port 3 without a tag; there are 1 and 2"),
        ("iif=1.12", "iif 1.12: no interface is VLAN 12 of port 1; there is 1"),
    ],
)
def test_an_interface_that_is_not_there_is_refused(words: str, message: str) -> None:
    made = rig(virtual())
    with pytest.raises(CommandError) as caught:
        made.apply(AddService(KEY, replace(OUT, match=(parse(f"src=10.0.2.0/24,{words}"),))))
    assert caught.value.messages == [f"virtual server tcp fwmark:1: match: {message}"]


def test_an_interface_that_a_rule_names_stays() -> None:
    made = rig(rule("tcp", "src=10.0.2.0/24,iif=2", real_servers=()), routes=())
    with pytest.raises(CommandError, match=r"iif 2: no interface is port 2 without a tag; there is 1"):
        made.apply(RemoveInterface(2))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (replace(OUT, syn_proxy="always"), "syn_proxy always is not for snat"),
        (ServiceSettings(match=INWARD, mapping="address-dependent"), "mapping is of snat"),
        (ServiceSettings(match=INWARD, block_size=512), "block_size is of snat"),
        (ServiceSettings(match=INWARD, block_log=True), "block_log is of snat"),
        (ServiceSettings(match=INWARD, host_sessions=9), "host_sessions is of snat"),
    ],
)
def test_what_would_be_ignored_is_refused(settings: ServiceSettings, said: str) -> None:
    made = rig(virtual())
    with pytest.raises(CommandError) as caught:
        made.apply(AddService(KEY, settings))
    assert caught.value.messages == [f"virtual server tcp fwmark:1: {said}"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (AddPrefixes(KEY, deny=frozenset({prefix("10.0.2.9")})), "deny is not for snat"),
        (AddPrefixes(KEY, allow=frozenset({prefix("10.0.2.0/25")})), "allow is not for snat"),
        (AddLocal(KEY, ip("10.0.2.100")), "local_addresses is not for snat: its servers are the public addresses"),
    ],
)
def test_what_has_nothing_to_do_with_hosts_is_refused(command: Command, said: str) -> None:
    made = rig()
    with pytest.raises(CommandError) as caught:
        made.apply(command)
    assert caught.value.messages == [f"virtual server tcp fwmark:1: {said}"]


def test_a_host_stays_at_a_public_address_by_persistence() -> None:
    made = rig(rule(scheduler="rr", persistence_timeout=300.0, real_servers=(public(), public(PUBLIC2))))
    found = [shown(made, first(40000 + number, host=host)) for host in (HOST, HOST2) for number in range(3)]
    assert [each and each.address for each in found] == [PUBLIC] * 3 + [PUBLIC2] * 3
