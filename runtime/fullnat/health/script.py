"""A program ends with status 0 (keepalived: MISC_CHECK), or says by it what the server weighs (misc_dynamic). There is
no shell; so many run at a time at most."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from fullnat.config import probes
from fullnat.config.model import Check
from fullnat.health.connect import Target
from fullnat.health.failed import Failed, Weight
from fullnat.health.program import Program

AT_ONCE = 16
_FIRST_WEIGHT = 2
"""The status that says weight 0."""
_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def check(settings: Check, target: Target) -> Weight | None:
    """Raises Failed, Unusable or OSError. The program and what it has started in its group end with the check."""
    program = Program(settings.command, settings.user, settings.timeout)
    async with _rooms.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)):
        status = await program.run({"FULLNAT_SERVER": target.address, "FULLNAT_PORT": str(target.port)})
    if settings.dynamic and status >= _FIRST_WEIGHT:
        return Weight(status - _FIRST_WEIGHT, is_whole=True)
    if not any(low <= status <= high for low, high in probes.ranges(settings.exit_status)):
        raise Failed(f"the program says {status}")
    return None
