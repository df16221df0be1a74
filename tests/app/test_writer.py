"""The writer: batches, order per entry, failures and roll-back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from finsy.proto import p4r
from fullnat.app.writer import Group, Writer
from fullnat.core.interface import Failure, Forward, Op, Outcome, Write, Written
from fullnat.net.flow import v4
from fullnat.p4rt import program
from fullnat.p4rt.errors import Code, ConnectionLost
from fullnat.p4rt.packetio import PacketOut
from fullnat.p4rt.schema import Schema
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.port import Port
from fullnat.tables.route import Route
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import Entry
from p4rt.entries import session

_PROGRAM = program.load()


class Client:
    """Answers Writes when told to; ``failures`` maps (table, operation) to an error. ``requests`` are without what sets
    counters to zero, ``cleared`` the cells that are."""

    immediate = False

    def __init__(self) -> None:
        self.schema = Schema(_PROGRAM.p4info, _PROGRAM.sizes)
        self.requests: list[list[p4r.Update]] = []
        self.cleared: list[int] = []
        self.failures: dict[tuple[str, str], tuple[int, str]] = {}
        self.gate = asyncio.Event()
        info = _PROGRAM.p4info
        preambles = [table.preamble for table in info.tables] + [counter.preamble for counter in info.counters]
        self._names = {preamble.id: preamble.name for preamble in preambles}

    async def write(self, updates: list[bytes]) -> dict[int, tuple[int, str]]:
        request = [p4r.Update.FromString(update) for update in updates]
        counters = [update.entity.counter_entry for update in request if update.entity.HasField("counter_entry")]
        self.cleared += [counter.index.index for counter in counters]
        self.requests.append([update for update in request if not update.entity.HasField("counter_entry")])
        await self.gate.wait()
        failed = {}
        for index, update in enumerate(request):
            error = self.failures.get((self.table(update), p4r.Update.Type.Name(update.type)))
            if error is not None:
                failed[index] = error
        return failed

    def table(self, update: p4r.Update) -> str:
        entity = update.entity
        return self._names[entity.counter_entry.counter_id or entity.table_entry.table_id]

    def log(self) -> list[list[str]]:
        return [[f"{p4r.Update.Type.Name(u.type)} {self.table(u)}" for u in request] for request in self.requests]


class Bench:
    def __init__(self) -> None:
        self.client = Client()
        self.written: list[Written] = []
        self.released: list[PacketOut] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.writer = Writer(self.client, self.spawn, self.written.append, self.released.extend)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.create_task(work))

    def submit(self, token: int, *updates: tuple[Op, Entry], group: Group | None = None) -> None:
        self.writer.submit(Write(updates, token), group or Group())

    async def finish(self) -> None:
        self.client.gate.set()
        self.writer.pump()
        while any(not task.done() for task in self.tasks):
            await asyncio.gather(*self.tasks)
        assert self.writer.idle


@pytest.fixture
async def bench() -> Bench:
    return Bench()


def sessions(number: int) -> list[SessionEntry]:
    return [session(index) for index in range(1, number + 1)]


async def test_effects_share_requests_of_limited_size(bench: Bench) -> None:
    for token, entry in enumerate(sessions(1100), 1):
        bench.submit(token, (Op.INSERT, entry))
    await bench.finish()
    assert [len(request) for request in bench.client.requests] == [1024, 1024, 152]
    assert bench.written == [Written(token, {}) for token in range(1, 1101)]


async def test_two_requests_are_in_flight_when_there_is_enough_to_do(bench: Bench) -> None:
    todo = sessions(400)
    for size in (1, 100, 100, 100, 99):
        bench.submit(size, *((Op.INSERT, todo.pop()) for _ in range(size)))
        bench.writer.pump()
        await asyncio.sleep(0)
    assert [len(request) for request in bench.client.requests] == [2, 400]
    await bench.finish()
    assert [len(request) for request in bench.client.requests] == [2, 400, 398]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (session(1), session(1)),
        (session(1), session(2, client=session(1).client, client_port=session(1).client_port)),
        (session(1), session(2, local_port=session(1).local_port)),
        (Route(v4(0), 0, "route_connected"), Route(v4(0), 0, "route_via", 5)),
        (Port(1, 2), Port(1, 3)),
        (OwnAddress(v4(1), "own_vip"), OwnAddress(v4(1), "own_local")),
        (ServerIn(1, 0, v4(2), 3), ServerIn(1, 1, v4(2), 3)),
        (ServerOut(1, 0, v4(2), 3), ServerOut(1, 1, v4(2), 3)),
    ],
)
async def test_updates_of_one_entry_are_never_under_way_together(bench: Bench, first: Entry, second: Entry) -> None:
    bench.submit(1, (Op.DELETE, first))
    bench.submit(2, (Op.INSERT, second))
    bench.writer.pump()
    await asyncio.sleep(0)
    assert len(bench.client.requests) == 1
    await bench.finish()
    operations = [{line.split()[0] for line in request} for request in bench.client.log()]
    assert operations == [{"DELETE"}, {"INSERT"}]


@pytest.mark.parametrize(
    "of_server", [ServerIn(session(1).server_id, 0, v4(2), 3), ServerOut(session(1).server_id, 0, v4(2), 3)]
)
@pytest.mark.parametrize("op", [Op.INSERT, Op.MODIFY])
async def test_a_session_is_written_after_its_server_is_answered(bench: Bench, of_server: Entry, op: Op) -> None:
    bench.submit(1, (Op.INSERT, of_server))
    bench.submit(2, (op, session(1)))
    bench.writer.pump()
    await asyncio.sleep(0)
    assert [len(request) for request in bench.client.requests] == [1]
    await bench.finish()
    assert [len(request) for request in bench.client.requests] == [1, 2]


async def test_sessions_of_one_server_go_together_and_wait_for_no_other(bench: Bench) -> None:
    bench.submit(1, (Op.INSERT, ServerIn(session(1).server_id + 1, 0, v4(2), 3)), (Op.DELETE, ServerIn(0, 0, v4(0), 0)))
    bench.submit(2, *((Op.INSERT, entry) for entry in sessions(2)))
    await bench.finish()
    assert [len(request) for request in bench.client.requests] == [6]


async def test_a_deletion_of_a_session_does_not_wait_for_its_server(bench: Bench) -> None:
    bench.submit(1, (Op.MODIFY, ServerIn(session(1).server_id, 0, v4(2), 3)), (Op.DELETE, session(1)))
    await bench.finish()
    assert [len(request) for request in bench.client.requests] == [3]


async def test_a_write_over_several_requests_is_answered_once(bench: Bench) -> None:
    bench.submit(7, *((Op.INSERT, entry) for entry in sessions(600)))
    await bench.finish()
    assert bench.written == [Written(7, {})]


class Immediate(Client):
    """Has carried out every Write when the call returns, as a switch in this process."""

    immediate = True

    def __init__(self) -> None:
        super().__init__()
        self.gate.set()


async def test_a_switch_in_this_process_has_answered_when_the_pump_returns() -> None:
    bench = Bench()
    client = bench.client = Immediate()
    bench.writer = Writer(client, bench.spawn, bench.written.append, bench.released.extend)
    group = Group()
    bench.submit(1, (Op.DELETE, session(1)), group=group)
    group.packets.append(Forward(1, b"after"))
    bench.submit(2, (Op.INSERT, session(1)), (Op.INSERT, Port(1, 2)))
    client.failures["port", "INSERT"] = (Code.ALREADY_EXISTS, "there")
    bench.writer.pump()
    assert bench.writer.idle
    assert bench.tasks == []
    order = ["DELETE session_in", "DELETE session_out", "INSERT session_in", "INSERT session_out", "INSERT port"]
    assert client.log() == [order]
    assert bench.written == [Written(1, {}), Written(2, {1: Failure(Outcome.EXISTS, "ALREADY_EXISTS there")})]
    assert bench.released == [Forward(1, b"after")]


async def test_a_lost_connection_to_a_switch_in_this_process_is_told_to_who_pumps() -> None:
    class Lost(Immediate):
        async def write(self, updates: list[bytes]) -> dict[int, tuple[int, str]]:
            raise ConnectionLost("gone")

    bench = Bench()
    bench.writer = Writer(Lost(), bench.spawn, bench.written.append, bench.released.extend)
    bench.submit(1, (Op.INSERT, session(1)))
    with pytest.raises(ConnectionLost):
        bench.writer.pump()


async def test_an_empty_write_is_answered(bench: Bench) -> None:
    bench.submit(7)
    assert bench.written == [Written(7, {})]
    assert bench.writer.idle


@pytest.mark.parametrize(("table", "other"), [("session_in", "session_out"), ("session_out", "session_in")])
async def test_half_an_insert_is_rolled_back(bench: Bench, table: str, other: str) -> None:
    bench.client.failures[table, "INSERT"] = (Code.ALREADY_EXISTS, "there")
    bench.submit(3, (Op.INSERT, Port(1, 1)), (Op.INSERT, session(1)))
    await bench.finish()
    assert bench.client.log() == [["INSERT port", "INSERT session_in", "INSERT session_out"], [f"DELETE {other}"]]
    assert bench.written == [Written(3, {1: Failure(Outcome.EXISTS, "ALREADY_EXISTS there")})]


async def test_nothing_is_rolled_back_when_both_halves_failed(bench: Bench) -> None:
    for table in ("session_in", "session_out"):
        bench.client.failures[table, "INSERT"] = (Code.ALREADY_EXISTS, "there")
    bench.submit(3, (Op.INSERT, session(1)))
    await bench.finish()
    assert len(bench.client.requests) == 1


@pytest.mark.parametrize("code", [Code.UNKNOWN, Code.RESOURCE_EXHAUSTED])
async def test_a_full_table_is_told_in_one_way(bench: Bench, code: Code) -> None:
    bench.client.failures["session_out", "INSERT"] = (code, "full")
    bench.submit(3, (Op.INSERT, session(1)))
    await bench.finish()
    assert bench.written == [Written(3, {0: Failure(Outcome.FULL, f"{code.name} full")})]


async def test_a_real_failure_of_a_delete_is_told_rather_than_not_found(bench: Bench) -> None:
    bench.client.failures["session_in", "DELETE"] = (Code.NOT_FOUND, "gone")
    bench.client.failures["session_out", "DELETE"] = (Code.INTERNAL, "broken")
    bench.submit(3, (Op.DELETE, session(1)))
    await bench.finish()
    assert bench.written == [Written(3, {0: Failure(Outcome.REFUSED, "INTERNAL broken")})]


async def test_a_value_that_does_not_fit_fails_alone(bench: Bench) -> None:
    bench.submit(3, (Op.INSERT, session(1, client_port=1 << 16)), (Op.INSERT, session(2)))
    await bench.finish()
    assert len(bench.client.requests[0]) == 2
    assert list(bench.written[0].failed) == [0]
    assert bench.written[0].failed[0].outcome is Outcome.REFUSED


async def test_packets_wait_for_every_write_before_them(bench: Bench) -> None:
    group = Group()
    bench.submit(1, *((Op.INSERT, entry) for entry in sessions(700)), group=group)
    bench.submit(0, (Op.INSERT, Port(1, 1)), group=group)
    group.packets.append(Forward(1, b"x"))
    bench.writer.pump()
    assert bench.released == []
    await bench.finish()
    assert bench.released == [Forward(1, b"x")]
    assert group.packets == []


async def test_failures_that_nobody_asked_about_are_logged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.client.failures["port", "INSERT"] = (Code.INTERNAL, "broken")
    bench.submit(0, (Op.INSERT, Port(1, 1)))
    await bench.finish()
    assert bench.written == []
    assert "INTERNAL broken" in caplog.text
    assert bench.writer.failures == 1


async def test_counters_are_set_to_zero_where_they_may_be_another(bench: Bench) -> None:
    """After a pipeline is pushed none is, until a server with that id has been."""

    async def cleared(op: Op, *server_ids: int) -> list[int]:
        bench.client.cleared.clear()
        bench.submit(0, *((op, ServerIn(number, 0, v4(0x0A00000B), 80)) for number in server_ids))
        await bench.finish()
        return bench.client.cleared

    assert await cleared(Op.INSERT, 7) == [7]
    bench.writer.emptied()
    assert await cleared(Op.INSERT, 7, 8, 70_000) == []
    assert await cleared(Op.DELETE, 7, 8) == []
    assert await cleared(Op.INSERT, 7, 9, 8) == [7, 8]
