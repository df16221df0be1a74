"""ICMP errors about segments of sessions that a cookie began: either side finds its own numbers in what is quoted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fullnat.core.declared.modes import Mode

from ptf_tests.base import over_ipv6_too
from ptf_tests.errors import LEAST, WITH_CHECKSUM, IcmpErrorTest
from ptf_tests.packets import NOP, timestamps
from ptf_tests.spliced import COOKIE, ISN, SERVER_ISN, SPLICE, SplicedSession, SplicedTest
from ptf_tests.topology import IPV6


class SplicedErrorTest(SplicedTest, IcmpErrorTest):
    def as_client_sent(self, sent: Any, behind: int | None = None) -> Any:
        found = super().as_client_sent(sent)
        if "A" in sent.flags and (behind is None or behind >= WITH_CHECKSUM):
            return found.replace(ack=sent.ack + SPLICE & 0xFFFFFFFF)
        return found

    def as_server_sent(self, sent: Any, behind: int | None = None) -> Any:
        found = super().as_server_sent(sent, behind)
        return found.replace(seq=sent.seq - SPLICE & 0xFFFFFFFF)

    def both(self, behind: int | None = None, **fields: Any) -> None:
        """Errors about what the client sent and about what the server sent."""
        request = self.to_server(seq=ISN + 1 + self.delta, ack=SERVER_ISN + 1, payload=b"request", **fields)
        self.outward_error(request, behind)
        self.inward_error(self.to_client(seq=COOKIE + 1, ack=ISN + 8, payload=b"answer", **fields), behind)


@over_ipv6_too
class ErrorsAboutSplicedSegmentsHaveTheSendersNumbers(SplicedErrorTest):
    """Of every type that tells a sender something, and however much is quoted: what is not there is not made up, and
    the checksums are right."""

    flags = 1

    def runTest(self) -> None:
        for kind in self.kinds.translated:
            with self.subTest(kind=kind):
                self.outward_error(self.to_server(seq=ISN + 1 + self.delta, ack=SERVER_ISN + 1), kind=kind)
                self.inward_error(self.to_client(seq=COOKIE + 1, ack=ISN + 1), kind=kind)
        for behind in (LEAST, 11, 12, 16, 18, 19, 20, 28, 40, None):
            with self.subTest(behind=behind):
                self.both(behind, options=timestamps() + NOP * 2)


@over_ipv6_too
class NumbersQuotedOfSplicedSegmentsWrapAround(SplicedErrorTest):
    delta = 0xFFFFFF00

    def runTest(self) -> None:
        for number in (0, 0xFE, SPLICE, SPLICE - 1, 0x7FFFFFFF, 0xFFFFFFFF):
            with self.subTest(number=number):
                for behind in (LEAST, None):
                    self.outward_error(self.to_server(seq=number, ack=number), behind)
                    self.inward_error(self.to_client(seq=number, ack=number), behind)
        self.inward_error(self.to_client(flags="R", seq=COOKIE + 1, ack=77))


@over_ipv6_too
class SplicedSenderLearnsThePathMtu(SplicedErrorTest):
    """The client less, by what TOA takes; the server as it is."""

    flags = 1

    def runTest(self) -> None:
        kind, room = self.kinds.too_big, 20 if self.network is IPV6 else 8
        segment = {"payload": bytes(1000)}
        lowered = {"mtu": 1400 - room}
        self.outward_error(self.to_server(**segment), LEAST, kind=kind, mtu=1400, changes=lowered)
        self.inward_error(self.to_client(**segment), LEAST, kind=kind, mtu=1400)


@over_ipv6_too
class ErrorsAboutSplicedSegmentsInNat(SplicedErrorTest):
    """The client's numbers are its own all along; the server's are not."""

    delta = 0
    flags = Mode.NAT.session_flags(0)

    def new_session(self) -> SplicedSession:
        return replace(super().new_session(), local=self.network.client, local_port=40000)

    def to_the_server(self, came: Any, quoted: bytes, **changes: Any) -> Any:
        return super().to_the_server(came, quoted, **{"src": came.src, **changes})

    def runTest(self) -> None:
        for behind in (LEAST, WITH_CHECKSUM, None):
            self.both(behind)
