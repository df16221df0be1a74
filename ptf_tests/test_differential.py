"""Two switches, one program: whatever comes in, the target and p4soft do the same with it."""

import random
from collections.abc import Iterator
from typing import Any

from ptf_tests import topology
from ptf_tests.base import COUNTERS, describe, requires
from ptf_tests.harness import Harness
from ptf_tests.icmp import IcmpError, quote
from ptf_tests.packets import ARP, ICMP, IP, NOP, UDP, Ether, Raw, Tcp, mss, sack, timestamps
from ptf_tests.sessions import SessionTest
from ptf_tests.targets import P4softInProcess
from ptf_tests.topology import CLIENT_SIDE, PORT_MAC, SERVER_SIDE

SEED = 20260511
BATCHES, BATCH = 120, 20
"""A batch fits the shortest queue on the way: 64 packets to the CPU port of BMv2."""


@requires("second-opinion")
class RandomFramesFareAlikeOnBothSwitches(SessionTest):
    """Frames of every kind with random damage to headers, options and lengths leave alike, are punted alike and are
    counted alike on this switch and on p4soft."""

    batches = BATCHES

    def setUp(self) -> None:
        super().setUp()
        target = P4softInProcess()
        self.addCleanup(target.stop)
        target.start()
        self.other = Harness(target)
        self.addCleanup(self.other.close)
        self.other.client.insert(*topology.entries(), *topology.entries6(), topology.service(self.network.vip))
        self.other.client.insert(*self.session.server_entries, *self.session.entries)
        self.random = random.Random(SEED)

    def runTest(self) -> None:
        self.handshake()
        # The other switch hears of the session what this one heard.
        self._both(SERVER_SIDE, [bytes(self.session.from_server(flags="SA", seq=9000, ack=1033))])
        before = [self._counters(harness) for harness in (self.harness, self.other)]
        for number in range(self.batches):
            port = CLIENT_SIDE if number % 2 else SERVER_SIDE
            frames = [self._damaged(frame) for frame in self._frames(port, BATCH)]
            ours, theirs = self._both(port, frames)
            if ours != theirs:
                for frame in frames:
                    ours, theirs = self._both(port, [frame])
                    if ours != theirs:
                        lines = [f"seed {SEED}, batch {number}, into port {port}:", *describe(frame)]
                        self.fail("\n".join([*lines, f"here {ours}", f"p4soft {theirs}"]))
                self.fail(f"seed {SEED}, batch {number}: the batch fares otherwise than its frames one by one")
        after = [self._counters(harness) for harness in (self.harness, self.other)]
        ours_changed, theirs_changed = (
            {cell: new[cell] - old[cell] for cell in new} for old, new in zip(before, after, strict=True)
        )
        assert ours_changed == theirs_changed

    def _both(self, port: int, frames: list[bytes]) -> list[tuple[Any, ...]]:
        """What comes of the frames, here and there: frames out by port, and packet-ins."""
        results: list[tuple[Any, ...]] = []
        for harness in (self.harness, self.other):
            for frame in frames:
                harness.target.dataplane.send(0, port, frame)
            out, punted = harness.settle(port)
            by_port = {p: [f.hex() for q, f in out if q == p] for p in PORT_MAC}
            results.append((by_port, [(dict(p.metadata), p.payload.hex()) for p in punted]))
        return results

    def _counters(self, harness: Harness) -> dict[tuple[str, int], int]:
        cells = harness.client.counters((counter, None) for counter in COUNTERS)
        return {cell: packets for cell, (packets, _) in cells.items()}

    def _segment(self, options: bytes) -> dict[str, Any]:
        """Fields of a segment with these options, of the session's numbers or any others."""
        rng = self.random
        flags = rng.choice(("S", "SA", "A", "PA", "FA", "R", "RA", ""))
        return {
            "flags": flags,
            # A SYN-ACK with another ISN would end all TOA.
            "seq": 9000 if flags == "SA" else rng.choice((1001, 9001, rng.getrandbits(32))),
            "ack": rng.choice((9001, rng.getrandbits(32))),
            "options": options + NOP * (-len(options) % 4),
            "payload": bytes(rng.randrange(40)),
        }

    def _frames(self, port: int, count: int) -> Iterator[bytes]:
        """Sound frames of every kind."""
        rng = self.random
        client = Ether(dst=PORT_MAC[port], src=topology.CLIENT_MAC)
        for _ in range(count):
            pieces = [NOP, mss(1460), timestamps(1, 2), sack((1, 2)), b"\xfe\x04ab", b"\x1e\x03z", sack((1, 2), (3, 4))]
            options = b"".join(rng.choices(pieces, k=rng.randrange(5)))[:40]
            fields: dict[str, Any] = {
                **self._segment(options),
                "ip_options": rng.choice((b"", b"", b"", NOP * 4)),
            }
            make = self.session.from_client if port == CLIENT_SIDE else self.session.from_server
            ip = IP(src=topology.CLIENT, dst=rng.choice((topology.VIP, topology.FAR_HOST, topology.SERVER)))
            kind = rng.randrange(12)
            if kind < 6:
                yield bytes(make(**fields))
            elif kind == 6:
                yield bytes(make(**fields).replace(sport=rng.getrandbits(16)))
            elif kind == 7:
                yield bytes(client / ip / ICMP(type=8) / Raw(bytes(rng.randrange(30))))
            elif kind > 9:
                yield self._error(port)
            elif kind == 8:
                yield bytes(client / ip / UDP() / Raw(bytes(rng.randrange(30))))
            else:
                yield bytes(client / ARP(op=rng.randrange(3), psrc=topology.CLIENT, pdst=topology.VIP))

    def _error(self, port: int) -> bytes:
        """An ICMP error about a segment of the session, to its sender."""
        rng, session = self.random, self.session
        ends = session.client_gets if port == CLIENT_SIDE else session.server_gets
        seq, ack = rng.getrandbits(32), rng.getrandbits(32)
        segment = Tcp(**ends).replace(seq=seq, ack=ack, payload=bytes(20), ip_options=rng.choice((b"", b"", NOP * 4)))
        return bytes(
            IcmpError(
                eth_dst=PORT_MAC[port],
                eth_src=topology.CLIENT_MAC,
                src=topology.CLIENT,
                dst=segment.src,
                kind=rng.choice(((3, 1), (3, 4), (11, 0), (12, 0), (5, 0))),
                mtu=rng.choice((0, 8, 1400, rng.getrandbits(16))),
                quote=quote(segment, rng.choice((8, 17, 18, 20, None))),
                ip_options=rng.choice((b"", b"", NOP * 4)),
            )
        )

    def _damaged(self, frame: bytes) -> bytes:
        """The frame with a few bytes changed behind the MAC addresses, cut, or extended; mostly with its IPv4 header
        checksum put right, or else nothing behind it would be looked at."""
        rng = self.random
        damaged = bytearray(frame)
        for _ in range(rng.choice((0, 1, 1, 2, 4))):
            position = rng.randrange(12, min(len(damaged), 94))
            damaged[position] = rng.choice((0, 1, 2, 0x7F, 0x80, 0xFF, damaged[position] ^ 1 << rng.randrange(8)))
        match rng.randrange(8):
            case 0:
                del damaged[rng.randrange(15, len(damaged)) :]
            case 1:
                damaged += bytes(rng.randrange(1, 20))
        header = 4 * (damaged[14] & 15) if len(damaged) > 34 else 0
        if damaged[12:14] == b"\x08\x00" and header >= 20 and len(damaged) >= 14 + header and rng.randrange(10):
            damaged[24:26] = bytes(2)
            total = sum(int.from_bytes(damaged[i : i + 2], "big") for i in range(14, 14 + header, 2))
            while total >> 16:
                total = (total & 0xFFFF) + (total >> 16)
            damaged[24:26] = (total ^ 0xFFFF).to_bytes(2, "big")
        return bytes(damaged)
