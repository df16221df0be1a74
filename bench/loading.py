"""How long SetForwardingPipelineConfig takes over gRPC for the FULLNAT program: compiled anew, and from the cache."""

from __future__ import annotations

import re
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from finsy.proto import p4i, p4r, p4r_grpc
from google.protobuf import text_format

from bench.channel import connect_blocking
from bench.sessions import COMPILED
from topo.process import Process, poll

TURNS = 3
_TIMEOUT_S = 120.0
_ELECTION = p4r.Uint128(low=1)


@dataclass(frozen=True, slots=True)
class Loading:
    """Seconds of each turn."""

    cold: tuple[float, ...]
    cached: tuple[float, ...]


def measure() -> Loading:
    """Start the switch twice a turn with a cache that is empty the first time. Raises ProcessFailed or TimeoutError."""
    cold, cached = [], []
    for _ in range(TURNS):
        with tempfile.TemporaryDirectory(prefix="p4soft-cache-") as cache:
            cold.append(_load(cache))
            cached.append(_load(cache))
    return Loading(tuple(cold), tuple(cached))


def _load(cache: str) -> float:
    command = [sys.executable, "-m", "p4soft.cli", "--grpc-server-addr", "127.0.0.1:0", "--cpu-port", "255"]
    with ExitStack() as stack:
        logs = stack.enter_context(tempfile.TemporaryDirectory(prefix="p4soft-log-"))
        process = Process("p4soft", command, namespace=None, logs=Path(logs), env={"P4SOFT_CACHE_DIR": cache})
        stack.callback(process.stop)
        address = poll(lambda: _address(process), _TIMEOUT_S, "p4soft listens")
        channel = stack.enter_context(connect_blocking(address))
        stub = p4r_grpc.P4RuntimeStub(channel)
        bid = p4r.MasterArbitrationUpdate(device_id=1, election_id=_ELECTION)
        requests: SimpleQueue[p4r.StreamMessageRequest] = SimpleQueue()
        requests.put(p4r.StreamMessageRequest(arbitration=bid))
        stream = stub.StreamChannel(iter(requests.get, None))
        stack.callback(stream.cancel)
        next(stream)
        request = _request()
        start = time.perf_counter()
        stub.SetForwardingPipelineConfig(request, timeout=_TIMEOUT_S)
        return time.perf_counter() - start


def _address(process: Process) -> str:
    process.check_running()
    found = re.search(r"listening on (\S+)", process.output)
    return found[1] if found else ""


def _request() -> p4r.SetForwardingPipelineConfigRequest:
    info = text_format.Parse((COMPILED / "fullnat.p4info.txtpb").read_text(), p4i.P4Info())
    return p4r.SetForwardingPipelineConfigRequest(
        device_id=1,
        election_id=_ELECTION,
        action=p4r.SetForwardingPipelineConfigRequest.VERIFY_AND_COMMIT,
        config=p4r.ForwardingPipelineConfig(p4info=info, p4_device_config=(COMPILED / "fullnat.json").read_bytes()),
    )
