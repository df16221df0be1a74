"""The keys of SYN cookies (p4src/arch/v1model/cookie/): made of the controller's secret and the time of day, so that
the next controller makes the same; a new one each hour, with the old one beside it for as long as its cookies are good.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from fullnat.config.model import GlobalSettings
from fullnat.core.interface import Effect, Op, Write
from fullnat.core.switch.mirror import Mirror
from fullnat.core.timers import TimerWheel
from fullnat.p4constants import CookieKey
from fullnat.tables.cookie_key import CookieKeyEntry
from fullnat.tables.table import Entry, EntryKey, entry_key

PERIOD = 3600
"""Seconds of the time of day that a key makes cookies."""
OVERLAP = 120
"""Seconds that it is good for after that; a cookie lives for 101 at most."""
MSS_OF_IPV6 = 32
"""Its MSS is lower by as much: the header has 20 bytes more, and TOA 12."""


def key(secret: bytes, period: int) -> int:
    """64 bits."""
    made = blake2b(period.to_bytes(8, "big", signed=True), digest_size=8, key=secret, person=b"SYN cookies")
    return int.from_bytes(made.digest(), "big")


class CookieKeys:
    def __init__(self, secret: bytes, wall_offset: float) -> None:
        """``wall_offset``: time of day minus ``now``, seconds."""
        self._secret = secret
        self._offset = wall_offset
        self._mirror = Mirror()
        self._settings: GlobalSettings | None = None
        """None: there is nothing that asks for cookies."""
        self.timers: TimerWheel[CookieKeys] = TimerWheel()

    def configure(self, settings: GlobalSettings | None) -> None:
        """What SYN-ACKs are to say, if there are to be any; :meth:`sync` must follow."""
        self._settings = settings

    def switch_up(self, found: Iterable[Entry]) -> None:
        """The truth, read from the switch; :meth:`sync` must follow."""
        self._mirror.found(found)

    def sync(self, now: float, out: list[Effect]) -> None:
        """Have the switch what it should have now."""
        desired: dict[EntryKey, Entry] = {entry_key(entry): entry for entry in self._wanted(now)}
        updates = self._mirror.change_to(desired)
        # A key that cookies are made by is known before, and one that goes makes none any more.
        updates.sort(key=lambda update: (update[0] is Op.DELETE, update[1][0] == CookieKey.NEW))
        if updates:
            out.append(Write(tuple(updates)))

    def due(self, now: float, out: list[Effect]) -> None:
        if any(True for _ in self.timers.due(now, 1)):
            self.sync(now, out)

    def _wanted(self, now: float) -> list[CookieKeyEntry]:
        settings = self._settings
        if settings is None:
            self.timers.cancel(self)
            return []
        period, elapsed = divmod(now + self._offset, PERIOD)
        number = int(period)
        said = settings.syn_proxy_mss, settings.syn_proxy_mss - MSS_OF_IPV6, settings.syn_proxy_scale
        current = key(self._secret, number), number & 1, *said
        wanted = [CookieKeyEntry(CookieKey.NEW, *current)]
        wanted.append(CookieKeyEntry(CookieKey.GENERATION_0 + (number & 1), *current))
        if elapsed < OVERLAP:
            old = key(self._secret, number - 1), number - 1 & 1, *said
            wanted.append(CookieKeyEntry(CookieKey.GENERATION_0 + (number - 1 & 1), *old))
        self.timers.arm(self, now + (OVERLAP if elapsed < OVERLAP else PERIOD) - elapsed)
        return wanted
