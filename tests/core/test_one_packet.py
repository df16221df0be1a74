"""One-packet scheduling: every datagram goes to a server of its own, as its mode has it, and nothing is kept."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

import pytest
from fullnat.core.declared.commands import CommandError
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import Forward, Inject
from fullnat.net.checksum import checksum
from fullnat.net.flow import Endpoint, Flow
from fullnat.net.headers import PROTO_UDP, ip, udp
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from . import builders6 as v6
from .builders import (
    CLIENT,
    CLIENT_PORT,
    SERVER,
    SERVER2,
    SERVER_MAC,
    SERVER_PORT,
    SWITCH_MAC_2,
    VIP,
    VPORT,
    arp_reply,
    config,
    real,
    virtual,
)
from .builders import (
    ip as ip_plus,
)
from .helpers import nothing_left, opened, session_writes
from .switch import Rig
from .udpkit import answered, begun, datagram, service

TWO = (real(port=VPORT), real("10.0.2.12", VPORT))


def alone(mode: Mode, **changes: Any) -> Any:
    return service(**({"ops": True, "mode": mode, "local_addresses": (), "real_servers": TWO} | changes))


def frames(rig: Rig, before: int) -> list[bytes]:
    """What was injected since, each as received on the client's port and of no session."""
    injected = rig.switch.injected[before:]
    assert [each._replace(frame=b"") for each in injected] == [Inject(CLIENT_PORT, b"", 0, False)] * len(injected)
    return [each.frame for each in injected]


def none_kept(rig: Rig) -> None:
    assert session_writes(rig) == []
    nothing_left(rig)


@given(st.binary(max_size=33), st.integers(1, 65535))
def test_in_nat_the_destination_is_replaced_and_checksums_are_as_if_made_anew(payload: bytes, rport: int) -> None:
    rig = Rig(config(alone(Mode.NAT, real_servers=(real(port=rport),))))
    packet = datagram(payload=payload)
    rig.send(packet)
    octets = udp(Flow(PROTO_UDP, Endpoint(CLIENT, 40000), Endpoint(SERVER, rport)), payload)
    assert frames(rig, 0) == [packet.frame[:14] + ip(CLIENT, SERVER, PROTO_UDP, octets)]
    none_kept(rig)


def test_no_checksum_stays_none() -> None:
    rig = Rig(config(alone(Mode.NAT)))
    rig.send(datagram(checksum=0))
    (frame,) = frames(rig, 0)
    assert frame[30:34] == SERVER
    assert frame[40:42] == b"\0\0"


def test_every_datagram_of_a_flow_has_a_server_of_its_own() -> None:
    rig = Rig(config(alone(Mode.NAT)))
    for _ in range(6):
        rig.send(datagram())
    assert [frame[30:34] for frame in frames(rig, 0)] == [SERVER, SERVER2] * 3
    (view,) = rig.controller.services()
    assert [(server.connections, server.active, server.inactive) for server in view.servers] == [(3, 0, 0)] * 2
    assert (view.connections, rig.controller.stats()["datagram_alone"]) == (6, 6)
    none_kept(rig)


def test_in_dr_the_frame_goes_to_the_servers_address() -> None:
    """Once that is known; what comes before waits, and both have a TTL lower by one."""
    rig = Rig(config(alone(Mode.DR, real_servers=TWO[:1])))
    packet = datagram()
    rig.send(packet)
    rig.send(arp_reply(SERVER, SERVER_MAC, ip_plus("10.0.2.1"), SWITCH_MAC_2, SERVER_PORT))
    rig.send(packet)
    macs = SERVER_MAC.to_bytes(6, "big") + SWITCH_MAC_2.to_bytes(6, "big")
    sent = [each for each in rig.switch.forwarded if each.frame[:12] == macs and each.frame[12:14] == b"\x08\0"]
    expected = Forward(SERVER_PORT, macs + packet.frame[12:14] + _lowered(packet.frame[14:]))
    assert sent == [expected] * 2
    none_kept(rig)


def test_in_a_tunnel_the_datagram_gets_an_outer_header_like_its_own() -> None:
    rig = Rig(config(alone(Mode.TUNNEL, real_servers=TWO[:1])))
    packet = datagram(payload=b"odd")
    inner = packet.frame[14:]
    rig.send(packet)
    (frame,) = frames(rig, 0)
    outer = ip(ip_plus("10.0.2.1"), SERVER, 4, _lowered(inner), ttl=inner[8])
    assert frame == packet.frame[:14] + outer
    over = _with_ttl(inner, 1)
    rig.send(packet._replace(frame=packet.frame[:14] + over))
    assert len(frames(rig, 0)) == 1
    assert rig.controller.stats()["datagram_dropped"] == 1
    none_kept(rig)


def _with_ttl(packet: bytes, ttl: int) -> bytes:
    header = packet[:8] + bytes((ttl,)) + packet[9:10] + b"\0\0" + packet[12:20]
    return header[:10] + checksum(header).to_bytes(2, "big") + header[12:] + packet[20:]


def _lowered(packet: bytes) -> bytes:
    return _with_ttl(packet, packet[8] - 1)


def test_by_gue_udp_is_between_the_headers() -> None:
    """From a port that is the flow's own, as the same way is to be taken by all of it."""
    rig = Rig(config(alone(Mode.GUE, real_servers=TWO[:1])))
    for port in (40000, 40000, 40001):
        rig.send(datagram(port))
    first, again, other = frames(rig, 0)
    assert first == again
    inner = _lowered(datagram(40000).frame[14:])
    source = first[34:36]
    assert source >= b"\xc0\0"
    assert source != other[34:36]
    gue = source + (6080).to_bytes(2, "big") + (8 + len(inner)).to_bytes(2, "big") + b"\0\0"
    assert first[14:] == ip(ip_plus("10.0.2.1"), SERVER, 17, gue + inner, ttl=64)


