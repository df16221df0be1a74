"""Properties of the translation, on random segments: what a side gets, translated back by hand, is what was sent."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptf_tests.packets import NOP, Tcp, Udp, mss, sack, timestamps
from ptf_tests.sessions import SessionTest
from ptf_tests.test_udp import UdpTest
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE

EXAMPLES = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

BLANKED = (8, 253, 254)
KINDS = ("nop", "mss", "timestamps", "sack", "experiment", "unknown")
numbers = st.one_of(st.integers(0, 2**32 - 1), st.sampled_from((0, 1, 0x1F, 0x20, 2**31, 2**32 - 1)))
unknown_kinds = st.sampled_from([k for k in range(256) if k not in (0, 1, 2, 5, 8, 253, 254)])


@st.composite
def options(draw: st.DrawFn, *kinds: str) -> list[bytes]:
    """A sound option list of at most 40 bytes, option by option, padded with NOPs."""
    choices = {
        "nop": st.just(NOP),
        "mss": st.integers(0, 0xFFFF).map(mss),
        "timestamps": st.builds(timestamps, numbers, numbers),
        "sack": st.lists(st.tuples(numbers, numbers), min_size=1, max_size=4).map(lambda blocks: sack(*blocks)),
        "experiment": st.builds(
            lambda kind, body: bytes([kind, 2 + len(body)]) + body, st.sampled_from((253, 254)), st.binary(max_size=20)
        ),
        "unknown": st.builds(
            lambda kind, body: bytes([kind, 2 + len(body)]) + body, unknown_kinds, st.binary(max_size=20)
        ),
    }
    result: list[bytes] = []
    for option in draw(st.lists(st.one_of(*(choices[kind] for kind in kinds)), max_size=12)):
        if sum(map(len, result)) + len(option) <= 40:
            result.append(option)
    return result + [NOP] * (-sum(map(len, result)) % 4)


@st.composite
def fields(draw: st.DrawFn, ip_options: bool) -> dict[str, Any]:
    """Everything of a segment that neither chooses its way nor is translated."""
    ip_lists = (b"", NOP * 4, b"\x94\x04\x00\x00" + NOP * 8) if ip_options else (b"",)
    return {
        "seq": draw(numbers),
        "ack": draw(numbers),
        "window": draw(st.integers(0, 0xFFFF)),
        "urgent": draw(st.integers(0, 0xFFFF)),
        "reserved": draw(st.integers(0, 7)),
        "payload": draw(st.binary(max_size=64)),
        "ttl": draw(st.integers(2, 255)),
        "tos": draw(st.integers(0, 255)),
        "ip_id": draw(st.integers(0, 0xFFFF)),
        "ip_flags": draw(st.sampled_from((0, 2))),
        "ip_options": draw(st.sampled_from(ip_lists)),
        "padding": draw(st.binary(max_size=8)),
    }


@st.composite
def datagrams(draw: st.DrawFn) -> dict[str, Any]:
    """Everything of a datagram that neither chooses its way nor is translated."""
    return {
        "payload": draw(st.binary(max_size=65)),
        "checksum": draw(st.sampled_from((None, None, 0))),
        "ttl": draw(st.integers(2, 255)),
        "tos": draw(st.integers(0, 255)),
        "ip_id": draw(st.integers(0, 0xFFFF)),
        "ip_flags": draw(st.sampled_from((0, 2))),
        "padding": draw(st.binary(max_size=8)),
    }


class ClientsSegmentsAreTranslatedOnly(SessionTest):
    """Any sound segment of the client's reaches the server with nothing changed but addresses, ports, seq, TTL, and
    kinds 253 and 254 blanked; every checksum is right."""

    delta = 0x9E3779B9

    def runTest(self) -> None:
        check = given(fields(self.can("ip-options")), options(*KINDS))(self._check)
        EXAMPLES(check)()

    def _check(self, segment: dict[str, Any], parts: list[bytes]) -> None:
        sent = self.session.from_client(flags="PA", options=b"".join(parts), **segment)
        after = b"".join(NOP * len(part) if part[0] in (253, 254) else part for part in parts)
        self.inward(sent, options=after)


class ServersSegmentsAreTranslatedOnly(SessionTest):
    """Any sound segment of the server's reaches the client with nothing changed but addresses, ports, ack, the edges of
    the first SACK option, and TTL."""

    delta = 0x9E3779B9

    def runTest(self) -> None:
        check = given(fields(self.can("ip-options")), options(*KINDS))(self._check)
        EXAMPLES(check)()

    def _check(self, segment: dict[str, Any], parts: list[bytes]) -> None:
        sent = self.session.from_server(flags="PA", options=b"".join(parts), **segment)
        shifted = list(parts)
        for number, part in enumerate(parts):
            if part[0] == 5:
                edges = [int.from_bytes(part[i : i + 4], "big") - self.delta for i in range(2, len(part), 4)]
                shifted[number] = sack(*zip(edges[::2], edges[1::2], strict=True))
                break
        self.outward(sent, options=b"".join(shifted))


class SynsKeepEverythingButTimestamps(SessionTest):
    """Any sound SYN reaches the server with TOA in front where 8 bytes are free or blanked: timestamps, 253, 254."""

    delta = 0x9E3779B9

    def runTest(self) -> None:
        check = given(fields(self.can("ip-options")), options(*KINDS))(self._check)
        EXAMPLES(check)()

    def _check(self, segment: dict[str, Any], parts: list[bytes]) -> None:
        syn = self.session.from_client(flags="S", options=b"".join(parts), **segment)
        toa, blanked = self.session.toa, b"".join(NOP * len(part) if part[0] in BLANKED else part for part in parts)
        if len(blanked) <= 32:
            self.inject(syn, toa="OK", options=toa + blanked)
        elif (gap := _gap(parts)) is not None:
            self.inject(syn, toa="OK", options=toa + blanked[:gap] + blanked[gap + 8 :])
        else:
            self.inject(syn, toa="HEAD_FULL", options=blanked)


def _gap(parts: list[bytes]) -> int | None:
    """Where TOA's 8 bytes are taken from: the last of what was 253 and 254, or else timestamps, if in a row."""
    for kinds in ((253, 254), (8,)):
        removed = b"".join((b"r" if part[0] in kinds else b"-") * len(part) for part in parts).rstrip(b"-")
        if removed.endswith(b"r" * 8):
            return len(removed) - 8
    return None


