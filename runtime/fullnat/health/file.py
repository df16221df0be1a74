"""A file of this machine says a number: that all is well, or what the server's weight changes by (keepalived:
FILE_CHECK of a track_file). As there, a file that is missing or empty says 0."""

from __future__ import annotations

import os
import stat

from fullnat.config.model import Check
from fullnat.health.connect import Target
from fullnat.health.failed import Failed, Unusable, Weight

_MOST = 64
"""Bytes that are read: a number and its line's end."""
_LARGEST = 1 << 31


async def check(settings: Check, _target: Target) -> Weight | None:
    """Raises Failed, Unusable or OSError."""
    number = _number(settings.file)
    if not settings.factor:
        if bool(number) is not settings.reverse:
            raise Failed(f"the file says {number}")
        return None
    return Weight(number * (-settings.factor if settings.reverse else settings.factor), is_whole=False)


def _number(path: str) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Unusable(f"{path} is no file")
        said = os.read(descriptor, _MOST).decode("latin-1").split()
    finally:
        os.close(descriptor)
    try:
        number = int(said[0]) if said else 0
    except ValueError:
        raise Unusable(f"{path} says no number") from None
    if not -_LARGEST <= number < _LARGEST:
        raise Unusable(f"{path} says a number of more than 32 bits")
    return number
