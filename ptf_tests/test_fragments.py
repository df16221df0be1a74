"""Fragments of a session's packets follow their first one, and are dropped by name where none is known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import SupportsBytes

from ptf_tests import topology
from ptf_tests.base import PacketOut, Punt, requires
from ptf_tests.packets import IP, Ether, Packet, Raw, Tcp, Udp, fragments
from ptf_tests.sessions import DirectSession, Session, SessionTest, TunnelSession
from ptf_tests.test_udp import PROTO_UDP, UdpTest
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE

SIZE = 1000
"""Of what is in each IP packet but the last."""


def pieces(whole: Tcp | Udp, size: int = SIZE) -> list[Packet]:
    """The packet in fragments, each a frame."""
    return fragments(Ether(bytes(whole)), size)


def frames(side: int, parts: Iterable[Packet]) -> list[tuple[int, SupportsBytes]]:
    return [(side, part) for part in parts]


class FragmentTest(UdpTest):
    """``follows``: every fragment of a datagram leaves as the one of the translated datagram."""

    def follows(self, sent: Udp, size: int = SIZE) -> None:
        parts = zip(pieces(sent, size), pieces(self.to_server(sent), size), strict=True)
        for part, expected in parts:
            self.exchange((CLIENT_SIDE, part), out=[(SERVER_SIDE, expected)])

    def follows_back(self, sent: Udp, size: int = SIZE) -> None:
        parts = zip(pieces(sent, size), pieces(self.to_client(sent), size), strict=True)
        for part, expected in parts:
            self.exchange((SERVER_SIDE, part), out=[(CLIENT_SIDE, expected)])


@requires("fragments")
class FragmentsFollowTheirFirst(FragmentTest):
    """Both ways, of datagrams with and without checksum, of odd length, and of many at once."""

    def runTest(self) -> None:
        for checksum in (None, 0):
            for size in (SIZE, SIZE + 1, 4001, 65507):
                self.follows(self.from_client(payload=b"q" * size, checksum=checksum, ip_id=size & 0xFFFF))
                self.follows_back(self.from_server(payload=b"a" * size, checksum=checksum, ip_id=size & 0xFFFF))


@requires("fragments")
class LastFragmentsOfFewBytesFollow(FragmentTest):
    """One to eight bytes behind a full one, as of datagrams just longer than the link takes (cilium/cilium#32427)."""

    def runTest(self) -> None:
        for more in range(1, 9):
            self.follows(self.from_client(payload=bytes(1472 + more), ip_id=0x7200 + more), 1480)
            self.follows_back(self.from_server(payload=bytes(1472 + more), ip_id=0x7200 + more), 1480)


@requires("fragments")
class FragmentsOfSeveralDatagramsInTurn(FragmentTest):
    """A fragment of each by turns: they are told apart by their identification."""

    def runTest(self) -> None:
        sent = [self.from_client(payload=bytes((number,)) * 3000, ip_id=number) for number in range(5)]
        turns = zip(*(pieces(each) for each in sent), strict=True)
        expected = zip(*(pieces(self.to_server(each)) for each in sent), strict=True)
        for parts, left in zip(turns, expected, strict=True):
            self.exchange(*frames(CLIENT_SIDE, parts), out=frames(SERVER_SIDE, left))


@requires("fragments")
class FragmentsByNatKeepTheClient(FragmentTest):
    """The destination alone is replaced."""

    def new_session(self) -> Session:
        number = self.harness.session_id()
        return Session(id=number, protocol=PROTO_UDP, delta=0, flags=0, local=topology.CLIENT, local_port=40000)

    def runTest(self) -> None:
        self.follows(self.from_client(payload=bytes(3000)))
        self.follows_back(self.from_server(payload=bytes(3000)))


@requires("fragments")
class FragmentsByDirectRoutingKeepAllAddresses(FragmentTest):
    """The frame alone changes."""

    def new_session(self) -> Session:
        return DirectSession(id=self.harness.session_id(), protocol=PROTO_UDP)

    def runTest(self) -> None:
        self.follows(self.from_client(payload=bytes(3000)))


@requires("fragments")
@requires("tunnels")
class FragmentsTravelInATunnel(FragmentTest):
    """Each in an outer header, which is no fragment itself."""

    def new_session(self) -> Session:
        return TunnelSession(id=self.harness.session_id(), protocol=PROTO_UDP)

    def runTest(self) -> None:
        sent = self.from_client(payload=bytes(3000))
        for part, expected in zip(pieces(sent), pieces(self.to_server(sent)), strict=True):
            outer = IP(src=topology.INTERFACE[SERVER_SIDE], dst=topology.SERVER, proto=4, ttl=63, id=sent.ip_id)
            frame = bytes(expected)
            self.exchange((CLIENT_SIDE, part), out=[(SERVER_SIDE, frame[:14] + bytes(outer / Raw(frame[14:])))])


@requires("fragments")
class FragmentsOfSegmentsFollow(SessionTest):
    """Of TCP as well, numbers and options of the first one edited; there is no TOA in it, as it would not fit."""

    delta = 0x9E3779B9

    def runTest(self) -> None:
        answer = self.session.from_server(flags="SA", seq=8999, ack=1001 + self.delta)
        self.outward(answer)
        sent = self.session.from_client(flags="PA", seq=1001, ack=9000, payload=bytes(range(250)) * 10)
        for number, (part, expected) in enumerate(zip(pieces(sent), pieces(self.session.to_server(sent)), strict=True)):
            self.exchange((CLIENT_SIDE, part), out=[(SERVER_SIDE, expected)], toa={} if number else {"FAIL_LEN": 1})
        back = self.session.from_server(flags="PA", seq=9000, ack=3501 + self.delta, payload=bytes(2500))
        for part, expected in zip(pieces(back), pieces(self.session.to_client(back)), strict=True):
            self.exchange((SERVER_SIDE, part), out=[(CLIENT_SIDE, expected)])


@requires("fragments")
class FragmentsWithoutTheirFirstAreDropped(FragmentTest):
    """One that comes before the first, and one of another packet; those behind the first go on."""

    def runTest(self) -> None:
        sent = self.from_client(payload=bytes(3000), ip_id=0x7001)
        first, second, *rest = pieces(sent)
        left = pieces(self.to_server(sent))
        self.drop(CLIENT_SIDE, second, "FRAGMENT")
        self.exchange((CLIENT_SIDE, first), out=[(SERVER_SIDE, left[0])])
        for changes in ({"id": 0x7002}, {"proto": 6}, {"src": "203.0.113.10"}, {"dst": topology.LOCAL}):
            other = second.copy()
            for name, value in changes.items():
                setattr(other["IP"], name, value)
            del other["IP"].chksum
            self.drop(CLIENT_SIDE, Ether(bytes(other)), "FRAGMENT")
        self.exchange(*frames(CLIENT_SIDE, rest), out=frames(SERVER_SIDE, left[2:]))


@requires("fragments")
class FirstFragmentWithoutSessionAsksForOne(FragmentTest):
    """As any datagram does; those behind it are dropped until there is one."""

    def runTest(self) -> None:
        sent = self.from_client(sport=40001, payload=bytes(3000), ip_id=0x7101)
        first, *rest = pieces(sent)
        self.exchange((CLIENT_SIDE, first), punted=[Punt("SERVICE_DATAGRAM", first)])
        for part in rest:
            self.drop(CLIENT_SIDE, part, "FRAGMENT")
        whole = self.from_client(payload=bytes(3000), ip_id=0x7102)
        part, *rest = pieces(whole)
        expected, *left = pieces(self.to_server(whole))
        injected = PacketOut("INJECT", part, port=CLIENT_SIDE, new_session=True)
        self.exchange(injected, out=[(SERVER_SIDE, expected)])
        self.exchange(*frames(CLIENT_SIDE, rest), out=frames(SERVER_SIDE, left))


class FragmentsAreDroppedWhereNoneFollows(FragmentTest):
    """By a target that does not look for the first one, and of ICMP by all: by name."""

    def runTest(self) -> None:
        if self.can("fragments"):
            self.skipTest("the target has fragments follow their first one")
        for part in pieces(self.from_client(payload=bytes(3000))):
            self.drop(CLIENT_SIDE, part, "FRAGMENT")
