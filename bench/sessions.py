"""FULLNAT sessions by the hundred thousand, written straight to an engine: what a controller would have written.

A session is an entry in session_in, one in session_out and its cells in the registers, as after a handshake. Clients
are 10.1.0.0/16, one real server answers, whose entries they share; the frames are ACKs of 60 bytes (64 with FCS).
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path

from fullnat.net.flow import Endpoint, Flow, v4
from fullnat.net.headers import PROTO_TCP, TcpFlag, tcp_packet
from fullnat.p4constants import SessionEvent
from p4soft.api import Entry, Program
from p4soft.engine import NativeEngine

from topo.standard import SWITCH_MACS

COMPILED = Path(__file__).resolve().parent.parent / "p4src" / "compiled"
SERVER_MAC, CLIENT_MAC = "02:aa:00:00:00:02", "02:aa:00:00:00:01"
VIP, SERVER, LOCALS = "10.9.0.1", "10.2.0.11", "10.2.128.0"
VPORT, SERVER_PORT = 80, 8080
FIRST_CLIENT = "10.1.0.1"
FIRST_PORT, PORTS = 10000, 50000
"""Every client address has this many sessions, with consecutive ports."""
IDLE_NS = 900 * 10**9
FRAME_BYTES = 60
CLIENT_SEQ, SERVER_SEQ = 1000001, 2000101
"""Where both sides of every session stand; each has acknowledged all that the other has sent."""
REGISTERS = (
    "events",
    "first_data_seq",
    "server_end_seq",
    "server_ack_seq",
    "client_end_seq",
    "client_ack_seq",
    "last_end_seq",
)
KNOWN = 0x300
"""Of the register of events (p4src/arch/v1model/session_state.p4)."""


def number(address: str) -> int:
    """An IPv4 address as a number."""
    return int.from_bytes(bytes(map(int, address.split("."))), "big")


def link(address: str) -> bytes:
    return bytes.fromhex(address.replace(":", ""))


SERVER_ID = bytes(3)
"""Of the only real server; as wide as the program has it."""


def client(session: int) -> tuple[int, int]:
    """Address and port of a session's client."""
    return number(FIRST_CLIENT) + session // PORTS, FIRST_PORT + session % PORTS


def install(engine: NativeEngine, program: Program, sessions: int) -> None:
    """Everything that packets of so many sessions need. Raises EngineError."""

    def insert(table: str, key: bytes, action: str, params: bytes = b"") -> None:
        engine.insert(program.tables[table].index, Entry(key, _action(program, table, action), params))

    for port, address in SWITCH_MACS.items():
        insert("port", struct.pack("!I", port), "port_set", link(address))
    insert("own_address", struct.pack("!I", number(VIP)), "own_vip")
    for prefix in ("10.1.0.0", "10.2.0.0"):
        insert("ipv4_route", struct.pack("!IH", number(prefix), 16), "route_connected")
    way = struct.pack("!I6s6sH", 2, link(SWITCH_MACS[2]), link(SERVER_MAC), 1500)
    insert("next_hop", struct.pack("!H", 1), "next_hop_set", way)
    insert("ipv4_host", struct.pack("!I", number(SERVER)), "route_via", struct.pack("!H", 1))
    of_service = struct.pack("!BIH", 1, number(VIP), VPORT)
    of_server = struct.pack("!BIH", 1, number(SERVER), SERVER_PORT)
    insert("server_in", SERVER_ID, "to_server", of_server)
    insert("server_out", SERVER_ID, "from_vip", of_service)
    established = SessionEvent.SYN_ACK | SessionEvent.ESTABLISHED
    for name in ("session_in", "session_out"):
        table, action = program.tables[name].index, _action(program, name, name.replace("session", "fullnat"))
        for session in range(sessions):
            engine.insert(table, _entry(name, action, session))
    client_side, server_side = CLIENT_SEQ, SERVER_SEQ
    values = (KNOWN | established, server_side - 100, server_side, client_side, client_side, server_side, 0)
    for name, value in zip(REGISTERS, values, strict=True):
        for session in range(sessions):
            engine.write_register(name, session, value)


def _action(program: Program, table: str, name: str) -> int:
    return next(a.index for a in program.tables[table].actions if a.name == name)


def _entry(table: str, action: int, session: int) -> Entry:
    address, port = client(session)
    local, local_port = number(LOCALS) + session // PORTS, FIRST_PORT + session % PORTS
    outside = struct.pack("!IHIH", address, port, number(VIP), VPORT)
    inside = struct.pack("!IHIH", number(SERVER), SERVER_PORT, local, local_port)
    key, rewritten = (outside, inside[6:]) if table == "session_in" else (inside, outside[:6])
    data = struct.pack("!I", session)[1:] + SERVER_ID + rewritten + bytes(4)
    return Entry(b"\6" + key, action, data, idle_ns=IDLE_NS, cookie=session + 1)


def frames(sessions: int, count: int, seed: int = 1) -> bytes:
    """``count`` frames, each session about equally often, in random order."""
    rng = random.Random(seed)
    order = list(range(sessions)) * (count // sessions) + rng.sample(range(sessions), count % sessions)
    rng.shuffle(order)
    return b"".join(_frames(order))


def _frames(order: list[int]) -> Iterator[bytes]:
    ethernet = link(SWITCH_MACS[1]) + link(CLIENT_MAC) + b"\x08\x00"
    for session in order:
        address, port = client(session)
        flow = Flow(PROTO_TCP, Endpoint(v4(address), port), Endpoint(v4(number(VIP)), VPORT))
        packet = tcp_packet(flow, CLIENT_SEQ, SERVER_SEQ, TcpFlag.ACK, window=512)
        yield ethernet + packet + bytes(FRAME_BYTES - 54)
