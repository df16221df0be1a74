"""The file of what is remembered: whole after every kill, told when it is damaged or cannot be written."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fullnat.app import memory as module
from fullnat.app.memory import HEADER, Item, Keeper, MemoryFile, decoded, encoded
from fullnat.core.declared.modes import Mode
from fullnat.core.memory import Kind, Memo, MemoryKey
from fullnat.net.flow import Endpoint, address
from hypothesis import given, settings
from hypothesis import strategies as st

ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(lambda ip: address(ip))
ENDPOINTS = st.builds(Endpoint, ADDRESSES, st.integers(0, 65535))
TIMES = st.none() | st.floats(0, 4e9)
MODES = st.sampled_from(Mode)
SERVICES = st.tuples(st.sampled_from([6, 17]), ENDPOINTS)
QUIC_IDS = st.binary(max_size=15).map(bytes.hex)
MEMOS = st.builds(Memo, ENDPOINTS, MODES, TIMES, TIMES, st.booleans(), QUIC_IDS)
KEYS = st.builds(MemoryKey, st.just(Kind.TEMPLATE), SERVICES, ADDRESSES, st.none(), st.none()) | st.builds(
    MemoryKey, st.sampled_from([Kind.DRAIN, Kind.SLOW_START]), SERVICES, st.none(), ENDPOINTS, MODES
)


def key(number: int) -> MemoryKey:
    return MemoryKey(Kind.TEMPLATE, (6, Endpoint(address("192.0.2.1"), 80)), address(f"203.0.113.{number}"))


MEMO = Memo(Endpoint(address("10.0.0.1"), 8080), Mode.NAT, None, 1e9)


class Core:
    """Remembers what the test says."""

    def __init__(self) -> None:
        self.memos: dict[MemoryKey, Memo] = {}
        self.changed: dict[MemoryKey, None] = {}

    def set(self, of: MemoryKey, memo: Memo | None) -> None:
        self.changed[of] = None
        if memo is None:
            self.memos.pop(of, None)
        else:
            self.memos[of] = memo

    def news(self, most: int) -> list[tuple[MemoryKey, Memo | None]]:
        keys = list(self.changed)[:most]
        for each in keys:
            del self.changed[each]
        return [(each, self.memos.get(each)) for each in keys]

    def everything(self) -> Iterator[Item]:
        return iter(self.memos.items())


@settings(deadline=None)
@given(KEYS, st.none() | MEMOS)
def test_a_line_says_what_was_meant(of: MemoryKey, memo: Memo | None) -> None:
    assert decoded(encoded(of, memo)) == (of, memo)


async def test_what_is_written_is_read_whatever_has_changed_since(tmp_path: Path) -> None:
    core, file = Core(), MemoryFile(tmp_path)
    keeper = Keeper(core, file)
    assert file.read() == []
    for turn in range(5):
        for number in range(200):
            core.set(key(number), MEMO._replace(until=float(turn)) if (number + turn) % 3 else None)
        await keeper.save()
        assert dict(MemoryFile(tmp_path).read()) == core.memos
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["memory"]


async def test_a_file_that_is_mostly_history_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HISTORY", 100)
    core, file = Core(), MemoryFile(tmp_path)
    keeper = Keeper(core, file)
    for turn in range(500):
        core.set(key(turn % 3), MEMO._replace(until=float(turn)))
        await keeper.save()
        assert len(file.path.read_text().splitlines()) < 120
    assert dict(file.read()) == core.memos


async def test_a_killed_controller_loses_the_line_it_was_writing_and_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    core, file = Core(), MemoryFile(tmp_path)
    for number in range(3):
        core.set(key(number), MEMO)
    await Keeper(core, file).save()
    whole = file.path.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for length in range(last + 1, len(whole) - 2):
        file.path.write_bytes(whole[:length])
        caplog.clear()
        assert [of for of, _ in file.read()] == [key(0), key(1)]
        assert "memory:4 is damaged; what follows is forgotten" in caplog.text


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{}",
        "[]",
        "null",
        "[" * 100_000,
        '[["template",6,"192.0.2.1",80,"203.0.113.1",null,null,null],["10.0.0.1",80,"nat",null,NaN,false]]',
        '[["template",6,"192.0.2.1",80,"203.0.113.1",null,null,null],["10.0.0.1",80,"wat",null,1,false]]',
        '[["template",6,"192.0.2.1",80,"203.0.113.1",null,null,null],["10.0.0.1",80,"nat",null,1e308,false]]',
        '[["template",6,"192.0.2.1",80,"203.0.113.1",null,null,null],["10.0.0.1",80,"nat",null,-1,false]]',
        f'[["template",6,"192.0.2.1",80,"203.0.113.1",null,null,null],["10.0.0.1",80,"nat",{10**400},1,false]]',
        '[["template",6,"192.0.2.1",80,5,null,null,null],null]',
        '[["template","6","192.0.2.1",80,"203.0.113.1",null,null,null],null]',
        '[["template",6,"192.0.2.1",80,"203.0.113.1",null,null,null],["10.0.0.1",80,"nat",null,1,false,"zz"]]',
        '[["template",6,"192.0.2.1",80,"203.0.113.1",null,null,null],["10.0.0.1",80,"nat",null,1,false,7]]',
        '[["template",6,"192.0.2.1",80,"203.0.113.1",null,null,null],["10.0.0.1",80,"nat",null,1,false,"aa","bb"]]',
        '[["other",6,"192.0.2.1",80,"203.0.113.1",null,null,null],null]',
    ],
)
def test_a_damaged_line_is_told_and_ends_the_reading(
    tmp_path: Path, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = MemoryFile(tmp_path)
    file.path.write_text("\n".join([HEADER, encoded(key(1), MEMO), line, encoded(key(2), MEMO)]) + "\n")
    assert file.read() == [(key(1), MEMO)]
    assert "memory:3 is damaged" in caplog.text


def test_a_file_of_somebody_else_is_not_believed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = MemoryFile(tmp_path)
    file.path.write_text('{"fullnat memory": 2}\n' + encoded(key(1), MEMO) + "\n")
    assert file.read() == []
    assert "memory:1 is damaged" in caplog.text
    file.path.unlink()
    file.path.mkdir()
    assert file.read() == []
    assert "nothing is remembered" in caplog.text


async def test_a_disk_that_is_full_is_told_once_and_made_good_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    core, file = Core(), MemoryFile(tmp_path)
    keeper = Keeper(core, file)
    core.set(key(1), MEMO)
    await keeper.save()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", full)
        for number in (2, 3):
            core.set(key(number), MEMO)
            await keeper.save()
    assert dict(file.read()) == {key(1): MEMO}
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    with caplog.at_level(logging.INFO):
        await keeper.save()
    assert "is written again" in caplog.text
    assert dict(file.read()) == core.memos
    assert os.listdir(tmp_path) == ["memory"]


async def test_what_is_new_when_the_controller_stops_is_written(tmp_path: Path) -> None:
    core, file = Core(), MemoryFile(tmp_path)
    task = asyncio.create_task(Keeper(core, file).run())
    await asyncio.sleep(0)
    for number in range(200):
        core.set(key(number), MEMO)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert dict(file.read()) == core.memos