class DatagramsAreTranslatedOnly(UdpTest):
    """Any datagram leaves with nothing changed but addresses, ports and TTL, both ways; the checksum that it has by
    difference is the one that a sum of it all gives, and none stays none."""

    def runTest(self) -> None:
        EXAMPLES(given(datagrams())(self._check))()

    def _check(self, fields: dict[str, Any]) -> None:
        self.inward(self.from_client(**fields))
        self.outward(self.from_server(**fields))


class DatagramsThereAndBackAreTheSame(UdpTest):
    """A server that echoes what it gets answers with the question, from the virtual address to the client."""

    def runTest(self) -> None:
        EXAMPLES(given(datagrams())(self._check))()

    def _check(self, fields: dict[str, Any]) -> None:
        sent = self.from_client(**fields)
        there = self.to_server(sent)
        self.exchange((CLIENT_SIDE, sent), out=[(SERVER_SIDE, there)])
        back = _turned(there, ttl=fields["ttl"])
        self.exchange((SERVER_SIDE, back), out=[(CLIENT_SIDE, _turned(sent, ttl=fields["ttl"] - 1))])


def _turned(datagram: Udp, ttl: int) -> Udp:
    """The same from its receiver to its sender. With addresses and ports exchanged, no checksum changes."""
    return datagram.replace(
        eth_dst=datagram.eth_src,
        eth_src=datagram.eth_dst,
        src=datagram.dst,
        dst=datagram.src,
        sport=datagram.dport,
        dport=datagram.sport,
        ttl=ttl,
    )


class ThereAndBackIsIdentity(SessionTest):
    """A server that echoes what it gets, with seq and ack exchanged, answers the client in the client's own numbers:
    seq and ack of the answer are those of the question, exchanged."""

    delta = 0x9E3779B9

    def runTest(self) -> None:
        check = given(fields(self.can("ip-options")), options("nop", "timestamps", "unknown"))(self._check)
        EXAMPLES(check)()

    def _check(self, segment: dict[str, Any], parts: list[bytes]) -> None:
        sent = self.session.from_client(flags="PA", options=b"".join(parts), **segment)
        there = self.session.to_server(sent)
        self.exchange((CLIENT_SIDE, sent), out=[(SERVER_SIDE, there)])
        back: Tcp = self.session.from_server(flags="PA", options=b"".join(parts), **segment)
        answer = back.replace(seq=there.ack, ack=there.seq)
        expected = self.session.to_client(answer)
        assert (expected.seq, expected.ack) == (sent.ack, sent.seq)
        self.exchange((SERVER_SIDE, answer), out=[(CLIENT_SIDE, expected)])
