"""What an outer header makes too long: the client is told, by whom and how much, and not too often."""

from __future__ import annotations

from dataclasses import replace

from fullnat.core.commands import EditInterface
from fullnat.core.interface import PacketIn
from fullnat.core.modes import Mode
from fullnat.core.too_big import TOLD_BURST
from fullnat.net.headers import TcpFlag
from fullnat.tables.session import SessionEntry
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Ether

from .builders import (
    CLIENT,
    CLIENT_PORT,
    INTERFACES,
    PUNT,
    SWITCH_MAC_1,
    VIP,
    VPORT,
    config,
    real,
    tcp_frame,
    virtual,
)
from .helpers import established
from .switch import Rig


def tunnelled() -> Rig:
    return Rig(config(virtual(local_addresses=(), real_servers=(real(port=VPORT, mode=Mode.TUNNEL),))))


def too_big(entry: SessionEntry, client_port: int = 40000) -> PacketIn:
    frame = tcp_frame(CLIENT, client_port, VIP, VPORT, 0x11223344, 9, TcpFlag.ACK)
    return PacketIn(PUNT["TOO_BIG"], 0, CLIENT_PORT, entry.session_id, frame)


def test_the_client_is_told_what_the_way_to_the_server_leaves() -> None:
    rig = tunnelled()
    entry = established(rig)
    rig.apply(EditInterface(replace(INTERFACES[1], mtu=1400)))
    before = len(rig.switch.injected)
    event = too_big(entry)
    rig.send(event)
    (sent,) = rig.switch.injected[before:]
    assert (sent.port, sent.session_id, sent.new_session) == (CLIENT_PORT, 0, False)
    packet = Ether(sent.frame)
    assert int(packet.dst.replace(":", ""), 16) == SWITCH_MAC_1
    assert (packet[IP].src, packet[IP].dst) == ("198.51.100.1", "203.0.113.9")
    assert (packet[ICMP].type, packet[ICMP].code, packet[ICMP].nexthopmtu) == (3, 4, 1380)
    assert bytes(packet[ICMP].payload) == event.frame[14:42]
    rebuilt = Ether(sent.frame)
    del rebuilt[IP].chksum, rebuilt[ICMP].chksum
    assert bytes(Ether(bytes(rebuilt))) == sent.frame
    assert rig.controller.stats()["too_big"] == 1


def test_no_more_are_told_than_the_rate_allows() -> None:
    rig = tunnelled()
    entry = established(rig)
    before = len(rig.switch.injected)
    for _ in range(int(TOLD_BURST) + 10):
        rig.send(too_big(entry))
    stats = rig.controller.stats()
    assert stats["too_big"] + stats["too_big_limited"] == TOLD_BURST + 10
    assert len(rig.switch.injected) - before == stats["too_big"] <= TOLD_BURST + 1
    rig.advance(0.1)
    rig.send(too_big(entry))
    assert rig.controller.stats()["too_big"] == stats["too_big"] + 1


def test_what_is_of_no_session_is_told_to_nobody() -> None:
    rig = tunnelled()
    entry = established(rig)
    before = len(rig.switch.injected)
    rig.send(too_big(entry, client_port=40001))
    rig.send(too_big(entry._replace(session_id=77)))
    rig.send(too_big(entry)._replace(ingress_port=9))
    assert len(rig.switch.injected) == before
    assert rig.controller.stats()["bad_frame"] == 3
