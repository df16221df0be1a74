"""The networks of several switches that all forward, by the names of these; none where there is one network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from fullnat.config.model import Config
from fullnat.core.declared.declaration import ServiceChange
from fullnat.core.interface import Effect, Envelope, Event, SwitchId
from fullnat.core.network.routing import Router
from fullnat.core.network.switch_network import SwitchNetwork
from fullnat.core.session.store import SessionStore


class Networks:
    def __init__(self, configs: Mapping[SwitchId, Config], store: SessionStore) -> None:
        self._of = {name: SwitchNetwork(config, store) for name, config in configs.items()}
        store.pool.homes = max(1, len(self._of))

    def __contains__(self, switch: SwitchId) -> bool:
        return switch in self._of

    def __bool__(self) -> bool:
        return bool(self._of)

    @property
    def router(self) -> Router:
        """That of the first one, for what needs only to know whether there is a way."""
        return next(iter(self._of.values())).router

    def is_open(self, switch: SwitchId) -> bool:
        """Whether it forwards."""
        network = self._of.get(switch)
        return network is not None and network.is_open

    def handle(self, event: Event, now: float, switch: SwitchId) -> list[Envelope]:
        out: list[Effect] = []
        self._of[switch].handle(event, now, out)
        return [(switch, out)] if out else []

    def deadline(self) -> float | None:
        times = (each.neighbors.timers.deadline() for each in self._of.values() if each.is_up)
        return min((time for time in times if time is not None), default=None)

    def due(self, now: float) -> list[Envelope]:
        return self._each(lambda network, out: network.due(now, out))

    def follow(self, changes: Iterable[ServiceChange], now: float) -> list[Envelope]:
        """Have those servers resolved that services are to have."""
        new = [server.address for change in changes for server in change.servers_added]
        gone = [server.address for change in changes for server in change.servers_removed]
        if not new and not gone:
            return []
        return self._each(lambda network, out: network.serve(new, gone, now, out))

    def _each(self, call: Callable[[SwitchNetwork, list[Effect]], None]) -> list[Envelope]:
        envelopes: list[Envelope] = []
        for name, network in self._of.items():
            out: list[Effect] = []
            call(network, out)
            if out:
                envelopes.append((name, out))
        return envelopes
