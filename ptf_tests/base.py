"""The base of every test: what is installed, how packets go in, and how *everything* that comes of them is compared."""

from __future__ import annotations

import contextlib
import difflib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import SupportsBytes, TypeVar

import grpc
from fullnat.p4constants import (
    Direction,
    DropReason,
    PacketOutAction,
    PacketOutFlag,
    PuntReason,
    SessionEvent,
    ToaResult,
)
from ptf.base_tests import BaseTest
from ptf.testutils import send_packet

from ptf_tests import topology
from ptf_tests.harness import PATIENCE, Harness
from ptf_tests.p4rt import Entry, PacketIn
from ptf_tests.packets import Ether, mac
from ptf_tests.targets import CAPABILITIES

COUNTERS: dict[str, type[IntEnum]] = {"drop_ctr": DropReason, "punt_ctr": PuntReason, "toa_ctr": ToaResult}
"""Counters that every exchange checks in full, and the enumeration that indexes them."""

_Class = TypeVar("_Class", bound="type[FullnatTest]")


def requires(capability: str) -> Callable[[_Class], _Class]:
    """Skip a test class on targets without ``capability`` (targets.CAPABILITIES)."""
    assert capability in CAPABILITIES

    def mark(cls: _Class) -> _Class:
        cls.required = (*cls.required, capability)
        return cls

    return mark


def over_ipv6_too(cls: _Class) -> _Class:
    """Add to the module of a test class one that is the same over IPv6: its name ends in OverIpv6."""
    return also(cls, "OverIpv6", "Over IPv6.", network=topology.IPV6)


def also(cls: _Class, suffix: str, told: str, **attributes: object) -> _Class:
    """Add to the module of a test class one that differs in ``attributes``, by a longer name, for targets with IPv6."""
    name = cls.__name__ + suffix
    body = {"__module__": cls.__module__, "__doc__": f"{cls.__doc__} {told}", **attributes}
    setattr(sys.modules[cls.__module__], name, requires("ipv6")(type(name, (cls,), body)))
    return cls


@dataclass(frozen=True)
class PacketOut:
    """A packet that the controller sends."""

    request: str
    packet: SupportsBytes
    port: int = 0
    session_id: int = 0
    new_session: bool = False


@dataclass(frozen=True)
class Punt:
    """A packet that the controller shall get."""

    reason: str
    packet: SupportsBytes
    port: int = topology.CLIENT_SIDE
    session_id: int = 0
    service_flags: int = 0
    seq: int = 0


Sent = tuple[int, SupportsBytes] | PacketOut


