"""What the controller keeps between runs: the secret of its initial sequence numbers.

With the same secret and the time of day, the sequence numbers that a restarted controller gives to one 4-tuple go on
rising; with another, a server in TIME-WAIT might take a new connection's SYN for an old segment.
"""

from __future__ import annotations

import os
from pathlib import Path

from fullnat.app.replacing import replace

SECRET_BYTES = 32


class StateError(Exception):
    """The state directory cannot be used; the message says why."""


def load_secret(directory: Path) -> bytes:
    """The secret in ``directory``, made on first use and readable by its owner only. Raises StateError."""
    path = directory / "secret"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            secret = path.read_bytes()
        except FileNotFoundError:
            secret = _create(path)
    except OSError as error:
        raise StateError(f"state directory {directory}: {error.strerror}") from None
    if len(secret) != SECRET_BYTES:
        raise StateError(f"{path} is damaged: {len(secret)} bytes, not {SECRET_BYTES}; remove it to start afresh")
    return secret


def _create(path: Path) -> bytes:
    secret = os.urandom(SECRET_BYTES)
    replace(path, secret, lasts=True)
    return secret
