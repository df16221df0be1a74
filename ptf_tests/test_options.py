"""TCP option lists that are odd or broken: the odd ones pass byte for byte, the broken ones never reach a server."""

from ptf_tests import topology
from ptf_tests.base import FullnatTest, PacketOut, Punt, over_ipv6_too, requires
from ptf_tests.packets import NOP, Tcp, mss, sack, timestamps
from ptf_tests.sessions import Session, SessionTest
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE

KINDS = (2, 3, 4, 5, 8, 19, 30, 34, 253, 254, 255)


def broken_lists() -> list[bytes]:
    """Lists with an option length of 0 or 1, past the end of the list, or cut off by it."""
    lists = []
    for kind in KINDS:
        for length in (0, 1):
            lists.append(bytes([kind, length]) + NOP * 2)
            lists.append(NOP * 2 + bytes([kind, length]))
        lists.append(bytes([kind, 5, 0, 0]))
        lists.append(NOP * 2 + bytes([kind, 3]))
        lists.append(bytes([kind, 255]) + bytes(38))
        lists.append(bytes([kind, 41]) + bytes(38))
        lists.append(bytes([kind, 0x80]) + NOP * 2)
        lists.append(NOP * 3 + bytes([kind]))
        lists.append(NOP * 39 + bytes([kind]))
        lists.append(mss(1460) + NOP * 3 + bytes([kind]))
        lists.append(timestamps() + bytes([kind, 3]))
    return lists


@over_ipv6_too
class BrokenOptionsAreDroppedBothWays(SessionTest):
    """A list that cannot be walked is dropped and counted, of client and server alike, SYN or not."""

    def runTest(self) -> None:
        for options in broken_lists():
            with self.subTest(options=options.hex()):
                segment = self.session.from_client(seq=1, ack=500, options=options, payload=b"\x01" * 60)
                answer = self.session.from_server(seq=500, ack=1, options=options, payload=b"\x01" * 60)
                # A SYN goes to the controller first of all where its options would have to.
                from_client = ("A", "S") if self.can("any-options") else ("A",)
                self.exchange(
                    *((CLIENT_SIDE, segment.replace(flags=flags)) for flags in from_client),
                    *((SERVER_SIDE, answer.replace(flags=flags)) for flags in ("A", "SA")),
                    drops={"TCP_OPTIONS": len(from_client) + 2},
                )


@requires("any-options")
class BrokenSynIsNotPunted(FullnatTest):
    """The controller never sees a SYN whose options cannot be walked."""

    def runTest(self) -> None:
        self.insert(topology.service())
        for options in broken_lists()[::5]:
            self.drop(CLIENT_SIDE, Session(id=0).from_client(flags="S", options=options), "TCP_OPTIONS")


@over_ipv6_too
class BrokenSynIsNotInjected(SessionTest):
    """Nor does an injected one pass."""

    def runTest(self) -> None:
        syn = self.session.from_client(flags="S", options=b"\x02\x00\x01\x01")
        self.exchange(PacketOut("INJECT", syn, port=CLIENT_SIDE), drops={"TCP_OPTIONS": 1})


class BrokenOptionsOfOthersAreRouted(FullnatTest):
    """Foreign segments are routed whatever their options: a router does not look."""

    def runTest(self) -> None:
        segment = Session(id=0, vip=topology.FAR_HOST).from_client(options=b"\x02\x00\x01\x01", payload=b"x")
        routed = segment.replace(
            eth_src=topology.PORT_MAC[topology.UPLINK], eth_dst=topology.GATEWAY_MAC, ttl=segment.ttl - 1
        )
        self.exchange((CLIENT_SIDE, segment), out=[(topology.UPLINK, routed)])


