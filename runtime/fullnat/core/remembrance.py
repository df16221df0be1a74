"""What is remembered from one controller to the next (:mod:`.memory`), told and taken back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fullnat.core.balancing.draining import Draining
from fullnat.core.balancing.service import Service
from fullnat.core.balancing.warming import Warming
from fullnat.core.declared.commands import DrainServer
from fullnat.core.declared.values import SECONDS
from fullnat.core.memory import Kind, Memo, MemoryKey
from fullnat.core.session.store import SessionStore
from fullnat.net.flow import Address

Memos = Iterable[tuple[MemoryKey, Memo]]


class Remembrance:
    def __init__(self, store: SessionStore, draining: Draining, warming: Warming, wall_offset: float) -> None:
        """``wall_offset``: time of day minus the controller's, seconds."""
        self._store = store
        self._draining = draining
        self._warming = warming
        self._offset = wall_offset

    # ---- told

    def news(self, most: int) -> list[tuple[MemoryKey, Memo | None]]:
        """Of what has changed, so many at most; None: there is nothing to remember any more."""
        return [(key, self._memo(key)) for key in self._store.memory.news(most)]

    def everything(self) -> Iterator[tuple[MemoryKey, Memo]]:
        for key in self._keys():
            memo = self._memo(key)
            if memo is not None:
                yield key, memo

    def review(self, keys: Iterable[MemoryKey]) -> None:
        """Have these told again, as they are now."""
        for key in keys:
            self._store.memory.touch(key)

    def _keys(self) -> Iterator[MemoryKey]:
        for template in self._store.templates:
            yield MemoryKey(Kind.TEMPLATE, template.service.key, template.client)
        for service in self._store.services:
            for server in service.all_servers():
                yield service.memory_key(Kind.DRAIN, server)
                yield service.memory_key(Kind.SLOW_START, server)
                yield service.memory_key(Kind.DOWN, server)

    def _memo(self, key: MemoryKey) -> Memo | None:
        service = self._store.services.by_key.get(key.service)
        if service is None:
            return None
        return self._of_client(service, key.client) if key.client is not None else self._of_server(service, key)

    def _of_client(self, service: Service, client: Address) -> Memo | None:
        template = service.templates.get(client)
        if template is None:
            return None
        return Memo(template.server.endpoint, template.server.mode, None, template.expires + self._offset)

    def _of_server(self, service: Service, key: MemoryKey) -> Memo | None:
        server = service.find(key.server, key.mode) if key.server is not None and key.mode is not None else None
        if server is None:
            return None
        if key.kind is Kind.DOWN:
            return None if server.healthy or server.leaving else Memo(server.endpoint, server.mode)
        drains = key.kind is Kind.DRAIN
        since = server.out_since if drains else server.warm_since
        if since is None:
            return None
        until = server.deadline + self._offset if drains and server.deadline is not None else None
        quic_id = server.settings.quic_id if drains and server.leaving else ""
        return Memo(server.endpoint, server.mode, since + self._offset, until, drains and server.drained, quic_id)

    # ---- taken back

    def commands(self, memos: Memos, now: float) -> list[DrainServer]:
        """What is to be carried out before :meth:`recall`: drains that the configuration does not know of."""
        found = []
        for key, memo in memos:
            service = self._store.services.by_key.get(key.service)
            if service is None or key.kind is not Kind.DRAIN or not memo.by_command:
                continue
            if memo.server in service.servers:
                within = None if memo.until is None else min(max(0.0, memo.until - self._offset - now), SECONDS[1])
                found.append(DrainServer(service.key, memo.server, within))
        return found

    def recall(self, memos: Memos, now: float) -> None:
        """Take over what is remembered of what the configuration still has, and of servers that it has no more until
        their sessions are found."""
        for key, memo in memos:
            service = self._store.services.by_key.get(key.service)
            if service is None:
                continue
            server = service.servers.get(memo.server)
            if server is not None and server.mode is not memo.mode:
                server = None
            since = now if memo.since is None else min(now, memo.since - self._offset)
            until = None if memo.until is None else memo.until - self._offset
            match key.kind:
                case Kind.TEMPLATE if key.client is not None and server is not None and until is not None:
                    # The time of day may have been set back meanwhile.
                    latest = now + service.persistence_timeout
                    self._store.templates.recall(service, key.client, server, min(until, latest))
                case Kind.SLOW_START if server is not None and service.slow_start and server.wanted:
                    self._warming.resume(service, server, since, now)
                case Kind.DOWN if server is not None:
                    server.healthy = False
                    service.quorum.judge(service.servers.values())
                    service.judge_echo()
                    self._store.services.rebalance(service)
                case Kind.DRAIN if server is None:
                    self._draining.recall_removed(key, since, until, memo.quic_id)
                case Kind.DRAIN if server is not None and server.is_out:
                    self._draining.recall(service, server, since, until, now)
