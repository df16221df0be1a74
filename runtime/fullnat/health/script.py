"""A program ends with status 0 (keepalived: MISC_CHECK). There is no shell; so many run at a time at most."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
from typing import Any
from weakref import WeakKeyDictionary

from fullnat.config import probes
from fullnat.config.model import Check
from fullnat.health.connect import Target
from fullnat.health.failed import Failed, Unusable

AT_ONCE = 16
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def check(settings: Check, target: Target) -> None:
    """Raises Failed, Unusable or OSError. The program and what it has started in its group end with the check."""
    rights: dict[str, Any] = {"user": settings.user, "group": _group(settings.user), "extra_groups": []}
    async with _rooms.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)):
        process = await asyncio.create_subprocess_exec(
            *shlex.split(settings.command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=_ENVIRONMENT | {"FULLNAT_SERVER": target.address, "FULLNAT_PORT": str(target.port)},
            cwd="/",
            start_new_session=True,
            **(rights if settings.user else {}),
        )
        try:
            async with asyncio.timeout(settings.timeout):
                status = await process.wait()
        except TimeoutError:
            raise Failed(f"the program has not ended in {settings.timeout:g} s") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())
    if status < 0:
        raise Failed(f"the program was ended by signal {-status}")
    if not any(low <= status <= high for low, high in probes.ranges(settings.exit_status)):
        raise Failed(f"the program says {status}")


def _group(user: str) -> int | None:
    """Raises Unusable."""
    import pwd  # of Unix alone

    if not user:
        return None
    try:
        return pwd.getpwnam(user).pw_gid
    except KeyError:
        raise Unusable(f"there is no user {user}") from None
