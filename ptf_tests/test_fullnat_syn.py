"""The client's SYN: to the controller first, then injected and translated like any other packet."""

from typing import Any

from fullnat.p4constants import SessionFlag

from ptf_tests import topology
from ptf_tests.base import FullnatTest, PacketOut, Punt, over_ipv6_too, requires
from ptf_tests.packets import NOP, SACK_PERMITTED, WINDOW_SCALE, mss, timestamps, toa
from ptf_tests.sessions import KEEP_TIMESTAMPS, TOA, Session, SessionTest
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE

LINUX_SYN = mss(1460) + SACK_PERMITTED + timestamps() + NOP + WINDOW_SCALE
"""The options of a Linux client's SYN, as they come."""


class ServiceSynIsPunted(FullnatTest):
    """A SYN to a virtual service that has no session goes to the controller, unchanged, with the port it came in by."""

    def runTest(self) -> None:
        self.insert(topology.service(flags=1))
        syn = Session(id=0).from_client(flags="S", seq=5, options=LINUX_SYN)
        for port in (CLIENT_SIDE, topology.UPLINK):
            frame = syn.replace(eth_dst=topology.PORT_MAC[port])
            self.exchange((port, frame), punted=[Punt("SERVICE_SYN", frame, port, service_flags=1)])


class ServiceSynWithEcnOrDataIsPunted(FullnatTest):
    """ECN set-up flags, urgent and push flags, and data (TCP Fast Open) do not make a SYN another thing."""

    def runTest(self) -> None:
        self.insert(topology.service())
        for flags in ("SEC", "SP", "SU", "SUPEC"):
            with self.subTest(flags=flags):
                syn = Session(id=0).from_client(flags=flags, payload=b"GET / HTTP/1.0\r\n\r\n")
                self.exchange((CLIENT_SIDE, syn), punted=[Punt("SERVICE_SYN", syn)])


class ServiceSynKeepsItsPadding(FullnatTest):
    """A short SYN is punted with the padding of its frame, so that it can be injected as it came."""

    def runTest(self) -> None:
        self.insert(topology.service())
        for padding in (bytes(6), b"\xaa" * 6):
            syn = Session(id=0).from_client(flags="S", padding=padding)
            self.exchange((CLIENT_SIDE, syn), punted=[Punt("SERVICE_SYN", syn)])


class SynOverPuntRateIsDropped(FullnatTest):
    """SYNs above the rate allowed to the controller are dropped and counted; other reasons have their own rate."""

    def runTest(self) -> None:
        self.insert(topology.service())
        syn = Session(id=0).from_client(flags="S")
        self.drop_over_rate(CLIENT_SIDE, Punt("SERVICE_SYN", syn), count=6, burst=2)


@over_ipv6_too
class SynIsTranslatedAndCarriesToa(SessionTest):
    """The injected SYN leaves with the local address as source, seq + delta, and TOA right after the base header."""

    def runTest(self) -> None:
        syn = self.session.from_client(flags="S", seq=1000)
        self.inject(syn, toa="OK", seq=1000 + self.delta, options=toa(self.network.client, 40000))


class ToaHasTheBytesOfLvs(SessionTest):
    """TOA of client 203.0.113.9 port 40000 is FE 08 9C 40 CB 00 71 09."""

    def runTest(self) -> None:
        syn = self.session.from_client(flags="S", seq=1000)
        self.inject(syn, toa="OK", options=bytes.fromhex("fe089c40cb007109"))


@requires("ipv6")
class ToaOverIpv6HasTheBytesOfDpvs(SessionTest):
    """TOA of client 2001:db8:1::9 port 40000 is FE 14 9C 40 and the address."""

    network = topology.IPV6
    kind = 0xFE

    def runTest(self) -> None:
        syn = self.session.from_client(flags="S", seq=1000)
        expected = bytes([self.kind]) + bytes.fromhex("149c4020010db8000100000000000000000009")
        self.inject(syn, new_session=True, toa="OK", options=expected)
        self.outward(self.session.from_server(flags="SA", seq=9000, ack=1033))
        self.inward(self.session.from_client(seq=1001, ack=9001, payload=b"x"), toa="OK", options=expected)


class ToaOverIpv6HasTheKindOfLvsOnRequest(ToaOverIpv6HasTheBytesOfDpvs):
    """A session flagged TOA_253 has the kind that LVS has for IPv6."""

    flags = TOA | SessionFlag.TOA_253
    kind = 0xFD


