"""The checks of all real servers that are configured. What becomes of a check when the configuration changes: one that
stays as it was keeps what it knows and goes on (acassen/keepalived#187), a new one begins, others end. Servers that are
to have no sessions by their weight are not checked; what was known of them holds until they are again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from fullnat.config.model import Check
from fullnat.core.balancing.health import Verdict
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.declared.model import Declared, Model
from fullnat.core.declared.telling import OFF
from fullnat.core.declared.values import WEIGHTS
from fullnat.health.connect import Target
from fullnat.health.prober import Prober, State
from fullnat.net.flow import Endpoint, is_v6, text

_LOGGER = logging.getLogger(__name__)
AGAIN = 1.0
"""Seconds after which a check whose task has ended begins again."""


class _Key(NamedTuple):
    service: ServiceKey
    server: Endpoint


class Checks:
    """Of one real server."""

    def __init__(self) -> None:
        self.probers: dict[Check, Prober] = {}

    @property
    def healthy(self) -> bool:
        return all(prober.state.healthy for prober in self.probers.values())

    @property
    def reason(self) -> str:
        """Why it is down."""
        return "; ".join(prober.state.reason for prober in self.probers.values() if not prober.state.healthy)

    @property
    def trouble(self) -> str:
        """Why it is down, or why the last check failed of one that is up."""
        lasts = (prober.state.last for prober in self.probers.values())
        return self.reason or "; ".join(last.reason for last in lasts if last is not None and last.reason)

    def weight(self, configured: int) -> int | None:
        """What checks have the server weigh; None: as ``configured``. Of several each adds what it would change
        (keepalived: update_svr_wgt)."""
        said = [prober.state.weight for prober in self.probers.values() if prober.state.weight is not None]
        if not said:
            return None
        low, high = WEIGHTS
        found = configured + sum(each.value - (configured if each.is_whole else 0) for each in said)
        return min(max(found, low), high)

    def counts(self) -> list[tuple[str, int, int, float]]:
        """Of each check its type, how many succeeded and failed, and what the last took, in seconds."""
        of = ((prober.settings.type, prober.state) for prober in self.probers.values())
        return [(kind, one.succeeded, one.failed, one.last.took if one.last else 0.0) for kind, one in of]

    def since(self, now: float) -> float | None:
        """Seconds since the last check ended, of several the one that is longest ago; None: one has not ended yet."""
        lasts = [prober.state.last for prober in self.probers.values()]
        ends = [last.at for last in lasts if last is not None]
        return max(0.0, now - min(ends)) if ends and len(ends) == len(lasts) else None


class Watch:
    def __init__(
        self, judge: Callable[[Verdict], None], was_well: Callable[[ServiceKey, Endpoint], bool] = lambda *_: True
    ) -> None:
        """``judge`` is told of every server whose state may have changed; ``was_well`` knows those of before."""
        self._judge = judge
        self._was_well = was_well
        self._declared: dict[ServiceKey, Declared] = {}
        self._of: dict[_Key, Checks] = {}
        self._tasks: dict[Prober, asyncio.Task[NoReturn]] = {}
        self._closed = False

    def follow(self, model: Model) -> None:
        """Check what ``model`` says. Services that it has as they were are not looked at."""
        for key in [key for key in self._declared if key not in model.services]:
            self._follow(key, None)
        for key, declared in model.services.items():
            if self._declared.get(key) is not declared:
                self._follow(key, declared)

    async def close(self) -> None:
        """End all checks. Servers stay as they are."""
        self._closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def of(self, service: ServiceKey, server: Endpoint) -> Checks | None:
        """The checks of a server, if it has any."""
        return self._of.get(_Key(service, server))

    def _follow(self, key: ServiceKey, declared: Declared | None) -> None:
        before = self._declared.pop(key, None)
        servers = {} if declared is None else declared.servers
        if declared is not None:
            self._declared[key] = declared
        for endpoint in () if before is None else before.servers:
            if endpoint not in servers:
                self._configure(_Key(key, endpoint), (), False, False)
        for endpoint, settings in servers.items():
            of_service = declared.settings.checks if declared is not None and not settings.sorry else ()
            wanted = settings.checks or of_service
            by_proxy = declared is not None and declared.settings.proxy_protocol != OFF
            self._configure(_Key(key, endpoint), wanted, settings.weight > 0, by_proxy)
            if wanted or before is not None or not self._was_well(key, endpoint):
                self._tell(_Key(key, endpoint))

    def _configure(self, key: _Key, wanted: tuple[Check, ...], is_wanted: bool, by_proxy: bool) -> None:
        if not wanted and key not in self._of:
            return
        checks = self._of.setdefault(key, Checks())
        known = checks.healthy if checks.probers else None if self._was_well(*key) else False
        for check in [check for check in checks.probers if check not in wanted]:
            self._stop(checks.probers.pop(check))
        for check in wanted:
            target = _target(check, key.server, by_proxy)
            if check in checks.probers:
                checks.probers[check].target = target
            else:
                prober = checks.probers[check] = Prober(check, target, lambda: self._tell(key))
                if known is not None:
                    # A server that is checked already stays as it is until the new check says otherwise.
                    prober.state = State(known, reason="" if known else "down before, and not checked anew yet")
        for prober in checks.probers.values():
            if is_wanted and prober not in self._tasks:
                self._start(prober)
            elif not is_wanted:
                self._stop(prober)
        if not wanted:
            del self._of[key]

    def _start(self, prober: Prober) -> None:
        if self._closed:
            return
        task = self._tasks[prober] = asyncio.get_running_loop().create_task(prober.run(), name="health-check")
        task.add_done_callback(lambda _: self._ended(prober, task))

    def _stop(self, prober: Prober) -> None:
        task = self._tasks.pop(prober, None)
        if task is not None:
            task.cancel()

    def _ended(self, prober: Prober, task: asyncio.Task[Any]) -> None:
        """One that we have not ended ourselves says nothing of its server, and begins again (iqiyi/dpvs#650)."""
        error = None if task.cancelled() else task.exception()
        if self._tasks.get(prober) is not task or self._closed:
            return
        del self._tasks[prober]
        _LOGGER.error("a health check of %s ended: %s; it begins again", prober.target.address, error or "cancelled")
        asyncio.get_running_loop().call_later(AGAIN, self._again, prober)

    def _again(self, prober: Prober) -> None:
        if prober not in self._tasks and any(prober in checks.probers.values() for checks in self._of.values()):
            self._start(prober)

    def _tell(self, key: _Key) -> None:
        checks, declared = self._of.get(key), self._declared.get(key.service)
        if checks is None or declared is None:
            self._judge(Verdict(*key, True))
            return
        weight = checks.weight(declared.servers[key.server].weight)
        self._judge(Verdict(*key, checks.healthy, checks.reason, weight))


def _target(check: Check, server: Endpoint, by_proxy: bool) -> Target:
    """``by_proxy``: the service's servers expect PROXY protocol, those that are asked elsewhere do not (haproxy:
    check-send-proxy)."""
    address = text(server.address) if check.address is None else str(check.address)
    is_six = is_v6(server.address) if check.address is None else check.address.version == 6
    elsewhere = check.address is not None or check.port is not None
    return Target(address, check.port or server.port, is_six, by_proxy and not elsewhere)
