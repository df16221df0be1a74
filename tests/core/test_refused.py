"""Those whom a list refuses: what they are told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fullnat.config.model import Access
from fullnat.core.access.telling import TELL_RATE
from fullnat.core.interface import PacketIn
from fullnat.net.flow import Endpoint, Flow
from fullnat.net.headers import PROTO_ICMP, PROTO_TCP, TcpFlag
from fullnat.net.parse import parse
from fullnat.p4constants import PolicyFlag

from .builders import CLIENT, CLIENT_PORT, PUNT, VIP, VPORT, config, real, syn, tcp_frame, virtual
from .switch import Rig
from .udpkit import datagram


def refused(frame: bytes, flags: int) -> PacketIn:
    return PacketIn(PUNT["REFUSED"], flags, CLIENT_PORT, 0, frame)


SYN = tcp_frame(CLIENT, 40000, VIP, VPORT, 5, 0, TcpFlag.SYN)


def test_a_syn_is_reset() -> None:
    """As by a closed port."""
    rig = Rig(config())
    rig.switch.forwarded.clear()
    rig.send(refused(SYN, PolicyFlag.RESET))
    ((port, packet),) = [(effect.port, parse(effect.frame)) for effect in rig.switch.forwarded]
    assert (port, packet.flow) == (CLIENT_PORT, Flow(6, Endpoint(VIP, VPORT), Endpoint(CLIENT, 40000)))
    assert packet.tcp is not None
    assert (packet.tcp.flags, packet.tcp.ack) == (TcpFlag.RST | TcpFlag.ACK, 6)
    assert rig.controller.stats()["refused_told"] == 1


@pytest.mark.parametrize("flags", [PolicyFlag.PROHIBIT, PolicyFlag.RESET])
def test_a_datagram_is_answered_by_icmp(flags: PolicyFlag) -> None:
    """Administratively prohibited (RFC 1812 5.2.7.1), whatever a segment would get; it quotes the packet."""
    rig = Rig(config())
    rig.switch.forwarded.clear()
    frame = datagram().frame
    rig.send(refused(frame, flags))
    (effect,) = rig.switch.forwarded
    answer = parse(effect.frame)
    assert (answer.protocol, answer.src, answer.dst) == (PROTO_ICMP, VIP, CLIENT)
    assert effect.frame[34:36] == bytes((3, 13))
    assert effect.frame[42:] == frame[14:]


def test_too_many_are_not_told() -> None:
    rig = Rig(config())
    rig.switch.forwarded.clear()
    for _ in range(int(TELL_RATE) + 5):
        rig.send(refused(SYN, PolicyFlag.RESET))
    assert len(rig.switch.forwarded) == TELL_RATE
    assert rig.controller.stats()["refused_limited"] == 5


LIMITS = [
    ({"max_sessions": 1}, "service_full"),
    ({"new_rate": 1}, "service_rate"),
    ({"source_sessions": 1, "source_prefix": 24}, "source_full"),
    ({"real_servers": (replace(real(), new_rate=1),)}, "server_rate"),
]


@pytest.mark.parametrize(("limit", "counter"), LIMITS)
@pytest.mark.parametrize("answer", ["drop", "rst", "icmp"])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_who_is_above_a_limit_is_answered_as_the_service_says(
    protocol: str, answer: str, limit: dict[str, Any], counter: str
) -> None:
    """As one that its list refuses; by default not at all."""
    rig = Rig(config(virtual(**{"protocol": protocol, "access": Access(refused=answer), **limit})))
    make = syn if protocol == "tcp" else datagram
    rig.send(make(40000))
    rig.settle()
    rig.switch.forwarded.clear()
    rig.send(make(40001))
    answers = [parse(effect.frame) for effect in rig.switch.forwarded]
    assert rig.controller.stats()[counter] == 1
    assert rig.controller.stats()["refused_told"] == len(answers) == (answer != "drop")
    for told in answers:
        is_reset = (answer, protocol) == ("rst", "tcp")
        assert told.protocol == (PROTO_TCP if is_reset else PROTO_ICMP)
        assert told.dst == CLIENT


def test_what_is_damaged_is_answered_by_nobody() -> None:
    rig = Rig(config())
    rig.switch.forwarded.clear()
    rig.send(refused(SYN[:-1] + bytes((SYN[-1] ^ 1,)), PolicyFlag.RESET))
    assert not rig.switch.forwarded
