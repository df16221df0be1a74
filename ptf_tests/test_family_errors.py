"""ICMP errors about packets of sessions between families: type, code, pointer, MTU and the quoted packet are the other
family's (RFC 7915 4.2, 4.3, 5.2, 5.3)."""

from __future__ import annotations

import dataclasses
from typing import Any

from fullnat.p4constants import TOA_V4_BYTES, TOA_V6_BYTES

from ptf_tests import topology
from ptf_tests.base import requires
from ptf_tests.errors import LEAST, IcmpErrorTest
from ptf_tests.families import LEAST_MTU, CrossSession
from ptf_tests.icmp import IcmpError, quote
from ptf_tests.packets import NOP, Tcp, Udp, timestamps
from ptf_tests.test_families import PROTO_UDP, CrossTest, both_ways
from ptf_tests.topology import CLIENT_SIDE, IPV6, SERVER_SIDE

Said = tuple[tuple[int, int], int, int]
"""Kind, and the two halves behind it: a pointer, and an MTU."""

V6_OF_V4: dict[tuple[int, int, int], Said | None] = {
    **{(3, code, 0): ((1, 0), 0, 0) for code in (0, 1, 5, 6, 7, 8, 11, 12)},
    **{(3, code, 0): ((1, 1), 0, 0) for code in (9, 10, 13, 15)},
    (3, 2, 0): ((4, 1), 0, 6),
    (3, 3, 0): ((1, 4), 0, 0),
    (11, 0, 0): ((3, 0), 0, 0),
    (11, 1, 0): ((3, 1), 0, 0),
    **{(12, code, 0): ((4, 0), 0, 0) for code in (0, 2)},
    (12, 0, 1): ((4, 0), 0, 1),
    **{(12, 0, at): ((4, 0), 0, 4) for at in (2, 3)},
    (12, 0, 8): ((4, 0), 0, 7),
    (12, 0, 9): ((4, 0), 0, 6),
    **{(12, 0, at): ((4, 0), 0, 8) for at in (12, 15)},
    **{(12, 0, at): ((4, 0), 0, 24) for at in (16, 19)},
    **{(12, 0, at): None for at in (4, 7, 10, 11, 20, 255)},
    **{(3, code, 0): None for code in (14, 16, 255)},
    (4, 0, 0): None,
    (11, 2, 0): None,
    (12, 1, 0): None,
    (12, 3, 0): None,
}
"""By type, code and pointer; None: it is dropped."""
V4_OF_V6: dict[tuple[int, int, int], Said | None] = {
    **{(1, code, 0): ((3, 1), 0, 0) for code in (0, 2, 3)},
    (1, 1, 0): ((3, 10), 0, 0),
    (1, 4, 0): ((3, 3), 0, 0),
    (3, 0, 0): ((11, 0), 0, 0),
    (3, 1, 0): ((11, 1), 0, 0),
    (4, 1, 6): ((3, 2), 0, 0),
    (4, 0, 0): ((12, 0), 0, 0),
    (4, 0, 1): ((12, 0), 1 << 8, 0),
    **{(4, 0, at): ((12, 0), 2 << 8, 0) for at in (4, 5)},
    (4, 0, 6): ((12, 0), 9 << 8, 0),
    (4, 0, 7): ((12, 0), 8 << 8, 0),
    **{(4, 0, at): ((12, 0), 12 << 8, 0) for at in (8, 15, 16, 23)},
    **{(4, 0, at): ((12, 0), 16 << 8, 0) for at in (24, 31, 32, 39)},
    **{(4, 0, at): None for at in (2, 3, 40, 0xFFFF)},
    **{(1, code, 0): None for code in (5, 6, 255)},
    (3, 2, 0): None,
    (4, 2, 0): None,
    (4, 3, 0): None,
}


