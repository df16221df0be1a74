"""DigestEntry and the digest lists: buffering, duplicates, acknowledgements.

Follows the pseudo-code of the specification's "DigestEntry" section. Times are nanoseconds of a monotonic clock
handed in by the caller; nothing here waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from finsy.proto import p4i, p4r

from p4soft.server.digest_data import DigestDecoder
from p4soft.server.errors import already_exists, invalid, not_found

MAX_LIST = 1024
"""Most digests in one list when the client sets no limit."""


class DigestList:
    """A list of digests on its way to the primary controllers: as it is packed, or as a message, which all of them
    share."""

    __slots__ = ("_decoder", "_message", "data", "digest_id", "list_id", "timestamp")

    def __init__(self, digest_id: int, list_id: int, data: Sequence[bytes], decoder: DigestDecoder) -> None:
        self.digest_id = digest_id
        self.list_id = list_id
        self.data = data
        """Of each digest, its fields as keys are packed (:mod:`p4soft.api`)."""
        self.timestamp = 0
        """Nanoseconds since the epoch."""
        self._decoder = decoder
        self._message: p4r.StreamMessageResponse | None = None

    def message(self) -> p4r.StreamMessageResponse:
        if self._message is None:
            made = self._message = p4r.StreamMessageResponse()
            digest = made.digest
            digest.digest_id = self.digest_id
            digest.list_id = self.list_id
            digest.timestamp = self.timestamp
            add = digest.data.add
            for data in self.data:
                self._decoder.decode_into(data, add())
        return self._message


class DigestHandler:
    """One digest: its configuration and, while enabled, its buffer and its unacknowledged lists."""

    def __init__(self, info: p4i.Digest, decoder: DigestDecoder) -> None:
        self.id = info.preamble.id
        self.name = info.preamble.name
        self._what = f"digest {self.name}"
        self._decoder = decoder
        self._config: p4r.DigestEntry.Config | None = None
        self._max_list = MAX_LIST
        self._max_timeout = 0
        self._ack_timeout = 0
        self._next_list = 1
        self._clear()

    def _clear(self) -> None:
        self._buffer: dict[bytes, None] = {}
        self._buffer_since = 0
        self._unacked: dict[int, tuple[bytes, ...]] = {}
        self._cache: set[bytes] = set()
        self._sent: deque[tuple[int, int]] = deque()

    # configuration

    def write(self, kind: p4r.Update.Type.ValueType, update: p4r.DigestEntry) -> None:
        if kind == p4r.Update.INSERT and self._config is not None:
            raise already_exists(f"{self._what}: is already enabled")
        if kind != p4r.Update.INSERT and self._config is None:
            raise not_found(f"{self._what}: is not enabled")
        if kind == p4r.Update.DELETE:
            self._config = None
            self._clear()
            return
        config = p4r.DigestEntry.Config()
        config.CopyFrom(update.config)
        if min(config.max_timeout_ns, config.max_list_size, config.ack_timeout_ns) < 0:
            raise invalid(f"{self._what}: a negative timeout or list size")
        self._config = config
        self._max_list = min(config.max_list_size or MAX_LIST, MAX_LIST)
        self._max_timeout = config.max_timeout_ns
        self._ack_timeout = config.ack_timeout_ns

    def read(self) -> Iterator[p4r.Entity]:
        if self._config is not None:
            entity = p4r.Entity()
            entity.digest_entry.digest_id = self.id
            entity.digest_entry.config.CopyFrom(self._config)
            yield entity

    def adopt(self, other: DigestHandler) -> None:
        """Take over the configuration of ``other``, the same digest of a pipeline that was only saved."""
        if other._config is not None:
            self.write(p4r.Update.INSERT, p4r.DigestEntry(digest_id=self.id, config=other._config))

    # the data plane's side

    def add(self, digests: Iterable[bytes], now: int) -> list[DigestList]:
        """Take digests; returns the lists that became full with them."""
        if self._config is None:
            return []
        if self._cache:
            self._expire(now)
        full: list[DigestList] = []
        buffer, size, most = self._buffer, self._decoder.size, self._max_list
        for data in digests:
            if data in buffer or data in self._cache or len(data) != size:
                continue
            if not buffer:
                self._buffer_since = now
            buffer[data] = None
            if len(buffer) >= most:
                full.append(self._flush(now))
                buffer = self._buffer
        return full

    def due(self, now: int) -> DigestList | None:
        """The buffered list, once its oldest digest has waited for max_timeout_ns."""
        if self._buffer and now - self._buffer_since >= self._max_timeout:
            return self._flush(now)
        return None

    def deadline(self) -> int | None:
        """When :meth:`due` will next have something; None while the buffer is empty."""
        return self._buffer_since + self._max_timeout if self._buffer else None

    def discard(self) -> None:
        """Drop the buffer: there is nobody to send it to."""
        self._buffer = {}

    def ack(self, list_id: int) -> None:
        """The client has handled a list: the same data may be sent again. Unknown lists are ignored (late acks)."""
        self._cache.difference_update(self._unacked.pop(list_id, ()))

    def forget_unacked(self) -> None:
        """The primary changed: whoever takes over may see everything again."""
        self._unacked.clear()
        self._cache.clear()
        self._sent.clear()

    def _flush(self, now: int) -> DigestList:
        data = tuple(self._buffer)
        made = DigestList(self.id, self._next_list, data, self._decoder)
        if self._ack_timeout:
            self._unacked[self._next_list] = data
            self._cache.update(data)
            self._sent.append((now, self._next_list))
        self._next_list += 1
        self._buffer = {}
        return made

    def _expire(self, now: int) -> None:
        sent = self._sent
        while sent and (sent[0][1] not in self._unacked or now - sent[0][0] >= self._ack_timeout):
            self.ack(sent.popleft()[1])
