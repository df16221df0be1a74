"""Random frames of every kind that the program knows, sound and damaged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from scapy.layers.inet6 import (
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.utils import checksum

from ptf_tests import topology
from ptf_tests.icmp import ICMP_KINDS, ICMPV6_KINDS, PROTO_ICMPV6, IcmpError, quote
from ptf_tests.packets import (
    ARP,
    ICMP,
    IP,
    NOP,
    UDP,
    Ether,
    IPv6,
    Packet,
    Raw,
    Tcp,
    Udp,
    fragments,
    mss,
    sack,
    timestamps,
    toa,
)
from ptf_tests.sessions import Session, Tunnelled
from ptf_tests.topology import CLIENT_SIDE, PORT_MAC, Network

POOL, RENEWED = 400, 2
"""Sound frames to choose from for each port, and how many of them are new each time: scapy is slow."""
AH, ESP = 51, 50
REMEMBERED, UNKNOWN, FORGOTTEN = range(0x6F00, 0x6F02), 0x6F02, 0x6F03
"""Identifications of fragments: those whose first one is sent in time, one that no first one has, and one of first ones
alone."""
ALL_NODES, SOLICITED = "33:33:00:00:00:01", "ff02::1:ff00:10"
SHORTEST = 20
CLIENT_ISN, SERVER_ISN = 1000, 9000


@dataclass(frozen=True)
class World:
    """The sessions that the switches have."""

    network: Network
    segments: Sequence[Session]
    datagrams: Sequence[Session]
    ike: Session | None = None

    @property
    def sessions(self) -> list[Session]:
        return [*self.segments, *self.datagrams, *([self.ike] if self.ike else [])]

    def firsts(self) -> list[bytes]:
        """The packets that sessions begin with."""
        segments = [bytes(session.from_client(flags="S", seq=CLIENT_ISN)) for session in self.segments]
        others = [session for session in self.sessions if session not in self.segments]
        return segments + [bytes(Udp(**session.client_sends).replace(payload=b"first")) for session in others]

    def answers(self) -> list[bytes]:
        """What servers answer to SYNs."""
        acks = [(session, CLIENT_ISN + 1 + session.delta) for session in self.segments]
        return [bytes(session.from_server(flags="SA", seq=SERVER_ISN, ack=ack)) for session, ack in acks]


class RandomFrames:
    """``batch`` makes them."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.network = world.network
        self.random = Random(seed)
        six = ":" in world.network.vip
        own = (self._discovery, self._extended) if six else (self._fragment, self._ipsec, self._echo, self._arp)
        every: tuple[Callable[[int], bytes], ...] = (
            *((self._segment,) * 4),
            *((self._datagram,) * 2),
            *((self._error,) * 3),
            self._stranger,
            self._tunnelled,
            self._not_ours,
        )
        self._kinds = every + own * (3 if six else 1) + (() if six else (self._fragment,))
        self._pools = {port: [self._sound(port) for _ in range(POOL)] for port in topology.PORT_MAC}

    def batch(self, port: int, count: int) -> list[bytes]:
        """Frames for this port; some are as they should be."""
        pool = self._pools[port]
        for _ in range(RENEWED):
            pool[self.random.randrange(POOL)] = self._sound(port)
        return [self._damaged(frame) for frame in self.random.choices(pool, k=count)]

    def _sound(self, port: int) -> bytes:
        frame = self.random.choice(self._kinds)(port)
        if self.random.randrange(20) == 0:
            # A priority, or a VLAN.
            frame = frame[:12] + b"\x81\x00" + self.random.choice((b"\xa0\x00", b"\x00\x05")) + frame[12:]
        return frame

    def _fields(self) -> dict[str, Any]:
        """Of an IP header."""
        rng = self.random
        return {
            "ttl": rng.choice((0, 1, 2, 64, 64, 64, 255)),
            "tos": rng.getrandbits(8),
            "padding": bytes(rng.choice((0, 0, 0, 6))),
        }

    def _tcp(self, sends: dict[str, Any]) -> Tcp:
        """A segment of a session's numbers or any others."""
        rng = self.random
        pieces = [NOP, mss(1460), timestamps(1, 2), sack((1, 2)), b"\xfe\x04ab", b"\x1e\x03z", sack((1, 2), (3, 4))]
        pieces.append(toa(self.network.client, 7))
        options = b"".join(rng.choices(pieces, k=rng.randrange(5)))[:40]
        flags = rng.choice(("S", "SA", "A", "A", "PA", "FA", "R", "RA", ""))
        return Tcp(**sends).replace(
            # A SYN-ACK with another ISN would end all TOA.
            flags=flags,
            seq=SERVER_ISN if flags == "SA" else rng.choice((CLIENT_ISN + 1, SERVER_ISN + 1, rng.getrandbits(32))),
            ack=rng.choice((SERVER_ISN + 1, CLIENT_ISN + 1, rng.getrandbits(32))),
            options=options + NOP * (-len(options) % 4),
            payload=bytes(rng.choice((rng.randrange(40), 1400))),
            ip_options=rng.choice((b"", b"", b"", NOP * 4)),
            ip_flags=rng.choice((0, 2, 2)),
            **self._fields(),
        )

    def _udp(self, sends: dict[str, Any], size: int = 30) -> Udp:
        rng = self.random
        wrong = rng.choice((None, None, None, 0, rng.getrandbits(16)))
        return Udp(**sends).replace(payload=bytes(rng.randrange(size)), checksum=wrong, **self._fields())

    def _sends(self, session: Session, port: int) -> dict[str, Any]:
        """What its client sends by the clients' port, and its server by all others."""
        sends = session.client_sends if port == CLIENT_SIDE else session.server_sends
        return {**sends, "eth_dst": PORT_MAC[port]}

    def _segment(self, port: int) -> bytes:
        return bytes(self._tcp(self._sends(self.random.choice(self.world.segments), port)))

    def _datagram(self, port: int) -> bytes:
        return bytes(self._udp(self._sends(self.random.choice(self.world.datagrams), port)))

    def _stranger(self, port: int) -> bytes:
        """Of no session, to a service or beside it."""
        rng = self.random
        make: Callable[..., Tcp | Udp] = rng.choice((self._tcp, self._udp))
        sessions = self.world.segments if make == self._tcp else self.world.datagrams
        sent = make(self._sends(rng.choice(sessions), port))
        return bytes(sent.replace(**{rng.choice(("sport", "dport")): rng.getrandbits(16)}))

    def _error(self, port: int) -> bytes:
        """An ICMP error about what has left the switch by this port, to its sender or to another address."""
        rng, world = self.random, self.world
        session = rng.choice(world.sessions)
        ends = session.client_gets if port == CLIENT_SIDE else session.server_gets
        sent: Tcp | Udp = self._tcp(ends) if session in world.segments else self._udp(ends)
        family, kinds = (topology.IPV6, ICMPV6_KINDS) if ":" in sent.src else (topology.IPV4, ICMP_KINDS)
        quoted = quote(sent.replace(padding=b""), rng.choice((0, 7, 8, 8, 17, 18, 20, None)))
        return bytes(
            IcmpError(
                eth_dst=PORT_MAC[port],
                eth_src=topology.CLIENT_MAC,
                src=rng.choice((family.client, family.far_host)),
                dst=rng.choice((sent.src, sent.src, sent.src, family.vip)),
                kind=rng.choice((*kinds.translated, kinds.too_big, kinds.too_big, *kinds.others)),
                unused=rng.choice((0, 0, rng.getrandbits(16), rng.randrange(40) << 8)),
                mtu=rng.choice((0, 8, 576, 1280, 1400, rng.randrange(48), rng.getrandbits(16))),
                quote=quoted[: rng.choice((None, None, None, 28, 48))],
                ip_options=rng.choice((b"", b"", NOP * 4)),
                **self._fields(),
            )
        )

    def _head(self, port: int) -> Packet:
        return Ether(dst=PORT_MAC[port], src=topology.CLIENT_MAC)

    def _addresses(self) -> tuple[str, str]:
        """Where from and where to."""
        network, choose = self.network, self.random.choice
        own = (network.vip, network.vip, network.local, *network.interface.values())
        return choose((network.client, network.far_host)), choose((*own, network.server, network.silent_host))

    def _not_ours(self, port: int) -> bytes:
        """To other addresses: routed or not."""
        rng, network = self.random, self.network
        hosts = (network.far_host, network.narrow_server, network.server, network.client)
        dst = rng.choice((*hosts, network.silent_host, network.dropped_host, network.unrouted_host))
        ends = {**self.world.segments[0].client_sends, "dst": dst, "eth_dst": PORT_MAC[port]}
        return bytes(self._tcp(ends) if rng.randrange(2) else self._udp(ends, 1300))

    def _tunnelled(self, port: int) -> bytes:
        """Something in an outer header, to an address of ours or past us."""
        rng = self.random
        inner = self._tcp(self._sends(rng.choice(self.world.segments), port))
        outer = rng.choice((topology.IPV4, topology.IPV6))
        to = rng.choice((outer.interface[port], outer.vip, outer.server))
        return bytes(Tunnelled(inner, outer.client, to, rng.choice((0, 50000))))

    def first_fragments(self, port: int) -> list[bytes]:
        """For this port, of every flow. To be sent every ten seconds: what switches do with those behind them would
        depend on the time of day otherwise."""
        return [self._pieces(flow, port, ip_id)[0] for flow in self._flows(port) for ip_id in REMEMBERED]

    def _flows(self, port: int) -> list[Session]:
        """Sessions whose packets into this port are of IPv4."""
        every = (*self.world.segments, *self.world.datagrams)
        return [session for session in every if ":" not in self._sends(session, port)["src"]]

    def _pieces(self, session: Session, port: int, ip_id: int, size: int = 64) -> list[bytes]:
        """The fragments of one packet of the session."""
        kind = Tcp if session in self.world.segments else Udp
        whole = kind(**self._sends(session, port)).replace(ip_id=ip_id, ip_flags=0, payload=bytes(100))
        return [bytes(piece) for piece in fragments(Ether(bytes(whole)), size)]

    def _fragment(self, port: int) -> bytes:
        """One of a datagram or a segment of a session, or of an echo."""
        rng = self.random
        if rng.randrange(8) == 0:
            ip = IP(src=self.network.client, dst=self.network.vip, id=UNKNOWN)
            return bytes(rng.choice(fragments(self._head(port) / ip / ICMP() / Raw(bytes(100)), 64)))
        session = rng.choice(self._flows(port))
        if rng.randrange(4) == 0:
            return rng.choice(self._pieces(session, port, UNKNOWN)[1:])
        return rng.choice(self._pieces(session, port, rng.choice(REMEMBERED), rng.choice((24, 40, 64))))

    def _ipsec(self, port: int) -> bytes:
        rng, ike = self.random, self.world.ike
        assert ike is not None
        ends = self._sends(ike, port)
        src = rng.choice((ends["src"], ends["src"], self.network.far_host))
        ip = IP(src=src, dst=ends["dst"], proto=rng.choice((AH, ESP)), id=7)
        whole = self._head(port) / ip / Raw(bytes(rng.randrange(1, 100)))
        return bytes(whole if rng.randrange(4) else rng.choice(fragments(whole, 24)))

    def _echo(self, port: int) -> bytes:
        rng = self.random
        src, dst = self._addresses()
        echo = ICMP(type=rng.choice((8, 8, 0, 13)), id=rng.getrandbits(16))
        return bytes(self._head(port) / IP(src=src, dst=dst) / echo / Raw(bytes(rng.randrange(30))))

    def _arp(self, port: int) -> bytes:
        src, dst = self._addresses()
        return bytes(self._head(port) / ARP(op=self.random.randrange(3), psrc=src, pdst=dst))

    def _discovery(self, port: int) -> bytes:
        """Neighbor discovery, and echo."""
        rng = self.random
        src, dst = self._addresses()
        source, target = (option(lladdr=topology.CLIENT_MAC) for option in (ICMPv6NDOptSrcLLAddr, ICMPv6NDOptDstLLAddr))
        inside = rng.choice(
            (
                ICMPv6EchoRequest() / Raw(bytes(rng.randrange(30))),
                ICMPv6EchoReply(),
                ICMPv6ND_NS(tgt=dst) / source,
                ICMPv6ND_NS(tgt=dst) / source,
                ICMPv6ND_NS(tgt=dst),
                ICMPv6ND_NA(tgt=src, R=0, S=1) / target,
                ICMPv6ND_RS(),
            )
        )
        head = Ether(dst=rng.choice((PORT_MAC[port], PORT_MAC[port], ALL_NODES)), src=topology.CLIENT_MAC)
        to = rng.choice((dst, dst, SOLICITED, "ff02::1"))
        ip = IPv6(src=rng.choice((src, src, src, "::", "fe80::9")), dst=to, hlim=rng.choice((255, 255, 255, 1)))
        return bytes(head / ip / inside)

    def _extended(self, port: int) -> bytes:
        """With extension headers."""
        rng = self.random
        src, dst = self._addresses()
        first: Callable[[], Packet] = rng.choice(
            (
                IPv6ExtHdrDestOpt,
                IPv6ExtHdrHopByHop,
                IPv6ExtHdrRouting,
                partial(IPv6ExtHdrFragment, m=1),
                partial(IPv6ExtHdrFragment, offset=3),
            )
        )
        return bytes(self._head(port) / IPv6(src=src, dst=dst) / first() / UDP() / Raw(bytes(rng.randrange(30))))

    def _damaged(self, frame: bytes) -> bytes:
        """The frame with a few bytes changed behind the MAC addresses, cut, or extended; mostly with those checksums
        put right behind which nothing would be looked at otherwise."""
        rng = self.random
        damaged = bytearray(frame)
        for _ in range(rng.choice((0, 1, 1, 2, 4))):
            position = rng.randrange(12, min(len(damaged), 134))
            damaged[position] = rng.choice((0, 1, 2, 0x7F, 0x80, 0xFF, damaged[position] ^ 1 << rng.randrange(8)))
        match rng.randrange(8):
            case 0:
                # What is shorter and tagged, the kernel does not let pass.
                del damaged[rng.randrange(SHORTEST, len(damaged)) :]
            case 1:
                damaged += bytes(rng.randrange(1, 20))
        if rng.randrange(10):
            _put_checksums_right(damaged)
        return bytes(damaged)


