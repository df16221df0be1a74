"""What a check may say: why it has failed, or which weight the server is to have."""

from __future__ import annotations

import os
import ssl
from typing import NamedTuple


class Failed(Exception):
    """The message is the reason, in words."""


class Unusable(Exception):
    """The check cannot be made as it is said, which tells nothing of the server. The message is why."""


class Weight(NamedTuple):
    """What a check that has succeeded says of the server's weight."""

    value: int
    is_whole: bool
    """It is the weight; else it is added to the configured one."""


def reason(error: Exception) -> str:
    """``error`` of a socket or a program, in words."""
    if isinstance(error, ssl.SSLError):
        return f"TLS: {getattr(error, 'verify_message', '') or error.reason or 'no TLS is spoken'}"
    if isinstance(error, OSError):
        # asyncio has a text of its own in the place of the system's.
        said = os.strerror(error.errno) if error.errno else str(error) or type(error).__name__
        return said.lower()
    return str(error) or type(error).__name__
