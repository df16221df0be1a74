"""What the controllers of one balancer share, in etcd (:mod:`fullnat.app.storage` is the other place for it)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from fullnat.app.memory import Item
from fullnat.app.shared.keys import Keys, read, unpacked
from fullnat.app.state import SECRET_BYTES, StateError
from fullnat.core.memory import Kind, Memo, MemoryKey
from fullnat.etcd.client import Change, Etcd
from fullnat.etcd.errors import EtcdError, Unreachable
from fullnat.etcd.mirror import Mirror

RETRY_SECONDS = 0.5
CATCH_UP_SECONDS = 0.5
"""After which a leader reads everything instead of waiting for the watch."""

LONGEST_NUMBER = 19
"""Digits of what fits a revision."""

_LOGGER = logging.getLogger(__name__)


class SharedStore:
    def __init__(self, etcd: Etcd, prefix: str, state_dir: Path) -> None:
        """``state_dir`` is where a controller that was alone has had its secret."""
        self.etcd = etcd
        self.keys = Keys(prefix.encode())
        self.found: dict[MemoryKey, Memo] = {}
        """The memos in etcd: kept up to date while we stand by, and by the scribe while we lead."""
        self.config: bytes | None = None
        """As it is there; None: nobody has led yet."""
        self.raised = 0
        """What terms are raised by."""
        self._state_dir = state_dir
        self._secret: bytes | None = None
        self.lost: dict[MemoryKey, Memo] = {}
        """Memos that were not there any more when all was read anew: until there is a configuration again, of which the
        next leader knows more, etcd has lost them."""
        self._mirror = Mirror(etcd, self.keys.all, self._hear)
        self._on_config: Callable[[], None] = lambda: None
        self._on_leader: Callable[[], None] = lambda: None
        self._on_switches: Callable[[bytes | None], None] = lambda _value: None
        self._switches: bytes | None = None
        self._damaged = 0

    def on_change(self, config: Callable[[], None], leader: Callable[[], None]) -> None:
        """Have these called when the one or the other has changed."""
        self._on_config, self._on_leader = config, leader

    def on_switches(self, call: Callable[[bytes | None], None]) -> None:
        """Have ``call`` hear what is said of a group's switches, now and whenever it is read."""
        self._on_switches = call
        call(self._switches)

    # ---- as fullnat.app.storage.Storage

    async def open(self) -> None:
        """Read what there is, as soon as etcd answers. Raises StateError for what waiting does not mend."""
        while True:
            try:
                await self._mirror.read()
                return
            except Unreachable:
                await asyncio.sleep(RETRY_SECONDS)
            except EtcdError as error:
                raise StateError(str(error)) from None

    async def secret(self) -> bytes:
        """Made by the first controller that there is; one that was alone brings its own. Raises StateError."""
        try:
            own = (self._state_dir / "secret").read_bytes()
        except OSError:
            own = b""
        made = own if len(own) == SECRET_BYTES else os.urandom(SECRET_BYTES)
        while True:
            try:
                await self.etcd.create(self.keys.secret, made)
                held = await self.etcd.get(self.keys.secret)
            except Unreachable:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            except EtcdError as error:
                raise StateError(str(error)) from None
            if held is not None:
                self._secret = self._checked(held.value)
                return self._secret

    async def keep_secret(self, term: int) -> None:
        """Have ours in etcd, which has lost it if it was made anew. Raises EtcdError."""
        if self._secret is None:
            return
        held = await self.etcd.get(self.keys.secret)
        if held is None or held.value != self._secret:
            await self.etcd.write((self.keys.leader, term), [Change(self.keys.secret, self._secret)])
            _LOGGER.warning("%s was not there, or another one: it is ours again", self.keys.secret.decode())

    def _checked(self, secret: bytes) -> bytes:
        if len(secret) != SECRET_BYTES:
            name = self.keys.secret.decode()
            said = f"{len(secret)} bytes, not {SECRET_BYTES}; delete it there to start afresh"
            raise StateError(f"{name} in etcd is damaged: {said}")
        return secret

    async def memos(self) -> list[Item]:
        """What is to be known before servers are checked; the rest is when we lead."""
        return [(key, memo) for key, memo in self.found.items() if key.kind is Kind.DOWN]

    def config_text(self) -> str | None:
        """Raises StateError for what cannot be read."""
        try:
            return None if self.config is None else unpacked(self.config)
        except ValueError as error:
            raise StateError(f"{self.config_name} is damaged: {error}; delete it there to start from a file") from None

    @property
    def config_name(self) -> str:
        """For messages."""
        return f"{self.keys.config.decode()} in etcd"

    async def close(self) -> None:
        await self.etcd.members.close()

    # ---- following

    @contextlib.asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Hear of what others write."""
        if not self._mirror.revision:
            # etcd may have been made anew meanwhile.
            self.found.clear()
            self.config = None
        task = asyncio.create_task(self._mirror.follow(), name="etcd-follow")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            # What is written while we lead is not heard of: the next time all is read.
            self._mirror.forget()

    async def reached(self, term: int) -> None:
        """Until everything is here that was written before the leader's key of ``term``."""
        if self._mirror.revision > term:
            # Nothing that was heard of is of this etcd, unless somebody has just written something.
            with contextlib.suppress(EtcdError):
                await self._mirror.read()
        try:
            async with asyncio.timeout(CATCH_UP_SECONDS):
                await self._mirror.reached(term)
        except TimeoutError:
            with contextlib.suppress(EtcdError):
                await self._mirror.read()

    def _hear(self, key: bytes, value: bytes | None) -> None:
        keys = self.keys
        if key == keys.config:
            changed, self.config = value != self.config, value
            if value is not None:
                self.lost.clear()
            if changed:
                self._on_config()
        elif key == keys.leader:
            self._on_leader()
        elif key == keys.switches:
            self._switches = value
            self._on_switches(value)
        elif key == keys.raised:
            self.raised = int(value) if value is not None and value.isdigit() and len(value) < LONGEST_NUMBER else 0
        elif key.startswith(keys.memo):
            self._hear_memo(key[len(keys.memo) :], value)

    def _hear_memo(self, of: bytes, value: bytes | None) -> None:
        try:
            key, memo = read(of, value)
        except (ValueError, TypeError, KeyError, RecursionError):
            self._damaged += 1
            if self._damaged == 1:
                name = (self.keys.memo + of).decode(errors="replace")
                _LOGGER.warning("%s in etcd is no memo; it, and others like it, are passed over", name)
            return
        if memo is None:
            gone = self.found.pop(key, None)
            if gone is not None and self._mirror.is_reading:
                self.lost[key] = gone
        else:
            self.found[key] = memo
