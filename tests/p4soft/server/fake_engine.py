"""An engine without a data plane: the server's own dictionary state, plus ports and events that tests feed by hand."""

from __future__ import annotations

import os
from collections import deque

from p4soft.api import Event, InvalidValue, PipelineError, PortStats, Program
from p4soft.codegen.describe import read_program
from p4soft.server.staging import StagedEngine


class FakeEngine(StagedEngine):
    """Implements :class:`p4soft.api.Engine`. :meth:`emit` plays the data plane; :attr:`sent` holds the packet-outs."""

    def __init__(self, device_id: int, cpu_port: int | None) -> None:
        super().__init__()
        self.device_id = device_id
        self.cpu_port = cpu_port
        self.sent: list[bytes] = []
        self.closed = False
        self._loaded: Program | None = None
        self._events: deque[Event] = deque()
        self._read, self._write = os.pipe()
        self._ports: dict[int, str] = {}

    # pipeline
    def load(self, config: bytes) -> Program:
        self.verify(config)
        self._loaded = super().load(config)
        return self._loaded

    def verify(self, config: bytes) -> None:
        read_program(config)
        if b"p4soft_refuses_this" in config:
            raise PipelineError("the construct p4soft_refuses_this is not supported")

    @property
    def program(self) -> Program | None:
        return self._loaded

    # ports
    def add_interface(self, port: int, interface: str, *, offload: bool = True) -> None:
        if not os.path.exists(f"/sys/class/net/{interface}"):
            raise InvalidValue(f"there is no network interface {interface}")
        self._ports[port] = interface

    def add_memory_port(self, port: int) -> None:
        self._ports[port] = "memory"

    def remove_port(self, port: int) -> None:
        del self._ports[port]

    def port_up(self, port: int) -> bool:
        return port in self._ports

    def port_stats(self) -> list[PortStats]:
        return [PortStats(port, name) for port, name in self._ports.items()]

    def inject(self, port: int, data: bytes) -> None:
        raise NotImplementedError("the fake engine forwards nothing")

    def collect(self) -> list[tuple[int, bytes]]:
        return []

    def drain(self, timeout: float) -> bool:
        return True

    # events
    def emit(self, *events: Event) -> None:
        if not self._events:
            os.write(self._write, b"x")
        self._events.extend(events)

    def fileno(self) -> int:
        return self._read

    def poll(self, limit: int = 1024) -> list[Event]:
        events = [self._events.popleft() for _ in range(min(limit, len(self._events)))]
        if events and not self._events:
            os.read(self._read, 1)
        return events

    def packet_out(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            os.close(self._read)
            os.close(self._write)
