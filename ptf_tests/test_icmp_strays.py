"""ICMP errors that are not translated, and why; and what becomes of the others in every mode of a session."""

from __future__ import annotations

from fullnat.net.checksum import checksum

from ptf_tests import topology
from ptf_tests.base import PacketOut, Punt, over_ipv6_too, requires
from ptf_tests.errors import LEAST, WITH_CHECKSUM, IcmpErrorTest
from ptf_tests.icmp import quote
from ptf_tests.packets import NOP
from ptf_tests.sessions import DirectSession, Session, TunnelSession, direct_ends
from ptf_tests.topology import CLIENT_SIDE, PORT_MAC, SERVER_SIDE, UPLINK


@over_ipv6_too
class StrayErrorsAreDropped(IcmpErrorTest):
    """What quotes no packet of a session, or not enough to tell, by one reason, whatever address of ours it is for."""

    def runTest(self) -> None:
        sent = self.to_server(seq=1001, ack=9001)
        six = self.network is topology.IPV6
        protocol, icmp = ("nh", 58) if six else ("proto", 1)
        strays = {
            "another port": quote(sent.replace(sport=5001)),
            "another server": quote(sent.replace(dst=self.network.narrow_server)),
            "another protocol": quote(sent, **{protocol: 47}),
            "ICMP": quote(sent, **{protocol: icmp}),
            "another sender": quote(sent.replace(src=self.network.interface[SERVER_SIDE])),
            "another version": quote(sent, version=4 if six else 6),
            "7 bytes": quote(sent, LEAST - 1),
            "no ports": quote(sent, 0),
            "half a header": quote(sent)[:10],
            "nothing": b"",
        }
        if six:
            strays["a fragment"] = quote(sent, nh=44)
        else:
            strays["a fragment"] = quote(sent, frag=1)
            strays["a header of 16 bytes"] = quote(sent, ihl=4)
            strays["options that are not there"] = quote(sent, LEAST, ihl=6)
        for name, quoted in strays.items():
            with self.subTest(quoted=name):
                # Padding is no part of what is quoted.
                for padding in (b"", bytes(40)):
                    self.drop(SERVER_SIDE, self.about_server_bound(sent, quoted, padding=padding), "ICMP_ERROR")
        for address in (self.network.vip, self.network.interface[CLIENT_SIDE]):
            stray = self.about_client_bound(self.to_client(src=address, sport=81))
            self.drop(CLIENT_SIDE, stray, "ICMP_ERROR")


@over_ipv6_too
class RedirectsAndQueriesAreNotTranslated(IcmpErrorTest):
    """A redirect is for the next hop alone, and the others quote nothing."""

    def runTest(self) -> None:
        for kind in self.kinds.others:
            self.drop(SERVER_SIDE, self.about_server_bound(self.to_server(), kind=kind), "PROTOCOL")


@over_ipv6_too
class ErrorsThatAreTooShortAreDropped(IcmpErrorTest):
    """By the reason of the header that has no room in the packet, or that the frame ends in."""

    def runTest(self) -> None:
        came = self.about_server_bound(self.to_server())
        headers = self.network.header_bytes
        for behind in (0, 1, 7):
            self.drop(SERVER_SIDE, came.replace(total_len=headers + behind), self.network.header_fault)
        if self.can("frame-length"):
            self.drop(SERVER_SIDE, bytes(came)[:-1], self.network.header_fault)
        for cut in (15, 13 + headers, 15 + headers, 17 + headers):
            self.drop(SERVER_SIDE, bytes(came)[:cut], "PARSER")


@over_ipv6_too
@requires("icmp-errors")
@requires("frame-length")
class ErrorsCutInsideAHeaderAreDropped(IcmpErrorTest):
    """A frame that ends inside the headers that are quoted is dropped with PARSER, one that ends behind them, but
    before the IP packet does, for its length."""

    def runTest(self) -> None:
        frame = bytes(self.about_server_bound(self.to_server(ip_options=NOP * 8, payload=bytes(30))))
        options = 0 if self.network is topology.IPV6 else 8
        headers = 14 + 2 * self.network.header_bytes + 8 + options + WITH_CHECKSUM
        for cut in range(15 + self.network.header_bytes, len(frame)):
            with self.subTest(cut=cut):
                self.drop(SERVER_SIDE, frame[:cut], "PARSER" if cut < headers else self.network.header_fault)


@over_ipv6_too
class ErrorsOfOthersAreRouted(IcmpErrorTest):
    """What is not for us, and not of a session, passes unchanged but for the TTL, whatever it quotes."""

    def runTest(self) -> None:
        sent = self.to_client(src=self.network.far_host)
        for quoted in (None, quote(sent, 0), quote(sent.replace(src=self.network.vip))):
            came = self.about_client_bound(sent, quoted)
            macs = {"eth_dst": topology.GATEWAY_MAC, "eth_src": PORT_MAC[UPLINK]}
            self.exchange((CLIENT_SIDE, came), out=[(UPLINK, came.replace(**macs, ttl=came.ttl - 1))])


