"""What a standby is told, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from core import builders
from fullnat.app.group import replica as replica_module
from fullnat.app.group.replica import Replica
from fullnat.app.writer import WORTH_A_REQUEST, Update
from fullnat.core.interface import Op
from fullnat.p4rt import program
from fullnat.p4rt.program import Program
from fullnat.p4rt.schema import Schema
from fullnat.tables.server_in import ServerIn
from p4rt.entries import session
from p4rt.variants import room, variant
from p4rt.waiting import until

PROGRAM = program.load()


class Client:
    def __init__(self, program: Program) -> None:
        self.schema = Schema(program.p4info, program.sizes)
        self.immediate = False
        self.requests: list[int] = []
        self.written: list[bytes] = []

    async def write(self, updates: list[bytes]) -> dict[int, tuple[int, str]]:
        self.requests.append(len(updates))
        self.written += updates
        await asyncio.sleep(0)
        return {}


class Standby:
    def __init__(self, *, is_filling: bool = False, program: Program = PROGRAM) -> None:
        self.client = Client(program)
        self.troubles: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.replica = Replica(self.client, self._spawn, self._trouble, is_filling=is_filling)
        self._ids = iter(range(1000))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    def _trouble(self, what: str) -> None:
        self.troubles.append(what)

    def put(self, count: int = 1) -> None:
        servers = [ServerIn(next(self._ids), 1, builders.SERVER, 80) for _ in range(count)]
        self.replica.put([Update(Op.MODIFY, server) for server in servers])


async def test_what_comes_together_is_told_together() -> None:
    standby = Standby()
    for _ in range(3):
        standby.put()
        await asyncio.sleep(0)
    assert (standby.client.requests, standby.replica.behind) == ([], 3)
    await until(lambda: not standby.replica.behind)
    assert standby.client.requests == [3]


async def test_much_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """And neither does a takeover, or a fill."""
    monkeypatch.setattr(replica_module, "GATHERING", 3600)
    standby = Standby()
    standby.put(WORTH_A_REQUEST)
    await until(lambda: not standby.replica.behind)
    standby.put()
    await asyncio.wait_for(standby.replica.below(0), 5)
    assert standby.client.requests == [WORTH_A_REQUEST, 1]
    filling = Standby(is_filling=True)
    filling.put()
    await until(lambda: not filling.replica.behind)


async def test_nothing_is_told_after_the_end() -> None:
    standby = Standby()
    standby.put()
    standby.replica.end()
    await asyncio.sleep(3 * replica_module.GATHERING)
    assert standby.client.requests == []


async def test_bytes_are_shared_between_programs_that_have_the_same() -> None:
    """Whatever their sizes; for another one they are made once more, and those of the others stay."""
    builds = PROGRAM, variant(PROGRAM, room(sessions=64)), variant(PROGRAM, renumbered=True)
    standbys = [Standby(program=build) for build in builds]
    own = standbys[0].client.schema
    update = Update(Op.INSERT, session(1))
    update.wires = wires = own.encode(Op.INSERT, update.entry)
    for standby in standbys:
        standby.replica.put([update], own.encoding)
    await until(lambda: not any(standby.replica.behind for standby in standbys))
    same, smaller, other = (standby.client.written for standby in standbys)
    assert all(ours is theirs for ours, theirs in zip(same + smaller, wires * 2, strict=True))
    assert other == [*standbys[2].client.schema.encode(Op.INSERT, update.entry)]
    assert other != same
    assert update.wires is wires


async def test_what_its_program_has_no_place_for_is_told() -> None:
    """It ended the connection, as an error of ours."""
    standby = Standby()
    standby.replica.put([Update(Op.INSERT, ServerIn(1 << 20, 1, builders.SERVER, 80))])
    await until(lambda: standby.troubles)
    (said,) = standby.troubles
    assert said.startswith("insert ServerIn(server_id=1048576, ")
    assert said.endswith(": server_id = 0x100000 does not fit in 18 bits")
    assert standby.replica.ended
