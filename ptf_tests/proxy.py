"""Sessions whose servers learn the client by PROXY protocol, version 2 (haproxy's proxy-protocol.txt 2.2)."""

from __future__ import annotations

import ipaddress
from typing import Any

from fullnat.p4constants import SessionFlag

from ptf_tests.base import PacketOut
from ptf_tests.packets import Tcp, mss
from ptf_tests.sessions import SessionTest
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
STREAM, DATAGRAM = 1, 2
CLIENT_ISN, SERVER_ISN = 1000, 9000
FIRST, ANSWER = CLIENT_ISN + 1, SERVER_ISN + 1
"""The first bytes of either side."""


def proxy_header(client: tuple[str, int], virtual: tuple[str, int], transport: int = STREAM) -> bytes:
    source, destination = (ipaddress.ip_address(address).packed for address, _ in (client, virtual))
    ends = source + destination + client[1].to_bytes(2, "big") + virtual[1].to_bytes(2, "big")
    family = {4: 1, 16: 2}[len(source)]
    return SIGNATURE + bytes((0x21, family << 4 | transport)) + len(ends).to_bytes(2, "big") + ends


class ProxyTest(SessionTest):
    """One session. Numbers are the client's, unless they are said to be the server's."""

    flags = SessionFlag.PROXY
    delta = 0x9E3779B9

    @property
    def header(self) -> bytes:
        session = self.session
        return proxy_header((session.client, session.client_port), (session.vip, session.vport))

    @property
    def size(self) -> int:
        return len(self.header)

    @property
    def head(self) -> int:
        """Where the header begins, by the server's count."""
        return FIRST + self.delta - self.size

    def begin(self, **fields: Any) -> None:
        """SYN and SYN-ACK."""
        self.inject_syn(new_session=True, **fields)
        self.answered(flags="SA", seq=SERVER_ISN)

    def inject_syn(self, *, new_session: bool = False, **fields: Any) -> None:
        syn = self.session.from_client(flags="S", seq=CLIENT_ISN, **fields)
        told = self.header + syn.payload if syn.payload else b""
        expected = self.session.to_server(syn, seq=(self.head - 1) % 2**32, payload=told)
        out = PacketOut("INJECT", syn, port=CLIENT_SIDE, new_session=new_session)
        self.exchange(out, out=[(SERVER_SIDE, expected)])

    def segment(self, **fields: Any) -> Tcp:
        return self.session.from_client(**{"seq": FIRST, "ack": ANSWER, **fields})

    def told(self, sent: Tcp, **changes: Any) -> None:
        """``sent`` at the first byte reaches the server with the header."""
        self.inward(sent, **{"seq": self.head % 2**32, "payload": self.header + sent.payload, **changes})

    def answered(self, acked: int = 0, *, to_client: int = FIRST, lowered: int = 0, **fields: Any) -> None:
        """The server acknowledges so many bytes of header and data; for the client it is ``to_client``. ``lowered``:
        the MSS that it gets."""
        usual = {"seq": ANSWER, "ack": (self.head + acked) % 2**32}
        changes = {"options": mss(lowered)} if lowered else {}
        self.outward(self.session.from_server(**usual | fields), ack=to_client, **changes)

    def arrived(self) -> None:
        """The server has the header, and says so twice."""
        self.told(self.segment())
        for _ in range(2):
            self.answered(self.size)