@pytest.mark.parametrize("mode", [Mode.TUNNEL, Mode.GUE])
@pytest.mark.parametrize("outside", [4, 6])
@pytest.mark.parametrize("inside", [4, 6])
def test_every_family_goes_in_every_outer_header(inside: int, outside: int, mode: Mode) -> None:
    servers = (v6.real(port=VPORT) if outside == 6 else real(port=VPORT),)
    address = v6.VIP if inside == 6 else VIP
    rig = Rig(v6.config(alone(mode, address=ip_address(address), real_servers=servers)))
    flow = Flow(PROTO_UDP, Endpoint(v6.CLIENT if inside == 6 else CLIENT, 40000), Endpoint(address, VPORT))
    sent = datagram(payload=b"odd", flow=flow)
    rig.send(sent)
    (frame,) = frames(rig, 0)
    layers = Ether(frame)
    outer, between = layers.payload, 8 if mode is Mode.GUE else 0
    inner = frame[14 + (40 if outside == 6 else 20) + between :]
    assert (type(outer), frame[:12]) == (IPv6 if outside == 6 else IP, sent.frame[:12])
    source, server = (v6.OUR_SERVER_SIDE, v6.SERVER) if outside == 6 else (ip_plus("10.0.2.1"), SERVER)
    assert (ip_address(outer.src).packed, ip_address(outer.dst).packed) == (source, server)
    if outside == 6:
        assert (outer.plen, outer.nh, outer.hlim) == (len(inner) + between, _protocol(inside, mode), 64)
    else:
        assert (outer.len, outer.proto, outer.ttl) == (20 + len(inner) + between, _protocol(inside, mode), 64)
        assert checksum(frame[14:34]) == 0
        assert inside == 4 or (outer.id, outer.flags) == (0, "DF")
    if between:
        udp_at = len(frame) - len(inner) - between
        assert frame[udp_at + 2 : udp_at + 8] == bytes.fromhex("17c0") + (8 + len(inner)).to_bytes(2, "big") + b"\0\0"
    was = sent.frame[14:]
    assert inner == (_lowered(was) if inside == 4 else was[:7] + bytes((was[7] - 1,)) + was[8:])
    none_kept(rig)


def _protocol(inside: int, mode: Mode) -> int:
    return PROTO_UDP if mode is Mode.GUE else {4: 4, 6: 41}[inside]


def test_what_a_service_may_begin_in_a_second_bounds_it() -> None:
    rig = Rig(config(alone(Mode.NAT, new_rate=5)))
    for port in range(20):
        rig.send(datagram(40000 + port))
    passed = len(frames(rig, 0))
    assert 1 <= passed <= 5
    (view,) = rig.controller.services()
    assert view.refused == {"service_rate": 20 - passed}
    assert rig.controller.stats()["datagram_dropped"] == 20 - passed


def test_without_a_server_the_client_is_told() -> None:
    rig = Rig(config(alone(Mode.NAT, real_servers=(real(weight=0),))))
    told = len(rig.switch.forwarded)
    rig.send(datagram())
    (answer,) = rig.switch.forwarded[told:]
    assert (answer.port, answer.frame[30:36]) == (CLIENT_PORT, CLIENT + b"\x03\x03")
    none_kept(rig)


def test_a_damaged_datagram_goes_nowhere() -> None:
    rig = Rig(config(alone(Mode.NAT)))
    rig.send(datagram(checksum=0x1234))
    assert (frames(rig, 0), rig.controller.stats()["bad_checksum"]) == ([], 1)


def test_a_fragment_goes_nowhere() -> None:
    rig = Rig(config(alone(Mode.NAT)))
    packet = datagram(payload=bytes(64))
    rig.send(packet._replace(frame=packet.frame[:20] + b"\x20\0" + packet.frame[22:]))
    assert (frames(rig, 0), rig.controller.stats()["datagram_dropped"]) == ([], 1)


def test_sessions_of_before_go_and_those_of_afterwards_stay() -> None:
    rig = Rig(config(service(mode=Mode.NAT, local_addresses=(), real_servers=TWO)))
    answered(rig)
    before = len(rig.switch.injected)
    rig.reconfigure(config(alone(Mode.NAT)))
    rig.settle()
    nothing_left(rig)
    rig.send(datagram())
    assert len(frames(rig, before)) == 1
    rig.reconfigure(config(service(mode=Mode.NAT, local_addresses=(), real_servers=TWO)))
    begun(rig)


def test_other_services_go_on() -> None:
    rig = Rig(config(virtual(), alone(Mode.NAT)))
    opened(rig)
    rig.send(datagram())
    assert [service.connections for service in rig.controller.services()] == [1, 1]


@pytest.mark.parametrize(
    ("service", "messages"),
    [
        (virtual(ops=True, mode=Mode.NAT), ["one-packet scheduling (ops) is for UDP"]),
        (
            service(ops=True),
            ["one-packet scheduling (ops) needs another mode than fullnat: 10.0.2.11:8080 is in fullnat"],
        ),
    ],
)
def test_what_cannot_be_is_refused(service: Any, messages: Sequence[str]) -> None:
    with pytest.raises(CommandError) as refused:
        Rig(config(service))
    assert [problem.message for problem in refused.value.problems] == messages
