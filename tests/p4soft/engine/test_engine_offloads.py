"""Interfaces as they come: unfinished checksums, super-segments; what counts are the packets of a wire."""

from __future__ import annotations

import logging
import random
import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from edgebench import TIMESTAMPS, Edge, assert_streams_are_what_they_were
from enginekit import Bench, with_workers
from offloadkit import (
    ACK,
    CWR,
    ECE,
    ECN,
    FIN,
    MACS,
    NEEDS_CSUM,
    PSH,
    RST,
    TCP,
    TCPV4,
    TCPV6,
    UDP,
    UDP_L4,
    URG,
    Packet,
    Virtio,
    divided,
)
from p4soft.api import Entry, Offload, PortStats
from p4soft.offloads import OffloadLog, remedy
from wirekit import Wire, needs_root

pytestmark = needs_root
NEW_MACS = bytes.fromhex("0200000000bb0200000000aa")


@pytest.fixture
def edge(bench: Callable[[str], Bench], wires: list[Wire]) -> Iterator[Edge]:
    """A program that sends everything out of port 2 as it is."""
    made = Edge(bench("selector"), wires)
    yield made
    made.close()


WHOLE = Packet(random.Random(1).randbytes(50_001), seq=0xFFFFF000, ident=0xFFF0, flags=ACK | PSH | FIN)
KINDS = {
    "TCP over IPv4": (WHOLE, TCPV4),
    "TCP over IPv6": (replace(WHOLE, version=6), TCPV6),
    "timestamps": (replace(WHOLE, options=TIMESTAMPS), TCPV4),
    "ECN": (replace(WHOLE, flags=ACK | ECE | CWR), TCPV4 | ECN),
    "may be fragmented": (replace(WHOLE, dont_fragment=False, tos=8), TCPV4),
    "UDP over IPv4": (replace(WHOLE, protocol=UDP), UDP_L4),
    "UDP over IPv6": (replace(WHOLE, protocol=UDP, version=6), UDP_L4),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_super_segment_is_what_it_stands_for(edge: Edge, kind: str) -> None:
    """Cut on arrival, put together to the same when it leaves; counted as what it stands for."""
    whole, gso_type = KINDS[kind]
    edge.send(whole, 1400)
    packets = [packet.frame() for packet in whole.cut(1400)]
    taken = edge.receive(len(packets))
    assert taken == [(whole.frame(partial=True), whole.virtio(1400))]
    assert taken[0][1].gso_type == gso_type
    assert [frame for each in taken for frame in divided(*each)] == packets
    stats = edge.stats(1)
    assert (stats.rx_packets, stats.rx_bytes) == (len(packets), sum(map(len, packets)))
    assert (stats.rx_large, stats.rx_dropped, stats.offload) == (1, 0, Offload.ON)
    stats = edge.stats(2)
    assert (stats.tx_packets, stats.tx_bytes, stats.tx_large) == (len(packets), sum(map(len, packets)), 1)


@pytest.mark.parametrize("kind", KINDS)
def test_packets_that_the_program_lengthens(
    bench: Callable[[str], Bench], wires: list[Wire], kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The program puts eight bytes in front of every packet, so none is TCP or UDP any more: each leaves alone."""
    whole, _ = KINDS[kind]
    edge = Edge(bench("paths"), wires)
    edge.send(whole, 1400)
    packets = [packet.frame() for packet in whole.cut(1400)]
    sent = [edge.ends[1].receive() for _ in packets]
    edge.close()
    assert [virtio.gso_type for _, virtio in sent] == [0] * len(packets)
    assert [frame[12:] for frame, _ in sent] == [packet[4:] for packet in packets]


def test_a_tagged_super_segment(edge: Edge) -> None:
    """Its packets have the tag, and leave one by one."""
    whole = replace(WHOLE, tag=b"\x81\x00\x60\x05")
    edge.send(whole, 1400)
    packets = [replace(packet, tag=b"").frame() for packet in whole.cut(1400)]
    # The far end's kernel takes the tag out.
    assert [edge.ends[1].receive()[0] for _ in packets] == packets
    stats = edge.stats(2)
    assert (stats.tx_packets, stats.tx_large) == (len(packets), 0)
    assert stats.tx_bytes == sum(len(packet) + 4 for packet in packets)


def test_a_super_segment_with_a_damaged_header(edge: Edge) -> None:
    """Its packets are damaged in the same way, and leave one by one (microsoft/openvmm#3128: the kernel drops it)."""
    whole = replace(WHOLE, ip_damage=0x1234)
    edge.send(whole, 1400)
    packets = [packet.frame() for packet in whole.cut(1400)]
    assert [edge.ends[1].receive() for _ in packets] == [(packet, Virtio()) for packet in packets]
    assert (edge.stats(2).tx_packets, edge.stats(2).tx_large) == (len(packets), 0)


@pytest.mark.parametrize("protocol", [TCP, UDP])
@pytest.mark.parametrize("version", [4, 6])
def test_unfinished_checksums_are_finished(edge: Edge, protocol: int, version: int) -> None:
    for size in (0, 1, 6, 300, 1399):
        packet = Packet(bytes(range(256)) * 6, protocol, version)
        packet = replace(packet, payload=packet.payload[:size])
        edge.send(packet, 1400)
        assert edge.ends[1].receive() == (packet.frame(), Virtio())


def test_a_checksum_that_comes_out_as_zero(edge: Edge) -> None:
    """UDP has 0xffff for it, since zero stands for none (RFC 768)."""
    packet = Packet(bytes(2), UDP)
    (sum_,) = struct.unpack_from("!H", packet.frame(), packet.checksum_at)
    packet = replace(packet, payload=struct.pack("!H", sum_))
    edge.send(packet, 1400)
    frame, _ = edge.ends[1].receive()
    assert frame == packet.frame()
    assert frame[packet.checksum_at : packet.checksum_at + 2] == b"\xff\xff"


def test_sctp_has_a_checksum_of_its_own(edge: Edge) -> None:
    """CRC-32C of RFC 9260, appendix A; its test value is that of the nine digits."""
    segment = struct.pack("!HHII", 1, 2, 3, 0) + b"123456789"
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0, 64, 132, 0) + bytes(8)
    frame = MACS + b"\x08\0" + ip + segment
    edge.ends[0].send(frame, Virtio(NEEDS_CSUM, 0, 0, 0, 34, 8))
    got, _ = edge.ends[1].receive()
    crc = 0xFFFFFFFF
    for byte in segment:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    assert got == frame[:42] + struct.pack("<I", crc ^ 0xFFFFFFFF) + frame[46:]


LONE = {
    "damaged": {"damage": 1},
    "damaged IP header": {"ip_damage": 1},
    "another window": {"window": 501},
    "another acknowledgement": {"ack": 2},
    "another TTL": {"ttl": 63},
    "another TOS": {"tos": 4},
    "fragmentable": {"dont_fragment": False},
    "a gap": {"seq": 5000},
    "the same again": {"seq": 1400},
    "an ID out of turn": {"ident": 11},
    "urgent": {"flags": ACK | URG},
    "reset": {"flags": ACK | RST},
    "congestion": {"flags": ACK | CWR},
    "congestion echo": {"flags": ACK | ECE},
    "options": {"options": TIMESTAMPS},
    "longer": {"payload": bytes(1401)},
}


@pytest.mark.parametrize("lone", LONE)
def test_what_could_not_be_cut_again_is_not_put_together(edge: Edge, lone: str) -> None:
    """Of five packets in a row the third differs: whatever leaves together, it does not with the second."""
    row = Packet(bytes(1400 * 5), ident=7, seq=0).cut(1400)
    row[2] = replace(row[2], **LONE[lone])  # type: ignore[arg-type]  # fields of several types
    frames = [packet.frame() for packet in row]
    for frame in frames:
        edge.ends[0].send(frame, Virtio())
    taken = [edge.ends[1].receive()]
    while sum(max(1, round(len(frame) / 1500)) for frame, _ in taken) < 5:
        taken.append(edge.ends[1].receive())
    parts = [len(divided(*each)) for each in taken]
    assert 2 in [sum(parts[:i]) for i in range(len(parts))]
    assert [frame for each in taken for frame in divided(*each)] == frames


@with_workers
@pytest.mark.parametrize("seed", range(40))
def test_random_streams_are_what_they_were(bench: Callable[[str], Bench], wires: list[Wire], seed: int) -> None:
    """Bytes, order and counters are those of the packets on a wire, whatever is cut and put together on the way."""
    assert_streams_are_what_they_were(Edge(bench("selector"), wires), seed)


def test_a_routers_counters_count_packets(bench: Callable[[str], Bench], wires: list[Wire]) -> None:
    """What the program rewrites is put together as well, with right checksums."""
    engine = bench("router")
    route = engine.table("route")
    engine.insert(route, Entry(bytes([10, 0, 0, 0]) + b"\0\x08", engine.action("route", "via"), bytes([10, 9, 9, 9])))
    neighbor = Entry(bytes([10, 9, 9, 9]), engine.action("neighbor", "forward"), b"\0\x02" + NEW_MACS)
    engine.insert(engine.table("neighbor"), neighbor)
    edge = Edge(engine, wires)
    edge.send(WHOLE, 1400)
    count = len(WHOLE.cut(1400))
    routed = replace(WHOLE, ttl=63)
    expected = NEW_MACS + routed.frame(partial=True)[12:], routed.virtio(1400)
    assert edge.ends[1].receive() == expected
    assert edge.engine.drain(10)
    state = engine.get(route, bytes([10, 0, 0, 0]) + b"\0\x08")
    assert state is not None
    assert (state.packets, state.bytes) == (count, len(WHOLE.frame()) + (count - 1) * WHOLE.headers)
    edge.close()


def run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"{' '.join(command)}: {done.stderr.strip()}")


def assert_each_alone(edge: Edge) -> None:
    edge.send(WHOLE, 1400)
    packets = [packet.frame() for packet in WHOLE.cut(1400)]
    taken = [edge.ends[1].receive() for _ in packets]
    assert [frame for each in taken for frame in divided(*each)] == packets
    assert edge.stats(2).tx_dropped == 0


def test_the_kernel_cuts_for_an_interface_without_a_queue(bench: Callable[[str], Bench], wires: list[Wire]) -> None:
    """It is quicker than handing it every packet."""
    run("ethtool", "-K", wires[1].near, "tso", "off", "gso", "off", "tx", "off")
    edge = Edge(bench("selector"), wires)
    assert_each_alone(edge)
    stats = edge.stats(2)
    assert (stats.offload, stats.tx_packets, stats.tx_large) == (Offload.ON, len(WHOLE.cut(1400)), 1)
    edge.close()


def test_nothing_is_put_together_for_an_interface_that_takes_none(
    bench: Callable[[str], Bench], wires: list[Wire]
) -> None:
    run("tc", "qdisc", "add", "dev", wires[1].near, "root", "pfifo")
    run("ethtool", "-K", wires[1].near, "tso", "off")
    edge = Edge(bench("selector"), wires)
    assert_each_alone(edge)
    stats = edge.stats(2)
    assert (stats.offload, stats.tx_packets, stats.tx_large) == (Offload.RECEIVE, len(WHOLE.cut(1400)), 0)
    edge.close()


def test_an_interface_that_takes_none_any_more(bench: Callable[[str], Bench], wires: list[Wire]) -> None:
    """What it refuses is sent as packets; after a while nothing is put together for it."""
    run("tc", "qdisc", "add", "dev", wires[1].near, "root", "pfifo")
    edge = Edge(bench("selector"), wires)
    assert edge.stats(2).offload is Offload.ON
    run("ethtool", "-K", wires[1].near, "tso", "off")
    for _ in range(20):
        assert_each_alone(edge)
    stats = edge.stats(2)
    assert (stats.offload, stats.tx_packets, stats.tx_large) == (Offload.RECEIVE, 20 * len(WHOLE.cut(1400)), 0)
    edge.close()


def test_without_offloads_super_segments_are_dropped_and_counted(
    bench: Callable[[str], Bench], wires: list[Wire]
) -> None:
    """What has nothing but an unfinished checksum passes all the same."""
    edge = Edge(bench("selector"), wires, offload=False)
    edge.send(WHOLE, 1400)
    packet = replace(WHOLE, payload=bytes(100))
    edge.send(packet, 1400)
    assert edge.ends[1].receive() == (packet.frame(), Virtio())
    stats = edge.stats(1)
    assert (stats.rx_packets, stats.rx_dropped, stats.rx_oversize) == (2, 1, 1)
    assert stats.offload is Offload.OFF
    edge.close()


def test_captures_and_the_programs_view_are_of_packets(edge: Edge, tmp_path: object) -> None:
    from scapy.utils import RawPcapReader

    edge.engine.start_pcap(str(tmp_path))
    edge.send(WHOLE, 1400)
    edge.receive(len(WHOLE.cut(1400)))
    assert edge.engine.drain(10)
    names = [s.name for s in edge.engine.port_stats() if s.port in (1, 2)]
    edge.engine.stop_pcap()
    for name, way in zip(names, ("in", "out"), strict=True):
        captured = [data for data, _ in RawPcapReader(f"{tmp_path}/{name}_{way}.pcap")]
        assert captured == [packet.frame() for packet in WHOLE.cut(1400)]


def test_the_log_says_it_once(caplog: pytest.LogCaptureFixture, wires: list[Wire]) -> None:
    ports = [PortStats(1, wires[0].near, offload=Offload.OFF), PortStats(2, "memory")]
    offloads = OffloadLog(lambda: ports)
    with caplog.at_level(logging.INFO):
        offloads.look()
        ports[0] = PortStats(1, wires[0].near, rx_oversize=3, offload=Offload.OFF)
        offloads.look()
        offloads.look()
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    first, second = caplog.messages
    assert first.startswith(f"port 1 ({wires[0].near}): offloads off: ")
    assert second.endswith(f"ethtool -K {wires[0].far} tx off tso off gso off")
    assert remedy("lo") == "ethtool -K lo gro off lro off"
