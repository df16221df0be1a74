"""Two switches, one program: the same of IPv6."""

from collections.abc import Iterator
from typing import Any

from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6NDOptSrcLLAddr,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
)

from ptf_tests import test_differential, topology
from ptf_tests.base import requires
from ptf_tests.packets import NOP, UDP, Ether, IPv6, Raw, Udp, mss, sack, timestamps, toa
from ptf_tests.sessions import DirectSession, Session, TunnelSession, direct_ends, ends
from ptf_tests.topology import CLIENT_SIDE, IPV6, PORT_MAC, SERVER_SIDE

PROTO_UDP = 17
ALL_NODES = "33:33:00:00:00:01"


@requires("ipv6")
class RandomIpv6FramesFareAlikeOnBothSwitches(test_differential.RandomFramesFareAlikeOnBothSwitches):
    """Frames of every kind of IPv6, of sessions of TCP and UDP, in FULLNAT, DR and both tunnels, with random damage."""

    network = IPV6

    def setUp(self) -> None:
        super().setUp()
        new_id = self.harness.session_id
        self.udp = Session(id=new_id(), server_id=8, protocol=PROTO_UDP, delta=0, **ends(IPV6))
        direct = direct_ends(IPV6)
        self.others: list[Session] = [
            DirectSession(id=new_id(), server_id=9, client_port=40001, local_port=40001, **direct),
            TunnelSession(
                id=new_id(),
                server_id=10,
                client_port=40002,
                local_port=40002,
                **(direct | {"next_door": topology.SERVER, "outer_src": topology.INTERFACE[SERVER_SIDE]}),
            ),
            TunnelSession(
                id=new_id(),
                server_id=11,
                client_port=40003,
                local_port=40003,
                **(direct | {"outer_src": IPV6.interface[SERVER_SIDE]}),
            ),
        ]
        entries = [topology.service(IPV6.vip, protocol=PROTO_UDP)]
        for session in (self.udp, *self.others):
            entries += [*session.server_entries, *session.entries]
        self.insert(*entries)
        self.other.client.insert(*entries)
        for session in self.others:
            # What the registers held before, they hold on one switch only.
            syn = bytes(session.from_client(flags="S", seq=1000))
            for harness in (self.harness, self.other):
                metadata = {"request": 1, "flags": 1, "port": CLIENT_SIDE, "session_id": 0}
                harness.client.packet_out(metadata, syn)
                harness.settle()
        self._counted = self._read_counters()

    def _frames(self, port: int, count: int) -> Iterator[bytes]:
        """Sound frames of every kind."""
        rng = self.random
        pieces = [NOP, mss(1440), timestamps(1, 2), sack((1, 2)), b"\xfe\x04ab", b"\x1e\x03z", toa(IPV6.client, 7)]
        for _ in range(count):
            options = b"".join(rng.choices(pieces, k=rng.randrange(4)))[:40]
            fields: dict[str, Any] = {
                **self._segment(options),
                "ttl": rng.choice((0, 1, 2, 64, 255)),
                "tos": rng.getrandbits(8),
            }
            kind = rng.randrange(10)
            session = self.session if kind < 4 else rng.choice(self.others)
            if kind < 6:
                yield bytes((session.from_client if port == CLIENT_SIDE else session.from_server)(**fields))
            elif kind == 6:
                sends = self.udp.client_sends if port == CLIENT_SIDE else self.udp.server_sends
                sent = Udp(**sends).replace(payload=bytes(rng.randrange(30)), checksum=rng.choice((None, None, 0)))
                yield bytes(sent.replace(sport=rng.choice((sent.sport, 7))))
            else:
                yield self._without_session(port)

    def _without_session(self, port: int) -> bytes:
        rng = self.random
        head = Ether(dst=rng.choice((PORT_MAC[port], PORT_MAC[port], ALL_NODES)), src=topology.CLIENT_MAC)
        to = rng.choice((IPV6.vip, IPV6.vip, IPV6.local, IPV6.far_host, IPV6.server, "ff02::1"))
        link = ICMPv6NDOptSrcLLAddr(lladdr=topology.CLIENT_MAC)
        inside = rng.choice(
            (
                ICMPv6EchoRequest() / Raw(bytes(rng.randrange(30))),
                ICMPv6ND_NS(tgt=rng.choice((IPV6.vip, IPV6.server))) / link,
                ICMPv6ND_NA(tgt=IPV6.client) / link,
                IPv6ExtHdrDestOpt() / UDP(),
                IPv6ExtHdrFragment(m=1) / UDP(),
                UDP() / Raw(bytes(rng.randrange(30))),
            )
        )
        ip = IPv6(src=rng.choice((IPV6.client, IPV6.client, "::")), dst=to, hlim=rng.choice((255, 255, 1)))
        return bytes(head / ip / inside)
