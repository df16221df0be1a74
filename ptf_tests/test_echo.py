"""Ping: VIPs and interfaces answer, local addresses do not."""

from typing import Any

from ptf_tests import topology
from ptf_tests.base import FullnatTest, Punt, requires
from ptf_tests.packets import ICMP, IP, Ether, IPOption, Raw, fragments
from ptf_tests.sessions import Session
from ptf_tests.topology import CLIENT_SIDE, UPLINK


def echo_request(dst: str, payload: bytes = b"", port: int = CLIENT_SIDE, **fields: Any) -> Any:
    """An echo request from a client on ``port``; ``fields`` of IP."""
    head = Ether(dst=topology.PORT_MAC[port], src=topology.CLIENT_MAC)
    return head / IP(**{"src": topology.CLIENT, **fields}, dst=dst) / ICMP(type=8, id=0x77, seq=3) / Raw(payload)


def echo_reply(request: Any, port: int = CLIENT_SIDE, mac: str = topology.CLIENT_MAC) -> Any:
    """The answer as it leaves by ``port`` to ``mac``."""
    reply = Ether(dst=mac, src=topology.PORT_MAC[port]) / request[IP].copy()
    reply[IP].src, reply[IP].dst, reply[IP].ttl = request[IP].dst, request[IP].src, 64
    reply[ICMP].type = 0
    return reply


class EchoIsAnswered(FullnatTest):
    """A VIP and every interface answer an echo request with its own id, seq, code and data."""

    def runTest(self) -> None:
        for address in (topology.VIP, *topology.INTERFACE.values()):
            for payload in (b"", b"x", b"abcdefgh" * 7, bytes(range(255)), bytes(1472)):
                with self.subTest(address=address, payload=len(payload)):
                    request = echo_request(address, payload)
                    self.exchange((CLIENT_SIDE, request), out=[(CLIENT_SIDE, echo_reply(request))])


class SilentVipAnswersNoEcho(FullnatTest):
    """A VIP whose services are down may be told not to answer; it is ours as before."""

    def runTest(self) -> None:
        silent = "198.51.100.11"
        self.insert(topology.own(silent, "vip_silent"), topology.service(vip=silent))
        self.drop(CLIENT_SIDE, echo_request(silent, b"data"), "PROTOCOL")
        syn = Session(id=0, vip=silent).from_client(flags="S")
        self.exchange((CLIENT_SIDE, syn), punted=[Punt("SERVICE_SYN", syn)])
        self.drop(CLIENT_SIDE, syn.replace(dport=81), "NO_SERVICE")
        self.client.modify(topology.own(silent, "vip"))
        request = echo_request(silent, b"data")
        self.exchange((CLIENT_SIDE, request), out=[(CLIENT_SIDE, echo_reply(request))])


@requires("echo-rate")
class EchoIsAnsweredUpToARate(FullnatTest):
    """A flood of echo requests takes no more than that."""

    def runTest(self) -> None:
        request = echo_request(topology.VIP, b"data")

        def attempt() -> None:
            self.meter(0, 1)
            replies = [(CLIENT_SIDE, echo_reply(request))]
            self.exchange(*[(CLIENT_SIDE, request)] * 3, out=replies, drops={"PUNT_METER": 2})

        self.within_a_second(attempt)


class EchoInFragmentsIsNotAnswered(FullnatTest):
    """Nothing is reassembled, and a part of the data is no answer: each is dropped by name."""

    def runTest(self) -> None:
        for address in (topology.VIP, topology.INTERFACE[CLIENT_SIDE]):
            parts = fragments(echo_request(address, bytes(2000), id=7), 1480)
            assert len(parts) == 2
            for part in parts:
                self.drop(CLIENT_SIDE, part, "FRAGMENT")


class EchoTtlStartsAnew(FullnatTest):
    """The answer is the switch's own packet: TTL 64, whatever came."""

    def runTest(self) -> None:
        for ttl in (1, 2, 64, 255):
            request = echo_request(topology.VIP, b"data", ttl=ttl)
            self.exchange((CLIENT_SIDE, request), out=[(CLIENT_SIDE, echo_reply(request))])


