"""simple_switch_grpc and p4soft behind one face, without interfaces: frames go to BMv2 by its data plane service
(``--dp-grpc-server-addr``), so any port and any length will do, and no privileges are needed."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self
from unittest import mock

import grpc
from finsy.proto import p4r, p4r_grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from p4kit import entity
from p4soft.codegen.unit import generate
from p4soft.embedded import Switch as P4softSwitch

DEVICE = 1
PORTS = range(511)
Frame = tuple[int, bytes]
"""A port and what comes in or goes out by it."""

_ZEROED = re.compile(r"memset\(own, 0, (\d+)\);")
"""How a program that p4soft generates begins with the storage of headers."""
_OPTIONS = [("grpc.max_metadata_size", 1 << 20), ("grpc.max_receive_message_length", 1 << 28)]
_START = 30.0
_CALL = 60.0
_LOAD = 400.0
"""Seconds; some of p4c's samples have expressions that take a C compiler minutes."""
_END = 5.0
_TRIES, _PAUSE = 20, 0.1
_PATIENCE = 1.0
"""Seconds to wait for a frame that p4soft sent."""
_WINDOW = 1
"""Frames in flight. BMv2 runs ingress and egress in threads of their own, which may see each other's registers."""


class SwitchError(Exception):
    """The switch refused something, or is gone; the message is one line."""


class ComparedSwitch(ABC):
    """A fresh switch, loaded with one program."""

    name: ClassVar[str]

    def __init__(self) -> None:
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._channel: Any = None
        self._stub: Any = None

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def stop(self) -> None:
        """Idempotent."""

    @abstractmethod
    def run(self, frames: Sequence[Frame], expected: Sequence[int]) -> list[list[Frame]]:
        """What leaves because of each of the frames; of ``expected`` frames each, as far as one knows."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # P4Runtime

    def _connect(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        grpc.channel_ready_future(self._channel).result(_START)
        self._stub = p4r_grpc.P4RuntimeStub(self._channel)
        stream = self._stub.StreamChannel(iter(self._requests.get, None))
        request = p4r.StreamMessageRequest()
        request.arbitration.device_id = DEVICE
        request.arbitration.election_id.low = 1
        self._requests.put(request)
        next(stream)
        threading.Thread(target=_exhaust, args=(stream,), daemon=True).start()

    def _disconnect(self) -> None:
        self._requests.put(None)
        if self._channel is not None:
            self._channel.close()

    def load(self, config: p4r.ForwardingPipelineConfig) -> None:
        """Raises SwitchError with what the switch says against it."""
        push = p4r.SetForwardingPipelineConfigRequest(device_id=DEVICE, config=config)
        push.action = p4r.SetForwardingPipelineConfigRequest.VERIFY_AND_COMMIT
        push.election_id.low = 1
        try:
            self._stub.SetForwardingPipelineConfig(push, timeout=_LOAD)
        except grpc.RpcError as error:
            raise SwitchError(self._why(error)) from None

    def write(self, kind: Any, message: Any) -> str | None:
        """None, or why it is refused. Raises SwitchError if the switch is gone."""
        request = p4r.WriteRequest(device_id=DEVICE)
        request.election_id.low = 1
        request.updates.add(type=kind, entity=entity(message))
        try:
            self._stub.Write(request, timeout=_CALL)
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise SwitchError(self._why(error)) from None
            return str(error.details() or error.code().name)
        return None

    def read(self, query: Any) -> list[str]:
        """Entities, as text in a fixed order; one that says why, if the read is refused."""
        request = p4r.ReadRequest(device_id=DEVICE, entities=[entity(query)])
        try:
            found = [str(e) for response in self._stub.Read(request, timeout=_CALL) for e in response.entities]
        except grpc.RpcError as error:
            return [f"refused: {error.code().name}"]
        return sorted(found)

    def _why(self, error: grpc.RpcError) -> str:
        return f"{error.code().name}: {error.details()}".splitlines()[0][:300]


def _exhaust(stream: Iterator[Any]) -> None:
    with contextlib.suppress(grpc.RpcError):
        for _ in stream:
            pass


class P4soft(ComparedSwitch):
    """p4soft in this process, with in-process ports and without a CPU port."""

    name = "p4soft"

    def __init__(self, filler: bytes = b"\0") -> None:
        """``filler``, again and again, is what headers hold that were never written to."""
        super().__init__()
        self._filler = filler
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._switch: Any = None

    def start(self) -> None:
        self._thread.start()
        self._switch = self._do(self._started())
        self._connect(self._switch.address)

    @staticmethod
    async def _started() -> Any:
        ports: dict[int, str | None] = dict.fromkeys(PORTS)
        switch = P4softSwitch(device_id=DEVICE, cpu_port=None, grpc_addr="127.0.0.1:0", ports=ports)
        await switch.start()
        return switch

    def _do(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_CALL)

    def load(self, config: p4r.ForwardingPipelineConfig) -> None:
        def filled(*arguments: Any, **options: Any) -> tuple[Any, str]:
            program, text = generate(*arguments, **options)
            return program, _ZEROED.sub(lambda found: _filled(self._filler, found[1]), text)

        with mock.patch("p4soft.engine.switch.generate", filled):
            super().load(config)

    def run(self, frames: Sequence[Frame], expected: Sequence[int] = ()) -> list[list[Frame]]:
        engine = self._switch.engine
        out = []
        for port, data in frames:
            engine.inject(port, data)
            if not engine.drain(10):
                raise Endless("p4soft does not come to an end with a frame")
            out.append(engine.collect())
        return out

    def stop(self) -> None:
        self._disconnect()
        if self._switch is not None:
            self._do(self._switch.stop())
            self._switch = None
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)


def _filled(filler: bytes, size: str) -> str:
    """C that fills ``own``, of so many bytes."""
    values = ", ".join(map(str, filler))
    return f"{{ static const uint8_t x[] = {{{values}}}; for (int i = 0; i < {size}; i++) own[i] = x[i % sizeof x]; }}"


class Bmv2(ComparedSwitch):
    """simple_switch_grpc, in a process of its own."""

    name = "simple_switch_grpc"

    def __init__(self) -> None:
        super().__init__()
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed by stop)
        self._data: Any = None

    def start(self) -> None:
        executable = shutil.which(self.name)
        if executable is None:
            raise SwitchError(f"{self.name} is not on PATH")
        address, data = _free_address(), _free_address()
        common = ["--no-p4", "--device-id", str(DEVICE), "--log-level", "off"]
        own = ["--grpc-server-addr", address, "--dp-grpc-server-addr", data]
        command = [executable, *common, "--", *own]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)
        self._connect(address)
        self._data = grpc.insecure_channel(data)
        grpc.channel_ready_future(self._data).result(_START)

    def stop(self) -> None:
        self._disconnect()
        if self._data is not None:
            self._data.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._log.close()

    def died(self) -> str | None:
        """What it said last, if it has ended or does so now."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END)
        if self._process.returncode is None:
            return None
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").strip().splitlines()
        return said[-1].strip()[-300:] if said else f"ended with status {self._process.returncode}"

    def _why(self, error: grpc.RpcError) -> str:
        if error.code() is grpc.StatusCode.UNAVAILABLE and (said := self.died()):
            return f"{self.name} is gone: {said}"
        return super()._why(error)

    def load(self, config: p4r.ForwardingPipelineConfig) -> None:
        """Raises SwitchError also if no frames pass after it: simple_switch_grpc answers OK whatever comes of it."""
        super().load(config)
        for _ in range(_TRIES):
            with contextlib.suppress(Gone):
                _DataStream(self._data, [], []).run()
                return
            time.sleep(_PAUSE)
        raise SwitchError("the program is taken, but never started")

    def run(self, frames: Sequence[Frame], expected: Sequence[int]) -> list[list[Frame]]:
        """Raises SwitchError, with the number of the frame before which all came out, if the switch ends."""
        return _DataStream(self._data, frames, expected).run()


