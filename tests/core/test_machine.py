"""Random lives: whatever happens in whatever order, nothing is leaked, doubled or freed too early.

The machine plays clients, hosts inside, servers, an operator and a faulty switch. After every step the resources that
the core holds must be exactly those of its sessions; at the end everything idles out and must be given back.
"""

from __future__ import annotations

from collections import Counter

from fullnat.config.model import Config
from fullnat.core.balancing.servers import NO_ID
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import IdleNotice, Outcome, SessionEvents, SwitchDown, SwitchUp
from fullnat.core.session.lifecycle import Phase
from fullnat.core.session.sessions import Session
from fullnat.net.flow import Address, address
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import Entry
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition
from hypothesis.stateful import rule as step

from .builders import EVENT, IN, OUT, PUNT, ip, syn
from .machine_configs import CONFIGS
from .snatkit import HOST, OUTSIDE, OUTSIDE2, first
from .switch import FakeSwitch, Rig, keys
from .witness import Witness

CLIENT_PORTS = st.integers(40000, 40005)
ISNS = st.integers(0, 3).map(lambda number: number * 0x50000001)
SESSION_IDS = st.sampled_from([0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7])
SERVER_IDS = 8
MARKS = st.sampled_from([0, 0, EVENT["RESUMED"], EVENT["UNJUDGED"]])
REPORTED = sorted(set(EVENT.__members__) - {"RESUMED", "UNJUDGED"})


