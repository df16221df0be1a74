"""Configurations for the random machine."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from fullnat.config.model import Access, Config
from fullnat.core.declared.modes import Mode
from fullnat.net.match import parse
from fullnat.net.prefixes import parse as prefix
from hypothesis import strategies as st

from .builders import LOCAL, LOCAL2, VPORT, config, ip, real, virtual
from .snatkit import PUBLIC2, public, rule

LOCALS = ((LOCAL,), (LOCAL, LOCAL2), (LOCAL2,))
SERVERS = (
    (real(),),
    (real(), real("10.0.2.12")),
    (real("10.0.2.12", weight=2), real("10.0.2.13")),
    (real(weight=0), real("10.0.2.12")),
    (real(mode=Mode.NAT), real("10.0.2.12")),
    (real(), real("10.0.2.12", mode=Mode.NAT)),
    (real(port=VPORT), real("10.0.2.12", port=VPORT, mode=Mode.DR)),
    (real(port=VPORT, mode=Mode.TUNNEL), real("10.0.2.12", port=VPORT, mode=Mode.FULLNAT)),
    (real(port=VPORT, mode=Mode.GUE), real("10.0.2.12", port=VPORT, mode=Mode.TUNNEL)),
    (),
)


ACCESS = (
    Access(),
    Access(deny=frozenset({prefix("192.0.2.0/24")})),
    Access(deny=frozenset({prefix("203.0.113.9/32"), prefix("192.0.2.0/24")})),
    Access(allow=frozenset({prefix("203.0.113.0/24")}), refused="rst"),
)
"""Who may use all services of a configuration."""
OUTWARD = (
    (),
    (rule(),),
    (rule("tcp"), rule("udp")),
    (rule(real_servers=(public(PUBLIC2),), mapping="address-dependent"),),
)
"""Rules of SNAT."""
WIDE = {
    "exact": {"port": 81, "real_servers": (real(port=81),)},
    "any port": {"port": 0, "real_servers": (real(port=0),)},
    "match": {
        "address": IPv4Address(ip("0.0.0.7")),
        "port": 0,
        "real_servers": (real(port=0),),
        "match": (parse("dst=198.51.100.10/31,dport=81-90"), parse("dst=198.51.100.10,iif=2")),
    },
}
"""What the second service is of: port 81, and more."""


def choice(
    servers: int,
    locals_: int,
    other: bool,
    scheduler: str,
    toa: bool,
    mode: Mode,
    wide: str,
    access: int = 0,
    outward: int = 0,
) -> Config:
    addresses = tuple(IPv4Address(address) for address in LOCALS[locals_])
    first = virtual(real_servers=SERVERS[servers], local_addresses=addresses, scheduler=scheduler, toa=toa)
    second = virtual(**(WIDE[wide] | {"local_addresses": addresses, "mode": mode}))
    services = (first, second) if other else (second,)
    served = (replace(each, access=ACCESS[access]) for each in services)
    return config(*served, *OUTWARD[outward], local_port_min=5000, local_port_max=5002)


CONFIGS = st.builds(
    choice,
    st.integers(0, len(SERVERS) - 1),
    st.integers(0, 2),
    st.booleans(),
    st.sampled_from(["rr", "wrr"]),
    st.booleans(),
    st.sampled_from([mode for mode in Mode if not mode.is_outward]),
    st.sampled_from(sorted(WIDE)),
    st.integers(0, len(ACCESS) - 1),
    st.integers(0, len(OUTWARD) - 1),
)
