"""SNAT: which packets of hosts inside open sessions, and what their sessions do with them."""

from __future__ import annotations

from typing import Any

from ptf_tests import topology
from ptf_tests.base import PacketOut, Punt, over_ipv6_too, requires
from ptf_tests.icmp import ICMP_KINDS, ICMPV6_KINDS, PROTO_ICMP, PROTO_ICMPV6, IcmpError, quote
from ptf_tests.packets import Ether, Udp, fragments
from ptf_tests.snat import PROTO_UDP, SnatSession, SnatTest
from ptf_tests.topology import CLIENT_MAC, CLIENT_SIDE, PORT_MAC, SERVER_MAC, SERVER_SIDE


@requires("snat")
class FirstPacketTest(SnatTest):
    def punted(self, packet: Any, reason: str = "SNAT", flags: int = 0) -> None:
        self.exchange((CLIENT_SIDE, packet), punted=[Punt(reason, self.as_punted(packet), service_flags=flags)])

    def routed(self, packet: Any) -> None:
        """It leaves as it is."""
        left = packet.replace(eth_dst=SERVER_MAC, eth_src=PORT_MAC[SERVER_SIDE], ttl=packet.ttl - 1)
        self.exchange((CLIENT_SIDE, packet), out=[(SERVER_SIDE, left)])


@over_ipv6_too
class FirstPacketsGoToTheController(FirstPacketTest):
    """Those of a rule of their protocol; what is of none is routed as it is."""

    def runTest(self) -> None:
        self.insert(self.rule(flags=4))
        self.punted(self.syn(), flags=4)
        self.routed(self.datagram())
        self.insert(self.rule(PROTO_UDP, flags=2))
        self.punted(self.datagram(), flags=2)
        other = self.network.gateway
        self.routed(self.syn(src=other))


@over_ipv6_too
class DestinationPortAndInterfacesCount(FirstPacketTest):
    """A rule may say the destination, its ports, and both interfaces; the highest priority counts."""

    def runTest(self) -> None:
        server, bits = self.network.server, 128 if ":" in self.network.server else 32
        fitting: dict[str, Any] = {
            "destination": (server, bits),
            "ports": (443, 444),
            "port": CLIENT_SIDE,
            "out_port": SERVER_SIDE,
        }
        others: dict[str, Any] = {
            "destination": (self.network.narrow_server, bits),
            "ports": (80, 442),
            "port": SERVER_SIDE,
            "out_port": CLIENT_SIDE,
        }
        for name, value in fitting.items():
            with self.subTest(name=name):
                wrong = self.rule(priority=2, flags=2, **{name: others[name]})
                self.insert(wrong)
                self.routed(self.syn())
                right = self.rule(priority=3, flags=4, **{name: value})
                self.insert(right)
                self.punted(self.syn(), flags=4)
                self.delete(wrong, right)


@over_ipv6_too
class LateSegmentsOpenNothing(FirstPacketTest):
    """They may be answered with RST; RSTs are not."""

    def runTest(self) -> None:
        self.insert(self.rule())
        late = self.syn().replace(flags="A")
        self.drop(CLIENT_SIDE, late, "NO_SESSION")
        self.client.modify(self.rule(flags=1))
        self.punted(late, "NO_SESSION", flags=1)
        self.punted(late.replace(flags="SA"), "NO_SESSION", flags=1)
        self.drop(CLIENT_SIDE, late.replace(flags="R"), "NO_SESSION")
        self.drop(CLIENT_SIDE, self.syn().replace(flags="SF"), "TCP_FLAGS")


@over_ipv6_too
class WhatGoesNowhereOpensNothing(FirstPacketTest):
    """TTL that ends here, addresses of ours, no route, no neighbor."""

    def runTest(self) -> None:
        self.insert(self.rule())
        network = self.network
        self.ends(CLIENT_SIDE, self.syn(ttl=1), network.expired, (SERVER_SIDE, SERVER_MAC))
        self.drop(CLIENT_SIDE, self.syn(dst=network.vip), "NO_SERVICE")
        self.drop(CLIENT_SIDE, self.syn(dst=network.local), "NO_SESSION")
        self.drop(CLIENT_SIDE, self.syn(dst=network.interface[1]), "NO_SESSION")
        self.drop(CLIENT_SIDE, self.syn(dst=network.unrouted_host), "NO_ROUTE")
        silent = self.syn(dst=network.silent_server)
        self.exchange((CLIENT_SIDE, silent), punted=[Punt("NO_NEIGHBOR", silent)])


@over_ipv6_too
class InjectedWithoutSessionStaysInside(FirstPacketTest):
    """The session that it came in for is gone."""

    def runTest(self) -> None:
        self.insert(self.rule(), self.rule(PROTO_UDP))
        for packet in (self.syn(), self.datagram()):
            self.exchange(PacketOut("INJECT", packet, port=CLIENT_SIDE), drops={"INJECT_MISS": 1})


