"""What speaks BGP for a switch: FRR by its vtysh, or a program that is told line by line."""

from __future__ import annotations

import asyncio
import contextlib
import json
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterator, Sequence
from typing import Protocol

from fullnat.app.bgp import frr
from fullnat.app.bgp.command import PATIENCE, SpeakerError, run
from fullnat.app.bgp.plan import NOTHING, Plan
from fullnat.config.bgp import Bgp
from fullnat.config.model import Interface, IpNetwork

ENDING = 1.0
"""Seconds that a program has from the end of its input."""


_SHOW = "show running-config\nshow bgp summary json\n"


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
        self._silent: frozenset[frr.Line] = frozenset()
        """Lines that it was told and does not show: they are its defaults."""

    async def tell(self, plan: Plan) -> bool:
        if self._there is None:
            await self.look()
        want = frr.wanted(self._bgp, self._interfaces, plan)
        changes = frr.changes(self._bgp, want, self._there or ())
        told = frozenset((*above, line) for above, line in changes)
        if told <= self._silent:
            return False
        self._there = None
        said = await run(self._bgp.vtysh, frr.commands(changes) + _SHOW)
        if trouble := [line for line in said.splitlines() if line.startswith("%")]:
            raise SpeakerError(f"FRR says: {trouble[0].lstrip('% ')}")
        there = self._see(said)
        if lost := frr.lost(self._bgp, told, there):
            self._there = None
            raise SpeakerError(f"{' '.join(self._bgp.vtysh)} was told, and does not show: {lost}")
        self._silent = frr.defaults(told, there)
        return True

    async def look(self) -> None:
        self._there = None
        self._see(await run(self._bgp.vtysh, _SHOW))

    async def close(self) -> None:
        """FRR goes on."""

    def _see(self, said: str) -> list[frr.Line]:
        text, brace, shown = said.partition("\n{")
        self._there = frr.found(text)
        self.sessions = frr.sessions(brace.strip() + shown, self._bgp)
        return self._there


class Program:
    """Gets ``{"announce": PREFIX, "next_hops": [...], "prepend": N, "graceful_shutdown": BOOL}`` and ``{"withdraw":
    PREFIX}``; all announcements and withdrawals again whenever it is started, as it is when it has ended."""

    def __init__(self, bgp: Bgp, interfaces: tuple[Interface, ...]) -> None:
        self.sessions: dict[str, bool] = {}
        self._bgp = bgp
        self._own = [own.ip for interface in interfaces for own in interface.addresses]
        self._process: Process | None = None
        self._told = NOTHING
        self._left: frozenset[IpNetwork] = frozenset()
        """What programs that have ended may have had announced, which stays."""
        self._is_new = True
        """It was told nothing yet."""

    async def tell(self, plan: Plan) -> bool:
        await self.look()
        if self._is_new:
            self._left |= plan.absent
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
        self._told, self._left, self._is_new = plan, frozenset(), False
        return True

    async def look(self) -> None:
        if self._process is not None and self._process.returncode is None:
            return
        ended, self._process = self._process, None
        self._left |= self._by_prefix(self._told).keys()
        self._told, self._is_new = NOTHING, True
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
        for prefix in _ordered((before.keys() | self._left) - after.keys()):
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
