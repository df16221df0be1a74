"""SYN cookies: SYN-ACKs that are made of the SYN alone, and what acknowledges them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fullnat.p4constants import ServiceFlag
from ptf.testutils import send_packet

from ptf_tests import topology
from ptf_tests.base import FullnatTest, Punt, over_ipv6_too, requires
from ptf_tests.cookies import MSS, OWN_MSS, OWN_MSS6, OWN_SCALE, SCALES, Cookie, key_entries, ticks_of
from ptf_tests.packets import NOP, SACK_PERMITTED, Tcp, mss, timestamps
from ptf_tests.sessions import Session, ends
from ptf_tests.test_policies import policed, policy
from ptf_tests.topology import CLIENT_SIDE

KEY, OTHER_KEY = 0x0F1E2D3C4B5A6978, 0x1122334455667788
ISN = 0xFFFFFFF0
ALWAYS = ServiceFlag.COOKIES
IN_NEED = ServiceFlag.COOKIES_IN_NEED
FIRST_TICKS = 3
"""Before these no cookie of an earlier time could be made."""


@requires("syn-cookies")
class CookieTest(FullnatTest):
    flags: int = ALWAYS

    def setUp(self) -> None:
        super().setUp()
        self.insert(topology.service(self.network.vip, flags=self.flags), *key_entries(KEY))
        self.session = Session(id=0, **ends(self.network))

    @property
    def own(self) -> bytes:
        """The MSS of SYN-ACKs."""
        return mss(OWN_MSS6 if ":" in self.network.vip else OWN_MSS)

    def syn(self, **fields: Any) -> Tcp:
        return self.session.from_client(**{"flags": "S", "seq": ISN, "window": 64240, **fields})

    def answer(self, syn: Tcp, value: int, options: bytes, **changes: Any) -> Tcp:
        """The SYN-ACK to ``syn`` with the cookie ``value``."""
        fields = {
            "eth_dst": syn.eth_src,
            "eth_src": syn.eth_dst,
            "src": syn.dst,
            "dst": syn.src,
            "sport": syn.dport,
            "dport": syn.sport,
            "flags": "SA",
            "seq": value,
            "ack": syn.seq + 1,
            "window": int.from_bytes(self.own[2:], "big"),
            "ttl": 64,
            "reserved": 0,
            "urgent": 0,
            "options": options,
            "payload": b"",
            "padding": b"",
        }
        return syn.replace(**fields | changes)

    def asked(self, syn: Tcp, port: int = CLIENT_SIDE) -> bytes:
        """The one frame that comes of ``syn``; nothing else does."""
        send_packet(self, port, bytes(syn))
        frames, punts = self.harness.settle(port)
        self._equal(([port], []), ([p for p, _ in frames], punts), "ports of what left, and punts")
        before, self._counted = self._counted, self._read_counters()
        drops = {name for counter, name in before if counter == "drop_ctr"}
        for name in drops:
            self._equal(before["drop_ctr", name], self._counted["drop_ctr", name], f"drops as {name}")
        return frames[0][1]

    def cookie(self, syn: Tcp, more: bytes = b"", port: int = CLIENT_SIDE) -> Cookie:
        """The cookie by which ``syn`` is answered, with the MSS and these ``more`` options."""
        frame = self.asked(syn, port)
        start = 14 + self.network.header_bytes
        value = int.from_bytes(frame[start + 4 : start + 8], "big")
        self._compare("answered the SYN", [bytes(self.answer(syn, value, self.own + more))], [frame])
        return self.known(syn, value)

    def known(self, syn: Tcp, value: int) -> Cookie:
        told = {"mss": value & 3, "scale": value >> 2 & 3, "generation": value >> 7 & 1}
        time = ticks_of(KEY, syn, value)
        return Cookie(key=KEY, syn=syn, time=time, sack=bool(value >> 4 & 1), **told)

    def ack(self, cookie: Cookie, **fields: Any) -> Tcp:
        """What acknowledges it."""
        syn = cookie.syn
        usual = {"flags": "A", "seq": syn.seq + 1, "ack": cookie.value + 1 & 0xFFFFFFFF, "options": b"", "payload": b""}
        return syn.replace(**usual | fields)

    def right(self, ack: Tcp) -> None:
        self.exchange((CLIENT_SIDE, ack), punted=[Punt("COOKIE_ACK", ack, service_flags=self.flags)])

    def wrong(self, ack: Tcp) -> None:
        self.exchange((CLIENT_SIDE, ack), drops={"BAD_COOKIE": 1})

    def within_a_tick(self, cookie: Cookie) -> bool:
        """The switch's clock says what it said when it made ``cookie``."""
        return self.known(cookie.syn, self.cookie_of(self.asked(cookie.syn))).time == cookie.time

    def cookie_of(self, frame: bytes) -> int:
        start = 14 + self.network.header_bytes + 4
        return int.from_bytes(frame[start : start + 4], "big")

    def replaced(self, **changes: Any) -> Iterator[Cookie]:
        """A cookie of this moment with ``changes``; again if the clock has moved on before the test was over."""
        while True:
            now = self.cookie(self.syn())
            yield replace(now, **changes)
            if self.within_a_tick(now):
                return


