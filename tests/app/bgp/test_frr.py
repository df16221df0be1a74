"""What FRR is told: everything when it knows nothing, nothing when it has it all, and the difference otherwise."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_network

import pytest
from fullnat.app.bgp import frr
from fullnat.app.bgp.plan import NOTHING, Plan, State, plan
from fullnat.config.bgp import Bgp, Neighbor
from fullnat.config.model import Interface
from fullnat.net.flow import address

INTERFACES = (
    Interface(port=1, mac=1, address=IPv4Interface("198.51.100.11/24"), further=(IPv6Interface("2001:db8:1::11/64"),)),
    Interface(port=2, mac=2, address=IPv4Interface("10.1.0.11/24")),
)
BGP = Bgp(
    local_as=65001,
    router_id=IPv4Address("192.0.2.11"),
    neighbors=(
        Neighbor(address=IPv4Address("198.51.100.1"), remote_as=65000, bfd=True),
        Neighbor(address=IPv4Address("10.1.0.1"), remote_as=65002),
        Neighbor(address=IPv6Address("2001:db8:1::1"), remote_as=65000),
    ),
)
PLAN = Plan(
    frozenset(map(ip_network, ("203.0.113.80/32", "10.8.0.100/32", "2001:db8:9::80/128"))),
    frozenset({ip_network("10.8.0.101/32")}),
)
SHOWN = """Building configuration...

Current configuration:
!
frr version 8.4.4
frr defaults traditional
hostname vm
service integrated-vtysh-config
!
router bgp 65001
 bgp router-id 192.0.2.11
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 10.1.0.1 remote-as 65002
 neighbor 198.51.100.1 remote-as 65000
 neighbor 198.51.100.1 bfd
 neighbor 2001:db8:1::1 remote-as 65000
 !
 address-family ipv4 unicast
  network 10.8.0.100/32
  network 10.8.0.101/32 route-map FULLNAT-SPARE
  network 203.0.113.80/32
  neighbor 10.1.0.1 route-map FULLNAT-2 out
  neighbor 198.51.100.1 route-map FULLNAT-1 out
 exit-address-family
 !
 address-family ipv6 unicast
  network 2001:db8:9::80/128
  neighbor 2001:db8:1::1 activate
  neighbor 2001:db8:1::1 route-map FULLNAT-3 out
 exit-address-family
exit
!
route-map FULLNAT-SPARE permit 10
 set as-path prepend 65001 65001
exit
!
route-map FULLNAT-1 permit 10
 set ip next-hop 198.51.100.11
exit
!
route-map FULLNAT-2 permit 10
 set ip next-hop 10.1.0.11
exit
!
route-map FULLNAT-3 permit 10
 set ipv6 next-hop global 2001:db8:1::11
exit
!
end
"""
"""As FRR 8.4 shows it."""
NOBODY = """
frr version 8.4.4
!
ip route 192.0.2.0/24 198.51.100.1
!
end
"""


def told(shown: str, want: Plan, bgp: Bgp = BGP) -> str:
    return frr.commands(frr.changes(bgp, frr.wanted(bgp, INTERFACES, want), frr.found(shown)))


def test_frr_that_has_it_all_is_told_nothing() -> None:
    assert frr.changes(BGP, frr.wanted(BGP, INTERFACES, PLAN), frr.found(SHOWN)) == []


def test_frr_that_knows_nothing_is_told_everything() -> None:
    """The route-maps first: nothing is announced with another next hop."""
    lines = told(NOBODY, PLAN).splitlines()
    assert lines[0] == "configure terminal"
    assert lines[-1] == "end"
    networks = [number for number, line in enumerate(lines) if line.startswith("network ")]
    maps = [at for at, line in enumerate(lines) if "route-map F" in line and not line.startswith("network")]
    assert len(networks) == 4
    assert max(maps) < min(networks)
    assert "network 10.8.0.101/32 route-map FULLNAT-SPARE" in lines
    assert lines.index("set ip next-hop 10.1.0.11") == lines.index("route-map FULLNAT-2 permit 10") + 1


def test_the_difference_alone_is_told() -> None:
    less = replace(PLAN, first=PLAN.first - {ip_network("203.0.113.80/32")})
    assert told(SHOWN, less).splitlines() == [
        "configure terminal",
        "router bgp 65001",
        "address-family ipv4 unicast",
        "no network 203.0.113.80/32",
        "end",
    ]
    without = told(SHOWN, NOTHING)
    assert sorted(line for line in without.splitlines() if line.startswith("no ")) == [
        "no network 10.8.0.100/32",
        "no network 10.8.0.101/32",
        "no network 2001:db8:9::80/128",
        "no network 203.0.113.80/32",
    ]


def test_a_graceful_shutdown_comes_and_goes() -> None:
    graceful = told(SHOWN, replace(PLAN, graceful=True)).splitlines()
    assert graceful == ["configure terminal", "router bgp 65001", "bgp graceful-shutdown", "end"]
    shown = SHOWN.replace(" no bgp network", " bgp graceful-shutdown\n no bgp network")
    assert told(shown, PLAN).splitlines() == [
        "configure terminal",
        "router bgp 65001",
        "no bgp graceful-shutdown",
        "end",
    ]


def test_an_address_that_changes_its_home_is_not_withdrawn_between() -> None:
    moved = Plan(PLAN.first | PLAN.spare)
    assert told(SHOWN, moved).splitlines()[-2:] == ["network 10.8.0.101/32", "end"]
    assert "no network" not in told(SHOWN, moved)


def test_what_others_have_configured_stays() -> None:
    more = SHOWN.replace("router bgp 65001\n", "router bgp 65001\n neighbor 192.0.2.99 remote-as 64999\n")
    more = more.replace(
        "\nroute-map FULLNAT-1 permit", "\nroute-map SOMEBODY permit 5\nexit\n!\nroute-map FULLNAT-1 permit"
    )
    assert frr.changes(BGP, frr.wanted(BGP, INTERFACES, PLAN), frr.found(more)) == []


@pytest.mark.parametrize(
    ("text", "up"),
    [
        ('{"ipv4Unicast": {"peers": {"10.1.0.1": {"state": "Established"}, "198.51.100.1": {"state": "Idle"}}}}', [1]),
        ('{"ipv4Unicast": {"peers": {"10.1.0.1": {"state": "Established"}}}}\nvm# ', [1]),
        ("{}", []),
        ("", []),
        ("% BGP instance not found", []),
        ('{"warning": "x"}', []),
    ],
)
def test_sessions_are_those_of_its_neighbors(text: str, up: list[int]) -> None:
    found = frr.sessions(text, BGP)
    assert list(found) == [str(each.address) for each in BGP.neighbors]
    assert [position for position, is_up in enumerate(found.values()) if is_up] == up


def test_the_plan_of_each_switch() -> None:
    virtual = [address("203.0.113.80")]
    local = [address(f"10.8.0.{host}") for host in (100, 101, 102)]
    first = plan(State.ANNOUNCING, virtual, local, 0, 2)
    assert {str(each) for each in first.first} == {"203.0.113.80/32", "10.8.0.100/32", "10.8.0.102/32"}
    assert {str(each) for each in first.spare} == {"10.8.0.101/32"}
    second = plan(State.DRAINING, virtual, local, 1, 2)
    assert {str(each) for each in second.first & first.first} == {"203.0.113.80/32"}
    assert second.graceful
    assert plan(State.WITHDRAWN, virtual, local, 0, 2) == plan(State.DRAINED, virtual, local, 0, 2) == NOTHING
