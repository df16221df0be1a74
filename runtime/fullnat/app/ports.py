"""What the shell needs of the controller core."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from fullnat.core.commands import Command, ServiceKey
from fullnat.core.health import Verdict
from fullnat.core.histogram import Histogram
from fullnat.core.interface import Envelope, Event, SwitchId
from fullnat.core.memory import Memo, MemoryKey
from fullnat.core.model import Model
from fullnat.core.views import LocalAddressView, ServiceView, SessionView
from fullnat.tables.session import SessionEntry


class Remembering(Protocol):
    """What the next controller is to know (:class:`fullnat.core.remembrance.Remembrance`)."""

    def news(self, most: int) -> list[tuple[MemoryKey, Memo | None]]: ...

    def everything(self) -> Iterator[tuple[MemoryKey, Memo]]: ...


class Core(Protocol):
    """:class:`fullnat.core.controller.Controller`; see :mod:`fullnat.core.interface` for the order of calls."""

    @property
    def model(self) -> Model: ...

    def handle(self, event: Event, now: float, switch: SwitchId) -> list[Envelope]: ...

    def deadline(self) -> float | None: ...

    def handle_deadline(self, now: float) -> list[Envelope]: ...

    def apply(self, commands: Iterable[Command], now: float) -> list[Envelope]: ...

    def judge(self, verdict: Verdict, now: float) -> list[Envelope]: ...

    def holds(self, entry: SessionEntry) -> bool: ...

    def check(self, commands: Iterable[Command]) -> None: ...

    def sessions(self, now: float | None = None) -> Iterable[SessionView]: ...

    def services(self, now: float | None = None) -> Sequence[ServiceView]: ...

    def each_service(self, now: float) -> Iterator[ServiceView]: ...

    def service(self, key: ServiceKey, now: float) -> ServiceView | None: ...

    def has_quorum(self, key: ServiceKey) -> bool: ...

    def local_addresses(self) -> Sequence[LocalAddressView]: ...

    def stats(self) -> Mapping[str, int]: ...

    def histograms(self) -> Mapping[str, Histogram]: ...