@over_ipv6_too
class SynIsAnsweredByCookie(CookieTest):
    """Without options, with all, and with others between; urgent data, ECN and padding are not answered."""

    def runTest(self) -> None:
        self.cookie(self.syn())
        self.cookie(self.syn(flags="SECU", urgent=7, tos=0))
        self.cookie(self.syn(padding=bytes(6)))
        self.cookie(self.syn(payload=b"GET / HTTP/1.0\r\n\r\n"))
        options = mss(1460) + SACK_PERMITTED + timestamps() + NOP + b"\x03\x03\x07"
        ours = NOP + bytes((3, 3, OWN_SCALE)) + NOP * 2 + SACK_PERMITTED
        cookie = self.cookie(self.syn(options=options), ours)
        self._equal((True, 7), (cookie.sack, SCALES[cookie.scale]), "SACK and scale told")
        self.cookie(self.syn(options=NOP * 38 + SACK_PERMITTED), NOP * 2 + SACK_PERMITTED)
        self.cookie(self.syn(options=NOP + b"\x03\x03\x06"), NOP + bytes((3, 3, OWN_SCALE)))


@over_ipv6_too
class CookieTellsMssAndScale(CookieTest):
    """The largest that is not above the client's; of a scale below the least nothing, and no scale is agreed on."""

    def runTest(self) -> None:
        sizes = MSS[6 if ":" in self.network.vip else 4]
        for index, size in enumerate(sizes):
            above = sizes[index + 1] - 1 if index + 1 < len(sizes) else 0xFFFF
            for value in (size, above):
                self._equal(index, self.cookie(self.syn(options=mss(value))).mss, f"index of MSS {value}")
        self._equal(0, self.cookie(self.syn(options=mss(sizes[0] - 1))).mss, "index of a smaller one")
        for value, told in ((0, None), (2, None), (3, 3), (5, 3), (6, 6), (7, 7), (8, 7), (14, 7)):
            agreed = NOP + bytes((3, 3, OWN_SCALE)) if told is not None else b""
            cookie = self.cookie(self.syn(options=NOP + bytes((3, 3, value))), agreed)
            self._equal(told, SCALES[cookie.scale], f"scale told of {value}")


@over_ipv6_too
class AcknowledgedCookieIsPunted(CookieTest):
    """With data, FIN or neither, as often as it comes, and unchanged."""

    def runTest(self) -> None:
        cookie = self.cookie(self.syn(options=mss(1460)))
        for fields in (
            {},
            {"payload": b"GET / HTTP/1.0\r\n\r\n"},
            {"flags": "FA"},
            {"flags": "PA", "options": timestamps() + NOP * 2},
        ):
            for _ in range(2):
                self.right(self.ack(cookie, **fields))


@over_ipv6_too
class WrongCookieIsDropped(CookieTest):
    """Another address, port, first number, key, option or bit of it: an ordinary segment without session."""

    def runTest(self) -> None:
        cookie = self.cookie(self.syn(options=mss(1440)))
        self.right(self.ack(cookie))
        other = "2001:db8:1::a" if ":" in self.network.client else "203.0.113.10"
        for changes in ({"sport": 40001}, {"src": other}, {"seq": ISN}, {"seq": ISN + 2}):
            with self.subTest(**changes):
                self.wrong(self.ack(cookie, **changes))
        for bit in range(32):
            with self.subTest(bit=bit):
                self.wrong(self.ack(cookie, ack=(cookie.value ^ 1 << bit) + 1 & 0xFFFFFFFF))
        self.wrong(self.ack(Cookie(key=OTHER_KEY, syn=cookie.syn, time=cookie.time, mss=cookie.mss)))
        for index in (0, 1, 3):
            forged = cookie.value & ~3 | index
            self.wrong(self.ack(cookie, ack=forged + 1 & 0xFFFFFFFF))


class CookieOfAnotherPortIsWrong(CookieTest):
    """It is good for the service that gave it."""

    def runTest(self) -> None:
        self.insert(topology.service(vport=81, flags=ALWAYS))
        cookie = self.cookie(self.syn())
        self.wrong(self.ack(cookie, dport=81))


@over_ipv6_too
class CookieExpires(CookieTest):
    """It is good for two units of time more, and no other."""

    def runTest(self) -> None:
        for age in range(min(FIRST_TICKS, self.cookie(self.syn()).time + 1)):
            for cookie in self.replaced():
                self.right(self.ack(Cookie(key=KEY, syn=cookie.syn, time=cookie.time - age)))
        for age in (3, 4, 8, 1 << 10, 1 << 20, -1, -4):
            for cookie in self.replaced():
                self.wrong(self.ack(Cookie(key=KEY, syn=cookie.syn, time=cookie.time - age)))


