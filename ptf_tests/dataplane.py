"""What stands where PTF's own dataplane stands (``test.dataplane``): frames in and out of a target's ports.

Has the methods that ``ptf.testutils`` calls: ``send``, ``poll`` and ``flush``, and the results of PTF's ``poll``.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ptf.dataplane
from ptf.dataplane import match_exp_pkt

ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA = 263, 8
AUXDATA = struct.Struct("=IIIHHHH")
"""tpacket_auxdata of linux/if_packet.h."""
VLAN_VALID = 1 << 4
"""TP_STATUS_VLAN_VALID: the kernel has taken a tag out of the frame."""


class FrameDataplane(ABC):
    """Frames of device 0 by port, in the order in which they came out of each port."""

    PollSuccess = ptf.dataplane.DataPlane.PollSuccess
    PollFailure = ptf.dataplane.DataPlane.PollFailure

    def __init__(self) -> None:
        self._received: deque[tuple[int, bytes, float]] = deque()

    @abstractmethod
    def transmit(self, port: int, frame: bytes) -> None:
        """Put a frame into the switch's port."""

    @abstractmethod
    def gather(self, timeout: float) -> list[tuple[int, bytes]]:
        """Everything that came out; wait at most ``timeout`` seconds for the first frame."""

    def send(self, device_number: int, port_number: int, packet: bytes) -> int:
        self.transmit(port_number, packet)
        return len(packet)

    def poll(
        self,
        device_number: int = 0,
        port_number: int | None = None,
        timeout: float | None = None,
        exp_pkt: Any = None,
        filters: Sequence[Callable[[bytes], bool]] = (),
    ) -> Any:
        """The oldest frame (of a port) that passes the filters, and is ``exp_pkt`` where given; others are lost."""
        deadline = time.monotonic() + (timeout if timeout is not None else 2.0)
        discarded: deque[bytes] = deque(maxlen=3)
        count = 0
        while True:
            wait = 0.0 if self._received else max(0.0, deadline - time.monotonic())
            self._received.extend((port, frame, time.time()) for port, frame in self.gather(wait))
            for item in [r for r in self._received if port_number in (None, r[0])]:
                port, frame, when = item
                self._received.remove(item)
                count += 1
                discarded.append(frame)
                if all(accept(frame) for accept in filters) and (exp_pkt is None or match_exp_pkt(exp_pkt, frame)):
                    return self.PollSuccess(device_number, port, frame, exp_pkt, when)
            if time.monotonic() >= deadline:
                return self.PollFailure(exp_pkt, discarded, count)

    def flush(self) -> None:
        """Forget what came out."""
        self.gather(0.0)
        self._received.clear()

    @abstractmethod
    def close(self) -> None:
        """Detach from the ports. Idempotent."""


class MemoryDataplane(FrameDataplane):
    """In-process ports of p4soft."""

    def __init__(self, engine: Any) -> None:
        super().__init__()
        self._engine = engine

    def transmit(self, port: int, frame: bytes) -> None:
        self._engine.inject(port, frame)

    def gather(self, timeout: float) -> list[tuple[int, bytes]]:
        deadline = time.monotonic() + timeout
        while True:
            self._engine.drain(1.0)
            frames: list[tuple[int, bytes]] = self._engine.collect()
            if frames or time.monotonic() >= deadline:
                return frames
            # What is awaited is still on its way through gRPC; nothing can be waited on.
            time.sleep(0.0002)

    def close(self) -> None:
        """The engine is the target's."""


class SocketDataplane(FrameDataplane):
    """Network interfaces whose other ends are the switch's ports (AF_PACKET, as root)."""

    def __init__(self, interfaces: Mapping[int, str]) -> None:
        super().__init__()
        self._sockets: dict[int, socket.socket] = {}
        for port, interface in interfaces.items():
            # With protocol 0 it hears nothing before it is bound to its interface.
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._sockets[port] = sock
            # A burst of a whole test must fit.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            sock.bind((interface, ETH_P_ALL))
            sock.setblocking(False)
        self._ports = {sock: port for port, sock in self._sockets.items()}

    def transmit(self, port: int, frame: bytes) -> None:
        self._sockets[port].send(frame)

    def gather(self, timeout: float) -> list[tuple[int, bytes]]:
        frames: list[tuple[int, bytes]] = []
        readable, _, _ = select.select(self._ports, [], [], timeout)
        for sock in readable:
            while True:
                try:
                    frame, told, _, address = sock.recvmsg(65536, socket.CMSG_SPACE(AUXDATA.size))
                except BlockingIOError:
                    break
                # An AF_PACKET socket also sees what is sent through it.
                if address[2] != socket.PACKET_OUTGOING:
                    frames.append((self._ports[sock], _with_tag(frame, told)))
        return frames

    def close(self) -> None:
        for sock in self._sockets.values():
            sock.close()


def _with_tag(frame: bytes, told: Sequence[tuple[int, int, bytes]]) -> bytes:
    """The frame as it came, with the VLAN tag that the kernel tells of beside it."""
    for level, kind, data in told:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, *_, control, type_ = AUXDATA.unpack(data)
            if status & VLAN_VALID:
                return frame[:12] + struct.pack("!HH", type_, control) + frame[12:]
    return frame
