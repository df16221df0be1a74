"""Who writes to which switch, as seen on the wire: an independent witness, whatever controllers say of themselves, and
the same for every kind of switch.

A request of P4Runtime has its election id in front. A switch obeys the highest that it has heard by arbitration, so a
write with a lower one is refused and does no harm. What must never be: a switch obeys one controller after another
switch has obeyed a later one.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from topo.netns import Network

_ETHERNET = 14
_TCP = 6
_EVERYTHING = 3
"""ETH_P_ALL."""
_OUTGOING = 4
"""PACKET_OUTGOING: what the host has sent itself."""
_REQUEST = re.compile(rb"\x00.{4}(?P<bid>\x0a.)?\x08[\x01-\x7f]\x1a(?P<size>.)", re.DOTALL)
"""gRPC's prefix of a message, that of an arbitration update if it is one, device_id, and the election id."""
_UPDATES, _ACTION = 0x22, 0x20
"""The tag behind it in a WriteRequest, and in a SetForwardingPipelineConfigRequest."""
_HIGHEST = 1 << 48
"""Upper halves of election ids above this are other bytes: they are revisions of etcd."""
_BUFFER = 16 << 20


@dataclass(frozen=True, slots=True)
class Written:
    """A write that the switch obeys."""

    at: float
    switch: str
    controller: str
    election: int

    def __str__(self) -> str:
        return f"{self.controller} writes to {self.switch} with {self.election >> 64}+{self.election % 2**64}"


@dataclass(slots=True)
class Judge:
    """Takes what is seen in its order."""

    writes: int = 0
    faults: list[str] = field(default_factory=list)
    _heard: dict[str, int] = field(default_factory=dict)
    """The highest election id that a switch has heard of."""
    _latest: Written | None = None

    def bids(self, switch: str, election: int) -> None:
        self._heard[switch] = max(election, self._heard.get(switch, 0))

    def writes_to(self, written: Written) -> None:
        if written.election < self._heard.get(written.switch, 0):
            return
        self.writes += 1
        latest = self._latest
        if latest is None or written.election > latest.election:
            self._latest = written
        elif written.election < latest.election and written.controller != latest.controller:
            self.faults.append(f"{written}, {written.at - latest.at:.3f} s after {latest}")


def requests(payload: bytes) -> list[tuple[bool, int]]:
    """Of each arbitration update (True) and each write in it, the election id."""
    found = []
    for match in _REQUEST.finditer(payload):
        end = match.end() + match["size"][0]
        election = _u128(payload[match.end() : end])
        if election is None or end > len(payload):
            continue
        if match["bid"]:
            found.append((True, election))
        elif end < len(payload) and payload[end] in (_UPDATES, _ACTION):
            found.append((False, election))
    return found


def _u128(message: bytes) -> int | None:
    """A Uint128 message; None for what is none."""
    halves = {0x08: 0, 0x10: 0}
    at = 0
    while at < len(message):
        tag, shift, value = message[at], 0, 0
        if tag not in halves:
            return None
        while (at := at + 1) < len(message):
            value |= (message[at] & 0x7F) << shift
            shift += 7
            if message[at] < 0x80:
                break
        else:
            return None
        halves[tag] = value
        at += 1
    high = halves[0x08]
    return high << 64 | halves[0x10] if 0 < high < _HIGHEST else None


class Witness:
    """Looks from now on until :meth:`close`. ``switches`` are ports of TCP, ``controllers`` IPv4 addresses."""

    def __init__(
        self, network: Network, host: str, interface: str, switches: Mapping[int, str], controllers: Mapping[str, str]
    ) -> None:
        self.judge = Judge()
        self._switches = switches
        self._controllers = controllers
        with network.inside(host):
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERYTHING))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._socket.bind((interface, _EVERYTHING))
        self._socket.settimeout(0.2)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="witness", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                frame, address = self._socket.recvfrom(1 << 17)
            except TimeoutError:
                continue
            if address[2] != _OUTGOING:
                self._see(frame)

    def _see(self, frame: bytes) -> None:
        ip = frame[_ETHERNET:]
        if len(ip) < 40 or ip[0] >> 4 != 4 or ip[9] != _TCP:
            return
        tcp = ip[(ip[0] & 15) * 4 : int.from_bytes(ip[2:4], "big") or None]
        switch = self._switches.get(int.from_bytes(tcp[2:4], "big"))
        controller = self._controllers.get(socket.inet_ntoa(ip[12:16]))
        if switch is None or controller is None:
            return
        now = time.monotonic()
        for is_bid, election in requests(tcp[(tcp[12] >> 4) * 4 :]):
            if is_bid:
                self.judge.bids(switch, election)
            else:
                self.judge.writes_to(Written(now, switch, controller, election))
