"""Random lives with SYN cookies: the machines of :mod:`.test_machine`, with clients that acknowledge cookies, whatever
there is of their flow, servers that answer so or so, and segments that come late."""

from __future__ import annotations

from dataclasses import replace

from fullnat.config.model import Config, VirtualServer
from fullnat.core.interface import PacketIn, SessionEvents
from fullnat.net.flow import Endpoint, Flow
from fullnat.net.headers import TcpFlag, ethernet, tcp_packet
from fullnat.p4constants import ServiceFlag
from fullnat.tables.session import SessionEntry
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant
from hypothesis.stateful import rule as step

from .builders import CLIENT, CLIENT_PORT, EVENT, OUT, PUNT, SERVER_PORT, VIP
from .machine_configs import CONFIGS
from .switch import FakeSwitch, Rig
from .test_machine import CLIENT_PORTS, ISNS, SERVER_IDS, SESSION_IDS, CarefulMachine, Machine
from .witness import Witness

ACK, SYN, RST, PSH, FIN = TcpFlag.ACK, TcpFlag.SYN, TcpFlag.RST, TcpFlag.PSH, TcpFlag.FIN
COOKIE = 0xABCDEF00 | 1 << 4 | 3 << 2 | 2
FLAGS = int(ServiceFlag.COOKIES | ServiceFlag.RESET_ON_MISS)
MASK = 0xFFFFFFFF


def with_cookies(config: Config, word: str) -> Config:
    """As far as its services can have them."""

    def of(service: VirtualServer) -> str:
        modes = {service.mode, *(real.mode for real in service.real_servers if real.mode is not None)}
        outward = service.mode.is_outward or any(mode.keeps_destination for mode in modes)
        return "auto" if outward else word

    return replace(config, virtual_servers=tuple(replace(each, syn_proxy=of(each)) for each in config.virtual_servers))


COOKIES = st.builds(with_cookies, CONFIGS, st.sampled_from(["auto", "always"]))


def frame(flow: Flow, seq: int, ack: int, flags: int, payload: bytes = b"") -> bytes:
    segment = tcp_packet(flow, seq & MASK, ack & MASK, flags, window=500, payload=payload)
    return ethernet(2, 1, 0x0800) + segment


class Spliced(Machine):
    """What comes of cookies."""

    @initialize(config_=COOKIES)
    def connect(self, config_: Config) -> None:
        self.rig = Rig(config_, switch=FakeSwitch(strict=False), session_ids=8, server_ids=SERVER_IDS)

    @step(new=COOKIES)
    def reconfigure(self, new: Config) -> None:
        self.rig.reconfigure(new)

    @step(
        port=CLIENT_PORTS,
        seq=ISNS,
        vport=st.sampled_from([80, 80, 81]),
        at=st.sampled_from([0, 0, 0, 5, 90]),
        kind=st.sampled_from([(ACK, b""), (ACK, b""), (PSH | ACK, b"GET /"), (RST | ACK, b""), (FIN | ACK, b"")]),
        is_late=st.booleans(),
    )
    def of_client(self, port: int, seq: int, vport: int, at: int, kind: tuple[int, bytes], is_late: bool) -> None:
        """What acknowledges a cookie, or follows that; ``is_late``: it passed the switch before the session was
        there."""
        flow = Flow(6, Endpoint(CLIENT, port), Endpoint(VIP, vport))
        sent = frame(flow, seq + 1 + at, COOKIE + 1, *kind)
        entry = self.rig.switch.tables.get(("session_in", 6, CLIENT, port, VIP, vport))
        if isinstance(entry, SessionEntry) and not is_late:
            if entry.splice is not None and not entry.splice.number:
                self.rig.hit(entry.session_id, 1, 0)
                self.rig.send(PacketIn(PUNT["SPLICE"], 0, CLIENT_PORT, entry.session_id, sent))
            return
        reason = "NO_SESSION" if at or kind[0] & RST else "COOKIE_ACK"
        self.rig.send(PacketIn(PUNT[reason], FLAGS, CLIENT_PORT, 0, sent))

    @step(
        number=SESSION_IDS,
        flags=st.sampled_from([SYN | ACK, SYN | ACK, SYN | ACK, RST | ACK, RST, ACK]),
        is_right=st.sampled_from([True, True, True, False]),
        is_told=st.booleans(),
    )
    def of_server(self, number: int, flags: int, is_right: bool, is_told: bool) -> None:
        """Of a session whose server has not answered, or is about to."""
        entry = self.rig.switch.sessions().get(number)
        if entry is None or entry.splice is None or entry.splice.number:
            return
        self.rig.hit(number, 0, 1)
        if flags == SYN | ACK and is_right and is_told:
            self.heard(number, "SYN_ACK", 0)
            self.rig.send(SessionEvents(number, OUT, EVENT["SYN_ACK"]))
        ack = entry.client_isn + entry.delta + (1 if is_right else 7)
        sent = frame(entry.flow_out, 0x12345678, ack, flags)
        self.rig.send(PacketIn(PUNT["SPLICE"], 0, SERVER_PORT, number, sent))

    @step(port=CLIENT_PORTS, seq=ISNS, vport=st.sampled_from([80, 81]))
    def proxied(self, port: int, seq: int, vport: int) -> None:
        """A connection from its cookie to its server's answer, without anything in between."""
        self.of_client(port, seq, vport, 0, (ACK, b""), False)
        self.settle()
        entry = self.rig.switch.tables.get(("session_in", 6, CLIENT, port, VIP, vport))
        if isinstance(entry, SessionEntry):
            self.of_server(entry.session_id, SYN | ACK, True, True)
            self.settle()

    @invariant()
    def what_waits_is_counted(self) -> None:
        if not hasattr(self, "rig"):
            return
        splicing, table = self.rig.controller._syn_proxies._splicing, self.rig.controller._store.table
        assert splicing._count == sum(len(each.queue) for each in splicing._waiting.values())
        for number in splicing._waiting:
            assert splicing.timers.when(number) is not None or table.by_id[number].token
        for flow in splicing._successors._waiting:
            assert table.by_key[flow].phase.name == "REMOVING"

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "rig"):
            splicing = self.rig.controller._syn_proxies._splicing
            assert (splicing._waiting, splicing._successors._waiting, splicing._count) == ({}, {}, 0)


class CarefulSpliced(Spliced, CarefulMachine):
    """The same with a switch that never fails, and a witness."""

    @initialize(config_=COOKIES)
    def connect(self, config_: Config) -> None:
        self.rig = Rig(config_, switch=Witness(strict=True), session_ids=8, server_ids=SERVER_IDS)
        self.witness.phase_of = self.phase_of
        self.witness.is_succeeded = self.is_succeeded

    def is_succeeded(self, number: int) -> bool:
        session = self.rig.controller._store.table.by_id.get(number)
        waiting = self.rig.controller._syn_proxies._splicing._successors._waiting
        return session is not None and session.key in waiting

    def heard(self, number: int, event: str, mark: int) -> None:
        session = self.rig.controller._store.table.by_id.get(number)
        if session is not None and (session.phase.name in ("INSTALLED", "RESTORING") or session.is_being_spliced):
            self.witness.hears(number, event, mark)


TestSpliced = Spliced.TestCase
TestSpliced.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestCarefulSpliced = CarefulSpliced.TestCase
TestCarefulSpliced.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
