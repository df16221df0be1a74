"""The running target with its P4Runtime session, one for all tests; and the barrier that makes "nothing else came
out" certain instead of a matter of waiting."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ptf_tests.p4rt import Client, PacketIn
from ptf_tests.packets import ARP, Ether, Raw
from ptf_tests.targets import DEVICE_ID, Target
from ptf_tests.topology import INTERFACE

COMPILED = Path(__file__).resolve().parent.parent / "p4src" / "compiled"
CONSTANTS: dict[str, Any] = json.loads((COMPILED / "fullnat.constants.json").read_text())
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
        self.client = Client(target.address, DEVICE_ID, COMPILED / "fullnat.p4info.txtpb", COMPILED / "fullnat.json")
        self._session_ids = itertools.count(first_session_id)
        self._tokens = itertools.count(1)
        self.client.connect()
        self.client.push()
        self.client.enable_digest("session_event_t")

    def close(self) -> None:
        self.client.close()

    def session_id(self) -> int:
        """A session id that no test has used: registers cannot be cleared on every target."""
        return next(self._session_ids) % int(CONSTANTS["session_ids"])

    def settle(self) -> tuple[list[tuple[int, bytes]], list[PacketIn]]:
        """Wait until all that was sent has been dealt with; return the frames that left, and the packet-ins.

        A frame that is answered follows on each way in; what came before it has left when its answer is here, as
        every target keeps the order of packets from port to port. Counts as one punt of reason ARP.
        """
        token = next(self._tokens).to_bytes(4, "big").hex(":")
        deadline = time.monotonic() + PATIENCE
        awaited = set()
        marker = bytes(Ether(dst="02:ff:" + token, src="02:ff:" + token, type=0x88B5) / Raw(bytes(46)))
        request = {"request": CONSTANTS["PacketOutAction"]["FORWARD"], "flags": 0, "port": 1, "session_id": 0}
        self.client.packet_out(request, marker)
        awaited.add((1, marker[:6]))
        for port, address in INTERFACE.items():
            self.target.dataplane.send(0, port, bytes(arp_request("02:fe:" + token, "0.0.0.0", address)))
            awaited.add((port, bytes.fromhex("02fe" + token.replace(":", ""))))
        frames: list[tuple[int, bytes]] = []
        for port, frame in self._frames(deadline):
            if (port, frame[:6]) in awaited:
                awaited.remove((port, frame[:6]))
                if not awaited:
                    break
            else:
                frames.append((port, frame))
        else:
            raise SwitchSilent(f"no answer to barrier frames {awaited}; frames that did come: {frames}")
        announcement = bytes(arp_request("02:fd:" + token, "0.0.0.1", "0.0.0.1"))
        self.target.dataplane.send(0, 1, announcement)
        punted: list[PacketIn] = []
        while (packet_in := self.client.packet_in(deadline)) is not None:
            if packet_in.payload == announcement:
                return frames, punted
            punted.append(packet_in)
        raise SwitchSilent(f"the barrier frame was not punted; packet-ins that did come: {punted}")

    def _frames(self, deadline: float) -> Iterator[tuple[int, bytes]]:
        dataplane = self.target.dataplane
        while (remaining := deadline - time.monotonic()) > 0:
            result = dataplane.poll(device_number=0, timeout=remaining)
            if isinstance(result, dataplane.PollSuccess):
                yield result.port, bytes(result.packet)


def arp_request(sender_mac: str, sender: str, target: str) -> Any:
    """An ARP request as it is broadcast, padded to the Ethernet minimum."""
    arp = ARP(op=1, hwsrc=sender_mac, psrc=sender, hwdst="00:00:00:00:00:00", pdst=target)
    return Ether(dst="ff:ff:ff:ff:ff:ff", src=sender_mac) / arp / Raw(bytes(18))
