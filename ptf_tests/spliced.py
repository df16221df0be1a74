"""Sessions that a cookie began, whose servers' numbers are others to the clients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ptf_tests.base import requires
from ptf_tests.p4rt import Entry
from ptf_tests.packets import NOP, SACK_PERMITTED, Tcp, mss
from ptf_tests.sessions import Session, SessionTest, ends

SPLICE = 0xC0FFEE01
COOKIE, ISN, SERVER_ISN = 0x1000 + SPLICE & 0xFFFFFFFF, 1000, 0x1000
SCALE = 7


@dataclass(frozen=True, kw_only=True)
class SplicedSession(Session):
    """``splice`` raises the server's sequence numbers towards the client; 0: the server has not answered."""

    splice: int = SPLICE
    scale: int = SCALE
    narrowed: int = 0

    @property
    def inbound(self) -> Entry:
        return self._spliced(super().inbound, {"splice": self.splice})

    @property
    def outbound(self) -> Entry:
        more = {"splice": self.splice, "scale": self.scale, "narrowed": self.narrowed}
        return self._spliced(super().outbound, more)

    def _spliced(self, plain: Entry, more: dict[str, int]) -> Entry:
        return replace(plain, action=plain.action.replace("fullnat", "spliced"), params={**plain.params, **more})

    def to_server(self, sent: Tcp, **changes: Any) -> Tcp:
        ack = sent.ack - self.splice & 0xFFFFFFFF if "A" in sent.flags else sent.ack
        return super().to_server(sent, **{"ack": ack, **changes})

    def to_client(self, sent: Tcp, **changes: Any) -> Tcp:
        return super().to_client(sent, **{"seq": sent.seq + self.splice & 0xFFFFFFFF, **changes})


@requires("syn-cookies")
class SplicedTest(SessionTest):
    flags = 0
    splice = SPLICE
    narrowed = 0

    def new_session(self) -> SplicedSession:
        return SplicedSession(
            id=self.harness.session_id(),
            delta=self.delta,
            flags=self.flags,
            splice=self.splice,
            narrowed=self.narrowed,
            **ends(self.network),
        )

    def begin(self) -> None:
        """The controller's SYN, the server's answer, which the client gets as an ACK, and what acknowledges that."""
        syn = self.session.from_client(flags="S", seq=ISN)
        self.inject(syn, new_session=True)
        options = mss(1460) + NOP + b"\x03\x03\x07" + NOP * 2 + SACK_PERMITTED
        answer = self.session.from_server(
            flags="SA", seq=SERVER_ISN, ack=ISN + 1 + self.delta, window=64240, options=options
        )
        self.outward(answer, flags="A", seq=COOKIE + 1, window=64240 >> SCALE)
        self.inward(self.segment())

    def segment(self, **fields: Any) -> Tcp:
        return self.session.from_client(**{"seq": ISN + 1, "ack": COOKIE + 1, **fields})

    def answer(self, **fields: Any) -> Tcp:
        return self.session.from_server(**{"seq": SERVER_ISN + 1, "ack": ISN + 1 + self.delta, **fields})
