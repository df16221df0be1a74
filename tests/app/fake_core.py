"""A controller core that records its events and answers as the test says."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fullnat.config.model import Config
from fullnat.core.interface import Effect, Event
from fullnat.core.views import LocalAddressView, ServiceView, SessionView


class FakeCore:
    """``on_event`` makes the effects; ``due`` is the deadline, cleared when it comes."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.on_event: Callable[[Event], list[Effect]] = lambda _event: []
        self.due: float | None = None
        self.on_deadline: Callable[[], list[Effect]] = list
        self.deadlines: list[float] = []
        self.configs: list[Config] = []
        self.views: list[SessionView] = []
        self.service_views: tuple[ServiceView, ...] = ()
        self.local_views: tuple[LocalAddressView, ...] = ()

    def handle(self, event: Event, now: float) -> list[Effect]:
        self.events.append(event)
        return self.on_event(event)

    def deadline(self) -> float | None:
        return self.due

    def handle_deadline(self, now: float) -> list[Effect]:
        self.due = None
        self.deadlines.append(now)
        return self.on_deadline()

    def reconfigure(self, config: Config, now: float) -> list[Effect]:
        self.configs.append(config)
        return []

    def sessions(self, now: float | None = None) -> Iterable[SessionView]:
        return iter(self.views)

    def services(self) -> tuple[ServiceView, ...]:
        return self.service_views

    def local_addresses(self) -> tuple[LocalAddressView, ...]:
        return self.local_views

    def stats(self) -> dict[str, int]:
        return {"sessions": len(self.views), "syn_received": 4}

    def seen(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]
