"""The switch's ports on one nanomsg PAIR socket: how PTF reaches a device without privileges (``ptf -P nn``).

A message is a head of three 32-bit little-endian numbers (type, port, more), then data. BMv2's simple_switch has the
same with ``--packet-in``; PTF's side is ``--device-socket 0-{1-3}@ADDR``. ``more`` is a frame's length, or what is
asked about a port. Messages that set a port's status are ignored: BMv2 and PTF disagree about which number means up.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

from p4soft.api import EngineError, InvalidValue, PortStats

_LOG = logging.getLogger(__name__)
_HEAD = struct.Struct("<iii")
_PORT_ADD, _PORT_REMOVE, _PORT_STATUS, _PACKET_IN, _PACKET_OUT, _INFO_REQUEST, _INFO_REPLY = range(7)
_INFO_COUNTERS = 1
_DONE, _NOT_SUPPORTED = 0, 1
_SEND_BUFFER = 8192
"""Messages that may wait for a peer that is busy; the library's greatest number."""
_BATCH = 256
"""Messages received before the loop's other work gets its turn."""


@runtime_checkable
class PortEngine(Protocol):
    """What is needed of an engine."""

    def add_memory_port(self, port: int) -> None: ...

    def remove_port(self, port: int) -> None: ...

    def port_stats(self) -> list[PortStats]: ...

    def inject(self, port: int, data: bytes) -> None: ...

    def collect(self) -> list[tuple[int, bytes]]: ...

    def output_fileno(self) -> int: ...


class DeviceSocket:
    """Serves one peer at a time, from the event loop in which it is started.

    It takes everything that leaves by in-process ports, so nobody else may call the engine's ``collect()``. Frames are
    lost, and counted in ``dropped``, while there is no peer and when it does not read.
    """

    def __init__(self, engine: PortEngine, address: str) -> None:
        self.address = address
        """Where it listens, with its real port once started."""
        self.dropped = 0
        self._engine = engine
        self._nng: Any = None
        self._socket: Any = None
        self._descriptors: Sequence[int] = ()

    async def start(self) -> None:
        """Raises EngineError: no pynng, or the address cannot be used."""
        try:
            import pynng
        except ImportError:
            raise EngineError("the device socket needs pynng: pip install pynng") from None
        if not self.address.startswith(("tcp://", "ipc://")):
            raise EngineError(f"{self.address!r} is not tcp://HOST:PORT or ipc://FILE")
        self._nng = pynng
        self._socket = pynng.Pair0(send_buffer_size=_SEND_BUFFER, recv_buffer_size=_SEND_BUFFER)
        try:
            listener = self._socket.listen(self.address)
        except pynng.NNGException as error:
            self._socket.close()
            self._socket = None
            raise EngineError(f"cannot listen on {self.address}: {error}") from None
        if self.address.startswith("tcp://"):
            self.address = f"tcp://{listener.local_address}"
        loop = asyncio.get_running_loop()
        receive, output = self._socket.recv_fd, self._engine.output_fileno()
        self._descriptors = (receive, output)
        loop.add_reader(receive, self._receive)
        loop.add_reader(output, self._transmit)

    def stop(self) -> None:
        """Close the socket. The ports stay. Idempotent."""
        for descriptor in self._descriptors:
            asyncio.get_running_loop().remove_reader(descriptor)
        self._descriptors = ()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # from the peer

    def _receive(self) -> None:
        for _ in range(_BATCH):
            try:
                message = self._socket.recv_msg(block=False).bytes  # recv() fails on empty ones
            except self._nng.TryAgain:
                return
            try:
                self._handle(message)
            except InvalidValue as error:
                _LOG.warning("device socket: %s", error)

    def _handle(self, message: bytes) -> None:
        if len(message) < _HEAD.size:
            raise InvalidValue(f"a message of {len(message)} bytes is shorter than its head")
        kind, port, more = _HEAD.unpack_from(message)
        if kind == _PACKET_IN:
            data = message[_HEAD.size :]
            if more != len(data):
                raise InvalidValue(f"a frame of {len(data)} bytes says that it has {more}")
            self._engine.inject(port, data)
        elif kind == _PORT_ADD:
            # A peer that went without taking leave has left its ports.
            if port not in self._ports():
                self._engine.add_memory_port(port)
        elif kind == _PORT_REMOVE:
            if port in self._ports():
                self._engine.remove_port(port)
        elif kind == _INFO_REQUEST:
            self._inform(port, more)
        elif kind != _PORT_STATUS:
            raise InvalidValue(f"there is no request of type {kind}")

    def _ports(self) -> dict[int, PortStats]:
        return {stats.port: stats for stats in self._engine.port_stats()}

    def _inform(self, port: int, what: int) -> None:
        stats = self._ports().get(port)
        if what != _INFO_COUNTERS or stats is None:
            self._send(_HEAD.pack(_INFO_REPLY, port, what) + struct.pack("<i", _NOT_SUPPORTED))
            return
        counters = (stats.rx_packets & 0x7FFFFFFF, stats.tx_packets & 0x7FFFFFFF)
        self._send(_HEAD.pack(_INFO_REPLY, port, what) + struct.pack("<iii", _DONE, *counters))

    # to the peer

    def _transmit(self) -> None:
        for port, data in self._engine.collect():
            self._send(_HEAD.pack(_PACKET_OUT, port, len(data)) + data)

    def _send(self, message: bytes) -> None:
        # Without a peer the library would keep messages for the next one.
        if not self._socket.pipes:
            self.dropped += 1
            return
        try:
            self._socket.send(message, block=False)
        except self._nng.TryAgain:
            self.dropped += 1