class Machine(RuleBasedStateMachine):
    rig: Rig
    is_up = True

    @initialize(config_=CONFIGS)
    def connect(self, config_: Config) -> None:
        self.rig = Rig(config_, switch=FakeSwitch(strict=False), session_ids=8, server_ids=SERVER_IDS)

    # ---- clients and servers

    @step(port=CLIENT_PORTS, seq=ISNS, vport=st.sampled_from([80, 80, 81]))
    def client_syn(self, port: int, seq: int, vport: int) -> None:
        """The switch punts it by what it has."""
        packet = syn(port, seq, vport=vport)
        entry = self.rig.switch.tables.get(("session_in", 6, 0xCB007109, port, 0xC633640A, vport))
        if isinstance(entry, SessionEntry):
            packet = syn(port, seq, vport=vport, reason="SESSION_SYN", session_id=entry.session_id)
        self.rig.send(packet)

    @step(port=CLIENT_PORTS, seq=ISNS, to=st.sampled_from([OUTSIDE, OUTSIDE2]))
    def host_syn(self, port: int, seq: int, to: Address) -> None:
        """Of a host inside: there may be a rule of SNAT."""
        packet = first(port, to=to, seq=seq)
        entry = self.rig.switch.tables.get(("session_in", 6, HOST, port, to, 443))
        if isinstance(entry, SessionEntry):
            packet = packet._replace(reason=PUNT["SESSION_SYN"], session_id=entry.session_id)
        self.rig.send(packet)

    @step(
        number=SESSION_IDS,
        event=st.sampled_from(REPORTED),
        mark=MARKS,
        seq=st.sampled_from([0, 7, 0x90000000]),
    )
    def digest(self, number: int, event: str, mark: int, seq: int) -> None:
        direction = IN if event in ("ESTABLISHED", "FIN_IN", "RST_IN") else OUT
        if number in self.rig.switch.sessions():
            self.rig.hit(number, direction == IN, direction == OUT)
        bits = EVENT[event] | (mark if event.startswith(("FIN", "RST")) else 0)
        self.heard(number, event, mark)
        self.rig.send(SessionEvents(number, direction, bits, seq))

    @step(
        port=CLIENT_PORTS,
        seq=ISNS,
        vport=st.sampled_from([80, 81]),
        mark=MARKS,
        events=st.lists(st.sampled_from(REPORTED), min_size=1, max_size=4),
    )
    def life(self, port: int, seq: int, vport: int, mark: int, events: list[str]) -> None:
        """A connection and what is reported of it, without anything in between."""
        self.client_syn(port, seq, vport)
        self.settle()
        for view in list(self.rig.controller.sessions()):
            if (view.entry.client_port, view.entry.vport) == (port, vport):
                for event in events:
                    self.digest(view.entry.session_id, event, mark, 0)

    def heard(self, number: int, event: str, mark: int) -> None:
        """What the controller is about to hear."""

    @step(number=SESSION_IDS, into=st.integers(0, 20), out=st.integers(0, 20))
    def traffic(self, number: int, into: int, out: int) -> None:
        if number in self.rig.switch.sessions():
            self.rig.hit(number, into, out)

    # ---- the switch

    @precondition(lambda self: self.rig.switch.writes)
    @step()
    def answer_one(self) -> None:
        written = self.rig.switch.apply(self.rig.now)
        if written is not None:
            self.rig.send(written)

    @step()
    def settle(self) -> None:
        self.rig.settle()

    @step(outcome=st.sampled_from(Outcome), of_server=st.booleans())
    def fail_next(self, outcome: Outcome, of_server: bool) -> None:
        switch = self.rig.switch
        (switch.fail_servers if of_server else switch.fail).append(outcome)

    @step(number=SESSION_IDS)
    def idle_notice(self, number: int) -> None:
        self.rig.send(IdleNotice(number))

    @step(is_lost=st.booleans())
    def probes(self, is_lost: bool) -> None:
        while self.rig.switch.probes:
            if is_lost:
                self.rig.switch.probes.popleft()
            else:
                self.rig.send(self.rig.switch.probe(self.rig.now))

    @step(number=SESSION_IDS)
    def vanish(self, number: int) -> None:
        if number in self.rig.switch.sessions():
            self.rig.switch.lose(number)

    @step(number=st.integers(0, SERVER_IDS - 1), table=st.sampled_from(["server_in", "server_out"]))
    def server_vanishes(self, number: int, table: str) -> None:
        self.rig.switch.tables.pop((table, number), None)

    @step(seconds=st.sampled_from([0.1, 1.0, 3.0, 8.0, 31.0, 91.0, 200.0]), is_settled=st.booleans())
    def time(self, seconds: float, is_settled: bool) -> None:
        self.rig.advance(seconds, settle=is_settled)

    @step(is_lost=st.booleans(), is_wiped=st.booleans(), is_settled=st.booleans())
    def reconnect(self, is_lost: bool, is_wiped: bool, is_settled: bool) -> None:
        """The stream breaks; what was under way may have been done. What is written then may be under way for long."""
        self.rig.send(SwitchDown("broken"))
        while self.rig.switch.writes:
            if is_lost:
                self.rig.switch.writes.popleft()
            else:
                self.rig.switch.apply(self.rig.now)
        self.rig.switch.probes.clear()
        self.rig.switch.works_again()
        if is_wiped:
            self.rig.switch.tables.clear()
        self.drop_halves()
        self.rig.send(SwitchUp(self.rig.switch.entries(), emptied=is_wiped))
        if is_settled:
            self.rig.settle()

    @step()
    def restart(self) -> None:
        """Another controller process; the first one's writes were done."""
        self.apply_all()
        self.rig.switch.works_again()
        self.drop_halves()
        self.rig.restart()

    def apply_all(self) -> None:
        while self.rig.switch.writes:
            self.rig.switch.apply(self.rig.now)

    def drop_halves(self) -> None:
        """What the shell does when it reads half a session."""
        tables = self.rig.switch.tables
        for entry in self.rig.switch.of(SessionEntry):
            if any(tables.get(key) != entry for key in keys(entry)):
                for key in keys(entry):
                    if tables.get(key) == entry:
                        del tables[key]

    # ---- the operator

    @step(new=CONFIGS)
    def reconfigure(self, new: Config) -> None:
        self.rig.reconfigure(new)

    # ---- what must hold

    @invariant()
    def resources_are_those_of_the_sessions(self) -> None:
        if not hasattr(self, "rig"):
            return
        store = self.rig.controller._store
        sessions = list(store.table)
        entries = [session.entry for session in sessions]
        assert len({entry.session_id for entry in entries}) == len(entries) == len(store.table.ids)
        places = {(e.protocol, e.local, e.local_port, e.server, e.server_port) for e in entries}
        assert len(places) == len(entries)
        assert len(store.table.by_key) == len(entries)
        used = Counter(each.entry.local for each in sessions if each.server.mode is Mode.FULLNAT)
        # Flows of one endpoint of a host share a mapping.
        used += Counter({id(each.mapping): each.entry.local for each in sessions if each.mapping is not None}.values())
        assert {local.address: local.used for local in store.pool if local.used} == used
        for local in store.pool:
            assert sum(ports.count for ports in local.ports.values()) == local.used
        ids = Counter(entry.server_id for entry in entries)
        for service in store.services.by_key.values():
            for server in service.all_servers():
                for asked in service.virtuals:
                    if (number := server.id_of(asked)) != NO_ID:
                        ids[number] += 1
                        assert store.services.ids.fits(number, service.server_key(server, asked))
                mine = [session for session in sessions if session.server is server]
                assert server.active == sum(session.state.name == "ESTABLISHED" for session in mine)
                assert server.active + server.inactive == len(mine)
                assert server.beginning == sum(session.state is session.protocol.initial for session in mine)
            assert all(server.sessions for server in service.draining.values())
        bound = store.services.ids._bindings
        held = {number: binding.holders for number, binding in bound.items() if binding.holders}
        assert held == self._with_homeless(ids, sessions)
        for session in sessions:
            entry, binding = session.entry, bound[session.entry.server_id]
            asked = session.service.virtual(entry.flow_in.dst)
            assert binding.key == session.service.server_key(session.server, asked)
            assert entry.flow_out.src == session.server.at(entry.flow_in.dst)
            assert store.timers.when(session) is not None
            assert session.held is None or session.phase is not Phase.INSTALLED

    @staticmethod
    def _with_homeless(ids: Counter[int], sessions: list[Session]) -> Counter[int]:
        """Real servers of services that are configured no more hold their ids as well."""
        homeless = {id(s.server): s.server for s in sessions if not s.service.configured}
        return ids + Counter(number for server in homeless.values() for number in server.ids)

    def teardown(self) -> None:
        """Everything idles out: nothing is left of it anywhere."""
        if not hasattr(self, "rig"):
            return
        self.rig.switch.works_again()
        self.rig.settle()
        for _ in range(6):
            self.rig.advance(100)
        assert list(self.rig.controller.sessions()) == []
        self.repair()
        self.servers_are_on_the_switch()
        self.resources_are_those_of_the_sessions()
        configured = {address(local) for server in self.rig.config.virtual_servers for local in server.local_addresses}
        outward = (server for server in self.rig.config.virtual_servers if server.mode.is_outward)
        configured |= {address(real.address) for server in outward for real in server.real_servers}
        assert {local.address for local in self.rig.controller.local_addresses()} == configured

    def repair(self) -> None:
        """Reading the switch finds everything that vanished."""
        self.rig.send(SwitchDown("broken"))
        self.rig.up()

    def servers_are_on_the_switch(self) -> None:
        """Both entries of every server, right down to the flags, and nothing else."""
        wanted: set[Entry] = set()
        for service in self.rig.controller._store.services.by_key.values():
            for server in service.all_servers():
                flags = server.mode.session_flags(service.session_flags)
                address, port = server.endpoint
                port = 0 if server.mode.keeps_destination else port
                source = ip("10.0.2.1") if server.mode.outer_bytes else None
                for asked in service.virtuals:
                    number, action = server.id_of(asked), service.server_key(server, asked).action
                    wanted.add(ServerIn(number, flags, address, port, action, source))
                    wanted.add(ServerOut(number, flags, *asked))
        assert self.rig.switch.of(ServerIn) | self.rig.switch.of(ServerOut) == wanted


