"""Idle timeout: how the controller learns that a session has gone quiet."""

import dataclasses
import time
from typing import Any

from ptf_tests.base import FullnatTest, over_ipv6_too, requires
from ptf_tests.errors import IcmpErrorTest
from ptf_tests.harness import PATIENCE
from ptf_tests.p4rt import Entry
from ptf_tests.sessions import Session, SessionTest, ends
from ptf_tests.topology import CLIENT_SIDE

IDLE_NS = 200_000_000
ATTEMPTS = 10


@requires("idle-times")
class _Idle(FullnatTest):
    def await_idle(self, entry: Entry) -> Any:
        """The notification of ``entry``; fails when it is later than its timeout and the target's resolution."""
        deadline = time.monotonic() + IDLE_NS / 1e9 + self.harness.target.idle_resolution
        key = self.client.schema.table_entry(Entry(entry.table, entry.match))
        while (notified := self.client.idle(deadline)) is not None:
            if notified.table_id == key.table_id and list(notified.match) == list(key.match):
                return notified
        return self.fail(f"no idle notification of {entry}")


@over_ipv6_too
class IdleSessionIsReported(_Idle):
    """An entry that nothing hit for its idle timeout is reported, with its key, its timeout and the session_id in
    controller_metadata; it stays in the table."""

    def runTest(self) -> None:
        session = Session(id=self.harness.session_id(), idle_ns=IDLE_NS)
        self.insert(*session.server_entries, *session.entries)
        for entry in session.entries:
            notified = self.await_idle(entry)
            assert notified.controller_metadata == session.id
            assert notified.idle_timeout_ns == IDLE_NS
        assert len(self.client.entries("session_in", "session_out")) == 2
        segment = session.from_client(seq=1)
        self.exchange((CLIENT_SIDE, segment), out=[(2, session.to_server(segment))])


@over_ipv6_too
class BusyDirectionIsNotReported(_Idle):
    """The two directions age apart: traffic of one does not keep the other. A machine that takes the idle timeout for a
    packet keeps nothing busy, and tries again."""

    def runTest(self) -> None:
        for _ in range(ATTEMPTS):
            session = Session(id=self.harness.session_id(), idle_ns=IDLE_NS)
            entries = *session.server_entries, *session.entries
            self.insert(*entries)
            reported, longest = self.kept_busy(session)
            if longest < IDLE_NS / 1e9:
                break
            self.delete(*entries)
        outbound = self.client.schema.table_entry(session.outbound)
        assert reported == [outbound.table_id]

    def kept_busy(self, session: Session) -> tuple[list[int], float]:
        """Tables of its entries that were reported, until the server's was, and the longest time between packets."""
        segment = session.from_client(seq=1)
        outbound = self.client.schema.table_entry(session.outbound)
        last = time.monotonic()
        deadline = last + IDLE_NS / 1e9 + self.harness.target.idle_resolution + PATIENCE
        reported: list[int] = []
        longest = 0.0
        while outbound.table_id not in reported and last < deadline:
            self.exchange((CLIENT_SIDE, segment), out=[(2, session.to_server(segment))])
            if (notified := self.client.idle(time.monotonic())) and notified.controller_metadata == session.id:
                reported.append(notified.table_id)
            before, last = last, time.monotonic()
            longest = max(longest, last - before)
        return reported, longest


@over_ipv6_too
@requires("icmp-errors")
@requires("idle-times")
class ErrorsCountAsTheAnswerThatTheyAreInPlaceOf(_Idle, IcmpErrorTest):
    """An error from the servers' side about the client's packets is a hit of the entry of what the server sends, and of
    no other: the client's own entry ages, so errors alone let the session be seen as idle."""

    def new_session(self) -> Session:
        return Session(id=self.harness.session_id(), idle_ns=IDLE_NS, **ends(self.network))

    def runTest(self) -> None:
        self.outward_error(self.to_server(seq=1001, ack=9001))
        packets = [self.client.direct_counter(entry)[0] for entry in self.session.entries]
        assert packets == [0, 1]
        assert self.await_idle(self.session.inbound).controller_metadata == self.session.id


@over_ipv6_too
class SessionWithoutTimeoutIsNotReported(_Idle):
    """Timeout 0 means never, not at once: the session beside it, with a timeout, is reported, it is not."""

    def runTest(self) -> None:
        eternal = Session(id=self.harness.session_id(), client_port=1, local_port=1)
        mortal = Session(id=self.harness.session_id(), client_port=2, local_port=2, idle_ns=IDLE_NS)
        self.insert(eternal.inbound, mortal.inbound)
        notified = self.await_idle(mortal.inbound)
        assert notified.controller_metadata == mortal.id
        while (other := self.client.idle(time.monotonic())) is not None:
            assert other.controller_metadata != eternal.id


@over_ipv6_too
class TimeSinceLastHitIsRead(_Idle):
    """The controller confirms that a session is idle by time_since_last_hit: it grows, and a hit sets it back."""

    idle_ns = 4_000_000_000

    def runTest(self) -> None:
        session = Session(id=self.harness.session_id(), idle_ns=self.idle_ns)
        before_insert = time.monotonic()
        self.insert(*session.server_entries, session.inbound)
        assert self.client.since_hit(session.inbound) <= time.monotonic() - before_insert + 0.002
        deadline = time.monotonic() + PATIENCE
        while self.client.since_hit(session.inbound) < 0.1:
            assert time.monotonic() < deadline, "time_since_last_hit does not grow"
        before_hit = time.monotonic()
        segment = session.from_client(seq=1)
        self.exchange((CLIENT_SIDE, segment), out=[(2, session.to_server(segment))])
        assert self.client.since_hit(session.inbound) <= time.monotonic() - before_hit + 0.002


@over_ipv6_too
@requires("long-since-hit")
class TimeSinceLastHitOfALongTimeout(TimeSinceLastHitIsRead):
    """The same with the idle timeout of an established session."""

    idle_ns = 900_000_000_000


@over_ipv6_too
@requires("idle-times")
class EntryReadsBackAsWritten(SessionTest):
    """Both entries read back in full: key, action, parameters, timeout and controller_metadata; a restarted controller
    rebuilds its sessions from them."""

    def runTest(self) -> None:
        session = dataclasses.replace(
            self.session, id=self.harness.session_id(), client_port=1, local_port=1, idle_ns=900_000_000_000
        )
        self.insert(*session.entries)
        for entry in session.entries:
            expected = self.client.schema.table_entry(entry)
            found = [e for e in self.client.entries(entry.table) if e.controller_metadata == session.id]
            assert len(found) == 1
            found[0].ClearField("counter_data")
            found[0].ClearField("time_since_last_hit")
            assert found[0] == expected
