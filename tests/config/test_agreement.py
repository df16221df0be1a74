"""The checks of a file, which know its lines, and those of commands, which know what runs, find fault with the same
configurations."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network

from fullnat.config.check import check
from fullnat.config.diff import diff, model_of
from fullnat.config.errors import Problems
from fullnat.config.locate import Locator
from fullnat.config.model import Config, Interface, RealServer, StaticRoute, VirtualServer
from fullnat.core.declared.commands import CommandError
from fullnat.core.declared.declaration import Declaration
from fullnat.core.declared.modes import Mode
from hypothesis import event, given, settings
from hypothesis import strategies as st

ADDRESSES = st.sampled_from(
    [IPv4Address(text) for text in ("10.0.0.0", "10.0.0.1", "10.0.0.7", "10.0.0.255", "10.0.1.1", "10.0.1.7")]
    + [IPv4Address(text) for text in ("192.0.2.7", "192.0.2.8", "203.0.113.7", "203.0.113.8", "203.0.113.9")]
    + [IPv6Address(text) for text in ("2001:db8::", "2001:db8::1", "2001:db8::7", "2001:db8:1::7", "2001:db8:9::7")]
)
INTERFACES = st.lists(
    st.builds(
        Interface,
        port=st.sampled_from([1, 2, 3]),
        vlan=st.sampled_from([0, 0, 12]),
        mac=st.just(0x020000000001),
        address=st.sampled_from(
            [
                IPv4Interface(text)
                for text in ("10.0.0.1/24", "10.0.0.1/25", "10.0.1.1/24", "10.0.0.9/16", "192.0.2.7/31")
            ]
            + [IPv4Interface("10.0.1.255/24"), IPv6Interface("2001:db8::1/64")]
        ),
        further=st.lists(
            st.sampled_from(
                [IPv6Interface(text) for text in ("2001:db8::1/64", "2001:db8::2/64", "2001:db8:1::/64")]
                + [IPv4Interface("10.0.0.2/24"), IPv6Interface("2001:db8::9/48")]
            ),
            max_size=1,
        ).map(tuple),
        mtu=st.sampled_from([1500, 1500, 1279]),
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda interface: interface.number,
)
ROUTES = st.lists(
    st.builds(
        StaticRoute,
        prefix=st.sampled_from(
            [IPv4Network(text) for text in ("0.0.0.0/0", "203.0.113.0/24", "203.0.113.8/31", "10.0.1.7/32")]
            + [IPv6Network(text) for text in ("::/0", "2001:db8:9::/64")]
        ),
        gateway=st.one_of(st.none(), ADDRESSES),
    ),
    max_size=3,
    unique_by=lambda route: route.prefix,
)
SERVERS = st.lists(
    st.builds(RealServer, address=ADDRESSES, port=st.just(80), mode=st.sampled_from([None, None, *Mode])),
    max_size=3,
    unique_by=lambda server: server.address,
)
SERVICES = st.lists(
    st.builds(
        VirtualServer,
        address=ADDRESSES,
        port=st.just(80),
        toa_kind=st.sampled_from([254, 254, 254, 253]),
        protocol=st.sampled_from(["tcp", "tcp", "udp"]),
        proxy_protocol=st.sampled_from(["off", "off", "off", "first", "every", "clients"]),
        local_addresses=st.lists(ADDRESSES, min_size=1, max_size=2, unique=True).map(tuple),
        real_servers=SERVERS.map(tuple),
    ),
    max_size=2,
    unique_by=lambda service: service.address,
)


@given(
    st.builds(
        Config,
        interfaces=INTERFACES.map(tuple),
        routes=ROUTES.map(tuple),
        virtual_servers=SERVICES.map(tuple),
        local_port_min=st.sampled_from([5000, 5000, 7000]),
        local_port_max=st.sampled_from([6000, 8000]),
    )
)
@settings(max_examples=500, deadline=None)
def test_a_file_is_right_when_its_commands_are(config: Config) -> None:
    """But for local addresses of a server's family: commands may add them later, a file has nothing later."""
    problems = Problems(Locator("", "file"))
    check(config, problems)
    declaration = Declaration()
    try:
        declaration.change(diff(declaration.model, model_of(config)))
    except CommandError as error:
        refused = str(error)
    else:
        refused = ""
    event(f"right: {not refused}")
    found = [said for _, said in problems.lines if "needs a local address of" not in said]
    assert bool(found) == bool(refused), (found, refused)
