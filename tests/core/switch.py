"""A tiny switch for the core's tests: it carries out effects, keeps tables, and objects to what no switch takes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from fullnat.config.diff import diff, model_of
from fullnat.config.model import Config
from fullnat.core.controller import Controller
from fullnat.core.declared.commands import Command
from fullnat.core.interface import (
    THE_SWITCH,
    Effect,
    Envelope,
    Event,
    Failure,
    Forward,
    IdleNotice,
    Inject,
    LimitPunts,
    Log,
    Op,
    Outcome,
    Probe,
    Probed,
    ProbeResult,
    Reset,
    Sizes,
    SwitchUp,
    Write,
    Written,
)
from fullnat.core.memory import Memo, MemoryKey
from fullnat.net.flow import Address
from fullnat.tables.host import Host
from fullnat.tables.listed import Listed, ListedOfAll
from fullnat.tables.next_hop import NextHop
from fullnat.tables.policy import Policy, PolicyOfAll
from fullnat.tables.route import Route
from fullnat.tables.server_in import TO_OUTSIDE, TO_SERVER, TO_SERVER_ANY, ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import E, Entry, EntryKey, table_of

WALL_OFFSET = 1_700_000_000.0
SECRET = b"0123456789abcdef"


class Neighbor(NamedTuple):
    """What ipv4_host and next_hop say of a host together."""

    address: Address
    port: int
    source: int
    destination: int
    mtu: int


def keys(entry: Entry) -> tuple[EntryKey, ...]:
    """The match keys that ``entry`` stands for."""
    return table_of(entry).keys(entry)


@dataclass
class FakeSwitch:
    """Writes are answered when :meth:`answer` is called; everything else is recorded."""

    tables: dict[tuple[object, ...], Entry] = field(default_factory=dict)
    last_hit: dict[int, float] = field(default_factory=dict)
    last_in: dict[int, float] = field(default_factory=dict)
    """The same of the client's direction alone."""
    packets: dict[int, tuple[int, int]] = field(default_factory=dict)
    capacity: int | None = None
    """Sessions that fit; None is no limit."""
    servers: int | None = None
    """Entries that server_in and server_out have room for, each."""
    fail: deque[Outcome] = field(default_factory=deque)
    """Outcomes of the next updates of sessions."""
    fail_servers: deque[Outcome] = field(default_factory=deque)
    """The same for server_in and server_out."""
    fail_listed: deque[Outcome] = field(default_factory=deque)
    """The same for prefixes of lists."""
    fail_policies: deque[Outcome] = field(default_factory=deque)
    """The same for what names them."""
    writes: deque[Write] = field(default_factory=deque)
    probes: deque[Probe] = field(default_factory=deque)
    forwarded: list[Forward] = field(default_factory=list)
    injected: list[Inject] = field(default_factory=list)
    resets: list[Reset] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    punt_limits: list[LimitPunts] = field(default_factory=list)
    log_of_updates: list[tuple[Op, Entry]] = field(default_factory=list)
    idle_in_32_bits: bool = False
    """Idle times as BMv2's P4Runtime server tells them: the remaining time, in ns, overflows 32 bits."""
    tells_idle_times: bool = True
    frame: int = 100
    """Bytes of every packet that the counters count."""
    strict: bool = True
    """A duplicate insert, or a change of what is not there, fails the test."""

    def execute(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Write():
                    assert effect.updates
                    self.writes.append(effect)
                case Probe():
                    assert 0 < len(effect.sessions) <= 256
                    self.probes.append(effect)
                case Forward():
                    self.forwarded.append(effect)
                case Inject():
                    self.injected.append(effect)
                    if effect.new_session and effect.session_id in self.packets:
                        into, out = self.packets[effect.session_id]
                        self.packets[effect.session_id] = into + 1, out
                case Reset():
                    self.resets.append(effect)
                case Log():
                    self.logs.append(effect)
                case LimitPunts():
                    self.punt_limits.append(effect)

    def apply(self, now: float) -> Written | None:
        """Carry out the oldest write; its answer when it asked for one."""
        return self.carry_out(self.writes.popleft(), now)

    def carry_out(self, write: Write, now: float) -> Written | None:
        failed: dict[int, Failure] = {}
        for position, (operation, entry) in enumerate(write.updates):
            outcome = self._update(operation, entry, now)
            if outcome is not Outcome.DONE:
                failed[position] = Failure(outcome, "as the test has it")
        return Written(write.token, failed) if write.token else None

    def _update(self, operation: Op, entry: Entry, now: float) -> Outcome:
        self.log_of_updates.append((operation, entry))
        is_session, is_server = isinstance(entry, SessionEntry), isinstance(entry, (ServerIn, ServerOut))
        failures = self.fail if is_session else self.fail_servers if is_server else None
        if isinstance(entry, (Listed, ListedOfAll)):
            failures = self.fail_listed
        elif isinstance(entry, (Policy, PolicyOfAll)):
            failures = self.fail_policies
        if failures:
            outcome = failures.popleft()
            if outcome is Outcome.ABSENT and operation is Op.DELETE:
                for key in keys(entry):
                    self.tables.pop(key, None)
            if outcome is not Outcome.DONE:
                return outcome
        self._check_order(operation, entry)
        present = [key for key in keys(entry) if key in self.tables]
        if operation is Op.INSERT:
            if present:
                assert not self.strict, f"duplicate insert of {entry}"
                return Outcome.EXISTS
            if is_session and self.capacity is not None and len(self.sessions()) >= self.capacity:
                return Outcome.FULL
            if is_server and self.servers is not None and len(self.of(type(entry))) >= self.servers:
                return Outcome.FULL
            for key in keys(entry):
                self.tables[key] = entry
        elif len(present) < len(keys(entry)):
            if operation is Op.DELETE:
                for key in present:
                    del self.tables[key]
            assert not self.strict, f"{operation} of missing {entry}"
            return Outcome.ABSENT
        elif operation is Op.MODIFY:
            for key in keys(entry):
                self.tables[key] = entry
        else:
            for key in keys(entry):
                del self.tables[key]
        if isinstance(entry, SessionEntry):
            self.last_hit[entry.session_id] = self.last_in[entry.session_id] = now
            if operation is Op.INSERT:
                self.packets[entry.session_id] = (0, 0)
        return Outcome.DONE

    def _check_order(self, operation: Op, entry: Entry) -> None:
        """Nothing may be there without what it leads to, and no session without the entries of its own server."""
        if not self.strict:
            return
        if operation is not Op.DELETE:
            missing = [key for key in table_of(entry).requires(entry) if key not in self.tables]
            assert not missing, f"{operation} of {entry}, which leads to {missing}"
        if operation is Op.DELETE and isinstance(entry, NextHop):
            leading = [found for found in self.of(Host) | self.of(Route) if found[-1] == entry.next_hop_id]
            assert not leading, f"deletion of {entry}, which {leading} lead to"
        if isinstance(entry, SessionEntry) and operation is not Op.DELETE:
            to, back = (self.tables.get((table, entry.server_id)) for table in ("server_in", "server_out"))
            assert isinstance(to, ServerIn)
            if to.action not in (TO_SERVER, TO_SERVER_ANY):
                assert (entry.server, entry.server_port) == (entry.vip, entry.vport)
            else:
                assert (to.address, to.port or entry.vport) == (entry.server, entry.server_port)
            assert isinstance(back, ServerOut)
            if to.action == TO_OUTSIDE:
                assert to.address == entry.local
                assert not any(back.vip)
            else:
                assert (back.vip, back.vport or entry.vport) == (entry.vip, entry.vport)
        if isinstance(entry, (ServerIn, ServerOut)) and operation is Op.DELETE:
            assert all(session.server_id != entry.server_id for session in self.sessions().values())

    def works_again(self) -> None:
        """No failures are to come."""
        self.fail.clear()
        self.fail_servers.clear()

    def probe(self, now: float) -> Probed:
        answer: list[tuple[int, ProbeResult | None]] = []
        for entry in self.probes.popleft().sessions:
            if all(key in self.tables for key in keys(entry)):
                into, out = self.packets[entry.session_id]
                idle, idle_in = (self._idle(entry, hit, now) for hit in (self.last_hit, self.last_in))
                octets = into * self.frame, out * self.frame
                answer.append((entry.session_id, ProbeResult(idle, into, octets[0], out, octets[1], idle_in)))
            else:
                answer.append((entry.session_id, None))
        return Probed(tuple(answer))

    def _idle(self, entry: SessionEntry, hits: dict[int, float], now: float) -> float | None:
        if not self.tells_idle_times:
            return None
        idle = now - hits.get(entry.session_id, self.last_hit[entry.session_id])
        if self.idle_in_32_bits and (left := entry.idle_timeout - idle) > 0:
            idle = entry.idle_timeout - (round(left * 1000) * 1_000_000 & 0xFFFFFFFF) / 1e9
        return idle

    def sessions(self) -> dict[int, SessionEntry]:
        return {entry.session_id: entry for entry in self.tables.values() if isinstance(entry, SessionEntry)}

    def entries(self) -> tuple[Entry, ...]:
        return tuple({(type(entry), entry): entry for entry in self.tables.values()}.values())

    def of(self, kind: type[E]) -> set[E]:
        return {entry for entry in self.tables.values() if isinstance(entry, kind)}

    def neighbors(self) -> set[Neighbor]:
        """Every host of which the switch knows the way; none may lead to an id without."""
        found = set()
        for host in self.of(Host):
            assert isinstance(host, Host)
            hop = self.tables["next_hop", host.next_hop_id]
            assert isinstance(hop, NextHop)
            assert hop.way is not None
            found.add(Neighbor(host.address, *hop.way))
        return found

    def lose(self, session_id: int) -> None:
        for key in keys(self.sessions()[session_id]):
            del self.tables[key]


class Rig:
    """A controller and a switch, on one hand-turned clock."""

    def __init__(
        self,
        config: Config,
        *,
        switch: FakeSwitch | None = None,
        now: float = 1000.0,
        session_ids: int = 1 << 20,
        server_ids: int = 1 << 16,
        list_size: int = 1 << 18,
        has_cookies: bool = True,
        up: bool = True,
    ) -> None:
        self.now = now
        self.config = config
        self.sizes = Sizes(session_ids, server_ids, list_size=list_size, has_cookies=has_cookies)
        self.switch = switch or FakeSwitch()
        self.memos: dict[MemoryKey, Memo] = {}
        self.controller = self._controller()
        if up:
            self.up()

    def _controller(self) -> Controller:
        made = Controller(self.sizes, SECRET, Random(7), WALL_OFFSET)
        assert made.apply(diff(made.model, model_of(self.config)), self.now) == []
        return made

    def restart(self) -> None:
        """A new controller process on the same switch, which knows what :meth:`remember` has kept."""
        self.switch.writes.clear()
        self.switch.probes.clear()
        memos = list(self.memos.items())
        self.controller = self._controller()
        self.controller.recall(memos, self.now)
        self.up()

    def forgetful_restart(self) -> None:
        """The same with an empty state directory."""
        self.memos.clear()
        self.restart()

    def remember(self) -> None:
        """Keep what the controller tells of what it remembers."""
        while news := self.controller.memory.news(3):
            for key, memo in news:
                if memo is None:
                    self.memos.pop(key, None)
                else:
                    self.memos[key] = memo
        assert self.memos == dict(self.controller.memory.everything())

    def restart_blind(self) -> None:
        """A new controller process that is not told of the sessions."""
        self.controller = self._controller()
        self.send(SwitchUp(tuple(entry for entry in self.switch.entries() if not isinstance(entry, SessionEntry))))
        self.settle()

    def up(self, *, emptied: bool = False) -> None:
        self.send(SwitchUp(self.switch.entries(), emptied=emptied))
        self.settle()

    def send(self, event: Event) -> None:
        self.execute(self.controller.handle(event, self.now, THE_SWITCH))
        self.execute(self.controller.conclude(self.now))

    def reconfigure(self, config: Config) -> None:
        self.config = config
        self.apply(*diff(self.controller.model, model_of(config)))

    def apply(self, *commands: Command) -> None:
        self.execute(self.controller.apply(commands, self.now))

    def execute(self, envelopes: list[Envelope]) -> None:
        for switch, effects in envelopes:
            assert switch == THE_SWITCH
            self.switch.execute(effects)

    @staticmethod
    def refusal(write: Write) -> Written:
        """Nothing of ``write`` was done."""
        failure = Failure(Outcome.REFUSED, "as the test has it")
        return Written(write.token, dict.fromkeys(range(len(write.updates)), failure))

    def answer_writes(self) -> None:
        while self.switch.writes:
            written = self.switch.apply(self.now)
            if written is not None:
                self.send(written)

    def settle(self) -> None:
        """Answer every write and probe."""
        while self.switch.writes or self.switch.probes:
            self.answer_writes()
            if self.switch.probes:
                self.send(self.switch.probe(self.now))

    def tick(self) -> None:
        self.execute(self.controller.handle_deadline(self.now))

    def advance(self, seconds: float, *, settle: bool = True, idle_notices: bool = True) -> None:
        """Let time pass, firing every deadline on the way."""
        end = self.now + seconds
        while True:
            deadline = self.controller.deadline()
            if deadline is None or deadline > end:
                break
            self.now = max(self.now, deadline)
            self.tick()
            if settle:
                self.settle()
        self.now = end
        if idle_notices:
            for entry in list(self.switch.sessions().values()):
                if self.now - self.switch.last_hit[entry.session_id] >= entry.idle_timeout:
                    self.send(IdleNotice(entry.session_id))

    def hit(self, session_id: int, into: int = 1, out: int = 1) -> None:
        """Packets of a session pass the switch."""
        self.switch.last_hit[session_id] = self.now
        if into:
            self.switch.last_in[session_id] = self.now
        old_in, old_out = self.switch.packets[session_id]
        self.switch.packets[session_id] = (old_in + into, old_out + out)
