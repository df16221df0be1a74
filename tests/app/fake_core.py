"""A controller core that records its events and answers as the test says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Literal, cast

from fullnat.config.diff import model_of
from fullnat.config.model import Config
from fullnat.core.access.talkers import Talker
from fullnat.core.balancing.health import Verdict
from fullnat.core.capacity import Capacity
from fullnat.core.declared.commands import Command, EditGlobals, ServiceKey
from fullnat.core.declared.model import Model
from fullnat.core.histogram import Histogram
from fullnat.core.interface import THE_SWITCH, Effect, Envelope, Event, Sizes, SwitchId
from fullnat.core.views import LocalAddressView, ServiceView, SessionView, TemplateView
from fullnat.net.flow import Address
from fullnat.tables.session import SessionEntry


class FakeCore:
    """``on_event`` makes the effects; ``due`` is the deadline, cleared when it comes."""

    def __init__(self, config: Config | None = None) -> None:
        self.model = Model() if config is None else model_of(config)
        self.capacity = cast(Capacity, SimpleNamespace(room=Sizes(1 << 20, 1 << 18)))
        self.commands: list[Command] = []
        self.on_command: Callable[[Command], list[Effect]] = lambda _command: []
        self.events: list[Event] = []
        self.on_event: Callable[[Event], list[Effect]] = lambda _event: []
        self.due: float | None = None
        self.on_deadline: Callable[[], list[Effect]] = list
        self.deadlines: list[float] = []
        self.views: list[SessionView] = []
        self.template_views: list[TemplateView] = []
        self.held: set[int] = set()
        """Ids of sessions that are known."""
        self.entries: dict[int, SessionEntry] = {}
        """Of sessions that the switch is to hold, by id."""
        self.service_views: tuple[ServiceView, ...] = ()
        self.local_views: tuple[LocalAddressView, ...] = ()

    def handle(self, event: Event, now: float, switch: SwitchId) -> list[Envelope]:
        self.events.append(event)
        return [(switch, self.on_event(event))]

    def conclude(self, now: float) -> list[Envelope]:
        return []

    def deadline(self) -> float | None:
        return self.due

    def handle_deadline(self, now: float) -> list[Envelope]:
        self.due = None
        self.deadlines.append(now)
        return [(THE_SWITCH, self.on_deadline())]

    def apply(self, commands: Iterable[Command], now: float) -> list[Envelope]:
        """Settings are taken over as the core takes them, and everything else is written down."""
        effects: list[Effect] = []
        for command in commands:
            self.commands.append(command)
            if isinstance(command, EditGlobals):
                self.model.settings = command.settings
            effects += self.on_command(command)
        return [(THE_SWITCH, effects)]

    def judge(self, verdict: Verdict, now: float) -> list[Envelope]:
        raise AssertionError(f"nobody is checked: {verdict}, {now}")

    def holds(self, entry: SessionEntry, *, is_inward: bool) -> bool:
        return entry.session_id in self.held

    def stands(self, entry: SessionEntry) -> bool:
        return entry in self.entries.values()

    def session_ids(self) -> list[int]:
        return list(self.entries)

    def standing(self, session_id: int) -> SessionEntry | Literal["changing"] | None:
        return self.entries.get(session_id)

    def check(self, commands: Iterable[Command]) -> None:
        """Whatever it is, it can be carried out."""

    def sessions(self, now: float | None = None) -> Iterable[SessionView]:
        return iter(self.views)

    def templates(self, now: float | None = None) -> Iterable[TemplateView]:
        return iter(self.template_views)

    def services(self, now: float | None = None) -> tuple[ServiceView, ...]:
        return self.service_views

    def each_service(self, now: float) -> Iterator[ServiceView]:
        return iter(self.service_views)

    def service(self, key: ServiceKey, now: float) -> ServiceView | None:
        return next((view for view in self.service_views if (view.protocol, view.virtual) == key), None)

    def has_quorum(self, key: ServiceKey) -> bool:
        return any(view.has_quorum for view in self.service_views if (view.protocol, view.virtual) == key)

    def forwards(self, switch: SwitchId) -> bool:
        return False

    def served(self, *, alone: bool = True) -> set[Address]:
        return set()

    def talkers(self, most: int, now: float | None = None) -> list[Talker]:
        return []

    def local_addresses(self) -> tuple[LocalAddressView, ...]:
        return self.local_views

    def stats(self) -> dict[str, int]:
        return {"sessions": len(self.views), "syn_received": 4}

    def histograms(self) -> dict[str, Histogram]:
        return {"setup": Histogram((0.1, 1.0))}

    def seen(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]
