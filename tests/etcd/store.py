"""etcd's state machine in a few lines, for tests: keys with revisions, leases, transactions, history."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from fullnat.etcd.client import Change, Held, Lease, Left, after
from fullnat.etcd.errors import Compacted

GRANTED_AT_LEAST = 2
"""Seconds, as etcd with its default election timeout."""


class Happened(NamedTuple):
    revision: int
    change: Change


@dataclass
class _Granted:
    seconds: int
    ends: float


class Store:
    """``now`` is the clock of leases."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.revision = 1
        self.keys: dict[bytes, Held] = {}
        self.history: list[Happened] = []
        self.compacted = 0
        """What was before this revision is forgotten."""
        self._now = now
        self._leases: dict[int, _Granted] = {}
        self._granted = 0

    # ---- keys

    def get(self, key: bytes) -> Held | None:
        self.expire()
        return self.keys.get(key)

    def below(self, prefix: bytes) -> list[Held]:
        self.expire()
        end = after(prefix)
        return [self.keys[key] for key in sorted(self.keys) if prefix <= key < end]

    def create(self, key: bytes, value: bytes, lease: int = 0) -> int | None:
        self.expire()
        if key in self.keys:
            return None
        self.revision += 1
        self._put(Change(key, value), lease)
        return self.revision

    def write(self, while_: tuple[bytes, int], changes: Iterable[Change]) -> bool:
        self.expire()
        key, created = while_
        held = self.keys.get(key)
        if (held.created if held else 0) != created:
            return False
        self.revision += 1
        for change in changes:
            self._put(change, 0)
        return True

    def _put(self, change: Change, lease: int) -> None:
        key, value = change
        if value is None:
            if self.keys.pop(key, None) is None:
                return
        elif key in self.keys:
            self.keys[key] = self.keys[key]._replace(value=value)
        else:
            self.keys[key] = Held(key, value, self.revision, lease)
        self.history.append(Happened(self.revision, change))

    def since(self, prefix: bytes, revision: int) -> list[Happened]:
        """Raises Compacted."""
        self.expire()
        if revision < self.compacted:
            raise Compacted("required revision has been compacted")
        end = after(prefix)
        return [each for each in self.history if each.revision >= revision and prefix <= each.change.key < end]

    def compact(self) -> None:
        self.compacted = self.revision
        self.history.clear()

    # ---- leases

    def grant(self, seconds: int) -> Lease:
        self._granted += 1
        seconds = max(seconds, GRANTED_AT_LEAST)
        self._leases[self._granted] = _Granted(seconds, self._now() + seconds)
        return Lease(self._granted, seconds)

    def keep_alive(self, lease: int) -> bool:
        self.expire()
        if lease not in self._leases:
            return False
        granted = self._leases[lease]
        self._leases[lease] = replace(granted, ends=self._now() + granted.seconds)
        return True

    def time_to_live(self, lease: int) -> Left:
        self.expire()
        granted = self._leases.get(lease)
        return Left(-1, 0) if granted is None else Left(int(granted.ends - self._now()), granted.seconds)

    def revoke(self, lease: int) -> None:
        self._leases.pop(lease, None)
        mine = [held.key for held in self.keys.values() if held.lease == lease and lease]
        if mine:
            self.revision += 1
            for key in mine:
                self._put(Change(key, None), 0)

    def expire(self) -> None:
        now = self._now()
        for lease in [lease for lease, granted in self._leases.items() if granted.ends <= now]:
            self.revoke(lease)
