"""What the switch has answered to Writes: whose each was, and who goes on."""

from __future__ import annotations

from fullnat.core.interface import Effect, Written
from fullnat.core.session.admission import Admission
from fullnat.core.session.datagrams import Datagrams
from fullnat.core.session.lifecycle import Phase
from fullnat.core.session.store import SessionStore
from fullnat.core.switch.configured import Configured
from fullnat.core.switch.restoration import Restoration
from fullnat.core.synproxy.syn_proxies import SynProxies


class Answers:
    def __init__(
        self,
        store: SessionStore,
        tables: Configured,
        restoration: Restoration,
        syn_proxies: SynProxies,
        admission: Admission,
        datagrams: Datagrams,
    ) -> None:
        self._store = store
        self._tables = tables
        self._restoration = restoration
        self._syn_proxies = syn_proxies
        self._admission = admission
        self._datagrams = datagrams

    def written(self, event: Written, now: float, out: list[Effect]) -> None:
        if self._tables.written(event, out):
            return
        if self._restoration.written(event, now, out):
            if not self._store.restoring:
                self._datagrams.leave(self._store.services, now, out)
            return
        for session, failure in self._store.answered(event):
            if self._syn_proxies.written(session, failure, now, out):
                continue
            opener = self._admission if session.protocol.is_numbered else self._datagrams
            if session.phase is not Phase.REMOVING:
                opener.written(session, failure, now, out)
                continue
            held = self._store.removed(session, failure, now)
            if self._syn_proxies.removed(session, now, out):
                continue
            if held is not None:
                self._admission.create(session.key, held, now, out)
            elif not session.protocol.is_numbered:
                self._datagrams.removed(session.key, now, out)