class EchoToALocalAddressIsNotAnswered(FullnatTest):
    """Local addresses are for real servers, and silent."""

    def runTest(self) -> None:
        self.drop(CLIENT_SIDE, echo_request(topology.LOCAL, b"data"), "PROTOCOL")


class EchoIsAnsweredByRoute(FullnatTest):
    """The answer goes where the route to the requester leads, not back where the request came from."""

    def runTest(self) -> None:
        request = echo_request(topology.VIP, b"data", src=topology.FAR_HOST)
        reply = echo_reply(request, UPLINK, topology.GATEWAY_MAC)
        self.exchange((CLIENT_SIDE, request), out=[(UPLINK, reply)])
        self.drop(CLIENT_SIDE, echo_request(topology.VIP, src=topology.UNROUTED_HOST), "NO_ROUTE")
        request = echo_request(topology.VIP, b"data", src=topology.SILENT_HOST, ttl=2)
        reply = echo_reply(request)
        reply[Ether].src, reply[Ether].dst = request[Ether].src, request[Ether].dst
        self.exchange((CLIENT_SIDE, request), punted=[Punt("NO_NEIGHBOR", reply)])


class EchoChecksumWraps(FullnatTest):
    """The checksum changes by the type alone, with end-around carry."""

    def runTest(self) -> None:
        for checksum in (0x0000, 0x0001, 0xF7FE, 0xF800, 0xF801, 0xFFFE):
            with self.subTest(checksum=f"{checksum:#06x}"):
                base = bytes(echo_request(topology.VIP, bytes(2)))
                sum_of_rest = int.from_bytes(base[36:38], "big")
                request = echo_request(topology.VIP, ((sum_of_rest - checksum) % 0xFFFF).to_bytes(2, "big"))
                assert int.from_bytes(bytes(request)[36:38], "big") == checksum
                self.exchange((CLIENT_SIDE, request), out=[(CLIENT_SIDE, echo_reply(request))])


class EchoOfNothingButZeros(FullnatTest):
    """The reply to a request of zeros has the checksum 0xFFFF: the one's complement of a true zero."""

    def runTest(self) -> None:
        request = echo_request(topology.VIP, bytes(20))
        request[ICMP].id = request[ICMP].seq = 0
        reply = echo_reply(request)
        assert bytes(request)[36:38] == b"\xf7\xff"
        assert bytes(reply)[36:38] == b"\xff\xff"
        self.exchange((CLIENT_SIDE, request), out=[(CLIENT_SIDE, reply)])


class DamagedEchoStaysDamaged(FullnatTest):
    """A request with a wrong ICMP checksum gets a reply that is wrong by the same difference."""

    def runTest(self) -> None:
        request = echo_request(topology.VIP, b"damaged")
        reply = echo_reply(request)
        good_request, good_reply = (int.from_bytes(bytes(p)[36:38], "big") for p in (request, reply))
        for error in (1, 0x100):
            request[ICMP].chksum, reply[ICMP].chksum = good_request + error, good_reply + error
            self.exchange((CLIENT_SIDE, request), out=[(CLIENT_SIDE, reply)])


@requires("ip-options")
class EchoKeepsIpOptions(FullnatTest):
    """IPv4 options of the request are in the reply, and its header checksum is right."""

    def runTest(self) -> None:
        request = echo_request(topology.VIP, b"data", options=[IPOption(b"\x94\x04\x00\x00")])
        self.exchange((CLIENT_SIDE, request), out=[(CLIENT_SIDE, echo_reply(request))])


class EchoOverTheMtuIsDropped(FullnatTest):
    """A reply that does not fit the link back is dropped."""

    def runTest(self) -> None:
        self.drop(CLIENT_SIDE, echo_request(topology.VIP, bytes(1473)), "MTU")


class EchoToOthersIsRouted(FullnatTest):
    """A ping to a host behind the switch passes."""

    def runTest(self) -> None:
        request = echo_request(topology.FAR_HOST, b"data")
        routed = request.copy()
        routed[IP].ttl -= 1
        routed[Ether].src, routed[Ether].dst = topology.PORT_MAC[UPLINK], topology.GATEWAY_MAC
        self.exchange((CLIENT_SIDE, request), out=[(UPLINK, routed)])
