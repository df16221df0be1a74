"""What is asked of etcd: keys, transactions, leases and what changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, NamedTuple

from fullnat.etcd import channel
from fullnat.etcd.channel import Members
from fullnat.etcd.errors import Compacted, Full, Unreachable
from fullnat.etcd.v3 import pb

PAGE = 1000
"""Keys that are read at a time."""
READ_SECONDS = 2.0
"""What a page may take."""


class Held(NamedTuple):
    """A key with its value."""

    key: bytes
    value: bytes
    created: int
    """The revision of etcd that made it: grows with every one made."""
    lease: int = 0


class Change(NamedTuple):
    key: bytes
    value: bytes | None
    """None: it is deleted."""


class News(NamedTuple):
    changes: Sequence[Change]
    revision: int
    """Of the last of them; 0 without any."""


class Lease(NamedTuple):
    id: int
    seconds: int
    """What etcd has granted, which may be more than was asked for."""


class Left(NamedTuple):
    """Of a lease."""

    seconds: int
    """Whole ones, rounded down; below 0: there is no such lease any more."""
    granted: int


class Etcd:
    def __init__(self, members: Members) -> None:
        self.members = members

    async def get(self, key: bytes) -> Held | None:
        """As a majority has it. Raises EtcdError, as all that follow."""
        answer = await self.members.call(channel.RANGE, pb.RangeRequest(key=key))
        return _held(answer.kvs[0]) if answer.kvs else None

    async def everything(self, prefix: bytes) -> tuple[list[Held], int]:
        """What there is below ``prefix``, and the revision at which it is so."""
        found: list[Held] = []
        key, end, revision = prefix, after(prefix), 0
        while True:
            request = pb.RangeRequest(key=key, range_end=end, limit=PAGE, revision=revision)
            answer = await self.members.call(channel.RANGE, request, READ_SECONDS)
            revision = revision or answer.header.revision
            found += map(_held, answer.kvs)
            if not answer.more or not answer.kvs:
                return found, revision
            key = answer.kvs[-1].key + b"\0"

    async def create(self, key: bytes, value: bytes, lease: int = 0) -> int | None:
        """Make ``key`` if it is not there: the revision that has made it; None: it is there."""
        absent = pb.Compare(target=pb.Compare.CREATE, key=key, create_revision=0)
        put = pb.RequestOp(request_put=pb.PutRequest(key=key, value=value, lease=lease))
        answer = await self.members.call(channel.TXN, pb.TxnRequest(compare=[absent], success=[put]))
        return answer.header.revision if answer.succeeded else None

    async def write(self, while_: tuple[bytes, int], changes: Iterable[Change], seconds: float | None = None) -> bool:
        """Make all ``changes`` if the key ``while_`` is still the one of that revision; whether it is."""
        key, created = while_
        same = pb.Compare(target=pb.Compare.CREATE, key=key, create_revision=created)
        request = pb.TxnRequest(compare=[same], success=map(_operation, changes))
        return bool((await self.members.call(channel.TXN, request, seconds)).succeeded)

    # ---- leases

    async def grant(self, seconds: int) -> Lease:
        answer = await self.members.call(channel.GRANT, pb.LeaseGrantRequest(TTL=seconds))
        if answer.error:
            raise Full(f"etcd grants no lease: {answer.error}")
        return Lease(answer.ID, answer.TTL)

    async def keep_alive(self, lease: int, seconds: float | None = None) -> bool:
        """Have it last its whole time from now on; False: it has ended."""
        request = pb.LeaseKeepAliveRequest(ID=lease)
        return bool((await self.members.exchange(channel.KEEP_ALIVE, request, seconds)).TTL > 0)

    async def time_to_live(self, lease: int) -> Left:
        answer = await self.members.call(channel.TIME_TO_LIVE, pb.LeaseTimeToLiveRequest(ID=lease))
        return Left(answer.TTL, answer.grantedTTL)

    async def revoke(self, lease: int) -> None:
        """End it, and delete what is there by it."""
        await self.members.call(channel.REVOKE, pb.LeaseRevokeRequest(ID=lease))

    # ---- what changes

    async def watch(self, prefix: bytes, revision: int) -> AsyncIterator[News]:
        """What changes below ``prefix`` from ``revision`` on, and first of all that this has begun. Raises Compacted
        when that is forgotten already, or far ahead: etcd was made anew, or put back from a backup, or is behind."""
        wanted = pb.WatchCreateRequest(key=prefix, range_end=after(prefix), start_revision=revision)
        async for answer in self.members.stream(channel.WATCH, pb.WatchRequest(create_request=wanted)):
            if answer.compact_revision:
                raise Compacted(f"etcd has forgotten what changed before revision {answer.compact_revision}")
            if answer.created and 0 < answer.header.revision < revision - 1:
                raise Compacted(f"etcd is at revision {answer.header.revision}, and was at {revision - 1}")
            if answer.canceled:
                raise Unreachable(f"etcd at {self.members.asked} ends the watch: {answer.cancel_reason}")
            events = answer.events
            # The answer's own revision may be of changes that are still to come.
            yield News(
                [_change(event) for event in events], max((event.kv.mod_revision for event in events), default=0)
            )


def after(prefix: bytes) -> bytes:
    """The first key behind all that begin with ``prefix``, whose last byte is not 0xFF."""
    return prefix[:-1] + bytes((prefix[-1] + 1,))


def _held(pair: Any) -> Held:
    return Held(pair.key, pair.value, pair.create_revision, pair.lease)


def _change(event: Any) -> Change:
    return Change(event.kv.key, None if event.type == pb.Event.DELETE else event.kv.value)


def _operation(change: Change) -> Any:
    if change.value is None:
        return pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=change.key))
    return pb.RequestOp(request_put=pb.PutRequest(key=change.key, value=change.value))
