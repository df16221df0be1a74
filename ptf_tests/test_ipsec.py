"""AH and ESP go with the session of IKE (UDP 500) between the same addresses, unless translation would break them."""

from __future__ import annotations

import dataclasses
from typing import Any

from ptf_tests import topology
from ptf_tests.base import FullnatTest, requires
from ptf_tests.packets import IP, Ether, Packet, Raw, fragments
from ptf_tests.sessions import DirectSession, Session, TunnelSession
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE

UDP, ESP, AH = 17, 50, 51
IKE = 500


def packet(ends: dict[str, Any], protocol: int, ttl: int = 64, size: int = 60) -> Packet:
    """Of no matter what, between these addresses."""
    head = Ether(dst=ends["eth_dst"], src=ends["eth_src"])
    return head / IP(src=ends["src"], dst=ends["dst"], proto=protocol, ttl=ttl, id=7) / Raw(bytes(range(size)))


class IpsecTest(FullnatTest):
    """A session of IKE is installed."""

    def setUp(self) -> None:
        super().setUp()
        self.session = self.new_session()
        self.insert(topology.service(protocol=UDP, vport=IKE), *self.session.server_entries, *self.session.entries)

    def new_session(self) -> Session:
        raise NotImplementedError

    def goes(self, protocol: int) -> None:
        """What the client sends of this protocol reaches the server."""
        sent, left = packet(self.session.client_sends, protocol), packet(self.session.server_gets, protocol, 63)
        self.exchange((CLIENT_SIDE, sent), out=[(SERVER_SIDE, left)])

    def comes_back(self, protocol: int) -> None:
        sent, left = packet(self.session.server_sends, protocol), packet(self.session.client_gets, protocol, 63)
        self.exchange((SERVER_SIDE, sent), out=[(CLIENT_SIDE, left)])


def _ike(session: Session, **fields: Any) -> Session:
    ports: dict[str, Any] = dict.fromkeys(("client_port", "vport", "server_port", "local_port"), IKE)
    return dataclasses.replace(session, protocol=UDP, delta=0, flags=0, **ports, **fields)


@requires("ipsec")
class IpsecByDirectRouting(IpsecTest):
    """AH and ESP, whole and in fragments: the frame alone changes."""

    def new_session(self) -> Session:
        return _ike(DirectSession(id=self.harness.session_id()))

    def runTest(self) -> None:
        for protocol in (AH, ESP):
            self.goes(protocol)
            sent = fragments(packet(self.session.client_sends, protocol, size=200), 64)
            left = fragments(packet(self.session.server_gets, protocol, 63, size=200), 64)
            self.exchange(*((CLIENT_SIDE, part) for part in sent), out=[(SERVER_SIDE, part) for part in left])


@requires("ipsec")
@requires("tunnels")
class IpsecInATunnel(IpsecTest):
    """AH and ESP as they are, in an outer header."""

    def new_session(self) -> Session:
        return _ike(TunnelSession(id=self.harness.session_id()))

    def runTest(self) -> None:
        for protocol in (AH, ESP):
            inner = packet(self.session.server_gets, protocol, 63)
            outer = IP(src=topology.INTERFACE[SERVER_SIDE], dst=topology.SERVER, proto=4, ttl=63, id=7)
            sent, left = packet(self.session.client_sends, protocol), inner.copy()
            left.remove_payload()
            self.exchange((CLIENT_SIDE, sent), out=[(SERVER_SIDE, left / outer / Raw(bytes(inner)[14:]))])


@requires("ipsec")
class EspByNatAndNoAh(IpsecTest):
    """ESP covers no address, and passes both ways with the server's replaced; AH is refused by name."""

    def new_session(self) -> Session:
        return _ike(Session(id=self.harness.session_id()), local=topology.CLIENT)

    def runTest(self) -> None:
        self.goes(ESP)
        self.comes_back(ESP)
        self.drop(CLIENT_SIDE, packet(self.session.client_sends, AH), "IPSEC")
        self.drop(SERVER_SIDE, packet(self.session.server_sends, AH), "IPSEC")


@requires("ipsec")
class NoIpsecInFullnat(IpsecTest):
    """An answer to a local address could not be told from another client's: both are refused by name."""

    def new_session(self) -> Session:
        return _ike(Session(id=self.harness.session_id()))

    def runTest(self) -> None:
        for protocol in (AH, ESP):
            self.drop(CLIENT_SIDE, packet(self.session.client_sends, protocol), "IPSEC")
            self.drop(SERVER_SIDE, packet(self.session.server_sends, protocol), "IPSEC")


class IpsecWithoutIkeIsDropped(IpsecTest):
    """From a client that has no session of IKE, or of a target that does not look for it; that of others passes."""

    def new_session(self) -> Session:
        return _ike(DirectSession(id=self.harness.session_id()), client="203.0.113.10")

    def runTest(self) -> None:
        ends = Session(id=0).client_sends
        for protocol in (AH, ESP):
            self.drop(CLIENT_SIDE, packet(ends, protocol), "PROTOCOL")
            macs = {"eth_src": topology.PORT_MAC[topology.UPLINK], "eth_dst": topology.GATEWAY_MAC}
            transit = packet(ends | {"dst": topology.FAR_HOST}, protocol)
            left = packet(ends | {"dst": topology.FAR_HOST} | macs, protocol, 63)
            self.exchange((CLIENT_SIDE, transit), out=[(topology.UPLINK, left)])
