"""SACK: what the server acknowledges selectively is in its numbering of the client's data, so every edge is shifted."""

import itertools

from ptf_tests.base import over_ipv6_too
from ptf_tests.packets import NOP, sack, timestamps
from ptf_tests.sessions import SessionTest

BLOCKS = [(0x10000, 0x10100), (0x20000, 0x20FFF), (0xFFFFFFF0, 0x10), (0x15, 0x7FFFFFFF)]


class _Sack(SessionTest):
    def acknowledge(self, *blocks: tuple[int, int], before: bytes = b"", behind: bytes = b"") -> None:
        """The server's segment with these blocks reaches the client with every edge lowered by delta."""
        sent = self.session.from_server(seq=9001, ack=0x8000, options=before + sack(*blocks) + behind)
        shifted = [(left - self.delta, right - self.delta) for left, right in blocks]
        self.outward(sent, options=before + sack(*shifted) + behind)


@over_ipv6_too
class SackEdgesAreShifted(_Sack):
    """One to four blocks, after two NOPs as every stack sends them."""

    def runTest(self) -> None:
        for count in range(1, 5):
            with self.subTest(blocks=count):
                self.acknowledge(*BLOCKS[:count], before=NOP * 2)


@over_ipv6_too
class SackAtEveryOffset(_Sack):
    """One to four blocks at every offset where they fit, odd ones too."""

    def runTest(self) -> None:
        for count in range(1, 5):
            length = 2 + 8 * count
            for before in range(40 - length + 1):
                with self.subTest(blocks=count, before=before):
                    self.acknowledge(*BLOCKS[:count], before=NOP * before, behind=NOP * (-(before + length) % 4))


@over_ipv6_too
class SackWrapsAround(_Sack):
    """Edges just above and below delta, and across 2^32."""

    def runTest(self) -> None:
        edges = (0, 1, 0x1F, 0x20, 0x21, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
        for left, right in itertools.pairwise(edges):
            self.acknowledge((left, right), (right, left), before=NOP * 2)


@over_ipv6_too
class SackWithAnotherDelta(SackWrapsAround):
    """The same with a delta that borrows in every byte."""

    delta = 0xFEDCBA98


@over_ipv6_too
class DuplicateSackIsShifted(_Sack):
    """D-SACK (RFC 2883): the first block lies below ack, or inside the second."""

    def runTest(self) -> None:
        self.acknowledge((0x7000, 0x7100), before=NOP * 2)
        self.acknowledge((0x9000, 0x9100), (0x9000, 0x9800), before=NOP * 2)


@over_ipv6_too
class SackBesideTimestamps(_Sack):
    """Timestamps before or behind the blocks keep their values."""

    def runTest(self) -> None:
        for count in range(1, 4):
            with self.subTest(blocks=count):
                self.acknowledge(*BLOCKS[:count], before=NOP * 2 + timestamps(0x01020304, 0xFFFFFFFF) + NOP * 2)
                self.acknowledge(*BLOCKS[:count], before=timestamps(1, 2))
                self.acknowledge(*BLOCKS[:count], behind=timestamps(0xFFFFFFFF, 3))


@over_ipv6_too
class OnlyTheFirstSackIsShifted(_Sack):
    """A second SACK option is none that a receiver would look at (and LVS leaves it)."""

    def runTest(self) -> None:
        self.acknowledge(*BLOCKS[:1], before=NOP * 2, behind=NOP * 2 + sack(*BLOCKS[1:2]))


@over_ipv6_too
class SackOfAnotherLengthStays(SessionTest):
    """Lengths that hold no whole number of blocks, or none, are no SACK option."""

    def runTest(self) -> None:
        for length in (2, 3, 9, 11, 16, 17, 19, 25, 27, 33, 35, 37):
            with self.subTest(length=length):
                option = bytes([5, length]) + bytes(range(length - 2))
                options = option + NOP * (-length % 4)
                self.outward(self.session.from_server(seq=9001, ack=0x8000, options=options))


@over_ipv6_too
class ClientsSackStays(SessionTest):
    """The client acknowledges the server's numbers, which are not translated."""

    def runTest(self) -> None:
        self.inward(self.session.from_client(seq=1, ack=9001, options=NOP * 2 + sack(*BLOCKS[:3])))


@over_ipv6_too
class SackInSynAckStays(SessionTest):
    """A SYN-ACK acknowledges nothing selectively; the kind's bytes there stay."""

    def runTest(self) -> None:
        self.outward(self.session.from_server(flags="SA", seq=1, ack=0x8000, options=NOP * 2 + sack(*BLOCKS[:1])))
