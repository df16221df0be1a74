"""A command of the operator's that is given lines and says something, such as vtysh by way of ssh.

It may be a shell's, whose children outlive it, or say things without end, or leave somebody who holds its outputs open,
as ssh with ControlPersist does: what it says is over when it has ended and its standard output has.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence

PATIENCE = 5.0
"""Seconds that vtysh may take, by ssh as well."""
MOST = 16 << 20
"""Bytes that it may say: a hundred times the configuration of a hundred services."""
COMPLAINT = 0.2
"""Seconds that what it says on its standard error may come after its end."""
_OUT, _ERR = 1, 2


class SpeakerError(Exception):
    """The speaker does not do what it is told; the message says why."""


class _Said(asyncio.SubprocessProtocol):
    def __init__(self) -> None:
        self.text = {_OUT: bytearray(), _ERR: bytearray()}
        self.over = asyncio.Event()
        self.complained = asyncio.Event()
        """The standard error has ended, which others may hold open."""
        self._waits_for = {"exit", _OUT}

    @property
    def is_too_much(self) -> bool:
        return any(len(text) > MOST for text in self.text.values())

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if not self.is_too_much:
            self.text[fd] += data
        if self.is_too_much:
            self.over.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == _ERR:
            self.complained.set()
        self._seen(fd)

    def process_exited(self) -> None:
        self._seen("exit")

    def _seen(self, what: str | int) -> None:
        self._waits_for.discard(what)
        if not self._waits_for:
            self.over.set()


async def run(command: Sequence[str], lines: str) -> str:
    """What ``command`` says to these ``lines``. Raises SpeakerError if it does not end well, or in time."""
    loop = asyncio.get_running_loop()
    name = " ".join(command)
    try:
        transport, said = await loop.subprocess_exec(_Said, *command, start_new_session=True)
    except OSError as error:
        raise SpeakerError(f"{command[0]}: {error.strerror}") from None
    try:
        async with asyncio.timeout(PATIENCE):
            stdin = transport.get_pipe_transport(0)
            assert isinstance(stdin, asyncio.WriteTransport)
            stdin.write(lines.encode())
            stdin.write_eof()
            await said.over.wait()
            if transport.get_returncode():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(COMPLAINT):
                        await said.complained.wait()
    except TimeoutError:
        raise SpeakerError(f"{name} takes longer than {PATIENCE:g} s") from None
    finally:
        status = transport.get_returncode()
        if status is None:
            # Its children as well: the session that it leads is its own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(transport.get_pid(), signal.SIGKILL)
        transport.close()
    if said.is_too_much:
        raise SpeakerError(f"{name} says more than {MOST >> 20} MB")
    out, err = (said.text[fd].decode(errors="replace") for fd in (_OUT, _ERR))
    if status != 0:
        last = (err or out).strip().splitlines() or ["no word"]
        raise SpeakerError(f"{name} ended with {status}: {last[-1]}")
    return out
