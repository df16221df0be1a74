"""Two switches, one program: whatever comes in, the target and p4soft do the same with it.

``make frames`` sends a million.
"""

import dataclasses
import os
import time
from collections import Counter
from typing import Any

from fullnat.p4constants import PacketOutAction, PacketOutFlag

from ptf_tests import topology
from ptf_tests.base import COUNTERS, FullnatTest, describe, requires
from ptf_tests.harness import PATIENCE, Harness
from ptf_tests.p4rt import Entry
from ptf_tests.random_frames import RandomFrames
from ptf_tests.targets import P4softInProcess
from ptf_tests.topology import CLIENT_SIDE, IPV6, PORT_MAC, SERVER_SIDE
from ptf_tests.worlds import make_world

FRAMES = int(os.environ.get("FULLNAT_FRAMES", "4800"))
"""Of both families."""
SEED = int(os.environ.get("FULLNAT_SEED", "20260511"))
BATCH = 20
"""A batch fits the shortest queue on the way: 2 MiB of libpcap for a port of BMv2, of which a frame takes 64 KiB."""
RENEWAL = 40
"""Batches until the sessions begin anew: an ended one has less to compare."""
STALL = 120.0
"""Seconds."""
PER_SERVER = ("server_in_ctr", "server_out_ctr")
PROTO_UDP = 17
BARRIERS = (0x02FE, 0x02FF)


@requires("second-opinion")
class RandomFramesFareAlikeOnBothSwitches(FullnatTest):
    """Frames of every kind, of sessions of TCP, UDP and IPsec in every mode or of none, with random damage, leave alike
    on this switch and on p4soft, and are punted, told and counted alike."""

    def setUp(self) -> None:
        super().setUp()
        target = P4softInProcess()
        self.addCleanup(target.stop)
        target.start()
        self.other = Harness(target)
        self.addCleanup(self.other.close)
        self.both = self.harness, self.other
        for harness in self.both:
            # A million frames meet every moment in which the machine has no time for us.
            self.addCleanup(setattr, harness, "patience", harness.patience)
            harness.patience = STALL
        self.world = make_world(self.network, self.harness.session_id)
        entries = [topology.service(self.network.vip, protocol=protocol) for protocol in (6, PROTO_UDP)]
        for session in self.world.sessions:
            entries += [*session.server_entries, *session.entries]
        self.insert(*entries)
        self.other.client.insert(*topology.entries(), *topology.entries6(), *entries)

    def runTest(self) -> None:
        frames = RandomFrames(self.world, SEED)
        for name in self.client.schema.digests:
            while self.client.digest(name, time.monotonic()):
                # What a test before this one has left.
                pass
        before: list[Counter[Any]] = []
        for number in range(FRAMES // 2 // BATCH):
            if number % RENEWAL == 0:
                self._open_sessions()
                self._remember_fragments(frames)
            if not before:
                before = [self._counters(harness) for harness in self.both]
            port = list(PORT_MAC)[number % len(PORT_MAC)]
            self._compare_batch(f"seed {SEED}, batch {number}, into port {port}", port, frames.batch(port, BATCH))
        here, there = (self._counters(harness) - old for harness, old in zip(self.both, before, strict=True))
        self._equal(there - here, here - there, "counters, more of p4soft and more of this switch")
        self._compare_digests()

    def _compare_batch(self, name: str, port: int, frames: list[bytes]) -> None:
        here, there = self._fare(port, frames)
        if here == there:
            return
        for frame in frames:
            here, there = self._fare(port, [frame])
            if here != there:
                self.fail("\n".join([f"{name}:", *describe(frame), f"here {here}", f"p4soft {there}"]))
        lines = "\n".join(frame.hex() for frame in frames)
        self.fail(f"{name}: the batch fares otherwise than its frames one by one:\n{lines}")

    def _fare(self, port: int, frames: list[bytes]) -> list[Any]:
        """What comes of the frames, here and there: frames out by port, and packet-ins."""
        for harness in self.both:
            for frame in frames:
                harness.target.dataplane.send(0, port, frame)
        results: list[Any] = []
        for harness in self.both:
            out, punted = harness.settle(port)
            by_port = {p: [f.hex() for q, f in out if q == p] for p in PORT_MAC}
            results.append((by_port, [(dict(p.metadata), p.payload.hex()) for p in punted]))
        return results

    def _compare_digests(self) -> None:
        """What was told of sessions and neighbors; BMv2 may tell the same once instead of several times."""
        for name in self.client.schema.digests:
            told: list[set[tuple[int, ...]]] = [set(), set()]
            deadline = time.monotonic() + PATIENCE
            while True:
                for harness, seen in zip(self.both, told, strict=True):
                    while digest := harness.client.digest(name, time.monotonic()):
                        # The barriers ask from addresses of their own.
                        if digest[1] >> 32 not in BARRIERS:
                            seen.add(digest)
                here, there = told
                if here == there or time.monotonic() > deadline:
                    break
            self._equal(there - here, here - there, f"{name}, more of p4soft and more of this switch")

    def _open_sessions(self) -> None:
        """Have each begin on both switches, whatever their registers held."""
        for first in self.world.firsts():
            for harness in self.both:
                metadata = {"request": PacketOutAction.INJECT, "flags": PacketOutFlag.NEW_SESSION}
                harness.client.packet_out({**metadata, "port": CLIENT_SIDE, "session_id": 0}, first)
        for harness in self.both:
            harness.settle()
        self._compare_batch("SYN-ACKs", SERVER_SIDE, self.world.answers())

    def _remember_fragments(self, frames: RandomFrames) -> None:
        if self.network is IPV6:
            return
        for port in (CLIENT_SIDE, SERVER_SIDE):
            firsts = frames.first_fragments(port)
            for start in range(0, len(firsts), BATCH):
                self._compare_batch("first fragments", port, firsts[start : start + BATCH])

    def _counters(self, harness: Harness) -> Counter[Any]:
        """All that is counted of drops, punts, TOA, servers and sessions."""
        wanted: list[tuple[str, int | None]] = [(counter, None) for counter in COUNTERS]
        wanted += [(counter, session.server_id) for counter in PER_SERVER for session in self.world.sessions]
        found: Counter[Any] = Counter()
        for (counter, index), (packets, octets) in harness.client.counters(wanted).items():
            found[counter, index, "packets"], found[counter, index, "bytes"] = packets, octets
        for session in self.world.sessions:
            for entry in session.entries:
                key = entry.table, session.id
                found[*key, "packets"], found[*key, "bytes"] = harness.client.direct_counter(_bare(entry))
        return found


def _bare(entry: Entry) -> Entry:
    return dataclasses.replace(entry, action="", params={})


@requires("ipv6")
class RandomIpv6FramesFareAlikeOnBothSwitches(RandomFramesFareAlikeOnBothSwitches):
    """The same of IPv6, with neighbor discovery and extension headers."""

    network = IPV6
