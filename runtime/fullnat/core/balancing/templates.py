"""Persistence: a client's next connection goes to the server of its last one (LVS: ip_vs_sched_persist).

A template remembers the server of a client, or of all clients of a prefix, for one service or a group of them. It
begins with a session, and is forgotten soon unless one of its sessions is established; from then on it lasts as long as
any is, and for the service's time after the last one began or ended. So whoever only tries, again and again, renews
nothing. A template whose server takes no new sessions ends: the client gets another server, and stays there
(kubernetes/kubernetes#71809).
"""

from __future__ import annotations

from collections.abc import Iterator

from fullnat.core.balancing.servers import Server
from fullnat.core.balancing.service import Service
from fullnat.core.memory import Kind, Memory, MemoryKey
from fullnat.core.stats import Stats
from fullnat.core.timers import TimerWheel
from fullnat.net.flow import Address, Flow, prefix_of

MOST = 1 << 20
"""Templates at most: clients beyond are scheduled each time."""
DUE_LIMIT = 4096
"""Templates handled per deadline; more follow at once."""


class Template:
    __slots__ = ("client", "expires", "holders", "server", "service", "table")

    def __init__(self, service: Service, client: Address, server: Server, expires: float) -> None:
        self.service = service
        self.table = service.templates
        """Where it is."""
        self.client = client
        """The address that stands for all of its prefix."""
        self.server = server
        self.expires = expires
        """Not while it has holders."""
        self.holders = 0
        """Established sessions."""


class Templates:
    def __init__(self, memory: Memory, stats: Stats) -> None:
        self.timers: TimerWheel[Template] = TimerWheel()
        self._memory = memory
        self._stats = stats
        self._groups: dict[str, dict[Address, Template]] = {}
        """The templates of services that have them in common, by the group's name."""
        self._joined: dict[Service, str] = {}

    def __len__(self) -> int:
        return len(self.timers)

    def __iter__(self) -> Iterator[Template]:
        return iter(tuple(self.timers))

    def find(self, service: Service, flow: Flow, now: float) -> Server | None:
        """The server that a new session of this client goes to; None: the scheduler's."""
        if not service.persistence_timeout:
            return None
        template = service.templates.get(_client(service, flow))
        if template is None:
            return None
        if template.server.takes_new and (template.holders or now < template.expires):
            server = _counterpart(service, template)
            return server if server is not None and server.takes_new else None
        self._end(template)
        return None

    def placed(self, service: Service, flow: Flow, server: Server, now: float) -> None:
        """A new session of this client of a service with persistence goes to ``server``: it has yet to come to
        something."""
        client = _client(service, flow)
        template = service.templates.get(client)
        if template is None:
            patience = service.timeouts[service.protocol.initial]
            self._begin(service, client, server, now + min(patience, service.persistence_timeout))
        elif server is _counterpart(service, template):
            self._stats["persistent_sessions"] += 1
            service.persistent += 1

    def hold(self, service: Service, flow: Flow, server: Server, now: float) -> Template | None:
        """A session of this client is established; returns the template that :meth:`release` is to be told of."""
        if not service.persistence_timeout or not service.configured:
            return None
        client = _client(service, flow)
        template = service.templates.get(client)
        if template is None and server.wanted:
            template = self._begin(service, client, server, now)
        if template is None or server is not _counterpart(service, template):
            return None
        template.holders += 1
        self._renew(template, now)
        return template

    def release(self, template: Template, now: float) -> None:
        """A session that held it is no longer established."""
        template.holders -= 1
        if template.table.get(template.client) is template:
            self._renew(template, now)

    def recall(self, service: Service, client: Address, server: Server, expires: float) -> None:
        """What an earlier controller remembered."""
        if service.persistence_timeout and client not in service.templates:
            self._begin(service, client, server, expires)

    def follow(self, service: Service | None, *, forgets: bool) -> None:
        """``service`` has been configured, or is gone; None: it has never been. ``forgets``: its templates mean nothing
        any more."""
        if service is None:
            return
        if forgets or not service.configured:
            self._forget(service)
        if service.configured:
            self._join(service)

    def _forget(self, service: Service) -> None:
        for template in [each for each in service.templates.values() if each.service is service]:
            self._end(template)
        if not service.configured:
            self._joined.pop(service, None)

    def _join(self, service: Service) -> None:
        """From now on the templates of ``service`` are those of its group."""
        group = service.persistence_group
        if group != self._joined.get(service, ""):
            service.templates = self._groups.setdefault(group, {}) if group else {}
            self._joined[service] = group

    def due(self, now: float) -> None:
        for template in self.timers.due(now, DUE_LIMIT):
            if template.holders:
                self.timers.arm(template, now + template.service.persistence_timeout)
            elif template.expires > now:
                self.timers.arm(template, template.expires)
            else:
                self._end(template)

    def _begin(self, service: Service, client: Address, server: Server, expires: float) -> Template | None:
        if len(self) >= MOST:
            self._stats["templates_full"] += 1
            return None
        template = service.templates[client] = Template(service, client, server, expires)
        server.templates += 1
        self.timers.arm(template, expires)
        self._changed(template)
        return template

    def _renew(self, template: Template, now: float) -> None:
        template.expires = now + template.service.persistence_timeout
        due = self.timers.when(template)
        if due is None or template.expires < due:
            self.timers.arm(template, template.expires)
        self._changed(template)

    def _end(self, template: Template) -> None:
        del template.table[template.client]
        template.server.templates -= 1
        self.timers.cancel(template)
        self._changed(template)

    def _changed(self, template: Template) -> None:
        self._memory.touch(MemoryKey(Kind.TEMPLATE, template.service.key, template.client))


def _counterpart(service: Service, template: Template) -> Server | None:
    """The server of ``service`` that ``template`` means: of another service, the one at the same address."""
    if template.service is service:
        return template.server
    return service.by_address.get(template.server.endpoint.address)


def _client(service: Service, flow: Flow) -> Address:
    return prefix_of(flow.src.address, service.persistence_prefix)