class FullnatTest(BaseTest):  # type: ignore[misc]  # PTF has no types
    """The topology is installed; ``exchange`` sends and compares; whatever the test wrote is undone."""

    required: tuple[str, ...] = ()
    network = topology.IPV4
    """The addresses of the family that the test is of."""

    def setUp(self) -> None:
        super().setUp()
        self.maxDiff = None
        self.harness = current_harness()
        for capability in self.required:
            if not self.can(capability):
                self.skipTest(f"{self.harness.target.name} lacks {capability}: {CAPABILITIES[capability]}")
        self.client = self.harness.client
        self.dataplane = self.harness.target.dataplane
        self._installed: list[Entry] = []
        self._meters: list[int] = []
        self.addCleanup(self._undo)
        self.insert(*topology.entries(), *(topology.entries6() if self.can("ipv6") else ()))
        # What a failed test left on its way is none of this one's.
        self.harness.settle(*topology.PORT_MAC)
        self._counted = self._read_counters()

    def can(self, capability: str) -> bool:
        """Whether the target has ``capability`` (targets.CAPABILITIES)."""
        assert capability in CAPABILITIES
        return capability in self.harness.target.capabilities

    def _undo(self) -> None:
        for reason in self._meters:
            self.client.set_meter("punt_meter", reason, None)
        if self._installed:
            self.client.delete(*reversed(self._installed))
        left = self.client.entries(*self.client.schema.tables)
        self._equal([], left, "entries that the test left behind")
        self.harness.target.check()

    # Tables

    def insert(self, *entries: Entry) -> None:
        """Insert, to be deleted at the end of the test."""
        try:
            self.client.insert(*entries)
        except grpc.RpcError:
            # Some may be in: the next test must not find them.
            for entry in entries:
                with contextlib.suppress(grpc.RpcError):
                    self.client.delete(entry)
            raise
        self._installed.extend(entries)

    def delete(self, *entries: Entry) -> None:
        self.client.delete(*entries)
        for entry in entries:
            self._installed.remove(entry)

    def meter_punts(self, reason: str, burst: int) -> None:
        """Let ``burst`` of this PuntReason pass, and one a second from then on, until the end of the test."""
        self.meter(PuntReason[reason], burst)

    def meter(self, index: int, burst: int) -> None:
        """The same by the index of the meter; 0 is that of answers to echo requests."""
        self._meters.append(index)
        self.client.set_meter("punt_meter", index, 1, burst)

    # Packets

    def exchange(
        self,
        *sent: Sent,
        out: Iterable[tuple[int, SupportsBytes]] = (),
        punted: Iterable[Punt] = (),
        drops: Mapping[str, int] | None = None,
        toa: Mapping[str, int] | None = None,
    ) -> None:
        """Send, and require that exactly ``out`` leaves by the ports, in order per port, that exactly ``punted``
        reaches the controller, and that the counters of drops, punts and TOA results went up by exactly that much."""
        sources = set()
        for item in sent:
            if isinstance(item, PacketOut):
                self._send_packet_out(item)
            else:
                send_packet(self, item[0], bytes(item[1]))
                sources.add(item[0])
        frames, packet_ins = self.harness.settle(*sources)
        left_to_controller = [p for p in packet_ins if p.metadata["reason"] in self._left_to_controller()]
        refused: Counter[tuple[str, str]] = Counter()
        if left_to_controller:
            packet_ins = [p for p in packet_ins if p not in left_to_controller]
            refused = self._do_controllers_part(left_to_controller, frames)
        expected: dict[int, list[bytes]] = {port: [] for port in topology.PORT_MAC}
        for port, packet in out:
            expected[port].append(bytes(packet))
        for port, packets in expected.items():
            self._compare(f"left by port {port}", packets, [frame for p, frame in frames if p == port])
        expected_punts = list(punted)
        self._compare("was punted", [bytes(p.packet) for p in expected_punts], [p.payload for p in packet_ins])
        for punt, packet_in in zip(expected_punts, packet_ins, strict=True):
            metadata = {
                "reason": PuntReason[punt.reason],
                "service_flags": punt.service_flags,
                "ingress_port": punt.port,
                "session_id": punt.session_id,
            }
            if "seq" in self.client.schema.packet_metadata["packet_in"]:
                metadata["seq"] = punt.seq if self.can("judged-segments") else 0
            self._equal(metadata, dict(packet_in.metadata), "metadata of the packet-in")
        before, self._counted = self._counted, self._read_counters()
        # The barriers' own punts.
        punts = Counter(["ARP", *(punt.reason for punt in expected_punts)])
        if left_to_controller:
            punts += Counter(["ARP", *(PuntReason(p.metadata["reason"]).name for p in left_to_controller)])
            for cell, count in refused.items():
                before[cell] -= count
        for counter, expectation in (("drop_ctr", drops), ("punt_ctr", punts), ("toa_ctr", toa)):
            change = {
                name: self._counted[counter, name] - before[counter, name]
                # The barriers' own questions are told of as well.
                for name in (n for c, n in before if c == counter and n not in ("NEIGHBOR", "NEIGHBOR6"))
                if self._counted[counter, name] != before[counter, name]
            }
            self._equal(dict(expectation or {}), change, f"{counter} went up by")

    def _left_to_controller(self) -> set[int]:
        """The PuntReasons of what this target cannot do itself."""
        left = {"any-options": PuntReason.OPTIONS, "icmp-errors": PuntReason.ICMP_ERROR}
        return {reason for capability, reason in left.items() if not self.can(capability)}

    def _do_controllers_part(
        self, punted: Iterable[PacketIn], frames: list[tuple[int, bytes]]
    ) -> Counter[tuple[str, str]]:
        """Do the controller's part for segments with options that the target cannot edit, and for ICMP errors; add to
        ``frames`` what leaves. Returns how many the controller drops, by the counter of a target that drops them."""
        from ptf_tests.controller import edited, translated_error

        self.harness.through_controller.add(type(self).__name__.removesuffix("OverIpv6"))
        refused: Counter[tuple[str, str]] = Counter()
        for packet_in in punted:
            error = packet_in.metadata["reason"] == PuntReason.ICMP_ERROR
            frame = (translated_error if error else edited)(packet_in, self._installed)
            if frame is None:
                refused["drop_ctr", "ICMP_ERROR" if error else "TCP_OPTIONS"] += 1
                continue
            flags = packet_in.metadata["service_flags"] | (0 if error else PacketOutFlag.OPTIONS_EDITED)
            metadata = {"request": PacketOutAction.INJECT, "flags": flags}
            metadata |= {"port": packet_in.metadata["ingress_port"], "session_id": packet_in.metadata["session_id"]}
            self.client.packet_out(metadata, frame)
        left, more = self.harness.settle()
        self._equal([], more, "packet-ins of what the controller has sent back")
        frames += left
        return refused

    def drop(self, port: int, packet: SupportsBytes, reason: str) -> None:
        """Send, and require that nothing comes of it but one drop for ``reason``."""
        self.exchange((port, packet), drops={reason: 1})

    def ends(self, port: int, packet: SupportsBytes, reason: str, way: tuple[int, str], session_id: int = 0) -> None:
        """Send, and require that it ends here for ``reason``, TTL, hop limit or MTU: where its sender is told, the
        controller gets it, with the MAC addresses of the ``way``, a port and a link-layer address, that it does not go.
        """
        if not self.can("tells-senders"):
            self.drop(port, packet, reason)
            return
        macs = (mac(address).to_bytes(6, "big") for address in (way[1], topology.PORT_MAC[way[0]]))
        frame = b"".join(macs) + bytes(packet)[12:]
        told = {"TTL": "TTL_EXPIRED", "HOP_LIMIT": "TTL_EXPIRED", "MTU": "TOO_BIG"}[reason]
        self.exchange((port, packet), punted=[Punt(told, frame, port=port, session_id=session_id)])

    def drop_over_rate(self, port: int, punt: Punt, count: int, burst: int) -> None:
        """Send the packet of ``punt`` ``count`` times when ``burst`` may pass; require that the others are dropped."""
        sent = [(port, punt.packet)] * count

        def attempt() -> None:
            self.meter_punts(punt.reason, burst)
            self.exchange(*sent, punted=[punt] * burst, drops={"PUNT_METER": count - burst})

        self.within_a_second(attempt)

    def within_a_second(self, attempt: Callable[[], None]) -> None:
        """Make an ``attempt`` that sets meters; once more if it fails on a busy machine, where a second has passed, and
        one packet more with it."""
        while True:
            started = time.monotonic()
            try:
                return attempt()
            except AssertionError:
                if time.monotonic() - started < 1:
                    raise
                self._counted = self._read_counters()

    def _send_packet_out(self, item: PacketOut) -> None:
        metadata = {
            "request": PacketOutAction.__members__.get(item.request, 255),
            "flags": PacketOutFlag.NEW_SESSION if item.new_session else 0,
            "port": item.port,
            "session_id": item.session_id,
        }
        self.client.packet_out(metadata, bytes(item.packet))

    def _read_counters(self) -> dict[tuple[str, str], int]:
        names = {counter: {cell.value: cell.name for cell in cells} for counter, cells in COUNTERS.items()}
        cells = self.client.counters((counter, None) for counter in COUNTERS)
        return {(counter, names[counter].get(i, str(i))): packets for (counter, i), (packets, _) in cells.items()}

    def _equal(self, expected: object, actual: object, what: str) -> None:
        if expected != actual:
            self.fail(f"{what}: expected {expected}, got {actual}")

    def _compare(self, what: str, expected: list[bytes], actual: list[bytes]) -> None:
        if expected == actual:
            return
        lines = [f"what {what}: {len(expected)} packets expected, {len(actual)} came"]
        for number in range(max(len(expected), len(actual))):
            wanted = expected[number] if number < len(expected) else b""
            got = actual[number] if number < len(actual) else b""
            if wanted != got:
                lines.append(f"packet {number} (- expected, + came):")
                lines += difflib.ndiff(describe(wanted), describe(got))
                break
        self.fail("\n".join(lines))

    # Events

    def expect_events(self, session_id: int, *expected: tuple[str, str], seq: int | None = None) -> None:
        """Require that the next digests of the session are these (direction, events), in order; events are names joined
        by ``|``. ``seq`` is that of the last one."""
        directions = {direction.value: direction.name for direction in Direction}
        wanted = [(direction, self._told(events)) for direction, events in expected]
        deadline = time.monotonic() + PATIENCE
        seen: list[tuple[str, str]] = []
        told = None
        while len(seen) < len(wanted):
            digest = self.client.digest("session_event_t", deadline)
            if digest is None:
                break
            if digest[0] == session_id:
                seen.append((directions[digest[1]], _names(digest[2])))
                told = digest[3] if len(digest) > 3 else 0
        self._equal(wanted, seen, "events")
        if seq is not None:
            self._equal(seq if self.can("judged-segments") else 0, told, "what the client has sent")

    def both_fins(self, first: str, second: str) -> tuple[tuple[str, str], tuple[str, str]]:
        """The events of two FINs, by the directions of their senders, if the ends acknowledge them in that order: a
        target that judges tells the second one with its acknowledgement."""
        told_by = first if self.can("judged-segments") else second
        return (first, f"FIN_{first}"), (told_by, f"FIN_{second}")

    def _told(self, events: str) -> str:
        """``events`` as the target tells them, names in the order of their bits."""
        bits: int = sum(SessionEvent[name] for name in events.split("|"))
        ends = SessionEvent.FIN_IN | SessionEvent.FIN_OUT | SessionEvent.RST_IN | SessionEvent.RST_OUT
        if bits & ends and not self.can("judged-segments"):
            bits |= SessionEvent.UNJUDGED
        return _names(bits)


def _names(events: int) -> str:
    return "|".join(event.name for event in SessionEvent if events & event)


def current_harness() -> Harness:
    """The harness of this run; under PTF's own runner, made from ``--test-params "grpc='127.0.0.1:9559'"``."""
    if Harness.current is None:
        import ptf
        from ptf.testutils import test_param_get

        from ptf_tests.tofino import external

        target = external(test_param_get("target", "v1model"))(
            test_param_get("grpc", "127.0.0.1:9559"), ptf.dataplane_instance, test_param_get("device_config", None)
        )
        # The switch may have served other runs: their session ids are not to be met again soon.
        Harness.current = Harness(target, first_session_id=int(time.time()))
    return Harness.current


def describe(frame: bytes) -> list[str]:
    """A packet field by field, and its bytes."""
    if not frame:
        return []
    fields = str(Ether(frame).show(dump=True)).splitlines() if len(frame) >= 14 else []
    return [*fields, *(frame[i : i + 16].hex(" ") for i in range(0, len(frame), 16))]
