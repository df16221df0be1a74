"""A writer that goes on with another switch, and those that hold the same."""

from __future__ import annotations

import asyncio

from fullnat.app.writer import Update, Writer
from fullnat.core.interface import Op, Outcome
from fullnat.p4rt.errors import Code
from fullnat.p4rt.schema import Schema
from fullnat.tables.port import Port
from p4rt.entries import session

from app.test_writer import Bench, Client, sessions


class Copies:
    def __init__(self) -> None:
        self.taken: list[tuple[Op, int, int]] = []
        """Operation, session id and updates on the wire."""

    def took(self, updates: list[Update], schema: Schema) -> None:
        self.taken += [(update.op, update.entry[0], len(update.wires)) for update in updates]


class Copied(Bench):
    def __init__(self) -> None:
        super().__init__()
        self.copies = Copies()
        self.writer = Writer(self.client, self.spawn, self.written.append, self.released.extend, copies=self.copies)


async def test_what_was_under_way_is_written_to_the_other_switch_first() -> None:
    bench = Copied()
    first, second = sessions(2)
    bench.submit(1, (Op.INSERT, first))
    bench.writer.pump()
    bench.submit(2, (Op.INSERT, second))
    await asyncio.sleep(0)
    bench.writer.hold()
    bench.submit(3, (Op.DELETE, first))
    bench.writer.pump()
    landing = asyncio.ensure_future(bench.writer.landed())
    await asyncio.sleep(0)
    assert len(bench.client.requests) == 1
    assert not landing.done()
    other = Client()
    other.gate.set()
    bench.writer.move(other, bench.spawn)
    await landing
    # The answer of the first switch comes too late to count.
    bench.client.failures["session_in", "INSERT"] = (Code.INTERNAL, "broken")
    bench.client.gate.set()
    await bench.finish()
    assert other.log() == [
        ["INSERT session_in", "INSERT session_out", "INSERT session_in", "INSERT session_out"],
        ["DELETE session_in", "DELETE session_out"],
    ]
    assert [(event.token, event.failed) for event in bench.written] == [(1, {}), (2, {}), (3, {})]
    assert bench.copies.taken == [(Op.INSERT, 1, 2), (Op.INSERT, 2, 2), (Op.DELETE, 1, 2)]


async def test_copies_are_told_what_the_switch_has_done_alone() -> None:
    """What it refuses they never hear of; what it has not any more, they lose as well."""
    bench = Copied()
    bench.client.failures["session_in", "INSERT"] = (Code.RESOURCE_EXHAUSTED, "full")
    bench.client.failures["session_out", "DELETE"] = (Code.NOT_FOUND, "gone")
    bench.submit(1, (Op.INSERT, session(1)), (Op.MODIFY, session(2)), (Op.DELETE, session(3)), (Op.INSERT, Port(9, 1)))
    await bench.finish()
    assert {position: failure.outcome for position, failure in bench.written[0].failed.items()} == {
        0: Outcome.FULL,
        2: Outcome.ABSENT,
    }
    assert bench.copies.taken == [(Op.MODIFY, 2, 2), (Op.DELETE, 3, 2), (Op.INSERT, 9, 1)]
