"""The running target with its P4Runtime session, one for all tests; and the barrier that makes "nothing else came
out" certain instead of a matter of waiting."""

from __future__ import annotations

import itertools
import time
from ipaddress import IPv4Address

from fullnat.p4constants import PacketOutAction

from ptf_tests.p4rt import Client, PacketIn
from ptf_tests.targets import DEVICE_ID, PORTS, Target
from ptf_tests.topology import INTERFACE

ARP_REQUEST = bytes.fromhex("0806 0001 0800 06 04 0001")
"""EtherType, and what is the same in all of them: of Ethernet and IPv4, their lengths, and the operation."""
PATIENCE = 10.0
"""Seconds until a missing answer is a failure."""


class SwitchSilent(AssertionError):
    """A barrier frame did not come back."""


class Harness:
    """A started target, its pipeline loaded."""

    current: Harness | None = None
    """The one that the tests use."""

    def __init__(self, target: Target, first_session_id: int = 1) -> None:
        self.target = target
        self.client = Client(target.address, DEVICE_ID, target.p4info, target.device_config)
        self.through_controller: set[str] = set()
        """The tests some of whose packets the controller had a part in."""
        self.patience = PATIENCE
        self._session_ids = itertools.count(first_session_id)
        self._tokens = itertools.count(1)
        self.client.connect()
        self.client.push()
        for name in self.client.schema.digests:
            self.client.enable_digest(name)

    def close(self) -> None:
        self.client.close()

    def session_id(self) -> int:
        """A session id that no test has used: registers cannot be cleared on every target."""
        return next(self._session_ids) % int(self.client.schema.tables["session_in"].size)

    def settle(self, *sources: int) -> tuple[list[tuple[int, bytes]], list[PacketIn]]:
        """Wait until all that was sent, by packet-out and into the ports ``sources``, has been dealt with; return the
        frames that left, and the packet-ins.

        Every target keeps the order of packets from one way in to one way out. So first a frame that is answered goes
        into each source; its answer says that what came before has passed ingress. What follows then, a frame to
        each way out, comes last there. Counts as one punt of reason ARP.
        """
        token = next(self._tokens).to_bytes(4, "big")
        deadline = time.monotonic() + self.patience
        frames: list[tuple[int, bytes]] = []
        questions = set()
        for port in sources:
            self.target.dataplane.send(0, port, arp_request(b"\x02\xfe" + token, "0.0.0.0", INTERFACE[port]))
            questions.add((port, b"\x02\xfe" + token))
        self._await(questions, frames, deadline)
        last = arp_request(b"\x02\xff" + token, "0.0.0.1", "0.0.0.1")
        self.client.packet_out({"request": PacketOutAction.INJECT, "flags": 0, "port": 1, "session_id": 0}, last)
        marker = b"\x02\xff" + token + last[6:]
        for port in PORTS:
            request = {"request": PacketOutAction.FORWARD, "flags": 0, "port": port, "session_id": 0}
            self.client.packet_out(request, marker)
        self._await({(port, marker[:6]) for port in PORTS}, frames, deadline)
        punted: list[PacketIn] = []
        while (packet_in := self.client.packet_in(deadline)) is not None:
            if packet_in.payload == last:
                return frames, punted
            punted.append(packet_in)
        raise SwitchSilent(f"the barrier frame was not punted; packet-ins that did come: {punted}")

    def _await(self, awaited: set[tuple[int, bytes]], frames: list[tuple[int, bytes]], deadline: float) -> None:
        """Take frames until those to the ports and MAC addresses ``awaited`` are here; the others are ``frames``."""
        dataplane = self.target.dataplane
        while awaited:
            result = dataplane.poll(device_number=0, timeout=deadline - time.monotonic())
            if not isinstance(result, dataplane.PollSuccess):
                raise SwitchSilent(f"no answer to barrier frames {awaited}; frames that did come: {frames}")
            arrival = (result.port, bytes(result.packet)[:6])
            if arrival in awaited:
                awaited.remove(arrival)
            else:
                frames.append((result.port, bytes(result.packet)))


def arp_request(sender_mac: bytes, sender: str, target: str) -> bytes:
    """An ARP request as it is broadcast, padded to the Ethernet minimum. There are many, which scapy would take long
    for."""
    asked = sender_mac + IPv4Address(sender).packed + bytes(6) + IPv4Address(target).packed
    return b"\xff" * 6 + sender_mac + ARP_REQUEST + asked + bytes(18)