class BothKeysAreGood(CookieTest):
    """While there are two, either generation's cookies are, and new ones are made by the new key."""

    def runTest(self) -> None:
        old = self.cookie(self.syn())
        self.delete(*key_entries(KEY)[1:])
        self.insert(*key_entries(OTHER_KEY, 1))
        self.right(self.ack(old))
        new = Cookie(key=OTHER_KEY, syn=old.syn, time=old.time, generation=1)
        while self.cookie_of(self.asked(new.syn)) != new.value:
            new = Cookie(key=OTHER_KEY, syn=old.syn, time=new.time + 1, generation=1)
            assert new.time < old.time + 100
        self.right(self.ack(new))
        self.wrong(self.ack(Cookie(key=OTHER_KEY, syn=old.syn, time=new.time, generation=0)))
        self.delete(*key_entries(KEY)[:1])
        self.wrong(self.ack(old))


class WithoutKeyNothingIsAnswered(CookieTest):
    """A SYN that asks for a cookie is dropped, and no acknowledgement is right."""

    def runTest(self) -> None:
        cookie = self.cookie(self.syn())
        self.delete(*key_entries(KEY))
        self.drop(CLIENT_SIDE, self.syn(), "SYN_COOKIE")
        self.wrong(self.ack(cookie))


class CookieSynWithIpOptionsIsDropped(CookieTest):
    """They would have to be answered."""

    required = ("ip-options", "syn-cookies")

    def runTest(self) -> None:
        self.drop(CLIENT_SIDE, self.syn(ip_options=b"\x01" * 4), "SYN_COOKIE")


@over_ipv6_too
class CookieServiceResetsOnMiss(CookieTest):
    """What has a wrong cookie is late, and answered with RST where others are. RST and faulty ones are dropped."""

    flags = ALWAYS | ServiceFlag.RESET_ON_MISS

    def runTest(self) -> None:
        cookie = self.cookie(self.syn())
        self.right(self.ack(cookie))
        late = self.ack(cookie, ack=5)
        self.exchange((CLIENT_SIDE, late), punted=[Punt("NO_SESSION", late, service_flags=self.flags)])
        for flags in ("R", "RA"):
            with self.subTest(flags=flags):
                self.drop(CLIENT_SIDE, self.ack(cookie, flags=flags), "NO_SESSION")
        self.drop(CLIENT_SIDE, self.ack(cookie, options=b"\x08\x00\x00\x00"), "TCP_OPTIONS")


class CookieAcksHaveTheirOwnRate(CookieTest):
    """Right cookies above it are dropped; SYNs are answered all the same."""

    def runTest(self) -> None:
        cookie = self.cookie(self.syn())
        ack = self.ack(cookie)
        self.drop_over_rate(CLIENT_SIDE, Punt("COOKIE_ACK", ack, service_flags=self.flags), count=6, burst=2)
        self.cookie(self.syn())


@over_ipv6_too
class SynsAboveTheRateAreDropped(CookieTest):
    """Where cookies are for need, which the controller tells: none is sent before, and those sent before are taken."""

    def runTest(self) -> None:
        cookie = self.cookie(self.syn())
        self.delete(topology.service(self.network.vip, flags=self.flags))
        self.flags = IN_NEED
        self.insert(topology.service(self.network.vip, flags=self.flags))
        self.drop_over_rate(CLIENT_SIDE, Punt("SERVICE_SYN", self.syn(), service_flags=self.flags), count=6, burst=2)
        self.right(self.ack(cookie))
        self.wrong(self.ack(cookie, seq=7))


@over_ipv6_too
class CookiesSpendNothingOfARate(CookieTest):
    """Of new connections: as many SYNs as come get one, and the controller counts what acknowledges them. The rate of
    one source is that of its SYNs."""

    def runTest(self) -> None:
        number = 110 + (":" in self.network.vip)
        service = topology.service(self.network.vip, flags=self.flags)
        self.delete(service)
        self.insert(policed(service, number), policy(rate=1, policy=number))
        for sport in range(40000, 40005):
            self.cookie(self.syn(sport=sport))
        self.delete(policy(rate=1, policy=number))
        self.insert(policy(source_rate=2, policy=number))
        for sport in range(40000, 40002):
            self.cookie(self.syn(sport=sport))
        self.drop(CLIENT_SIDE, self.syn(), "SOURCE_RATE")


class RandomAcknowledgementsAreWrong(CookieTest):
    """Of 200 none is right, while cookies are under way; of a million, in tests/p4."""

    def runTest(self) -> None:
        self.cookie(self.syn())
        rng = random.Random(5)
        sent = [
            (CLIENT_SIDE, self.session.from_client(seq=rng.getrandbits(32), ack=rng.getrandbits(32), sport=1024 + n))
            for n in range(200)
        ]
        for start in range(0, len(sent), 20):
            self.exchange(*sent[start : start + 20], drops={"BAD_COOKIE": 20})


class VlanAndPortOfASynAreItsAnswers(CookieTest):
    """It leaves by the port that the SYN came by, whatever the routes say, to who sent it."""

    def runTest(self) -> None:
        syn = self.syn(eth_dst=topology.PORT_MAC[topology.UPLINK], eth_src="02:00:00:00:09:09", src="100.64.7.7")
        self.cookie(syn, port=topology.UPLINK)
