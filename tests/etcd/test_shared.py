"""What controllers write to etcd, and read there: keys, memos, the configuration, the secret."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
from fullnat.app.shared import scribe as scribe_module
from fullnat.app.shared.keys import LARGEST, PLAIN_BYTES, Keys, packed, read, unpacked, written
from fullnat.app.shared.scribe import MEMOS_PER_SECOND, OPERATIONS, Deposed, Scribe
from fullnat.app.shared.store import SharedStore
from fullnat.app.state import StateError
from fullnat.config import file
from fullnat.config.diff import diff, model_of
from fullnat.config.written.model import text_of
from fullnat.core.declared.model import Model
from fullnat.core.declared.modes import Mode
from fullnat.core.memory import Kind, Memo, MemoryKey
from fullnat.etcd.client import Change, Etcd
from fullnat.net.flow import Endpoint, address

from etcd.controllers import SERVICE, Memory, memo, template
from etcd.machines import Machine
from etcd.store import Store
from etcd.virtual import now, run

ROOT = Path(__file__).resolve().parents[2]
KEYS = Keys(b"/fullnat/x")
SIX = Endpoint(address("2001:db8::1"), 443)
MEMOS = [
    (template(1), memo(1)),
    (MemoryKey(Kind.DRAIN, (17, SIX), None, SIX, Mode.NAT), Memo(SIX, Mode.NAT, 1.5, 2.5, True, "0a0b")),
    (MemoryKey(Kind.DOWN, SERVICE, None, SERVICE[1], Mode.FULLNAT), Memo(SERVICE[1], Mode.FULLNAT)),
]


@pytest.mark.parametrize(("key", "value"), MEMOS, ids=lambda each: getattr(each, "kind", ""))
def test_a_memo_comes_back_as_it_was_written(key: MemoryKey, value: Memo) -> None:
    of, said = written(key, value)
    assert read(of, said) == (key, value)
    assert read(of, None) == (key, None)
    assert written(key, None) == (of, None)


@pytest.mark.parametrize("of", [b"", b"[]", b"x", b"\xff", b'["template",6]', b"[[[["])
def test_what_is_no_memo_is_found_out(of: bytes) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        read(of, b"[]")


def test_a_configuration_is_written_plainly_and_compressed_if_it_is_long() -> None:
    short, long = "a = 1\n", "# ä\n" * PLAIN_BYTES
    assert packed(short) == short.encode()
    value = packed(long)
    assert value is not None
    assert len(value) < LARGEST / 100
    assert unpacked(value) == long
    assert unpacked(short.encode()) == short
    assert packed(Random(1).randbytes(2 * LARGEST).hex()) is None
    for damaged in (value[:-10], b"x\x9c\x00\x00", b"\xff"):
        with pytest.raises(ValueError, match=r"."):
            unpacked(damaged)


@pytest.mark.parametrize("path", ["docs/example.toml", "deploy/debian/fullnat.toml", "deploy/container/fullnat.toml"])
def test_what_a_model_says_makes_the_same_model(path: str) -> None:
    model = model_of(file.load(ROOT / path))
    assert diff(model, model_of(file.parse(text_of(model)))) == []


# ---- the scribe


class Desk:
    """A scribe in its term, on a machine in virtual time."""

    def __init__(self, log: pytest.LogCaptureFixture, patch: pytest.MonkeyPatch) -> None:
        self.log = log
        self.patch = patch
        self.store = Store(now)
        self.machine = Machine("a", self.store, Random(1), 0.001)
        self.memory = Memory()
        self.model = Model()
        self.stored: dict[MemoryKey, Memo] = {}
        term = self.store.create(KEYS.leader, b"")
        assert term is not None
        self.scribe = Scribe(self.machine, KEYS, term, self.stored, cast(Any, self.memory), lambda: self.model)

    def below(self) -> dict[bytes, bytes]:
        return {held.key[len(KEYS.memo) :]: held.value for held in self.store.below(KEYS.memo)}


def simulated(test: Callable[[Desk], Coroutine[Any, Any, None]]) -> Callable[..., None]:
    def body(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
        async def inline(call: Callable[..., Any], *arguments: Any) -> Any:
            return call(*arguments)

        async def whole() -> None:
            await test(Desk(caplog, monkeypatch))

        monkeypatch.setattr(asyncio, "to_thread", inline)
        run(whole())

    body.__name__, body.__doc__ = test.__name__, test.__doc__
    return body


def many(count: int) -> list[tuple[MemoryKey, Memo]]:
    clients = (address(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}") for number in range(count))
    return [(MemoryKey(Kind.TEMPLATE, SERVICE, client), memo(1)) for client in clients]


@simulated
async def test_many_memos_go_in_transactions_that_etcd_takes(desk: Desk) -> None:
    for key, value in many(MEMOS_PER_SECOND + 550):
        desk.memory.put(key, value)
    assert await desk.scribe.write_memos() == MEMOS_PER_SECOND
    assert desk.machine.calls.count("write") == MEMOS_PER_SECOND / OPERATIONS
    assert desk.scribe.depth == 550
    assert await desk.scribe.write_memos() == 550
    assert desk.scribe.depth == 0
    assert desk.below() == dict(written(*each) for each in desk.memory.everything())
    assert desk.stored == desk.memory.memos
    assert desk.scribe.written == MEMOS_PER_SECOND + 550
    assert await desk.scribe.write_memos() == 0


@simulated
async def test_a_template_is_not_written_for_each_connection(desk: Desk) -> None:
    began = time.time()
    key, first = template(1), memo(1)._replace(until=began + 300)
    desk.memory.put(key, first)
    assert await desk.scribe.write_memos() == 1
    for until, is_written in ((360, False), (399, False), (410, True), (420, False), (200, True)):
        desk.memory.put(key, first._replace(until=began + until))
        assert (await desk.scribe.write_memos() == 1) is is_written, until
    desk.memory.put(key, first._replace(until=began + 200, server=SERVICE[1]))
    assert await desk.scribe.write_memos() == 1
    del desk.memory.memos[key]
    desk.memory.review([key])
    assert await desk.scribe.write_memos() == 1
    assert desk.below() == {}


@simulated
async def test_what_etcd_does_not_take_now_is_written_later(desk: Desk) -> None:
    desk.machine.reaches_etcd = False
    desk.memory.put(template(1), memo(1))
    assert await desk.scribe.write_memos() == 0
    assert desk.scribe.depth == 1
    desk.memory.put(template(1), memo(2))
    desk.memory.put(template(2), memo(2))
    desk.machine.reaches_etcd = True
    assert await desk.scribe.write_memos() == 2
    assert desk.stored == {template(1): memo(2), template(2): memo(2)}


@simulated
async def test_who_leads_no_more_overwrites_nothing(desk: Desk) -> None:
    desk.store.write((KEYS.leader, desk.store.revision), [Change(KEYS.leader, None)])
    desk.store.create(KEYS.leader, b"another")
    desk.memory.put(template(1), memo(1))
    with pytest.raises(Deposed):
        await desk.scribe.write_memos()
    with pytest.raises(Deposed):
        await desk.scribe.write_config()
    assert [held.key for held in desk.store.below(KEYS.all)] == [KEYS.leader]


@simulated
async def test_the_configuration_is_there_when_a_command_is_answered(desk: Desk) -> None:
    task = asyncio.create_task(desk.scribe.keep_config())
    await desk.scribe.current()
    held = desk.store.get(KEYS.config)
    assert held is not None
    assert diff(model_of(file.parse((ROOT / "docs/example.toml").read_text())), desk.model)
    desk.model = model_of(file.load(ROOT / "docs/example.toml"))
    desk.scribe.changed()
    await desk.scribe.current()
    held = desk.store.get(KEYS.config)
    assert held is not None
    assert diff(desk.model, model_of(file.parse(held.value.decode()))) == []
    task.cancel()


@simulated
async def test_what_is_there_stays_until_something_changes(desk: Desk) -> None:
    """An older controller that leads may not know all that it says."""
    desk.scribe.config = b"new_option = 1\n"
    task = asyncio.create_task(desk.scribe.keep_config())
    await desk.scribe.current()
    await asyncio.sleep(5)
    assert desk.machine.calls == []
    task.cancel()


@simulated
async def test_a_configuration_that_is_too_large_is_told_once(desk: Desk) -> None:
    desk.patch.setattr(scribe_module, "packed", lambda _text: None)
    with desk.log.at_level(logging.ERROR):
        assert await desk.scribe.write_config()
        assert await desk.scribe.write_config()
    (said,) = [record.getMessage() for record in desk.log.records]
    assert said.startswith("the configuration is too large for etcd (1 bytes)")
    assert desk.machine.calls == []


# ---- the secret


async def opened(store: Store, directory: Path) -> SharedStore:
    shared = SharedStore(cast(Etcd, Machine("a", store, Random(1))), "/fullnat/x", directory)
    await shared.open()
    return shared


def test_the_secret_is_the_same_for_all_and_a_controllers_own_if_it_was_alone(tmp_path: Path) -> None:
    own = bytes(range(32))
    (tmp_path / "secret").write_bytes(own)

    async def whole() -> None:
        store = Store(now)
        first, second = await opened(store, tmp_path), await opened(store, Path("/nowhere"))
        assert await first.secret() == own
        assert await second.secret() == own
        fresh = Store(now)
        made = await (await opened(fresh, Path("/nowhere"))).secret()
        assert len(made) == 32
        assert made != own
        assert await (await opened(fresh, tmp_path)).secret() == made

    run(whole())


def test_a_damaged_secret_and_configuration_are_told_with_what_to_do() -> None:
    async def whole() -> None:
        store = Store(now)
        store.create(KEYS.secret, b"short")
        store.create(KEYS.config, b"\xff\xfe")
        shared = await opened(store, Path("/nowhere"))
        with pytest.raises(StateError, match=r"^/fullnat/x/secret in etcd is damaged: 5 bytes, not 32; delete it"):
            await shared.secret()
        with pytest.raises(StateError, match=r"^/fullnat/x/config in etcd is damaged: .*; delete it there"):
            shared.config_text()

    run(whole())


def test_what_is_no_memo_is_passed_over_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    async def whole() -> None:
        store = Store(now)
        store.create(KEYS.memo + b"nonsense", b"1")
        store.create(KEYS.memo + b"more", b"\xff")
        of, value = written(*MEMOS[2])
        assert value is not None
        store.create(KEYS.memo + of, value)
        shared = await opened(store, Path("/nowhere"))
        assert shared.found == dict([MEMOS[2]])
        assert await shared.memos() == [MEMOS[2]]

    run(whole())
    assert [record.getMessage() for record in caplog.records] == [
        "/fullnat/x/memo/more in etcd is no memo; it, and others like it, are passed over"
    ]
