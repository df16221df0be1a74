"""ICMP errors that the switch leaves to the controller: found, translated, injected; those of nobody are refused."""

from __future__ import annotations

from fullnat.core.declared.modes import Mode
from fullnat.core.interface import PacketIn
from fullnat.core.network.icmp_errors import REFRESH
from fullnat.net.checksum import sum16
from fullnat.net.flow import Address, Endpoint, Flow, address
from fullnat.net.headers import ETHERTYPE_IPV4, PROTO_ICMP, PROTO_TCP, TcpFlag, ethernet, tcp_packet
from fullnat.net.headers import ip as ip_packet
from fullnat.net.icmp import message

from .builders import CLIENT, CLIENT_PORT, PUNT, RPORT, SERVER, SERVER_PORT, VIP, VPORT, config, real, virtual
from .helpers import established
from .switch import Rig

ROUTER = address("192.0.2.77")


def error(flow: Flow, port: int, seq: int = 7, kind: tuple[int, int] = (3, 1)) -> PacketIn:
    """About a segment of ``flow``, to its sender."""
    quote = tcp_packet(flow, seq, 9, TcpFlag.ACK, payload=b"data")
    frame = ethernet(1, 2, ETHERTYPE_IPV4) + ip_packet(
        ROUTER, flow.src.address, PROTO_ICMP, message(kind, b"\0\0\x05\x78", quote)
    )
    return PacketIn(PUNT["ICMP_ERROR"], 0, port, 0, frame)


def injected(rig: Rig, event: PacketIn) -> bytes | None:
    """The one frame that the controller injects because of ``event``, by the same port and of no session."""
    before = len(rig.switch.injected)
    rig.send(event)
    new = rig.switch.injected[before:]
    assert len(new) < 2
    assert [(each.port, each.session_id, each.new_session) for each in new] in ([], [(event.ingress_port, 0, False)])
    return new[0].frame if new else None


def ends(frame: bytes) -> tuple[Address, Address]:
    assert sum16(frame[14:34]) == sum16(frame[34:]) == 0xFFFF
    return Address(frame[26:30]), Address(frame[30:34])


def flows(rig: Rig, client_port: int = 40000) -> tuple[Flow, Flow, int]:
    """Of a session: what the server gets, what the client gets, and the difference of their numbers."""
    entry = established(rig, port=client_port)
    return entry.flow_out.reversed(), entry.flow_in.reversed(), entry.delta


def test_an_error_of_the_servers_side_reaches_the_client_in_its_own_numbers() -> None:
    rig = Rig(config())
    to_server, _, delta = flows(rig)
    frame = injected(rig, error(to_server, SERVER_PORT, seq=delta + 5, kind=(3, 4)))
    assert frame is not None
    assert ends(frame) == (VIP, CLIENT)
    flow = Flow(PROTO_TCP, Endpoint(CLIENT, 40000), Endpoint(VIP, VPORT))
    assert frame[42:] == tcp_packet(flow, 5, 9, TcpFlag.ACK, payload=b"data")
    assert frame[40:42] == (1400 - 8).to_bytes(2, "big")
    assert rig.controller.stats()["icmp_error_translated"] == 1


def test_an_error_of_the_clients_side_reaches_the_server() -> None:
    rig = Rig(config())
    to_server, to_client, delta = flows(rig)
    frame = injected(rig, error(to_client, CLIENT_PORT))
    assert frame is not None
    assert ends(frame) == (to_server.src.address, SERVER)
    quote = tcp_packet(to_server.reversed(), 7, 9 + delta & 0xFFFFFFFF, TcpFlag.ACK, payload=b"data")
    assert frame[42:] == quote
    assert to_server.dst == Endpoint(SERVER, RPORT)


def test_nat_shows_the_router_to_the_server() -> None:
    rig = Rig(config(virtual(local_addresses=(), real_servers=(real(mode=Mode.NAT),))))
    _, to_client, _ = flows(rig)
    frame = injected(rig, error(to_client, CLIENT_PORT))
    assert frame is not None
    assert ends(frame) == (ROUTER, SERVER)


def test_errors_of_servers_with_the_virtual_address_are_refused() -> None:
    """Injected, they would come back."""
    rig = Rig(config(virtual(local_addresses=(), real_servers=(real(port=VPORT, mode=Mode.DR),))))
    _, to_client, _ = flows(rig)
    assert injected(rig, error(to_client, CLIENT_PORT)) is None
    assert rig.controller.stats()["icmp_error_refused"] == 1


def test_strays_and_what_is_no_error_are_refused() -> None:
    rig = Rig(config())
    to_server, to_client, _ = flows(rig)
    stray = to_client._replace(dst=Endpoint(CLIENT, 40001))
    events = [error(stray, CLIENT_PORT), error(to_client, CLIENT_PORT, kind=(5, 0))]
    whole = error(to_server, SERVER_PORT)
    events += [whole._replace(frame=whole.frame[:length]) for length in range(len(whole.frame))]
    for event in events:
        assert injected(rig, event) is None
    assert rig.controller.stats()["icmp_error_refused"] == len(events)


def test_younger_sessions_are_found_after_a_while() -> None:
    """By what their servers send: all sessions are looked through for that, at most once in REFRESH seconds."""
    rig = Rig(config())
    first, *_ = flows(rig)
    assert injected(rig, error(first, SERVER_PORT)) is not None
    second, *_ = flows(rig, 40001)
    assert injected(rig, error(second, SERVER_PORT)) is None
    rig.advance(REFRESH)
    assert injected(rig, error(second, SERVER_PORT)) is not None