def _put_checksums_right(frame: bytearray) -> None:
    """That of the IPv4 header, and that of ICMPv6."""
    start = 18 if frame[12:14] == b"\x81\x00" else 14
    kind = bytes(frame[start - 2 : start])
    header = 4 * (frame[start] & 15) if len(frame) > start else 0
    if kind == b"\x08\x00" and header >= 20 and len(frame) >= start + header:
        _name_fragment(frame, start)
        frame[start + 10 : start + 12] = bytes(2)
        frame[start + 10 : start + 12] = checksum(bytes(frame[start : start + header])).to_bytes(2, "big")
    elif kind == b"\x86\xdd" and len(frame) >= start + 44 and frame[start + 6] == PROTO_ICMPV6:
        length = int.from_bytes(frame[start + 4 : start + 6], "big")
        message = start + 40
        frame[message + 2 : message + 4] = bytes(2)
        pseudo = frame[start + 8 : message] + length.to_bytes(4, "big") + PROTO_ICMPV6.to_bytes(4, "big")
        summed = checksum(bytes(pseudo + frame[message : message + length]))
        frame[message + 2 : message + 4] = summed.to_bytes(2, "big")


def _name_fragment(frame: bytearray, start: int) -> None:
    """What has become a fragment follows none that is remembered for now."""
    ip_id, bits = (int.from_bytes(frame[at : at + 2], "big") for at in (start + 4, start + 6))
    if bits & 0x3FFF and ip_id not in REMEMBERED:
        frame[start + 4 : start + 6] = (UNKNOWN if bits & 0x1FFF else FORGOTTEN).to_bytes(2, "big")