@over_ipv6_too
class SynTimestampsBecomeNops(SessionTest):
    """The timestamp option of the client's SYN is overwritten by ten NOPs; all else stays in its place."""

    def runTest(self) -> None:
        after = mss(1460) + SACK_PERMITTED + NOP * 10 + NOP + WINDOW_SCALE
        syn = self.session.from_client(flags="S", seq=7, options=LINUX_SYN)
        self.inject(syn, toa="OK", options=self.session.toa + after)


@over_ipv6_too
class SynTimestampsAtEveryOffset(SessionTest):
    """Timestamps become NOPs wherever they stand, at odd offsets too, and however often."""

    def runTest(self) -> None:
        for before in range(min(11, self.network.options_below_toa - 9)):
            with self.subTest(before=before):
                behind = NOP * (-(before + 10) % 4)
                options = b"\x03\x03\x07" * (before // 3) + NOP * (before % 3)
                syn = self.session.from_client(flags="S", seq=7, options=options + timestamps(0xA1B2C3D4) + behind)
                self.inject(syn, toa="OK", options=self.session.toa + options + NOP * 10 + behind)
        twice = timestamps(5, 6) + timestamps(7)
        syn = self.session.from_client(flags="S", options=twice)
        self.inject(syn, toa="OK", options=self.session.toa + NOP * 20)
        if self.network.options_below_toa >= 24:
            syn = self.session.from_client(flags="S", options=NOP + twice + NOP * 3)
            self.inject(syn, toa="OK", options=self.session.toa + NOP * 24)


@over_ipv6_too
class SynTimestampsAreKeptOnRequest(SessionTest):
    """A session flagged KEEP_TIMESTAMPS leaves the SYN's timestamps alone."""

    flags = TOA | KEEP_TIMESTAMPS

    def runTest(self) -> None:
        syn = self.session.from_client(flags="S", options=LINUX_SYN)
        self.inject(syn, toa="OK", options=self.session.toa + LINUX_SYN)


@over_ipv6_too
class TimestampsOfLaterSegmentsStay(SessionTest):
    """Only the SYN loses its timestamps."""

    def runTest(self) -> None:
        options = NOP * 2 + timestamps(1, 2)
        self.handshake()
        self.inward(self.session.from_client(seq=1001, ack=9500, options=options, payload=b"x"))
        self.outward(self.session.from_server(seq=9500, ack=1034, options=options, payload=b"y"))


@over_ipv6_too
class TimestampsOfAnotherLengthStay(SessionTest):
    """An option of kind 8 that is not 10 bytes long is no timestamp option."""

    def runTest(self) -> None:
        options = bytes([8, 6, 1, 2, 3, 4, 1, 1])
        syn = self.session.from_client(flags="S", options=options)
        self.inject(syn, toa="OK", options=self.session.toa + options)


@over_ipv6_too
class SynKeepsItsData(SessionTest):
    """Data in a SYN (TCP Fast Open) and its cookie option follow TOA unchanged."""

    def runTest(self) -> None:
        options = b"\x22\x0a01234567" + NOP * 2
        syn = self.session.from_client(flags="S", options=options, payload=b"early data")
        self.inject(syn, toa="OK", options=self.session.toa + options)


@over_ipv6_too
class SynSequenceWraps(SessionTest):
    """ISN 0xFFFFFFF0 and delta 0x20: the server sees 0x10."""

    def runTest(self) -> None:
        syn = self.session.from_client(flags="S", seq=0xFFFFFFF0)
        self.inject(syn, toa="OK", seq=0x10, options=self.session.toa)


@over_ipv6_too
class SessionSynIsPunted(SessionTest):
    """A SYN on an existing session, retransmitted or new, goes to the controller with the session_id."""

    def runTest(self) -> None:
        for options in (b"", LINUX_SYN):
            syn = self.session.from_client(flags="S", seq=1000, options=options)
            self.exchange((CLIENT_SIDE, syn), punted=[Punt("SESSION_SYN", syn, session_id=self.session.id)])
        self.handshake()
        self.exchange((CLIENT_SIDE, syn), punted=[Punt("SESSION_SYN", syn, session_id=self.session.id, seq=1033)])


@over_ipv6_too
class SessionSynHasItsOwnRate(SessionTest):
    """The rate of first SYNs does not bind SYNs of sessions."""

    def runTest(self) -> None:
        self.meter_punts("SERVICE_SYN", burst=1)
        syn = self.session.from_client(flags="S")
        punt = Punt("SESSION_SYN", syn, session_id=self.session.id)
        self.exchange(*[(CLIENT_SIDE, syn)] * 5, punted=[punt] * 5)


@over_ipv6_too
class SynAckFromTheClientIsTranslated(SessionTest):
    """A SYN-ACK from the client's side asks for no new session: it is translated, without TOA."""

    def runTest(self) -> None:
        self.handshake()
        self.inward(self.session.from_client(flags="SA", seq=1000, ack=9001))


@over_ipv6_too
class NewSessionForgetsRegisters(SessionTest):
    """A SYN injected with NEW_SESSION clears what the session_id's previous user left: its events come anew."""

    def runTest(self) -> None:
        # A digest that is not yet acknowledged may be held back when it comes again: these differ in the client's end.
        for client_isn in (1000, 2000):
            self.handshake(client_isn=client_isn)
            first = self.session.from_client(seq=client_isn + 1, ack=9001)
            self.inward(first, toa="OK", options=self.session.toa)
            self.expect_events(self.session.id, ("OUT", "SYN_ACK"), ("IN", "ESTABLISHED"))


@over_ipv6_too
class RecycledSessionIsNotAnswered(SessionTest):
    """After NEW_SESSION the server counts as silent: the first data seq of the previous user brings no TOA, and a
    reset has no sequence number to take."""

    def runTest(self) -> None:
        self.handshake()
        syn = self.session.from_client(flags="S", seq=1000)
        self.inject(syn, new_session=True, toa="OK", options=self.session.toa)
        self.inward(self.session.from_client(seq=1001, ack=9001))
        reset = self.session.from_client(flags="R")
        self.exchange(PacketOut("RESET", reset, session_id=self.session.id), drops={"RESET_UNKNOWN": 1})


@over_ipv6_too
class InjectWithoutFlagKeepsRegisters(SessionTest):
    """A retransmitted SYN, injected again without NEW_SESSION, keeps what the server answered."""

    def runTest(self) -> None:
        self.handshake()
        self.inject(self.session.from_client(flags="S", seq=1000), toa="OK", options=self.session.toa)
        self.inward(self.session.from_client(seq=1001, ack=9001), toa="OK", options=self.session.toa)


class InjectedSynWithoutSessionIsDropped(FullnatTest):
    """A SYN whose entries are gone when it is injected is dropped, not punted again."""

    def runTest(self) -> None:
        self.insert(topology.service(flags=1))
        syn = Session(id=0).from_client(flags="S")
        self.exchange(PacketOut("INJECT", syn, port=CLIENT_SIDE), drops={"INJECT_MISS": 1})


class InjectedSegmentWithoutSessionIsDropped(FullnatTest):
    """An injected segment that is no SYN is not sent back to the controller either, whatever the service's flags."""

    def runTest(self) -> None:
        self.insert(topology.service(flags=1))
        segment = Session(id=0).from_client()
        self.exchange(PacketOut("INJECT", segment, port=CLIENT_SIDE), drops={"NO_SESSION": 1})


class OneClientManySessions(FullnatTest):
    """Sessions are told apart by every part of the five-tuple, in both directions."""

    def runTest(self) -> None:
        variations: list[dict[str, Any]] = [
            {},
            {"client": "203.0.113.10"},
            {"client_port": 40001},
            {"vip": "198.51.100.11"},
            {"vport": 81},
        ]
        new_id = self.harness.session_id
        sessions = [
            Session(id=new_id(), server_id=i, local_port=5000 + i, delta=i, **v) for i, v in enumerate(variations)
        ]
        self.insert(topology.own("198.51.100.11", "vip"), *topology.neighbor("203.0.113.10", 1, topology.CLIENT_MAC))
        for session in sessions:
            self.insert(*session.server_entries, *session.entries)
        for session in sessions:
            sent = session.from_client(seq=100, ack=1, payload=b"in")
            self.exchange((CLIENT_SIDE, sent), out=[(SERVER_SIDE, session.to_server(sent))])
            answer = session.from_server(seq=100, ack=1000, payload=b"out")
            self.exchange((SERVER_SIDE, answer), out=[(CLIENT_SIDE, session.to_client(answer))])