class _DataStream:
    """One run of frames through BMv2's data plane service. It says which frame each one that leaves is due to."""

    def __init__(self, channel: Any, frames: Sequence[Frame], expected: Sequence[int]) -> None:
        self._frames = frames
        self._due = list(expected)
        self._patience = _PATIENCE
        self._out: list[list[Frame]] = [[] for _ in frames]
        self._arrived = threading.Condition()
        self._count = 0
        self._ended = False
        self.sent = 0
        self._call = channel.stream_stream(
            "/p4.bm.DataplaneInterface/PacketStream",
            request_serializer=_Request.SerializeToString,
            response_deserializer=_Response.FromString,
        )

    def run(self) -> list[list[Frame]]:
        responses = self._call(self._requests(), timeout=_CALL + len(self._frames))
        try:
            # It ends when the requests have and every packet is through.
            for response in responses:
                with self._arrived:
                    self._count += 1
                    if 0 < response.id <= len(self._out):
                        self._out[response.id - 1].append((response.port, response.packet))
                    self._arrived.notify()
        except grpc.RpcError:
            raise Gone(max(0, self.sent - _WINDOW), self.sent, self._out) from None
        finally:
            with self._arrived:
                self._ended = True
                self._arrived.notify()
        return self._out

    def _requests(self) -> Iterator[Any]:
        for start in range(0, len(self._frames), _WINDOW):
            for at, (port, data) in enumerate(self._frames[start : start + _WINDOW], start):
                self.sent = at + 1
                yield _Request(id=at + 1, device_id=DEVICE, port=port, packet=data)
            self._wait(sum(self._due[: start + _WINDOW]))

    def _wait(self, count: int) -> None:
        deadline = time.monotonic() + self._patience
        with self._arrived:
            while self._count < count and not self._ended:
                if not self._arrived.wait(deadline - time.monotonic()):
                    # Fewer come than was thought, and always will.
                    self._patience = 0.02
                    return


class Endless(SwitchError):
    """A frame goes round and round."""


class Gone(SwitchError):
    """BMv2 ended. Frames up to ``safe`` had passed, those from ``sent`` on were not sent."""

    def __init__(self, safe: int, sent: int, out: list[list[Frame]]) -> None:
        super().__init__(f"ended after {safe} to {sent} frames")
        self.safe = safe
        self.sent = sent
        self.out = out


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def _messages() -> tuple[Any, Any]:
    """PacketStreamRequest and PacketStreamResponse (behavioral-model, dataplane_interface.proto)."""
    file = descriptor_pb2.FileDescriptorProto(name="p4soft/dataplane.proto", package="p4.bm", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    fields = {"id": kinds.TYPE_UINT64, "device_id": kinds.TYPE_UINT64, "port": kinds.TYPE_UINT32}
    fields["packet"] = kinds.TYPE_BYTES
    for name in ("PacketStreamRequest", "PacketStreamResponse"):
        message = file.message_type.add(name=name)
        for number, (field, type_) in enumerate(fields.items(), 1):
            message.field.add(name=field, number=number, type=type_, label=kinds.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    names = ("PacketStreamRequest", "PacketStreamResponse")
    request, response = (pool.FindMessageTypeByName(f"p4.bm.{name}") for name in names)
    return message_factory.GetMessageClass(request), message_factory.GetMessageClass(response)


_Request, _Response = _messages()
