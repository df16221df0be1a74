"""Sessions of every kind, for random frames to be of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ptf_tests import families
from ptf_tests.families import CrossSession
from ptf_tests.random_frames import World
from ptf_tests.sessions import DirectSession, Session, TunnelSession, direct_ends, ends
from ptf_tests.topology import IPV4, IPV6, SERVER_SIDE, Network

PROTO_UDP, IKE = 17, 500
_FIRST_SERVER = 101


def make_world(network: Network, session_id: Callable[[], int]) -> World:
    """A session of either protocol in every mode, and in FULLNAT between the families."""
    made = 0

    def session(kind: type[Session], **fields: Any) -> Session:
        nonlocal made
        made += 1
        return kind(id=session_id(), server_id=_FIRST_SERVER + made - 1, **fields)

    ports = range(40000, 40007)
    direct = direct_ends(network)
    outer, outer6 = (family.interface[SERVER_SIDE] for family in (IPV4, IPV6))
    modes: list[tuple[type[Session], dict[str, Any]]] = [
        (Session, ends(network)),
        (Session, {**ends(network, local="client"), "delta": 0, "flags": DirectSession.flags}),
        (DirectSession, direct),
        (TunnelSession, {**direct, "next_door": IPV4.server, "outer_src": outer}),
        (TunnelSession, {**direct, "next_door": IPV6.server, "outer_src": outer6}),
        (TunnelSession, {**direct, "next_door": IPV4.server, "outer_src": outer, "gue": True}),
        (CrossSession, families.ends(is_nat64=network is IPV6)),
    ]
    segments, datagrams = [], []
    for port, (kind, fields) in zip(ports, modes, strict=True):
        own = {"client_port": port, "local_port": port, **fields}
        segments.append(session(kind, **own))
        datagrams.append(session(kind, **{**own, "protocol": PROTO_UDP, "delta": 0}))
    if network is IPV6:
        return World(network, segments, datagrams)
    at_500: dict[str, Any] = dict.fromkeys(("client_port", "vport", "server_port", "local_port"), IKE)
    return World(network, segments, datagrams, session(DirectSession, protocol=PROTO_UDP, **at_500, **direct))
