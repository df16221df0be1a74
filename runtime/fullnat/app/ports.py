"""What the shell needs of the controller core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from fullnat.config.model import Config
from fullnat.core.interface import Effect, Event


class Core(Protocol):
    """:class:`fullnat.core.controller.Controller`; see :mod:`fullnat.core.interface` for the order of calls."""

    def handle(self, event: Event, now: float) -> list[Effect]: ...

    def deadline(self) -> float | None: ...

    def handle_deadline(self, now: float) -> list[Effect]: ...

    def reconfigure(self, config: Config, now: float) -> list[Effect]: ...

    def sessions(self) -> Sequence[Any]: ...

    def services(self) -> Sequence[Any]: ...

    def local_addresses(self) -> Sequence[Any]: ...

    def stats(self) -> Any: ...
