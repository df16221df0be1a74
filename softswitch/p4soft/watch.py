"""What the log says of ports while the switch runs, without anybody asking."""

from __future__ import annotations

import asyncio
import logging

from p4soft.api import Engine
from p4soft.api_optional import MissesPorts
from p4soft.offloads import OffloadLog

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


async def watch(engine: Engine) -> None:
    """Log what there is to say of the engine's ports, until cancelled."""
    looks = [OffloadLog(engine.port_stats).look]
    if isinstance(engine, MissesPorts):
        looks.append(MissingPortLog(engine).look)
    while True:
        for look in looks:
            look()
        await asyncio.sleep(PERIOD_S)
