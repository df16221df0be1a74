"""Tests whose packets are traced as ``fullnat trace`` does it on a switch elsewhere: by a copy of its tables, which the
controller's own client reads by P4Runtime."""

from __future__ import annotations

import asyncio
import unittest
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, SupportsBytes

from fullnat.p4constants import DropReason, PacketOutAction, PacketOutFlag, PuntReason
from fullnat.p4rt.client import Client
from fullnat.p4rt.grpc_transport import GrpcTransport
from fullnat.p4rt.program import load
from fullnat.p4rt.tracing import Tracer
from p4soft.interpreter.events import Counted
from p4soft.interpreter.interpreter import Trace

from ptf_tests.base import FullnatTest, PacketOut, Punt, Sent
from ptf_tests.targets import COMPILED, CPU_PORT, DEVICE_ID, Target


class Follower:
    """Of a target that runs; to be closed."""

    def __init__(self, target: Target) -> None:
        self._loop = asyncio.new_event_loop()
        program = load(COMPILED, device_config=target.device_config)
        self._tracer = Tracer(program)
        self._client = Client(GrpcTransport(target.address), program, device_id=DEVICE_ID, election_id=lambda: 0)

    def close(self) -> None:
        self._loop.run_until_complete(self._client.close())
        self._loop.close()

    def follow(self, arrivals: Iterable[tuple[int, bytes]]) -> tuple[list[Trace], list[str]]:
        """The ways of frames that come one after the other, and what the switch does not tell of them."""
        run = self._tracer.begin(self._client)
        traces = [self._loop.run_until_complete(run.follow(port, frame)) for port, frame in arrivals]
        return traces, run.unknown


class FollowedTest(FullnatTest):
    """Comes in front of a test: before a switch has done what the test says it does, a trace has to say so."""

    follower: ClassVar[Follower]
    drop_reasons: ClassVar[set[str]]
    """For which reasons traces have said that packets are dropped."""
    doubts: ClassVar[set[str]]
    """What the switch does not tell, or leaves to the controller, so that they need not be right."""

    def exchange(
        self,
        *sent: Sent,
        out: Iterable[tuple[int, SupportsBytes]] = (),
        punted: Iterable[Punt] = (),
        drops: Mapping[str, int] | None = None,
        toa: Mapping[str, int] | None = None,
    ) -> None:
        out, punted = list(out), list(punted)
        traces, unknown = self.follower.follow(self._arrival(item) for item in sent)
        super().exchange(*sent, out=out, punted=punted, drops=drops, toa=toa)
        told = Counter(
            DropReason(event.at).name
            for trace in traces
            for event in trace.events
            if isinstance(event, Counted) and event.counter == "drop_ctr"
        )
        self.drop_reasons.update(told)
        doubts = [*unknown, *(PuntReason(reason).name for reason in self._left_to_controller())]
        self.doubts.update(doubts)
        if doubts:
            return
        self._equal(dict(drops or {}), dict(told), "drops that traces say")
        left = [trace.sent for trace in traces if trace.sent is not None]
        ways: dict[int, list[bytes]] = {}
        for port, packet in out:
            ways.setdefault(port, []).append(bytes(packet))
        for port, packets in ways.items():
            self._compare(f"traces say of port {port}", packets, [each.frame for each in left if each.port == port])
        header = self._bytes("packet_in")
        punts = [each.frame[header:] for each in left if each.port == CPU_PORT]
        self._compare("traces say to be punted", [bytes(punt.packet) for punt in punted], punts)

    def _bytes(self, header: str) -> int:
        return sum(int(field.bitwidth) for field in self.client.schema.packet_metadata[header].values()) // 8

    def _arrival(self, item: Sent) -> tuple[int, bytes]:
        if not isinstance(item, PacketOut):
            return item[0], bytes(item[1])
        values = {
            "request": PacketOutAction.__members__.get(item.request, 255),
            "flags": PacketOutFlag.NEW_SESSION if item.new_session else 0,
            "port": item.port,
            "session_id": item.session_id,
        }
        whole = 0
        for name, field in self.client.schema.packet_metadata["packet_out"].items():
            whole = whole << field.bitwidth | values.get(name, 0)
        return CPU_PORT, whole.to_bytes(self._bytes("packet_out"), "big") + bytes(item.packet)


def run(cls: type[FullnatTest], follower: Follower) -> tuple[set[str], Sequence[Any]]:
    """For which reasons traces have said that packets of the test are dropped, and why they may have said none: it is
    skipped, or there are doubts. Raises AssertionError if the test fails."""
    told: set[str] = set()
    doubts: set[str] = set()
    body = {"follower": follower, "drop_reasons": told, "doubts": doubts, "__module__": cls.__module__}
    result = unittest.TestResult()
    type(cls.__name__, (FollowedTest, cls), body)().run(result)
    wrong = [told for _, told in (*result.failures, *result.errors)]
    assert not wrong, "\n".join(wrong)
    return told, [*result.skipped, *doubts]
