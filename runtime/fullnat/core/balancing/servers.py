"""A real server as the controller runs it: its weight, its connections, and whether it takes new ones."""

from __future__ import annotations

from fullnat.config.model import ServerSettings
from fullnat.core.access.pace import Pace
from fullnat.core.declared.modes import Mode
from fullnat.net.flow import Endpoint, made

NO_ID = -1
STAGES = 10
"""Of slow start: in each the server has one tenth of its weight more."""


class Server:
    """One real server of one service, in one mode: in another mode it is another one."""

    __slots__ = (
        "active",
        "asked",
        "beginning",
        "by_virtual",
        "connections",
        "deadline",
        "drained",
        "effective_weight",
        "ejected",
        "endpoint",
        "failures",
        "has_room",
        "has_threshold",
        "healthy",
        "inactive",
        "is_open",
        "leaving",
        "mode",
        "on_duty",
        "out_since",
        "pace",
        "server_id",
        "settings",
        "stage",
        "strikes",
        "templates",
        "unanswered",
        "warm_since",
    )

    def __init__(self, endpoint: Endpoint, mode: Mode, *, of_several: bool = False) -> None:
        """``of_several``: its service has several virtual addresses."""
        self.endpoint = endpoint
        """Of a service of several ports without port."""
        self.mode = mode
        self.settings = ServerSettings(weight=0)
        self.leaving = False
        """It is configured no more, and drains."""
        self.out_since: float | None = None
        """Since when it is to have no new sessions, if it is."""
        self.drained = False
        """It is out by a command, whatever the configuration says."""
        self.deadline: float | None = None
        """When those that it has are reset, if ever."""
        self.has_room = False
        """The switch has, or is getting, its entries."""
        self.has_threshold = False
        self.pace: Pace | None = None
        """Of new sessions; None: as many as come."""
        self.healthy = True
        """What checks have found; without any it is."""
        self.asked: int | None = None
        """The weight that checks have it have, while one is configured; None: that."""
        self.on_duty = True
        """Sorry servers are while their service has no quorum, others while it has
        (:mod:`fullnat.core.balancing.quorum`)."""
        self.failures = 0
        """New sessions in a row that it did not take, where that counts."""
        self.ejected: float | None = None
        """When it is tried again, while it takes no new sessions because of them
        (:mod:`fullnat.core.balancing.passive`)."""
        self.strikes = 0
        """How often that was so since it last took a session."""
        self.is_open = True
        """Below its upper threshold of connections."""
        self.stage = STAGES
        """Of slow start."""
        self.warm_since: float | None = None
        """When its slow start began; None: it is at its full weight."""
        self.effective_weight = 0
        """What schedulers go by; :meth:`weigh` finds it."""
        self.server_id = NO_ID
        self.by_virtual: dict[Endpoint, int] | None = {} if of_several else None
        """Its ids, of a service of several virtual addresses: one for each of them."""
        self.active = 0
        """Sessions in ESTABLISHED (LVS: ActiveConn)."""
        self.inactive = 0
        """Sessions in every other state (LVS: InActConn)."""
        self.beginning = 0
        """Those of them that nobody has answered yet."""
        self.connections = 0
        """Sessions ever."""
        self.templates = 0
        """Clients whose next connection goes to it (LVS: persistconns)."""
        self.unanswered = 0
        """Those that ended without any answer of this server."""

    def id_of(self, virtual: Endpoint) -> int:
        """Its id for those who ask for ``virtual``; NO_ID if it has none."""
        return self.server_id if self.by_virtual is None else self.by_virtual.get(virtual, NO_ID)

    def set_id(self, virtual: Endpoint, number: int) -> None:
        """NO_ID: it has none any more."""
        if self.by_virtual is None:
            self.server_id = number
        elif number == NO_ID:
            self.by_virtual.pop(virtual, None)
        else:
            self.by_virtual[virtual] = number

    @property
    def ids(self) -> tuple[int, ...]:
        """All that it has."""
        if self.by_virtual is not None:
            return tuple(self.by_virtual.values())
        return () if self.server_id == NO_ID else (self.server_id,)

    def at(self, virtual: Endpoint) -> Endpoint:
        """Where it gets, and answers from, what clients send to ``virtual``."""
        if self.mode.keeps_destination or self.mode.is_outward:
            return virtual
        return self.endpoint if self.endpoint.port else made(Endpoint, (self.endpoint.address, virtual.port))

    @property
    def weight(self) -> int:
        """As configured."""
        return self.settings.weight

    @property
    def share(self) -> int:
        """As configured, unless checks ask for another one."""
        return self.weight if self.asked is None or not self.weight else self.asked

    @property
    def is_well(self) -> bool:
        """As far as checks and its sessions have shown."""
        return self.healthy and self.ejected is None

    @property
    def is_out(self) -> bool:
        """It is to have no new sessions, whatever room there is."""
        return self.leaving or not self.weight

    def is_overdue(self, now: float) -> bool:
        """The time that its sessions had to end is over."""
        return self.is_out and self.deadline is not None and self.deadline <= now

    @property
    def wanted(self) -> bool:
        """It is to have new sessions: configured so, well, and on duty."""
        return self.is_well and self.on_duty and not self.leaving and self.share > 0

    @property
    def is_of_use(self) -> bool:
        """To a client: it is to have new sessions, or those that it has go on."""
        return self.wanted or (self.is_well and self.sessions > 0)

    @property
    def takes_new(self) -> bool:
        """A new session may go to it."""
        return self.is_open and self.effective_weight > 0

    @property
    def sessions(self) -> int:
        return self.active + self.inactive

    @property
    def busy(self) -> int:
        """Sessions that are its work: established, or about to be."""
        return self.active + self.beginning

    @property
    def allotment(self) -> int:
        """Active connections that are its due: its weight, in slow start a part of it."""
        return -(-self.share * self.stage // STAGES)

    def weigh(self, scale: int) -> None:
        """Find the effective weight: that of slow start, times ``scale`` and by :data:`STAGES`. 0 takes no new
        sessions."""
        can = self.has_room and self.wanted
        self.effective_weight = self.share * self.stage * scale // STAGES if can else 0

    def configure(self, settings: ServerSettings) -> bool:
        """Be configured so; returns whether it has opened or closed by that."""
        if settings.new_rate != self.settings.new_rate:
            self.pace = Pace(settings.new_rate, settings.new_rate) if settings.new_rate else None
        self.settings = settings
        self.has_threshold = settings.upper_threshold > 0
        self.leaving = False
        was_open, self.is_open = self.is_open, True
        self.judge()
        return self.is_open is not was_open

    def judge(self) -> bool:
        """Open or close by the thresholds (LVS: ip_vs_bind_dest, ip_vs_unbind_dest); returns whether that changes."""
        upper, lower = self.settings.upper_threshold, self.settings.lower_threshold
        if self.is_open:
            self.is_open = not 0 < upper <= self.sessions
            return not self.is_open
        self.is_open = self.sessions < lower if lower else self.sessions * 4 < upper * 3
        return self.is_open
