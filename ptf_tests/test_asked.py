"""Who gets a cookie: the controller is told of some."""

from __future__ import annotations

import ipaddress
import time

from ptf_tests.base import over_ipv6_too
from ptf_tests.cookies import Cookie
from ptf_tests.test_cookies import KEY, CookieTest

SAMPLE = 512
PATIENCE = 10.0


@over_ipv6_too
class OneOfManyWhoGetACookieIsTold(CookieTest):
    """By chance: it is known to the key alone which. An address of IPv4 is told as one of IPv6."""

    def runTest(self) -> None:
        while True:
            now = self.cookie(self.syn()).time
            chosen = next(port for port in range(1024, 65536) if self.is_told(port, now))
            cookies = [self.cookie(self.syn(sport=port)) for port in range(chosen - 3, chosen + 1)]
            if all(cookie.time == now for cookie in cookies):
                break
            while self.client.digest("asked_event_t", time.monotonic() + 1):
                pass
        source = ipaddress.ip_address(cookies[0].syn.src)
        number = int(source) if source.version == 6 else 0xFFFF << 32 | int(source)
        assert self.client.digest("asked_event_t", time.monotonic() + PATIENCE) == (number, SAMPLE)
        assert self.client.digest("asked_event_t", time.monotonic()) is None

    def is_told(self, port: int, now: int) -> bool:
        return Cookie(key=KEY, syn=self.syn(sport=port), time=now).mac % SAMPLE == 0
