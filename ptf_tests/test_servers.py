"""What the sessions of one real server share: its address, its virtual service, and its flags."""

import dataclasses

from ptf_tests import topology
from ptf_tests.base import PacketOut, Punt, over_ipv6_too
from ptf_tests.packets import Tcp
from ptf_tests.sessions import Session, SessionTest
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE


class _TwoSessions(SessionTest):
    """The second session is another client's with the same server; it was established with the first one."""

    def setUp(self) -> None:
        super().setUp()
        self.second = dataclasses.replace(
            self.session, id=self.harness.session_id(), client_port=40001, local_port=5001, delta=0x12345678
        )
        self.insert(*self.second.entries)

    def both(self, toa: bool) -> None:
        """A segment each way of either session, with TOA towards the server or without."""
        for session in (self.session, self.second):
            options = session.toa if toa else b""
            syn = session.from_client(flags="S", seq=7)
            self.exchange(
                PacketOut("INJECT", syn, port=CLIENT_SIDE, session_id=session.id, new_session=True),
                out=[(SERVER_SIDE, session.to_server(syn, options=options))],
                toa={"OK": 1} if toa else {},
            )
            answer = session.from_server(flags="SA", seq=9, ack=8 + session.delta & 0xFFFFFFFF)
            self.exchange((SERVER_SIDE, answer), out=[(CLIENT_SIDE, session.to_client(answer))])


@over_ipv6_too
class SessionsShareTheirServer(_TwoSessions):
    """Two sessions with one server_id need one entry each way between them."""

    def runTest(self) -> None:
        assert len(self.client.entries("server_in", "server_out")) == 2
        self.both(toa=True)


@over_ipv6_too
class ChangedFlagsAreThoseOfEverySession(_TwoSessions):
    """A MODIFY of the server's entries takes effect on all its sessions with the next packet."""

    def runTest(self) -> None:
        self.both(toa=True)
        self.client.modify(*dataclasses.replace(self.session, flags=0).server_entries)
        self.both(toa=False)


@over_ipv6_too
class ServersAreToldApart(SessionTest):
    """Another server_id is another server and another virtual service, whatever else is the same."""

    def runTest(self) -> None:
        other = Session(
            id=self.harness.session_id(),
            server_id=self.session.server_id + 1,
            client_port=40001,
            vport=81,
            local_port=5001,
            server=topology.NARROW_SERVER,
            server_mac=topology.NARROW_SERVER_MAC,
            server_port=8081,
            flags=0,
        )
        self.insert(*other.server_entries, *other.entries)
        for session in (other, self.session):
            sent = session.from_client(seq=1, ack=5, payload=b"in")
            self.exchange((CLIENT_SIDE, sent), out=[(SERVER_SIDE, session.to_server(sent))])
            answer = session.from_server(seq=5, ack=3, payload=b"out")
            self.exchange((SERVER_SIDE, answer), out=[(CLIENT_SIDE, session.to_client(answer))])


@over_ipv6_too
class SessionWithoutServerIsDropped(SessionTest):
    """A segment whose session has a server_id that is in no table is dropped before anything comes of it, from either
    side, received, injected or reset; a client's SYN is still the controller's. Each direction wants its own entry."""

    def runTest(self) -> None:
        self.handshake(client_isn=1000, server_isn=9000)
        self.inward(self.session.from_client(seq=1001, ack=9001), toa="OK", options=self.session.toa)
        inbound, outbound = self.session.server_entries
        self.expect_events(self.session.id, ("OUT", "SYN_ACK"), ("IN", "ESTABLISHED"))
        request = self.session.from_client(seq=1001, ack=9002, flags="FA")
        response = self.session.from_server(seq=9001, ack=1033, payload=b"x")
        self.delete(inbound)
        self.drop(CLIENT_SIDE, request, "SERVER")
        syn = self.session.from_client(flags="S")
        self.exchange((CLIENT_SIDE, syn), punted=[Punt("SESSION_SYN", syn, session_id=self.session.id)])
        self._drop_packet_outs(CLIENT_SIDE, self.session.from_client(flags="R"))
        self.outward(response)
        self.insert(inbound)
        self.delete(outbound)
        self.drop(SERVER_SIDE, response, "SERVER")
        self._drop_packet_outs(SERVER_SIDE, self.session.from_server(flags="R"))
        self.inward(request)
        # The dropped FIN was none of the session's events.
        self.expect_events(self.session.id, ("IN", "FIN_IN"))

    def _drop_packet_outs(self, port: int, packet: Tcp) -> None:
        for request in ("INJECT", "RESET"):
            item = PacketOut(request, packet, port=port, session_id=self.session.id)
            self.exchange(item, drops={"SERVER": 1})
