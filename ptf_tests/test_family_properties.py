"""Properties of NAT64 and NAT46, on random packets: every checksum that is made by difference is the one that a sum of
it all gives, for every family pair, protocol and length; and translation there and back is the identity."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ptf_tests.errors import LEAST
from ptf_tests.packets import sack
from ptf_tests.test_families import CrossTest, CrossUdpTest, both_ways
from ptf_tests.test_family_errors import CrossErrorTest
from ptf_tests.test_properties import EXAMPLES, datagrams, fields, numbers, options
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE

DELTA = 0x9E3779B9
FEWER = settings(EXAMPLES, max_examples=25)
"""For each direction of each pair of families."""


@both_ways
class AnySegmentChangesItsFamilyOnly(CrossTest):
    """Both ways: nothing is changed but what the two families have no common field for, and what FULLNAT changes."""

    delta = DELTA
    flags = 0

    def runTest(self) -> None:
        FEWER(given(fields(ip_options=False), options("nop", "mss", "timestamps", "sack", "unknown"))(self._check))()

    def _check(self, segment: dict[str, Any], parts: list[bytes]) -> None:
        sent = self.session.from_client(flags="PA", options=b"".join(parts), **segment)
        self.inward(sent)
        shifted = list(parts)
        for number, part in enumerate(parts):
            if part[0] == 5:
                edges = [int.from_bytes(part[i : i + 4], "big") - self.delta for i in range(2, len(part), 4)]
                shifted[number] = sack(*zip(edges[::2], edges[1::2], strict=True))
                break
        back = self.session.from_server(flags="PA", options=b"".join(parts), **segment)
        self.outward(back, options=b"".join(shifted))


@both_ways
class SegmentsThereAndBackAreTheSame(CrossTest):
    """A server that echoes what it gets, with seq and ack exchanged, answers in the client's own numbers, and in its
    own family: what comes back is what was sent, but for two hops, and what the other family does not carry."""

    delta = DELTA
    flags = 0

    def runTest(self) -> None:
        FEWER(given(fields(ip_options=False), options("nop", "timestamps", "unknown"))(self._check))()

    def _check(self, segment: dict[str, Any], parts: list[bytes]) -> None:
        segment["ttl"] = max(segment["ttl"], 3)
        sent = self.session.from_client(flags="PA", options=b"".join(parts), **segment)
        there = self.session.to_server(sent)
        self.exchange((CLIENT_SIDE, sent), out=[(SERVER_SIDE, there)])
        answer = there.replace(**self.session.server_sends, seq=there.ack, ack=there.seq)
        expected = self.session.to_client(answer)
        turned = {"seq": sent.ack, "ack": sent.seq, "ttl": sent.ttl - 2, "tos": sent.tos, "payload": sent.payload}
        assert {name: getattr(expected, name) for name in turned} == turned
        self.exchange((SERVER_SIDE, answer), out=[(CLIENT_SIDE, expected)])


@both_ways
class SynsOfEitherFamilyAreToldByToa(CrossTest):
    """Any sound SYN leaves with TOA of the client's family in front, if there is room for it beside its options."""

    delta = DELTA

    def runTest(self) -> None:
        FEWER(given(fields(ip_options=False), options("nop", "mss", "unknown"))(self._check))()

    def _check(self, segment: dict[str, Any], parts: list[bytes]) -> None:
        listed = b"".join(parts)
        syn = self.session.from_client(flags="S", options=listed, **segment)
        if len(listed) + len(self.session.toa) <= 40:
            self.inject(syn, toa="OK", options=self.session.toa + listed)
        else:
            self.inject(syn, toa="HEAD_FULL")


@both_ways
class AnyDatagramChangesItsFamilyOnly(CrossUdpTest):
    """Both ways, and none without a checksum."""

    def runTest(self) -> None:
        FEWER(given(datagrams())(self._check))()

    def _check(self, sent: dict[str, Any]) -> None:
        sent["checksum"] = None
        self.inward(self.from_client(**sent))
        self.outward(self.from_server(**sent))


@both_ways
class AnyErrorChangesItsFamilyOnly(CrossErrorTest):
    """About any segment, quoting any part of it."""

    delta = DELTA

    def runTest(self) -> None:
        behind = st.one_of(st.none(), st.integers(LEAST, 80))
        FEWER(given(fields(ip_options=False), behind, numbers)(self._check))()

    def _check(self, segment: dict[str, Any], behind: int | None, unused: int) -> None:
        segment |= {"padding": b"", "reserved": 0}
        self.error_to_client(self.to_server(**segment), behind, unused=unused & 0xFFFF, mtu=unused >> 16)
        self.error_to_server(self.to_client(**segment), behind, unused=unused & 0xFFFF, mtu=unused >> 16)