class CarefulMachine(Machine):
    """The same with a switch that never fails: then no write may ever be in vain, nothing may be left on the switch,
    and no connection that somebody holds for open may go without a word."""

    @initialize(config_=CONFIGS)
    def connect(self, config_: Config) -> None:
        self.rig = Rig(config_, switch=Witness(strict=True), session_ids=8, server_ids=SERVER_IDS)
        self.witness.phase_of = self.phase_of

    def phase_of(self, number: int) -> Phase | None:
        session = self.rig.controller._store.table.by_id.get(number)
        return None if session is None else session.phase

    def heard(self, number: int, event: str, mark: int) -> None:
        phases = {view.entry.session_id: view.phase for view in self.rig.controller.sessions()}
        if phases.get(number) in ("INSTALLED", "RESTORING"):
            self.witness.hears(number, event, mark)

    @property
    def witness(self) -> Witness:
        assert isinstance(self.rig.switch, Witness)
        return self.rig.switch

    @step()
    def restart(self) -> None:
        self.apply_all()
        self.witness.is_asked_by_another()
        super().restart()

    fail_next = None  # type: ignore[assignment]
    vanish = None  # type: ignore[assignment]
    server_vanishes = None  # type: ignore[assignment]

    def repair(self) -> None:
        """There is nothing to repair."""

    @step(seconds=st.sampled_from([0.1, 1.0, 3.0, 8.0, 31.0, 91.0, 200.0]), is_settled=st.just(True))
    def time(self, seconds: float, is_settled: bool) -> None:
        """Answers take no time: after a minute without one the core rightly takes it for lost, and deletes in vain."""
        self.rig.settle()
        self.rig.advance(seconds, settle=is_settled)

    @invariant()
    def what_is_installed_is_on_the_switch(self) -> None:
        """Both entries of every session, and between writes nothing else."""
        if not hasattr(self, "rig"):
            return
        views = list(self.rig.controller.sessions())
        for view in views:
            if view.phase in ("INSTALLED", "EXPIRING", "CLOSING"):
                assert [self.rig.switch.tables.get(key) for key in keys(view.entry)] == [view.entry] * 2
        if not self.rig.switch.writes:
            assert self.rig.switch.sessions().keys() <= {view.entry.session_id for view in views}

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "rig"):
            assert self.rig.switch.sessions() == {}


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestCarefulMachine = CarefulMachine.TestCase
TestCarefulMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
