"""What becomes of packets, traces say beforehand (:mod:`.witness`, in every test of p4soft); here of random ones.

``make traces`` follows a million.
"""

import os

from fullnat.p4constants import PacketOutAction, PacketOutFlag
from p4soft.interpreter.log import log

from ptf_tests import topology
from ptf_tests.base import FullnatTest, requires
from ptf_tests.harness import Harness
from ptf_tests.random_frames import RandomFrames
from ptf_tests.targets import P4softLogging
from ptf_tests.test_differential import BATCH, PROTO_UDP, RENEWAL, SEED
from ptf_tests.topology import CLIENT_SIDE, IPV6, PORT_MAC, SERVER_SIDE
from ptf_tests.worlds import make_world

FRAMES = int(os.environ.get("FULLNAT_TRACES", "1000"))
"""Of both families."""
COMPARED = 10
"""Batches whose counters are compared at once."""
LOGGED = 40
"""Frames whose log is compared, a family."""


@requires("followed")
class RandomFramesGoWhereTheirTracesSay(FullnatTest):
    """Frames of every kind, of sessions in every mode or of none, with random damage, leave, are counted, are told and
    change registers as a trace has said."""

    def setUp(self) -> None:
        super().setUp()
        self.open_on(self.harness)

    def open_on(self, harness: Harness) -> None:
        """The services and sessions of a new world, which frames are to be of."""
        self.world = make_world(self.network, harness.session_id)
        entries = [topology.service(self.network.vip, protocol=protocol) for protocol in (6, PROTO_UDP)]
        for session in self.world.sessions:
            entries += [*session.server_entries, *session.entries]
        if harness is self.harness:
            self.insert(*entries)
        else:
            harness.client.insert(*topology.entries(), *topology.entries6(), *entries)

    def begin(self, harness: Harness) -> None:
        """Have the sessions begin, whatever their registers held."""
        metadata = {"request": PacketOutAction.INJECT, "flags": PacketOutFlag.NEW_SESSION}
        for first in self.world.firsts():
            harness.client.packet_out({**metadata, "port": CLIENT_SIDE, "session_id": 0}, first)
        harness.settle()
        for answer in self.world.answers():
            harness.target.dataplane.send(0, SERVER_SIDE, answer)
        harness.settle(SERVER_SIDE)

    def runTest(self) -> None:
        frames = RandomFrames(self.world, SEED)
        ports = list(PORT_MAC)
        with self.harness.target.unchanged_tables():
            for number in range(FRAMES // 2 // BATCH):
                if number % RENEWAL == 0:
                    self.begin(self.harness)
                port = ports[number % len(ports)]
                for frame in frames.batch(port, BATCH):
                    self.dataplane.send(0, port, frame)
                if (number + 1) % COMPARED == 0 or number + 1 == FRAMES // 2 // BATCH:
                    self.harness.settle(*ports)
                    self.harness.target.check()


@requires("ipv6")
class RandomIpv6FramesGoWhereTheirTracesSay(RandomFramesGoWhereTheirTracesSay):
    """The same of IPv6."""

    network = IPV6


class LogsAreAlike(RandomFramesGoWhereTheirTracesSay):
    """A trace's log has the lines that p4soft writes with ``-L trace``: every state, lookup, action and primitive."""

    def setUp(self) -> None:
        FullnatTest.setUp(self)
        self.target = P4softLogging()
        self.addCleanup(self.target.stop)
        self.target.start()
        self.logging = Harness(self.target)
        self.addCleanup(self.logging.close)
        self.open_on(self.logging)

    def runTest(self) -> None:
        frames = RandomFrames(self.world, SEED)
        self.begin(self.logging)
        for port in PORT_MAC:
            for frame in frames.batch(port, LOGGED // len(PORT_MAC)):
                self.logging.target.dataplane.send(0, port, frame)
            self.logging.settle(port)
        self.target.check()
        written = self.target.written()
        for number, trace in enumerate(self.target.traces()):
            self._equal(written.get(number, []), log(trace.events), f"the log of {trace.frame.hex()} by {trace.port}")


@requires("ipv6")
class LogsOfIpv6AreAlike(LogsAreAlike):
    """The same of IPv6."""

    network = IPV6
