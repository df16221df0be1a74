"""Standard output that is full, or that nobody reads: no traceback. (p4soft and fullnat, which do not know each other,
have this module each by a link; fullnat-toa, a distribution of its own, has a copy.)"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast


class _Output:
    """A text file that remembers why it could not be written, for who writes may keep that to himself (argparse)."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.problem: OSError | None = None

    def write(self, text: str) -> int:
        try:
            return self._file.write(text)
        except OSError as error:
            self.problem = error
            raise

    def flush(self) -> None:
        try:
            self._file.flush()
        except OSError as error:
            self.problem = error
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextlib.contextmanager
def guarded(name: str) -> Iterator[None]:
    """The body is a command that writes to standard output. Where that is full, the command ends with one line, which
    begins with ``name``, and status 1; where nobody reads any more, silently, with status 1 unless it bears that; where
    there is none, it writes to nobody. A command within another is the other's."""
    before = sys.stdout
    if hasattr(before, "problem"):
        yield
        return
    output = _Output(before or open(os.devnull, "w"))  # noqa: SIM115 -- as long as the command
    sys.stdout = cast(TextIO, output)
    ended: BaseException | None = None
    try:
        yield
    except (OSError, SystemExit) as error:
        ended = error
    finally:
        with contextlib.suppress(OSError):
            output.flush()
        sys.stdout = before
    problem = output.problem
    if problem is not None:
        # What is left would be tried again when the interpreter ends, and complained of.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())
        if problem.errno != errno.EPIPE:
            print(f"{name}: cannot write to standard output: {problem.strerror}", file=sys.stderr)
            raise SystemExit(1)
        if isinstance(ended, OSError):
            raise SystemExit(1)
    if ended is not None:
        raise ended
