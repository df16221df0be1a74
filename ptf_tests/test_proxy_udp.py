"""PROXY protocol of UDP: in a session's first datagram, or in every one."""

from __future__ import annotations

from typing import Any

from fullnat.p4constants import SessionFlag

from ptf_tests.base import PacketOut, over_ipv6_too, requires
from ptf_tests.packets import Udp
from ptf_tests.proxy import DATAGRAM, proxy_header
from ptf_tests.sessions import Session, ends
from ptf_tests.test_fragments import FragmentTest
from ptf_tests.test_udp import PROTO_UDP, UdpTest
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE

SIZES = (0, 1, 2, 101)


@requires("proxy-protocol")
class _Test(UdpTest):
    flags: int = SessionFlag.PROXY

    def new_session(self) -> Session:
        number = self.harness.session_id()
        return Session(id=number, protocol=PROTO_UDP, delta=0, flags=self.flags, **ends(self.network))

    @property
    def header(self) -> bytes:
        session = self.session
        return proxy_header((session.client, session.client_port), (session.vip, session.vport), DATAGRAM)

    def first(self, sent: Udp, **changes: Any) -> None:
        """``sent`` opens the session."""
        out = PacketOut("INJECT", sent, port=CLIENT_SIDE, new_session=True)
        self.exchange(out, out=[(SERVER_SIDE, self.to_server(sent, **changes))])

    def told(self, sent: Udp) -> dict[str, Any]:
        return {"payload": self.header + sent.payload}


@over_ipv6_too
class TheFirstDatagramTells(_Test):
    """And no other one; a checksum that is none stays none."""

    def runTest(self) -> None:
        for checksum in self.sound:
            for size in SIZES:
                sent = self.from_client(payload=b"q" * size, checksum=checksum)
                with self.subTest(size=size, checksum=checksum):
                    self.first(sent, **self.told(sent))
                    self.inward(sent)
                    self.outward(self.from_server(payload=b"a" * size, checksum=checksum))


@over_ipv6_too
class EveryDatagramTells(_Test):
    flags = SessionFlag.PROXY | SessionFlag.PROXY_EVERY

    def runTest(self) -> None:
        for checksum in self.sound:
            for size in SIZES:
                sent = self.from_client(payload=b"q" * size, checksum=checksum)
                with self.subTest(size=size, checksum=checksum):
                    self.first(sent, **self.told(sent))
                    self.inward(sent, **self.told(sent))
                    self.outward(self.from_server(payload=b"a" * size, checksum=checksum))


@over_ipv6_too
class DatagramsThatTellMayNotPassTheMtu(_Test):
    """A header that does not fit is not left out, as the server waits for it: the sender is told."""

    flags = SessionFlag.PROXY | SessionFlag.PROXY_EVERY

    def runTest(self) -> None:
        fill = self.network.datagram - len(self.header)
        fits = self.from_client(payload=bytes(fill), ip_flags=2)
        self.inward(fits, **self.told(fits))
        long = self.from_client(payload=bytes(fill + 1), ip_flags=2)
        self.ends(CLIENT_SIDE, long, "MTU", self.session.to_its_server, self.session.id)


@requires("fragments")
class FragmentsCarryNoHeader(_Test, FragmentTest):
    """The next one would not fit behind."""

    flags = SessionFlag.PROXY | SessionFlag.PROXY_EVERY

    def runTest(self) -> None:
        self.follows(self.from_client(payload=b"q" * 4001))