class FragmentsOfErrorsAreDropped(IcmpErrorTest):
    """As all fragments to addresses of ours."""

    def runTest(self) -> None:
        frame = bytearray(bytes(self.about_server_bound(self.to_server(), ip_id=7)))
        for flags in (b"\x20\0", b"\0\x01"):
            frame[20:22], frame[24:26] = flags, bytes(2)
            frame[24:26] = checksum(bytes(frame[14:34])).to_bytes(2, "big")
            self.drop(SERVER_SIDE, bytes(frame), "FRAGMENT")


@over_ipv6_too
class ErrorsEndInSilence(IcmpErrorTest):
    """Nothing is told of an error whose TTL ends here, or that is longer than its way takes (RFC 1812 4.3.2.7)."""

    def runTest(self) -> None:
        sent, server_sent = self.to_server(), self.to_client()
        if self.can("icmp-errors"):
            self.drop(SERVER_SIDE, self.about_server_bound(sent, ttl=1), self.network.expired)
            self.drop(CLIENT_SIDE, self.about_client_bound(server_sent, ttl=1), self.network.expired)
            longest = self.to_client(payload=bytes(1500))
            self.drop(CLIENT_SIDE, self.about_client_bound(longest), "MTU")
        transit = self.about_client_bound(self.to_client(src=self.network.far_host))
        self.drop(CLIENT_SIDE, transit.replace(ttl=1), self.network.expired)


@over_ipv6_too
@requires("icmp-errors")
class ErrorsForAHostWithoutNeighborAreTranslated(IcmpErrorTest):
    """The controller gets the error as it leaves, and has only to lower the TTL and send it on."""

    server = "silent_server"

    def runTest(self) -> None:
        sent = self.to_client(seq=9001, ack=1001)
        came = self.about_client_bound(sent)
        left = {"eth_dst": came.eth_dst, "eth_src": came.eth_src, "ttl": came.ttl}
        punted = self.to_the_server(came, quote(self.as_server_sent(sent)), **left)
        self.exchange((CLIENT_SIDE, came), punted=[Punt("NO_NEIGHBOR", punted, session_id=self.session.id)])


@over_ipv6_too
@requires("icmp-errors")
class ErrorsAreNoNewsOfASession(IcmpErrorTest):
    """Registers and events are as if none had come: the next of them are those of the segments."""

    def runTest(self) -> None:
        self.handshake()
        self.expect_events(self.session.id, ("OUT", "SYN_ACK"))
        self.outward_error(self.to_server(flags="FA", seq=1001, ack=9001))
        self.inward_error(self.to_client(flags="FA", seq=9001, ack=1001))
        self.inward_error(self.to_client(flags="R", seq=9001))
        self.inward(self.session.from_client(seq=1001, ack=9001), toa="OK", options=self.session.toa)
        self.expect_events(self.session.id, ("IN", "ESTABLISHED"))
        reset = self.session.from_server(flags="R", ack=0)
        to_client = CLIENT_SIDE, self.session.to_client(reset, seq=9001, ttl=reset.ttl)
        self.exchange(PacketOut("RESET", reset, session_id=self.session.id), out=[to_client])


@over_ipv6_too
@requires("icmp-errors")
class NatShowsTheServerWhoseErrorItIs(IcmpErrorTest):
    """The server sees the client itself, and so the routers on the way there; the client sees the service alone."""

    local, local_port, delta, flags = "client", 40000, 0, 0

    def runTest(self) -> None:
        for behind in (LEAST, None):
            self.inward_error(self.to_client(seq=9001), behind, changes={"src": self.clients_router})
            self.outward_error(self.to_server(seq=1001), behind, kind=self.kinds.too_big, mtu=1400)


@over_ipv6_too
@requires("icmp-errors")
class DirectRoutingPassesErrorsOn(IcmpErrorTest):
    """To the server next door, which has the virtual address, unchanged but for TTL and frame."""

    def new_session(self) -> Session:
        return DirectSession(id=self.harness.session_id(), **direct_ends(self.network))

    def runTest(self) -> None:
        for behind in (LEAST, None):
            came = self.about_client_bound(self.to_client(seq=9001), quote(self.to_client(seq=9001), behind))
            macs = {"eth_dst": self.session.server_mac, "eth_src": PORT_MAC[SERVER_SIDE]}
            self.exchange((CLIENT_SIDE, came), out=[(SERVER_SIDE, came.replace(**macs, ttl=came.ttl - 1))])


@over_ipv6_too
@requires("icmp-errors")
@requires("tunnels")
class TunnelPassesErrorsOn(IcmpErrorTest):
    """In an outer header, like the client's packets."""

    def new_session(self) -> Session:
        addresses = direct_ends(self.network)
        source = self.network.interface[SERVER_SIDE]
        return TunnelSession(id=self.harness.session_id(), outer_src=source, **addresses)

    def runTest(self) -> None:
        assert isinstance(self.session, TunnelSession)
        came = self.about_client_bound(self.to_client(seq=9001))
        macs = {"eth_dst": self.session.server_mac, "eth_src": PORT_MAC[SERVER_SIDE]}
        inner = came.replace(**macs, ttl=came.ttl - 1)
        self.exchange((CLIENT_SIDE, came), out=[(SERVER_SIDE, self.session.through(inner))])
