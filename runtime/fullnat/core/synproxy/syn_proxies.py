"""All that the controller has of SYN cookies: their keys (:mod:`.cookies`), the connections that they begin
(:mod:`.splicing`), and when services need them (:mod:`.need`)."""

from __future__ import annotations

from collections.abc import Iterable

from fullnat.config.model import GlobalSettings
from fullnat.core.balancing.service import Service
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.interface import Effect, Failure, PacketIn
from fullnat.core.session.admission import Admission
from fullnat.core.session.sessions import Session
from fullnat.core.session.store import SessionStore
from fullnat.core.synproxy.cookies import CookieKeys
from fullnat.core.synproxy.need import Need
from fullnat.core.synproxy.splicing import Splicing
from fullnat.net.parse import Packet
from fullnat.p4constants import PuntReason, ServiceFlag
from fullnat.tables.table import Entry

_IN_NEED = int(ServiceFlag.COOKIES_IN_NEED)
_ANY = _IN_NEED | ServiceFlag.COOKIES
OF_RATE = 2
"""Seconds of new sessions, at the rate that a service has at most, of which none is answered."""


class SynProxies:
    def __init__(self, store: SessionStore, admission: Admission, secret: bytes, wall_offset: float) -> None:
        self._store = store
        self._splicing = Splicing(store, admission)
        self._keys = CookieKeys(secret, wall_offset)
        self._need = Need(store)
        self._asking: set[ServiceKey] = set()
        """Services with cookies."""
        self._most = 0
        """Half-open sessions of one beyond which it has them always, as far as it has them in need."""
        admission.on_crowd = self._begin_in_need

    def follow(self, services: Iterable[ServiceKey], settings: GlobalSettings) -> None:
        """These have changed, or the ``settings`` have; :meth:`sync` must follow."""
        by_key = self._store.services.by_key
        changed = []
        for key in services:
            if key in by_key and by_key[key].service_flags & _ANY:
                self._asking.add(key)
                changed.append(key)
            else:
                self._asking.discard(key)
        if settings.syn_proxy_half_open != self._most:
            self._most = settings.syn_proxy_half_open
            changed = [*self._asking]
        for key in changed:
            service = by_key[key]
            service.half_open_most = _most(service, self._most) if service.service_flags & _IN_NEED else 0
        self._splicing.own_scale = settings.syn_proxy_scale
        self._keys.configure(settings if self._asking else None)

    def _begin_in_need(self, service: Service, _now: float, _out: list[Effect]) -> bool:
        """Where cookies may begin, nobody has to go."""
        if not service.service_flags & _IN_NEED:
            return False
        self._store.crowded.add(service)
        return True

    def behind(self, now: float) -> None:
        """More SYNs wait than are handled soon. Services whose clients do not answer have cookies then; others have
        more clients than are served, and those are better off without: a cookie's connection takes more of the
        controller than the SYN that its client repeats."""
        asking = (self._store.services.by_key[key] for key in self._asking)
        self._need.behind((service for service in asking if service.service_flags & _IN_NEED), now)

    def switch_up(self, keys: Iterable[Entry], now: float, out: list[Effect]) -> None:
        """The switch has these ``keys``."""
        self._keys.switch_up(keys)
        self._keys.sync(now, out)

    def switch_down(self) -> None:
        self._splicing.switch_down()

    def sync(self, now: float, out: list[Effect]) -> None:
        """Have the switch the keys that it should have."""
        self._keys.sync(now, out)

    def packet(self, event: PacketIn, packet: Packet, now: float, out: list[Effect]) -> bool:
        """Whether a segment was of a connection that a cookie has begun, or begins."""
        if event.reason == PuntReason.COOKIE_ACK:
            self._splicing.acknowledged(event, packet, now, out)
        elif event.reason == PuntReason.SPLICE:
            self._splicing.segment(event, packet, now, out)
        else:
            return event.reason == PuntReason.NO_SESSION and self._splicing.late(event, packet, now, out)
        return True

    def written(self, session: Session, failure: Failure | None, now: float, out: list[Effect]) -> bool:
        """Whether a write that was answered is of such a connection."""
        return session.entry.splice is not None and self._splicing.written(session, failure, now, out)

    def removed(self, session: Session, now: float, out: list[Effect]) -> bool:
        """A delete of ``session`` was answered; whether a cookie begins another one in its place."""
        return self._splicing.removed(session, now, out)

    def crowded(self, now: float, out: list[Effect]) -> list[ServiceKey]:
        """The services that answer every SYN with a cookie from now on."""
        return self._need.begin(now, out)

    def deadline(self) -> float | None:
        times = (owner.timers.deadline() for owner in (self._splicing, self._keys, self._need))
        return min((time for time in times if time is not None), default=None)

    def due(self, now: float, out: list[Effect]) -> list[ServiceKey]:
        """The services that no longer do."""
        self._splicing.due(now, out)
        self._keys.due(now, out)
        return self._need.due(now, out)


def _most(service: Service, most: int) -> int:
    """Half-open sessions beyond which ``service`` needs cookies: as configured, or those of some seconds at the rate of
    new sessions that it may have, as who answers does so within one."""
    rate = service.limits.rate
    return min(most, rate * OF_RATE) if rate else most