@over_ipv6_too
class NothingBehindEndOfListIsTouched(SessionTest):
    """Behind EOL there are no options, only bytes: MSS, SACK, timestamps and 254 there stay, broken or not."""

    def runTest(self) -> None:
        for rest in (b"\xfe\x08\x00\x50\x0a\x00\x00\x01\x00\x00\x00", mss(1460) + bytes(3), b"\x02\x00\x05", bytes(3)):
            options = b"\x00" + rest
            with self.subTest(options=options.hex()):
                self.inward(self.session.from_client(seq=1, ack=500, options=options))
                self.outward(self.session.from_server(seq=500, ack=1, options=options))
                self.outward(self.session.from_server(flags="SA", seq=500, ack=1, options=options))
        behind = timestamps() + b"\xfe\x04ab"
        options = NOP + b"\x00" + behind
        syn = self.session.from_client(flags="S", options=options)
        self.inject(syn, toa="OK", options=self.session.toa + options)
        blocks = NOP * 5 + b"\x00" + sack((5, 6))
        self.outward(self.session.from_server(seq=500, ack=1, options=blocks))


@over_ipv6_too
class FortyNopsPass(SessionTest):
    """A list of nothing but NOPs, as long as can be."""

    def runTest(self) -> None:
        self.inward(self.session.from_client(seq=1, ack=500, options=NOP * 40, payload=b"x"))
        self.outward(self.session.from_server(seq=500, ack=1, options=NOP * 40, payload=b"x"))
        self.outward(self.session.from_server(flags="SA", seq=500, ack=1, options=NOP * 40))


@over_ipv6_too
class FortyByteOptionPasses(SessionTest):
    """One unknown option that fills the list."""

    def runTest(self) -> None:
        options = bytes([30, 40]) + bytes(range(38))
        self.inward(self.session.from_client(seq=1, ack=500, options=options, payload=b"x"))
        self.outward(self.session.from_server(seq=500, ack=1, options=options, payload=b"x"))


@over_ipv6_too
class TwentyShortestOptionsPass(SessionTest):
    """As many options as a list can hold."""

    def runTest(self) -> None:
        self.inward(self.session.from_client(seq=1, ack=500, options=b"\x04\x02" * 20))
        self.outward(self.session.from_server(flags="SA", seq=500, ack=1, options=b"\x22\x02" * 20))


@over_ipv6_too
class BadDataOffsetIsDropped(SessionTest):
    """A data offset below 5, or beyond the segment, is dropped and counted: there is no telling what is a port."""

    def runTest(self) -> None:
        for data_offset in range(5):
            with self.subTest(data_offset=data_offset):
                self._dropped(self.session.from_client(seq=1, payload=bytes(60), data_offset=data_offset))
        for data_offset in range(6, 16):
            with self.subTest(data_offset=data_offset):
                # The IP packet ends one byte before the header does; padding of the frame may look like options.
                missing = data_offset * 4 - 20 - 1
                padding = NOP * (60 - missing)
                self._dropped(self.session.from_client(payload=NOP * missing, data_offset=data_offset, padding=padding))

    def _dropped(self, segment: Tcp) -> None:
        self.drop(CLIENT_SIDE, segment, "TCP_HEADER")


@over_ipv6_too
class DataOffsetOfTheWholeSegmentPasses(SessionTest):
    """A header that ends exactly where the packet ends is right."""

    def runTest(self) -> None:
        for words in range(11):
            self.inward(self.session.from_client(seq=1, ack=500, options=NOP * 4 * words))


@over_ipv6_too
class ContradictingFlagsAreDropped(SessionTest):
    """SYN together with FIN or RST is dropped in both directions, and not punted."""

    def runTest(self) -> None:
        for flags in ("SF", "SR", "SFR", "SFA", "SRA", "SFPUA"):
            with self.subTest(flags=flags):
                self.drop(CLIENT_SIDE, self.session.from_client(flags=flags, seq=1), "TCP_FLAGS")
                self.drop(SERVER_SIDE, self.session.from_server(flags=flags, seq=1), "TCP_FLAGS")
                stranger = self.session.from_client(flags=flags, seq=1, sport=1)
                self.drop(CLIENT_SIDE, stranger, "TCP_FLAGS")


class OddSynsArePuntedOnce(FullnatTest):
    """A SYN with an odd but sound list reaches the controller byte for byte."""

    def runTest(self) -> None:
        self.insert(topology.service())
        for options in (NOP * 40, bytes([30, 40]) + bytes(38), b"\x00\x02\x00\x00", b"\xfe\x08" + bytes(6)):
            syn = Session(id=0).from_client(flags="S", options=options)
            self.exchange((CLIENT_SIDE, syn), punted=[Punt("SERVICE_SYN", syn)])