class CrossErrorTest(CrossTest, IcmpErrorTest):
    """``error_to_client`` and ``error_to_server`` exchange one error, which changes its family with all it quotes."""

    def _router(self, network: topology.Network) -> str:
        return network.interface[1 if network is self.network else 2].removesuffix("1") + "50"

    @property
    def clients_router(self) -> str:
        return self._router(self.network)

    @property
    def servers_router(self) -> str:
        return self._router(self.server_network)

    def left(self, came: IcmpError, sent: Any, original: Any, behind: int | None, out: IcmpError) -> IcmpError:
        """``out``, the translated error, with the quote of ``original`` in its sender's family."""
        quoted = self.quoted(sent, original, behind)
        made = out.replace(quote=quoted)
        if ":" in made.src:
            return made
        return made.replace(ip_flags=0, ip_id=made.summed if made.checksum is None else made.checksum)

    def quoted(self, sent: Any, original: Any, behind: int | None) -> bytes:
        """``sent``, which the error quotes, as ``original``'s sender knows it."""
        if ":" in original.src:
            fields = {"fl": 0} if isinstance(original, Tcp) else {}
            return quote(original, behind, **fields)
        size = len(bytes(sent)) - 14
        return quote(original, behind, id=0, flags=0 if size <= LEAST_MTU else 2)

    def error_to_client(self, sent: Any, behind: int | None = None, said: Said | None = None, **fields: Any) -> None:
        came = self.about_server_bound(sent, quote(sent, behind), **fields)
        kind, unused, mtu = said or (None, 0, 0)
        out = self.to_the_client(came, b"", kind=kind, unused=unused, mtu=mtu)
        left = self.left(came, sent, self.as_client_sent(sent), behind, out)
        self.exchange((SERVER_SIDE, came), out=[(CLIENT_SIDE, left)])

    def error_to_server(self, sent: Any, behind: int | None = None, said: Said | None = None, **fields: Any) -> None:
        came = self.about_client_bound(sent, quote(sent, behind), **fields)
        kind, unused, mtu = said or (None, 0, 0)
        out = self.to_the_server(came, b"", kind=kind, unused=unused, mtu=mtu)
        left = self.left(came, sent, self.as_server_sent(sent, behind), behind, out)
        self.exchange((CLIENT_SIDE, came), out=[(SERVER_SIDE, left)])


@both_ways
class EveryErrorIsToldInTheOtherFamily(CrossErrorTest):
    """By the tables of RFC 7915 both ways; what has no counterpart is dropped, and counted as an error of none."""

    def runTest(self) -> None:
        for outward in (True, False):
            came_as_v6 = outward is not self.is_nat64
            for (kind, code, pointer), said in (V4_OF_V6 if came_as_v6 else V6_OF_V4).items():
                fields: dict[str, Any] = {"kind": (kind, code)}
                fields |= {"mtu": pointer} if came_as_v6 else {"unused": pointer << 8}
                with self.subTest(kind=kind, code=code, pointer=pointer, outward=outward):
                    if said is not None:
                        exchange, made = (
                            (self.error_to_client, self.to_server)
                            if outward
                            else (self.error_to_server, self.to_client)
                        )
                        exchange(made(seq=1001, ack=9001, payload=b"data"), said=said, **fields)
                    elif outward:
                        self.drop(SERVER_SIDE, self.about_server_bound(self.to_server(seq=1), **fields), "ICMP_ERROR")
                    else:
                        self.drop(CLIENT_SIDE, self.about_client_bound(self.to_client(seq=1), **fields), "ICMP_ERROR")


@both_ways
class AnyQuoteIsTranslatedAcrossFamilies(CrossErrorTest):
    """However much of the segment is quoted, with every checksum that is there, and numbers shifted back."""

    delta = 0xFFFFFF00

    def runTest(self) -> None:
        for behind in (LEAST, 9, 12, 16, 18, 19, 20, 21, 32, 33, 528, None):
            with self.subTest(behind=behind):
                fields = {"options": timestamps() + NOP * 2, "payload": bytes(range(256)) * 3, "tos": 0xFF, "ttl": 9}
                self.error_to_client(self.to_server(seq=0x7FFFFFFF, ack=9001, **fields), behind)
                self.error_to_server(self.to_client(seq=9001, ack=0xFFFFFFFF, **fields), behind)
        self.error_to_client(self.to_server(flags="S", seq=0x80))
        self.error_to_server(self.to_client(flags="R", seq=9001, ack=77))


def plateau(length: int) -> int:
    """RFC 1191 7.1, but not below what every link of IPv6 takes."""
    values = (32000, 17914, 8166, 4352, 2002, 1492)
    return next((value for value in values if value < length), LEAST_MTU)


