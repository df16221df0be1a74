"""Two switches, one program: the same of sessions between families."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ptf_tests import test_differential, topology
from ptf_tests.families import CrossSession, ends
from ptf_tests.icmp import ICMP_KINDS, ICMPV6_KINDS, IcmpError, quote
from ptf_tests.packets import NOP, Tcp, Udp, mss, sack, timestamps
from ptf_tests.sessions import Session
from ptf_tests.test_families import both_ways
from ptf_tests.topology import CLIENT_SIDE, IPV4, IPV6, PORT_MAC

PROTO_UDP = 17


@both_ways
class RandomFramesBetweenFamiliesFareAlike(test_differential.RandomFramesFareAlikeOnBothSwitches):
    """Segments, datagrams and ICMP errors of sessions of NAT64, with random damage."""

    network = IPV6

    def new_session(self) -> Session:
        number = self.harness.session_id()
        return CrossSession(id=number, delta=self.delta, flags=self.flags, **ends(self.network is IPV6))

    def setUp(self) -> None:
        super().setUp()
        assert isinstance(self.session, CrossSession)
        number = self.harness.session_id()
        self.udp = replace(self.session, id=number, server_id=8, protocol=PROTO_UDP, delta=0, flags=0)
        entries = [topology.service(self.network.vip, protocol=PROTO_UDP)]
        entries += [*self.udp.server_entries, *self.udp.entries]
        self.insert(*entries)
        self.other.client.insert(*entries)
        self._counted = self._read_counters()

    def _frames(self, port: int, count: int) -> Iterator[bytes]:
        rng = self.random
        pieces = [NOP, mss(1440), timestamps(1, 2), sack((1, 2)), b"\xfe\x04ab", b"\x1e\x03z"]
        for _ in range(count):
            options = b"".join(rng.choices(pieces, k=rng.randrange(4)))[:40]
            fields: dict[str, Any] = self._segment(options)
            fields |= {
                "ttl": rng.choice((0, 1, 2, 64, 255)),
                "tos": rng.getrandbits(8),
                "ip_flags": rng.choice((0, 2, 2)),
            }
            kind = rng.randrange(10)
            if kind < 4:
                yield bytes((self.session.from_client if port == CLIENT_SIDE else self.session.from_server)(**fields))
            elif kind < 6:
                sends = self.udp.client_sends if port == CLIENT_SIDE else self.udp.server_sends
                yield bytes(
                    Udp(**sends).replace(payload=bytes(rng.randrange(30)), checksum=rng.choice((None, None, 0)))
                )
            else:
                yield bytes(self._about(self.session if kind < 9 else self.udp, port))

    def _about(self, session: Session, port: int) -> IcmpError:
        """An error about a packet that has left by ``port``."""
        rng = self.random
        ends = session.client_gets if port == CLIENT_SIDE else session.server_gets
        payload = bytes(rng.randrange(20))
        sent: Tcp | Udp
        if session.protocol == PROTO_UDP:
            sent = Udp(**ends).replace(payload=payload, checksum=rng.choice((None, 0)))
        else:
            sent = Tcp(**ends).replace(seq=rng.getrandbits(32), ack=rng.getrandbits(32), payload=payload)
        family, kinds = (IPV6, ICMPV6_KINDS) if ":" in sent.src else (IPV4, ICMP_KINDS)
        return IcmpError(
            eth_dst=PORT_MAC[port],
            eth_src=topology.CLIENT_MAC,
            src=family.far_host,
            dst=sent.src,
            kind=rng.choice((*kinds.translated, kinds.too_big, kinds.too_big)),
            unused=rng.choice((0, 0, rng.getrandbits(16), rng.randrange(40) << 8)),
            mtu=rng.choice((0, 8, 576, 1300, 1400, rng.randrange(48), rng.getrandbits(16))),
            quote=quote(sent, rng.choice((8, 17, 18, 20, None))),
        )
