"""simple_switch_grpc and p4soft side by side: written alike, and compared frame by frame."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

import grpc.aio
import pytest
from finsy.proto import p4r, p4r_grpc
from p4kit import Client, entity
from p4soft.engine.native import NativeEngine

from ptf_tests.targets import Bmv2, P4softInProcess, Target, TargetUnavailable

needs_bmv2 = pytest.mark.skipif(shutil.which("simple_switch_grpc") is None, reason="simple_switch_grpc is not on PATH")
WAIT = 10.0
QUIET = 0.1
"""Seconds after which no more frames are taken to come."""
BATCH = 32
"""Fits the shortest queue on the way."""


class P4softAlone(P4softInProcess):
    """Without traces of its packets: these do not follow every program."""

    def make_engine(self, device_id: int, cpu_port: int | None) -> NativeEngine:
        return NativeEngine(device_id, cpu_port)


@contextmanager
def both_started() -> Iterator[tuple[Target, Target]]:
    """simple_switch_grpc and p4soft."""
    targets: tuple[Target, Target] = (Bmv2(), P4softAlone())
    started: list[Target] = []
    try:
        for target in targets:
            started.append(target)
            target.start()
        yield targets
    except TargetUnavailable as reason:
        pytest.skip(str(reason))
    finally:
        for target in started:
            target.stop()


class Pair:
    """Both switches, written alike."""

    def __init__(self, targets: Sequence[Target], stubs: list[Any]) -> None:
        self._targets = targets
        self._stubs = stubs

    async def write(self, *updates: tuple[Any, Any]) -> None:
        for kind, message in updates:
            # One at a time: what depends on another update may not be in its batch.
            for stub in self._stubs:
                request = p4r.WriteRequest(device_id=1)
                request.election_id.low = 1
                request.updates.add(type=kind, entity=entity(message))
                await stub.Write(request)

    async def read(self, *queries: Any) -> list[list[bytes]]:
        """What each of the two has, in one order."""
        found = []
        for stub in self._stubs:
            request = p4r.ReadRequest(device_id=1, entities=[entity(query) for query in queries])
            entities = [item async for response in stub.Read(request) for item in response.entities]
            found.append(sorted(item.SerializeToString(deterministic=True) for item in entities))
        return found

    def same(self, *frames: bytes) -> list[tuple[int, bytes]]:
        """Assert that the same frames come out of both, by any port and in any order; return them."""
        bmv2, p4soft = self._targets
        everything: list[tuple[int, bytes]] = []
        for start in range(0, len(frames), BATCH):
            batch = frames[start : start + BATCH]
            for target in self._targets:
                for frame in batch:
                    target.dataplane.send(0, 1, frame)
            ours = sorted(_come_out(p4soft, None))
            theirs = sorted(_come_out(bmv2, len(ours)))
            if ours != theirs:
                more = Counter(ours) - Counter(theirs), Counter(theirs) - Counter(ours)
                told = [[(port, data.hex()) for port, data in side.elements()] for side in more]
                raise AssertionError(f"only from p4soft: {told[0]}, only from BMv2: {told[1]}")
            everything += ours
        return everything


def _come_out(target: Target, expected: int | None) -> Iterator[tuple[int, bytes]]:
    """Frames until no more come; ``expected`` of them may take their time."""
    count = 0
    while True:
        patient = expected is not None and count < expected
        found = target.dataplane.poll(timeout=WAIT if patient else QUIET)
        if not isinstance(found, target.dataplane.PollSuccess):
            return
        count += 1
        yield found.port, found.packet


@asynccontextmanager
async def loaded(targets: Sequence[Target], config: p4r.ForwardingPipelineConfig) -> AsyncIterator[Pair]:
    """Both switches with a program and no entries."""
    async with AsyncExitStack() as stack:
        stubs = []
        for target in targets:
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(target.address))
            await channel.channel_ready()
            client = Client(p4r_grpc.P4RuntimeStub(channel))
            stack.callback(client.close)
            stream = client.stream()
            request = p4r.StreamMessageRequest()
            request.arbitration.device_id = 1
            request.arbitration.election_id.low = 1
            await stream.write(request)
            await client.next(stream)
            push = p4r.SetForwardingPipelineConfigRequest(device_id=1, config=config)
            push.action = p4r.SetForwardingPipelineConfigRequest.VERIFY_AND_COMMIT
            push.election_id.low = 1
            await client.stub.SetForwardingPipelineConfig(push)
            stubs.append(client.stub)
        yield Pair(targets, stubs)
