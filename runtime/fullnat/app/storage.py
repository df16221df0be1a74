"""Where a controller keeps what the next one is to know, and does not find on the switch: a directory of its own, or
etcd, which several controllers share (:mod:`fullnat.app.shared`)."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn, Protocol

from fullnat.app.memory import Item, Keeper, MemoryFile
from fullnat.app.ports import Remembering
from fullnat.app.state import load_secret


class Storage(Protocol):
    @property
    def config_name(self) -> str:
        """Of :meth:`config_text`, for messages."""
        ...

    def config_text(self) -> str | None:
        """What controllers run, as TOML; None: each has its file. Raises StateError."""
        ...

    async def secret(self) -> bytes:
        """That of initial sequence numbers: always the same. Raises StateError."""
        ...

    async def memos(self) -> list[Item]:
        """What a controller is to remember before anything else."""
        ...

    async def close(self) -> None: ...


class Directory:
    """One controller alone."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file = MemoryFile(directory)
        self.config_name = ""

    def config_text(self) -> str | None:
        return None

    async def secret(self) -> bytes:
        return load_secret(self._directory)

    async def memos(self) -> list[Item]:
        return self._file.read()

    async def keep(self, memory: Remembering) -> NoReturn:
        """Write what the core remembers, as it changes, until cancelled."""
        await Keeper(memory, self._file).run()

    async def close(self) -> None:
        return None
