"""What the log says of ports while the switch runs, without anybody asking."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from p4soft.api import Engine, PortStats
from p4soft.api_optional import MissesPorts
from p4soft.offloads import OffloadLog

_DOWN = {"no carrier": "has no carrier", "down": "is down; ip link set {} up switches it on"}
PERIOD_S = 1.0
"""Between two looks at the ports."""
log = logging.getLogger(__name__)


class MissingPortLog:
    def __init__(self, engine: MissesPorts) -> None:
        self._engine = engine
        self._told: set[int] = set()

    def look(self) -> None:
        """Log each port that the program or its controller takes for one of the switch, once."""
        for port in self._engine.missing_ports():
            if port not in self._told:
                self._told.add(port)
                log.warning("port %d: packets that leave by it are dropped: the switch has no such port", port)


class LinkLog:
    """``read`` tells the ports' statistics; :meth:`look` is to be called whenever interfaces have changed."""

    def __init__(self, read: Callable[[], Sequence[PortStats]]) -> None:
        self._read = read
        self._links: dict[int, str] = {}

    def look(self) -> None:
        """Log each port that goes up or down, and one that is not up from the start. Interfaces that are deleted or
        made again are the Reattacher's."""
        for port in self._read():
            before = self._links.get(port.port, "up")
            self._links[port.port] = port.link
            if port.link in (before, "-", "gone") or (before == "gone" and port.link == "up"):
                continue
            if port.link == "up":
                log.info("port %d (%s): the interface is up", port.port, port.name)
            else:
                log.warning("port %d (%s): the interface %s", port.port, port.name, _DOWN[port.link].format(port.name))


async def watch(engine: Engine) -> None:
    """Log what there is to say of the engine's ports, until cancelled."""
    looks = [OffloadLog(engine.port_stats).look]
    if isinstance(engine, MissesPorts):
        looks.append(MissingPortLog(engine).look)
    while True:
        for look in looks:
            look()
        await asyncio.sleep(PERIOD_S)
