"""An engine on interfaces with offloads, and random streams through it."""

from __future__ import annotations

import random
from dataclasses import replace

from enginekit import Bench
from offloadkit import ACK, CWR, ECE, FIN, PSH, TCP, UDP, Packet, Virtio, VirtioSocket, divided
from p4soft.api import PortStats
from wirekit import Wire

TIMESTAMPS = b"\x01\x01\x08\x0a" + bytes(range(8))


class Edge:
    """An engine between two veth pairs, whose far ends send and receive as the kernel does."""

    def __init__(self, engine: Bench, wires: list[Wire], *, offload: bool = True) -> None:
        self.engine = engine
        for port, wire in zip((1, 2), wires, strict=True):
            engine.remove_port(port)
            engine.add_interface(port, wire.near, offload=offload)
        self.ends = [VirtioSocket(wire.far) for wire in wires]

    def close(self) -> None:
        for end in self.ends:
            end.close()
        for port in (1, 2):
            self.engine.remove_port(port)

    def stats(self, port: int) -> PortStats:
        assert self.engine.drain(10)
        return {s.port: s for s in self.engine.port_stats()}[port]

    def send(self, packet: Packet, gso_size: int) -> None:
        self.ends[0].send(packet.frame(partial=True), packet.virtio(gso_size))

    def receive(self, packets: int) -> list[tuple[bytes, Virtio]]:
        """What arrives at the other side until it stands for so many packets."""
        taken: list[tuple[bytes, Virtio]] = []
        while sum(len(divided(*each)) for each in taken) < packets:
            taken.append(self.ends[1].receive())
        return taken


def stream(rng: random.Random) -> list[tuple[Packet, int]]:
    """Super-segments and packets of a few flows, some of them out of order, damaged, or with odd headers."""
    flows = [
        Packet(
            b"",
            rng.choice([TCP, TCP, TCP, UDP]),
            rng.choice([4, 4, 6]),
            1000 + i,
            seq=rng.getrandbits(32),
            ident=rng.getrandbits(16),
            options=rng.choice([b"", TIMESTAMPS]),
        )
        for i in range(rng.randint(1, 4))
    ]
    sent = []
    for _ in range(rng.randint(5, 40)):
        i = rng.randrange(len(flows))
        flow, size = flows[i], rng.choice([1400, 1400, 536, 900])
        flags = ACK | rng.choice([0, 0, 0, PSH, PSH | FIN, CWR, ECE])
        packet = replace(flow, payload=rng.randbytes(rng.choice([0, 1, size, size, 3 * size, rng.randint(1, 60_000)])))
        if flow.protocol == TCP:
            packet = replace(packet, flags=flags)
        if rng.random() < 0.1:
            packet = replace(packet, window=rng.getrandbits(16), ttl=rng.randint(2, 64), seq=rng.getrandbits(32))
        if len(packet.payload) <= size and rng.random() < 0.2:
            packet = replace(packet, damage=rng.randrange(1, 0xFFFF), ip_damage=rng.choice([0, 0, 0, 1]))
        sent.append((packet, size))
        count = len(packet.cut(size))
        flows[i] = replace(flow, seq=(flow.seq + len(packet.payload)) & 0xFFFFFFFF, ident=(flow.ident + count) & 0xFFFF)
    return sent


def by_flow(frames: list[bytes]) -> dict[bytes, list[bytes]]:
    """Frames by version and source port: within a flow the order counts."""
    found: dict[bytes, list[bytes]] = {}
    for frame in frames:
        at = 34 if frame[14] >> 4 == 4 else 54
        found.setdefault(frame[14:15] + frame[at : at + 2], []).append(frame)
    return found


def assert_streams_are_what_they_were(edge: Edge, seed: int) -> None:
    """Bytes, order and counters are those of the packets on a wire, whatever is cut and put together on the way."""
    sent = stream(random.Random(seed))
    packets = [part.frame() for packet, size in sent for part in packet.cut(size)]
    for packet, size in sent:
        if packet.damage or packet.ip_damage:
            edge.ends[0].send(packet.frame(), Virtio())
        else:
            edge.send(packet, size)
    taken = edge.receive(len(packets))
    stats = [edge.stats(1), edge.stats(2)]
    edge.close()
    assert by_flow([frame for each in taken for frame in divided(*each)]) == by_flow(packets)
    total = sum(map(len, packets))
    assert (stats[0].rx_packets, stats[0].rx_bytes, stats[0].rx_dropped) == (len(packets), total, 0)
    assert (stats[1].tx_packets, stats[1].tx_bytes, stats[1].tx_dropped) == (len(packets), total, 0)
    assert stats[1].tx_large == sum(virtio.gso_type != 0 for _, virtio in taken)
