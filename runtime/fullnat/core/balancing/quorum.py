"""Whether a service has enough servers that are well, by their weight (keepalived: update_quorum_state). While it has
not, sorry servers that are well take its new sessions, and the others none; without any, those that are left go on."""

from __future__ import annotations

from collections.abc import Collection

from fullnat.core.balancing.servers import Server


class Quorum:
    def __init__(self) -> None:
        self.is_up = False
        self.weight = 0
        """Of the servers that are well."""
        self._needed = 1
        self._hysteresis = 0

    def configure(self, needed: int, hysteresis: int) -> None:
        """:meth:`judge` must follow."""
        self._needed = needed
        self._hysteresis = hysteresis

    @property
    def threshold(self) -> int:
        """From this weight on it is up next."""
        return max(1, self._needed + (-self._hysteresis if self.is_up else self._hysteresis))

    def judge(self, servers: Collection[Server]) -> bool:
        """Find who of ``servers`` is on duty; returns whether the quorum is gained or lost."""
        self.weight = sum(server.share for server in servers if server.is_well and not server.settings.sorry)
        was_up, self.is_up = self.is_up, self.weight >= self.threshold
        sorry = [server for server in servers if server.settings.sorry and server.is_well and server.share]
        for server in servers:
            server.on_duty = server.settings.sorry is bool(sorry and not self.is_up)
        return self.is_up is not was_up