@both_ways
class MtuIsThatOfTheOtherHeader(CrossErrorTest):
    """20 bytes more or less, for the client less what TOA adds, and never less than what IPv6 has at least; a router
    that tells of none (RFC 1191) is taken to have a usual one."""

    def runTest(self) -> None:
        for mtu in (
            0,
            1,
            19,
            20,
            68,
            576,
            1259,
            1260,
            1261,
            1279,
            1280,
            1281,
            1299,
            1300,
            1301,
            1400,
            1500,
            9000,
            0xFFFF,
        ):
            for length in (1300, 1500, 2003, 4353, 9000, 18000, 40000) if mtu == 0 else (1500,):
                with self.subTest(mtu=mtu, length=length):
                    self._check(mtu, length)
        if not self.is_nat64:
            self.error_to_client(self.to_server(seq=1), said=((3, 4), 0, 0xFFFF - 28), kind=(2, 0), unused=1, mtu=5)

    def _check(self, mtu: int, length: int) -> None:
        for outward in (True, False):
            toa = (TOA_V6_BYTES if self.is_nat64 else TOA_V4_BYTES) if outward else 0
            came_as_v6 = outward is not self.is_nat64
            if came_as_v6:
                told, kind, left = max(mtu, LEAST_MTU) - 20 - toa, (2, 0), (3, 4)
            else:
                found = plateau(length) if mtu == 0 else min(mtu + 20, 0xFFFF)
                told, kind, left = max(found - toa, LEAST_MTU), (3, 4), (2, 0)
            sent = (self.to_server if outward else self.to_client)(seq=1001)
            # A long packet is quoted in part.
            headers = 40 if ":" in sent.src else 20
            sent = sent.replace(payload=bytes(length - headers - 20))
            exchange = self.error_to_client if outward else self.error_to_server
            exchange(sent, LEAST, said=(left, 0, told), kind=kind, mtu=mtu)


@both_ways
class DamagedErrorsStayDamagedAcrossFamilies(CrossErrorTest):
    """In the error's checksum, and in that of the segment that it quotes."""

    def runTest(self) -> None:
        sent = self.to_server(seq=1001)
        came = self.about_server_bound(sent)
        wrong = came.replace(checksum=came.summed ^ 0x0101)
        original = self.as_client_sent(sent)
        out = self.left(came, sent, original, None, self.to_the_client(came, b""))
        frame = bytearray(bytes(out))
        at = 14 + (40 if ":" in out.src else 20) + 2
        # What was added to the sum stays added: one's complement.
        right = int.from_bytes(frame[at : at + 2], "big")
        off = (came.summed ^ 0x0101) - came.summed
        damaged = right + off
        damaged = (damaged & 0xFFFF) + (damaged >> 16) if damaged > 0 else damaged - 1 & 0xFFFF
        damaged_out = out.replace(checksum=damaged)
        if ":" not in out.src:
            damaged_out = damaged_out.replace(ip_id=damaged)
        self.exchange((SERVER_SIDE, wrong), out=[(CLIENT_SIDE, damaged_out)])


@both_ways
class ErrorsAboutDatagramsChangeTheirFamily(CrossErrorTest):
    """With the quoted checksum."""

    def new_session(self) -> CrossSession:
        return dataclasses.replace(super().new_session(), protocol=PROTO_UDP, delta=0, flags=0)

    def to_server(self, **fields: Any) -> Any:
        return Udp(**self.session.server_gets).replace(**fields)

    def to_client(self, **fields: Any) -> Any:
        return Udp(**self.session.client_gets).replace(**fields)

    def runTest(self) -> None:
        for size in (0, 1, 2, 99):
            for behind in (LEAST, None):
                self.error_to_client(self.to_server(payload=b"q" * size), behind)
                self.error_to_server(self.to_client(payload=b"a" * size), behind)


@requires("families")
class QuoteWithOptionsIsNoneOfNat64(CrossErrorTest):
    """The switch has sent the server of IPv4 no packet with options, so an error that quotes one is about none; one
    that has options itself is refused for them."""

    network = IPV6

    def runTest(self) -> None:
        sent = self.to_server(seq=1001)
        with_options = self.about_server_bound(sent, quote(sent.replace(ip_options=NOP * 4)))
        self.drop(SERVER_SIDE, with_options, "ICMP_ERROR")
        self.drop(SERVER_SIDE, self.about_server_bound(sent, ip_options=NOP * 4), "IPV4_OPTIONS")
