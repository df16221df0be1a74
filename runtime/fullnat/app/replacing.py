"""Files that are replaced as a whole: who reads one finds what it said before, or what it says now."""

from __future__ import annotations

import os
from pathlib import Path


def replace(path: Path, content: bytes, *, lasts: bool = False) -> None:
    """Have ``path`` say this, readable by its owner only; ``lasts``: a machine that fails afterwards finds it so.
    Raises OSError, and then it says what it has said before."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    # A process that had this number, and was killed, may have left one.
    temporary.unlink(missing_ok=True)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            write(descriptor, content)
            if lasts:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write(descriptor: int, content: bytes) -> None:
    """All of it. Raises OSError."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
