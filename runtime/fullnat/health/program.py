"""A program that is run for a check, or is told of a change: without a shell, with the rights of a user, and not for
ever."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
from collections.abc import Mapping
from typing import Any, NamedTuple

from fullnat.health.failed import Failed, Unusable

_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


class Program(NamedTuple):
    command: str
    """Its absolute path and its arguments, as a shell would have them in quotes."""
    user: str
    """Whose rights it has; none: ours."""
    timeout: float
    """Seconds."""

    async def run(self, environment: Mapping[str, str]) -> int:
        """Its status. Raises Failed when it does not end by itself, Unusable or OSError when it cannot be run. With it
        ends what it has started in its group."""
        rights: dict[str, Any] = {"user": self.user, "group": _group(self.user), "extra_groups": []}
        process = await asyncio.create_subprocess_exec(
            *shlex.split(self.command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={**_ENVIRONMENT, **environment},
            cwd="/",
            start_new_session=True,
            **(rights if self.user else {}),
        )
        try:
            async with asyncio.timeout(self.timeout):
                status = await process.wait()
        except TimeoutError:
            raise Failed(f"the program has not ended in {self.timeout:g} s") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())
        if status < 0:
            raise Failed(f"the program was ended by signal {-status}")
        return status


def _group(user: str) -> int | None:
    """Raises Unusable."""
    import pwd  # of Unix alone

    if not user:
        return None
    try:
        return pwd.getpwnam(user).pw_gid
    except KeyError:
        raise Unusable(f"there is no user {user}") from None