@requires("snat")
@over_ipv6_too
class SessionsLeaveFromThePublicAddress(SnatTest):
    """TCP: the destination stays, so do numbers and options; the answers come back to the host."""

    def runTest(self) -> None:
        session = self.session()
        self.insert(self.rule(), *session.server_entries, *session.entries)
        syn = session.from_client(flags="S", seq=1000)
        self.exchange((CLIENT_SIDE, syn), punted=[Punt("SESSION_SYN", syn, session_id=session.id)])
        self.exchange(
            PacketOut("INJECT", syn, port=CLIENT_SIDE, new_session=True), out=[(SERVER_SIDE, session.to_server(syn))]
        )
        answer = session.from_server(flags="SA", seq=9000, ack=1001)
        self.exchange((SERVER_SIDE, answer), out=[(CLIENT_SIDE, session.to_client(answer))])
        data = session.from_client(flags="PA", seq=1001, ack=9001, payload=b"request")
        self.exchange((CLIENT_SIDE, data), out=[(SERVER_SIDE, session.to_server(data))])
        self.expect_events(session.id, ("OUT", "SYN_ACK"), ("IN", "ESTABLISHED"))


@requires("snat")
@over_ipv6_too
class DatagramsLeaveFromThePublicAddress(SnatTest):
    def runTest(self) -> None:
        session = self.session(PROTO_UDP)
        self.insert(self.rule(PROTO_UDP), *session.server_entries, *session.entries)
        for payload in (b"", b"query", bytes(range(256))):
            sent = Udp(**session.client_sends, payload=payload)
            left = sent.replace(**session.server_gets, ttl=63)
            self.exchange((CLIENT_SIDE, sent), out=[(SERVER_SIDE, left)])
            back = Udp(**session.server_sends, payload=payload)
            self.exchange((SERVER_SIDE, back), out=[(CLIENT_SIDE, back.replace(**session.client_gets, ttl=63))])


@requires("snat")
@over_ipv6_too
class OneIdServesAllDestinations(SnatTest):
    """Two sessions of one public address, to two hosts and ports."""

    def runTest(self) -> None:
        first = self.session()
        other = self.network.gateway
        second = self.session(vip=other, server=other, vport=53, server_port=53, local_port=5001)
        self.insert(*first.server_entries, *first.entries, *second.entries)
        sent = second.from_client(flags="PA", seq=1, ack=2, payload=b"x")
        left = second.to_server(sent, eth_dst=topology.GATEWAY_MAC, eth_src=PORT_MAC[3])
        self.exchange((CLIENT_SIDE, sent), out=[(3, left)])
        self.exchange(
            (CLIENT_SIDE, first.from_client(seq=7)), out=[(SERVER_SIDE, first.to_server(first.from_client(seq=7)))]
        )


@requires("snat")
@over_ipv6_too
class WhatComesBackWithoutSessionIsRefused(SnatTest):
    """Filtering is by address and port: nobody else reaches the host by its public port."""

    def runTest(self) -> None:
        session = self.session()
        self.insert(*session.server_entries, *session.entries)
        for changes in ({"sport": 444}, {"src": self.network.narrow_server}, {"dport": 5001}):
            self.drop(SERVER_SIDE, session.from_server(flags="S", **changes), "NO_SESSION")


@requires("snat")
@requires("fragments")
class FragmentsFollowTheirFirst(SnatTest):
    """Without session they stay inside, by name."""

    def runTest(self) -> None:
        self.insert(self.rule(PROTO_UDP))
        whole = self.datagram(payload=bytes(2000))
        parts = split(whole)
        self.drop(CLIENT_SIDE, parts[1], "FRAGMENT")
        session = self.session(PROTO_UDP)
        self.insert(*session.server_entries, *session.entries)
        left = split(whole.replace(**session.server_gets, ttl=63))
        self.exchange(*((CLIENT_SIDE, part) for part in parts), out=[(SERVER_SIDE, part) for part in left])


def split(packet: Udp) -> list[bytes]:
    """Its fragments."""
    return [bytes(part) for part in fragments(Ether(bytes(packet)), 1480)]


# ---- ICMP


@requires("snat")
@requires("icmp-errors")
class EchoTest(FirstPacketTest):
    @property
    def protocol(self) -> int:
        return PROTO_ICMPV6 if ":" in self.network.client else PROTO_ICMP

    def left(self, session: SnatSession, sent: Any) -> Any:
        """What the host has sent, as it leaves."""
        return sent.replace(
            eth_dst=SERVER_MAC,
            eth_src=PORT_MAC[SERVER_SIDE],
            src=session.local,
            identifier=session.local_port,
            ttl=sent.ttl - 1,
        )


