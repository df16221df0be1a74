"""What the shell needs of the controller core."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from fullnat.config.model import Config
from fullnat.core.interface import Effect, Event
from fullnat.core.views import LocalAddressView, ServiceView, SessionView


class Core(Protocol):
    """:class:`fullnat.core.controller.Controller`; see :mod:`fullnat.core.interface` for the order of calls."""

    def handle(self, event: Event, now: float) -> list[Effect]: ...

    def deadline(self) -> float | None: ...

    def handle_deadline(self, now: float) -> list[Effect]: ...

    def reconfigure(self, config: Config, now: float) -> list[Effect]: ...

    def sessions(self, now: float | None = None) -> Iterable[SessionView]: ...

    def services(self) -> Sequence[ServiceView]: ...

    def local_addresses(self) -> Sequence[LocalAddressView]: ...

    def stats(self) -> Mapping[str, int]: ...
