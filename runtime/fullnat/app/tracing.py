"""What the controller is asked of packets that nobody has sent: which frames they are, where they come in and go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fullnat.app.switch import Switches
from fullnat.config.model import Config, Interface
from fullnat.core.declared.model import Model
from fullnat.core.interface import SwitchId
from fullnat.core.network.routing import Router
from fullnat.net.described import BadDescription, described
from fullnat.net.flow import V4_BYTES, V6_BYTES, Address, text
from fullnat.net.headers import ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6
from fullnat.p4rt.program import Program

if TYPE_CHECKING:
    from fullnat.p4rt.tracing import Tracer

Json = dict[str, Any]
MOST_PACKETS = 1000
"""Of one request."""
MOST_BYTES = 16384
"""Of one packet."""
_SOURCES = {ETHERTYPE_IPV4: (12, V4_BYTES), ETHERTYPE_ARP: (14, V4_BYTES), ETHERTYPE_IPV6: (8, V6_BYTES)}
"""Where the address of its sender is, and how many bytes it has."""
_TAG = 0x8100


class BadRequest(ValueError):
    """What is asked is no packet, or nobody knows where it comes in; the message is one line."""


class NoSwitch(Exception):
    """There is none that could be asked."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A frame, and the port that it comes by."""

    port: int
    frame: bytes


class Tracing:
    """``cpu_port`` is where packets to the controller leave by; ``networks`` are those of switches that have some."""

    def __init__(
        self, owner: Switches, program: Program, cpu_port: int, networks: Mapping[SwitchId, Config] | None = None
    ) -> None:
        self._networks = networks or {}
        self._owner = owner
        self._program = program
        self._cpu_port = cpu_port
        self._tracer: Tracer | None = None

    def network(self, model: Model) -> Config:
        """Interfaces and routes of the switch that is asked."""
        if not self._networks:
            return model.network()
        return self._networks.get(SwitchId(self._owner.active_name)) or next(iter(self._networks.values()))

    async def follow(self, arrivals: Sequence[Arrival], *, with_log: bool) -> AsyncIterator[Json]:
        """The way of each. Raises NoSwitch, or P4RuntimeError."""
        from fullnat.app.traces import Words
        from fullnat.p4rt.tracing import Tracer

        client = self._owner.client
        if client is None:
            raise NoSwitch(f"there is no switch to ask: {self._owner.reason or self._owner.state}")
        self._tracer = self._tracer or Tracer(self._program)
        run = self._tracer.begin(client)
        words = Words(self._program.p4info, run.program)
        for arrival in arrivals:
            trace = await run.follow(arrival.port, arrival.frame)
            told = words.told(trace, cpu_port=self._cpu_port, with_log=with_log)
            yield {**told, "unknown": run.unknown}


class Arrivals:
    """Makes frames, and finds out where they come in."""

    def __init__(self, network: Config, port: int | None, *, to_us: bool) -> None:
        self._interfaces = {interface.number: interface for interface in network.interfaces}
        self._router = Router(network)
        self._port = port
        self._to_us = to_us

    def every(self, packets: Iterable[str], frames: Iterable[str]) -> list[Arrival]:
        """Raises BadRequest."""
        found = [self._described(packet) for packet in packets] + [self._given(frame) for frame in frames]
        if not found:
            raise BadRequest("no packet is given")
        if len(found) > MOST_PACKETS:
            raise BadRequest(f"{len(found)} packets are more than {MOST_PACKETS}")
        return found

    def _described(self, words: str) -> Arrival:
        try:
            packet = described(words)
        except BadDescription as error:
            raise BadRequest(str(error)) from None
        interface = self._interface(packet.src.address, packet.fields.get("vlan"))
        if interface is None:
            assert self._port is not None
            return Arrival(self._port, packet.frame(0))
        if interface.vlan:
            packet.fields.setdefault("vlan", interface.vlan)
        return Arrival(interface.port, packet.frame(interface.mac))

    def _interface(self, source: Address, vlan: int | None) -> Interface | None:
        """That by which packets of this source come; None if the port that was given has none. Raises BadRequest."""
        if self._port is not None:
            return self._of_port(self._port, vlan)
        hop = self._router.next_hop(source)
        link = None if hop is None else self._router.link(hop)
        if link is None:
            raise BadRequest(f"no interface leads to {text(source)}: say by which port the packet comes")
        return self._interfaces[link.port]

    def _of_port(self, port: int, vlan: int | None) -> Interface | None:
        own = [interface for interface in self._interfaces.values() if interface.port == port]
        return next((i for i in own if i.vlan == (vlan or 0)), own[0] if own and vlan is None else None)

    def _given(self, word: str) -> Arrival:
        try:
            frame = bytes.fromhex(word)
        except ValueError:
            raise BadRequest(f"{word[:40]!r} is not a frame in hexadecimal") from None
        if len(frame) > MOST_BYTES:
            raise BadRequest(f"a frame of {len(frame)} bytes is longer than {MOST_BYTES}")
        interface = self._of_frame(frame)
        port = interface.port if self._port is None and interface is not None else self._port
        if port is None:
            raise BadRequest(
                "no interface has the frame's MAC address or leads to its source: say by which port it comes"
            )
        if self._to_us and interface is not None and len(frame) >= 12:
            frame = interface.mac.to_bytes(6, "big") + frame[6:]
        return Arrival(port, frame)

    def _of_frame(self, frame: bytes) -> Interface | None:
        """The interface that it is sent to, or would come by."""
        vlan, source = _inside(frame)
        if self._port is not None:
            return self._of_port(self._port, vlan)
        mac = int.from_bytes(frame[:6], "big")
        if not self._to_us:
            for interface in self._interfaces.values():
                if interface.mac == mac and interface.vlan == (vlan or 0):
                    return interface
        try:
            return None if source is None else self._interface(source, vlan)
        except BadRequest:
            return None


def _inside(frame: bytes) -> tuple[int | None, Address | None]:
    """The VLAN of a frame, None if it has no tag, and its sender's address."""
    at, vlan = 12, None
    if frame[12:14] == _TAG.to_bytes(2, "big"):
        at, vlan = 16, int.from_bytes(frame[14:16], "big") & 0xFFF
    offset, size = _SOURCES.get(int.from_bytes(frame[at : at + 2], "big"), (0, 0))
    start = at + 2 + offset
    source = frame[start : start + size]
    return vlan, Address(source) if size and len(source) == size else None