@over_ipv6_too
class EchoRequestsOpenSessions(EchoTest):
    """Replies and what else there is of ICMP open none, and stay inside."""

    def runTest(self) -> None:
        self.insert(self.rule(self.protocol))
        self.punted(self.request())
        self.drop(CLIENT_SIDE, self.request(reply=True), "NO_SESSION")
        self.exchange(PacketOut("INJECT", self.request(), port=CLIENT_SIDE), drops={"INJECT_MISS": 1})
        kinds = ICMPV6_KINDS if ":" in self.network.client else ICMP_KINDS
        ends = {name: getattr(self.request(), name) for name in ("eth_dst", "eth_src", "src", "dst")}
        received = self.session().from_server(dst=self.network.client, dport=40000)
        error = IcmpError(kind=kinds.port_unreachable, quote=quote(received), **ends)
        self.insert(self.rule())
        self.drop(CLIENT_SIDE, error, "NO_SESSION")


@over_ipv6_too
class EchoesLeaveWithAnIdentifierOfOurs(EchoTest):
    """And come back with the host's, every checksum as right or wrong as it was."""

    def runTest(self) -> None:
        session = self.echo_session()
        self.insert(self.rule(self.protocol), *session.server_entries, *session.entries)
        for payload in (b"", b"x", bytes(range(255)), bytes(1000)):
            sent = self.request(session, payload=payload)
            self.exchange((CLIENT_SIDE, sent), out=[(SERVER_SIDE, self.left(session, sent))])
            back = self.left(session, sent).replace(
                eth_dst=PORT_MAC[SERVER_SIDE],
                eth_src=SERVER_MAC,
                src=session.server,
                dst=session.local,
                reply=True,
                ttl=60,
            )
            to_host = back.replace(
                eth_dst=CLIENT_MAC, eth_src=PORT_MAC[CLIENT_SIDE], dst=session.client, identifier=0x77, ttl=59
            )
            self.exchange((SERVER_SIDE, back), out=[(CLIENT_SIDE, to_host)])
        self.drop(SERVER_SIDE, back.replace(identifier=session.local_port + 1), "PROTOCOL")


@over_ipv6_too
class ErrorsReachTheHost(EchoTest):
    """About segments, datagrams and echo requests alike, from the router that sends them, for traceroute."""

    def runTest(self) -> None:
        router = self.network.narrow_server
        echo = self.echo_session()
        tcp, udp = self.session(server_id=8), self.session(PROTO_UDP, server_id=9)
        self.insert(*(entry for each in (echo, tcp, udp) for entry in (*each.server_entries, *each.entries)))
        segment = tcp.from_client(flags="PA", seq=1, ack=2, payload=b"request")
        datagram = Udp(**udp.client_sends, payload=b"query")
        request = self.request(echo)
        pairs: list[tuple[Any, Any]] = [
            (segment, tcp.to_server(segment)),
            (datagram, datagram.replace(**udp.server_gets, ttl=63)),
            (request, self.left(echo, request)),
        ]
        kinds = ICMPV6_KINDS if ":" in router else ICMP_KINDS
        for sent, left in pairs:
            for kind in (kinds.time_exceeded, kinds.port_unreachable, kinds.too_big):
                with self.subTest(sent=type(sent).__name__, kind=kind):
                    came = IcmpError(
                        eth_dst=PORT_MAC[SERVER_SIDE],
                        eth_src=SERVER_MAC,
                        src=router,
                        dst=self.network.local,
                        kind=kind,
                        mtu=1400 if kind == kinds.too_big else 0,
                        quote=quote(left),
                    )
                    host = came.replace(
                        eth_dst=CLIENT_MAC,
                        eth_src=PORT_MAC[CLIENT_SIDE],
                        dst=self.network.client,
                        ttl=59,
                        quote=quote(sent, **self._ttl(left)),
                    )
                    self.exchange((SERVER_SIDE, came), out=[(CLIENT_SIDE, host)])

    def _ttl(self, left: Any) -> dict[str, int]:
        return {"hlim" if ":" in left.src else "ttl": left.ttl}


@over_ipv6_too
class HostsErrorsLeaveFromThePublicAddress(EchoTest):
    """Of what the host got: its sender learns no address inside."""

    def runTest(self) -> None:
        session = self.session(PROTO_UDP)
        self.insert(*session.server_entries, *session.entries)
        answer = Udp(**session.server_sends, payload=b"answer")
        got = answer.replace(**session.client_gets, ttl=63)
        sends = session.client_sends
        ends = {name: sends[name] for name in ("eth_dst", "eth_src", "src", "dst")}
        error = IcmpError(**ends, quote=quote(got))
        name = "hlim" if ":" in session.local else "ttl"
        left = error.replace(
            eth_dst=SERVER_MAC,
            eth_src=PORT_MAC[SERVER_SIDE],
            src=session.local,
            ttl=59,
            quote=quote(answer, **{name: 63}),
        )
        self.exchange((CLIENT_SIDE, error), out=[(SERVER_SIDE, left)])
