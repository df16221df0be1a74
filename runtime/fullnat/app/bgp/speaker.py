"""What speaks BGP for a switch: FRR by its vtysh, or a program that is told line by line."""

from __future__ import annotations

import asyncio
import contextlib
import json
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterator, Sequence
from typing import Protocol

from fullnat.app.bgp import frr
from fullnat.app.bgp.plan import NOTHING, Plan
from fullnat.config.bgp import Bgp
from fullnat.config.model import Interface, IpNetwork

PATIENCE = 5.0
"""Seconds that vtysh may take, by ssh as well."""
ENDING = 1.0
"""Seconds that a program has from the end of its input."""


class SpeakerError(Exception):
    """The speaker does not do what it is told; the message says why."""


class Speaker(Protocol):
    sessions: dict[str, bool]
    """By neighbor, whether there is a session, as last seen; none where nobody tells."""

    async def tell(self, plan: Plan) -> bool:
        """Announce this and nothing else; whether that was a change. Raises SpeakerError."""
        ...

    async def look(self) -> None:
        """See what the speaker has, which may have been started anew. Raises SpeakerError."""
        ...

    async def close(self) -> None:
        """The controller ends, and what is announced stays."""
        ...


class Frr:
    def __init__(self, bgp: Bgp, interfaces: tuple[Interface, ...]) -> None:
        self.sessions: dict[str, bool] = {}
        self._bgp = bgp
        self._interfaces = interfaces
        self._there: list[frr.Line] | None = None
        """As far as known; None: it has to be asked."""
        self._told: frozenset[frr.Line] = frozenset()
        """Lines of the last commands: those that it does not show then are its defaults."""
        self._silent: frozenset[frr.Line] = frozenset()

    async def tell(self, plan: Plan) -> bool:
        if self._there is None:
            await self.look()
        want = frr.wanted(self._bgp, self._interfaces, plan)
        changes = frr.changes(self._bgp, want, self._there or ())
        told = frozenset((*above, line) for above, line in changes)
        if told <= self._silent:
            return False
        self._there, self._told = None, told
        said = await self._vtysh(frr.commands(changes))
        if trouble := [line for line in said.splitlines() if line.startswith("%")]:
            raise SpeakerError(f"FRR says: {trouble[0].lstrip('% ')}")
        return True

    async def look(self) -> None:
        self._there = None
        said = await self._vtysh("show running-config\nshow bgp summary json\n")
        text, brace, shown = said.partition("\n{")
        self._there = frr.found(text)
        if self._told:
            self._silent, self._told = self._told - frozenset(self._there), frozenset()
        self.sessions = frr.sessions(brace.strip() + shown, self._bgp)

    async def close(self) -> None:
        """FRR goes on."""

    async def _vtysh(self, lines: str) -> str:
        command = self._bgp.vtysh
        try:
            process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        except OSError as error:
            raise SpeakerError(f"{command[0]}: {error.strerror}") from None
        try:
            async with asyncio.timeout(PATIENCE):
                out, err = await process.communicate(lines.encode())
        except TimeoutError:
            raise SpeakerError(f"{' '.join(command)} takes longer than {PATIENCE:g} s") from None
        finally:
            await _end(process)
        if process.returncode != 0:
            said = (err or out).decode(errors="replace").strip().splitlines() or ["no word"]
            raise SpeakerError(f"{' '.join(command)} ended with {process.returncode}: {said[-1]}")
        return out.decode(errors="replace")


class Program:
    """Gets ``{"announce": PREFIX, "next_hops": [...], "prepend": N, "graceful_shutdown": BOOL}`` and ``{"withdraw":
    PREFIX}``; all announcements again whenever it is started, as it is when it has ended."""

    def __init__(self, bgp: Bgp, interfaces: tuple[Interface, ...]) -> None:
        self.sessions: dict[str, bool] = {}
        self._bgp = bgp
        self._own = [own.ip for interface in interfaces for own in interface.addresses]
        self._process: Process | None = None
        self._told = NOTHING

    async def tell(self, plan: Plan) -> bool:
        await self.look()
        lines = list(self._lines(plan))
        process = self._process
        if not lines or process is None or process.stdin is None:
            return False
        try:
            process.stdin.write("".join(f"{line}\n" for line in lines).encode())
            async with asyncio.timeout(PATIENCE):
                await process.stdin.drain()
        except (OSError, TimeoutError):
            await self.close()
            raise SpeakerError(f"{self._bgp.program[0]} does not read what it is told, and is started anew") from None
        self._told = plan
        return True

    async def look(self) -> None:
        if self._process is not None and self._process.returncode is None:
            return
        ended, self._process, self._told = self._process, None, NOTHING
        try:
            self._process = await asyncio.create_subprocess_exec(*self._bgp.program, stdin=PIPE, stdout=DEVNULL)
        except OSError as error:
            raise SpeakerError(f"{self._bgp.program[0]}: {error.strerror}") from None
        if ended is not None:
            raise SpeakerError(f"{self._bgp.program[0]} ended with {ended.returncode}, and is started anew")

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ENDING):
                await process.wait()
        await _end(process)

    def _lines(self, plan: Plan) -> Iterator[str]:
        """From what it was told to ``plan``."""
        before, after = self._by_prefix(self._told), self._by_prefix(plan)
        for prefix in _ordered(before.keys() - after.keys()):
            yield json.dumps({"withdraw": str(prefix)})
        for prefix in _ordered(after):
            if before.get(prefix) != after[prefix]:
                prepend, graceful = after[prefix]
                hops = [str(own) for own in self._own if own.version == prefix.version]
                yield json.dumps({
                    "announce": str(prefix), "next_hops": hops, "prepend": prepend, "graceful_shutdown": graceful,
                })  # fmt: skip

    def _by_prefix(self, plan: Plan) -> dict[IpNetwork, tuple[int, bool]]:
        spare = dict.fromkeys(plan.spare, (self._bgp.prepend, plan.graceful))
        return spare | dict.fromkeys(plan.first, (0, plan.graceful))


def speaker(bgp: Bgp, interfaces: tuple[Interface, ...]) -> Speaker:
    return Program(bgp, interfaces) if bgp.program else Frr(bgp, interfaces)


def _ordered(prefixes: Sequence[IpNetwork] | set[IpNetwork] | dict[IpNetwork, tuple[int, bool]]) -> list[IpNetwork]:
    return sorted(prefixes, key=lambda each: (each.version, int(each.network_address)))


async def _end(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
