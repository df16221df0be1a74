"""What changes the configuration while the controller runs: commands and the file, one at a time, each as a whole or
not at all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from fullnat.app.group.shown import NotNow
from fullnat.app.runner import CoreRunner
from fullnat.compiled import V1MODEL
from fullnat.config import file
from fullnat.config.describe import described
from fullnat.config.diff import diff, model_of
from fullnat.config.errors import ConfigError
from fullnat.config.merge import merged
from fullnat.config.model import Config
from fullnat.config.parts import Part, part
from fullnat.config.servers import SwitchSettings, all_forward
from fullnat.config.share import ALONE, Share
from fullnat.config.switches import apart
from fullnat.core.declared.commands import Command, CommandError, ServiceKey
from fullnat.core.declared.model import Model
from fullnat.words import counted, quoted

_LOGGER = logging.getLogger(__name__)
TOLD = 20
"""Lines of the log that one change may have."""
FIRST = 3
"""Refusals of the switch that are told."""


class Group(Protocol):
    """Switches that may be exchanged (:class:`fullnat.app.group.owner.GroupOwner`)."""

    @property
    def switches(self) -> tuple[SwitchSettings, ...]: ...

    def would_change(self, switches: Sequence[SwitchSettings]) -> list[str]: ...

    async def change(self, switches: Sequence[SwitchSettings]) -> list[str]: ...


class Refused(Exception):
    """The switch has refused some of it, or another controller leads, and everything is as before; the message says
    what."""


class Reloaded(NamedTuple):
    changes: list[str]
    """What changed, or would, one line each."""
    by_command: list[str]
    """What commands had made different from the file."""


class Changes:
    def __init__(
        self,
        runner: CoreRunner,
        path: Path,
        taken: Callable[[Config], None] = lambda _config: None,
        keep: bool = False,
        target: str = V1MODEL,
        switches: Sequence[SwitchSettings] = (),
        group: Group | None = None,
        share: Share = ALONE,
    ) -> None:
        """The core runs what the file at ``path`` says, on ``switches``, which are those of ``group``; of a file with
        several groups what is ours by ``share``. ``taken`` hears of a configuration that was taken over; ``keep`` is
        what :meth:`reload` does when it is not told."""
        self._runner = runner
        self._path = path
        self._target = target
        self._switches = tuple(switches)
        """As the file had them."""
        self._group = group
        self.share = share
        """As the file had it when it was last read."""
        self._taken = taken
        self._keep = keep
        self._file = runner.core.model.copy()
        """The model as the file had it when it was last read."""
        self._one_at_a_time = asyncio.Lock()
        self._closed = ""
        self._kept: Callable[[], Awaitable[None]] | None = None

    def close(self, reason: str) -> None:
        """Have nothing changed here from now on, for this reason; "": it may be."""
        self._closed = reason

    def keep(self, kept: Callable[[], Awaitable[None]] | None) -> None:
        """What changes is told of only when ``kept`` is through."""
        self._kept = kept

    @property
    def model(self) -> Model:
        return self._runner.core.model

    async def apply(self, commands: Sequence[Command]) -> list[str]:
        """Carry out all of ``commands``; what they change. Raises CommandError or Refused, and then nothing has."""
        async with self._one_at_a_time:
            self._require_open()
            self._require_ours(commands)
            return await self._carry_out(commands)

    def check(self, commands: Sequence[Command]) -> list[str]:
        """What ``commands`` would change. Raises CommandError if they cannot be carried out."""
        self._require_ours(commands)
        return self._checked(commands)

    def _checked(self, commands: Sequence[Command]) -> list[str]:
        self._runner.check(commands)
        return described(commands, self.model)

    async def reload(self, keep: bool | None = None, dry_run: bool = False) -> Reloaded:
        """Read the file again and carry out the difference. What commands have made different from the file is undone,
        or with ``keep`` left where the file did not change. Raises ConfigError or Refused, and then nothing has
        changed."""
        async with self._one_at_a_time:
            if not dry_run:
                self._require_open()
            keeps = self.keeps(keep)
            # What is compared is changed by nobody but us.
            (config, share, _), new, told, commands = await asyncio.to_thread(self._compared, keeps)
            switches = self._wanted(config, keeps)
            try:
                changes = self._checked(commands)
                moves = self._moves(share)
                if dry_run:
                    return Reloaded(moves + self._regrouped(switches) + changes, told)
                before = self._running
                moves += await self._regroup(switches)
                try:
                    changes = moves + await self._carry_out(commands)
                except Refused:
                    await self._regroup(before)
                    raise
            except CommandError as error:
                raise ConfigError(error.messages) from None
            self._file, self._switches, self.share = new, config.switches, share
            self._taken(config)
            _tell(f"changed by command and not in the file, {'kept' if keeps else 'undone'}: %s", told)
            _LOGGER.info("configuration reloaded from %s: %s", self._path, counted(len(changes), "change"))
            _tell("%s", changes)
            return Reloaded(changes, told)

    async def compare(self, text: str) -> list[str]:
        """What the configuration in ``text``, TOML, would change. Raises ConfigError."""
        whole = await asyncio.to_thread(file.parse, text, target=self._target)
        config, share, _ = await asyncio.to_thread(part, whole, self.share.own)
        self._require_same(config)
        commands = diff(self.model, model_of(config))
        try:
            return self._moves(share) + self._regrouped(config.switches) + self._checked(commands)
        except CommandError as error:
            raise ConfigError(error.messages) from None

    async def adopt(self, text: str, name: str) -> None:
        """Run what another controller runs. Raises ConfigError, and then nothing has changed."""
        async with self._one_at_a_time:
            config = await asyncio.to_thread(file.parse, text, name, self._target, self._switches, runs=True)
            changes = await asyncio.to_thread(lambda: described(diff(self.model, model_of(config)), self.model))
            self._runner.reconfigure(config)
            self._taken(config)
            await asyncio.to_thread(self._reread)
            _tell("as the leader has it: %s", changes)

    def _reread(self) -> None:
        """Who has which services: in a file that is the same on every machine, and the leader has read it again."""
        if not self.share.own:
            return
        try:
            self.share = part(file.load(self._path, self._target), self.share.own).share
        except ConfigError as error:
            _LOGGER.warning("who has which services is as it was: %s", error.problems[0])

    async def arrange(self, add: SwitchSettings | None = None, remove: str | None = None) -> list[str]:
        """Have one switch more in the group, or one less; what that changes. Raises Refused, and then nothing has."""
        async with self._one_at_a_time:
            self._require_open()
            running = self._running
            if self._group is None or (remove is not None and len(running) == 1):
                raise Refused("it is the last one" if running else "there is one switch, where the command line says")
            if remove is not None and remove not in [each.name for each in running]:
                raise Refused(f"there is no switch {quoted(remove)}, but {', '.join(each.name for each in running)}")
            stay = [each for each in running if each.name != remove]
            if add is not None:
                stay.append(add)
            problems = apart(stay)
            if problems:
                raise Refused(problems[0])
            return await self._regroup(stay)

    @property
    def _running(self) -> tuple[SwitchSettings, ...]:
        return () if self._group is None else self._group.switches

    def _wanted(self, config: Config, keeps: bool) -> tuple[SwitchSettings, ...]:
        """The switches of ``config``; if commands are kept, with those that they have added, without those that they
        have removed."""
        if not keeps or self._group is None:
            return config.switches
        running = self._running
        added = [each for each in running if each not in self._switches]
        names = {each.name for each in added}
        removed = [each for each in self._switches if each not in running]
        return (*(each for each in config.switches if each not in removed and each.name not in names), *added)

    def _regrouped(self, switches: Sequence[SwitchSettings]) -> list[str]:
        """What :meth:`_regroup` would tell."""
        return [] if self._group is None else self._group.would_change(switches)

    async def _regroup(self, switches: Sequence[SwitchSettings]) -> list[str]:
        """Have these switches. Raises Refused, and then nothing has changed."""
        if self._group is None or tuple(switches) == self._group.switches:
            return []
        try:
            return await self._group.change(switches)
        except NotNow as error:
            raise Refused(str(error)) from None

    def _require_open(self) -> None:
        if self._closed:
            raise Refused(self._closed)

    def _require_ours(self, commands: Sequence[Command]) -> None:
        """Raises CommandError for what another group's controller has to carry out."""
        if problems := self.share.refusals(commands, self.model):
            raise CommandError(problems)

    def _moves(self, share: Share) -> list[str]:
        """What comes from other groups and goes there when ``share`` is as things are."""
        core, now = self._runner.core, asyncio.get_running_loop().time()

        def sessions(key: ServiceKey) -> int:
            view = core.service(key, now)
            return 0 if view is None else sum(server.active + server.inactive for server in view.servers)

        used = {local.address: local.used for local in core.local_addresses()} if share.own else {}
        return self.share.moves(share, self.model, sessions, used)

    def _compared(self, keeps: bool) -> tuple[Part, Model, list[str], list[Command]]:
        """The file as it is now, and its model; what commands have made different from what it was, in words; and what
        leads from what runs to where a reload shall."""
        found = part(file.load(self._path, self._target), self.share.own)
        self._require_same(found.config)
        new = model_of(found.config)
        told = described(diff(self._file, self.model), self._file)
        wanted = merged(self._file, new, self.model) if keeps else new
        for key in [key for key in wanted.services if found.share.holder(key, wanted.services[key].settings.inward)]:
            # A command has made it, when it was ours.
            del wanted.services[key]
        return found, new, told, diff(self.model, wanted)

    def _require_same(self, config: Config) -> None:
        """Raises ConfigError if ``config`` has other switches than those that run, and they cannot be exchanged."""
        ours, new = self._running, config.switches
        if bool(ours) is not bool(new):
            raise ConfigError(["whether there are sections [[switch]] is decided at the start alone: restart"])
        if ours != new and (all_forward(ours) or all_forward(new)):
            raise ConfigError(["sections [[switch]] with networks of their own are read at the start alone: restart"])
        if [each for each in ours if each.embedded] != [each for each in new if each.embedded]:
            raise ConfigError(["which [[switch]] is embedded is decided at the start alone: restart"])

    def keeps(self, keep: bool | None) -> bool:
        """Whether :meth:`reload` with ``keep`` leaves what commands have changed."""
        return self._keep if keep is None else keep

    async def _carry_out(self, commands: Sequence[Command]) -> list[str]:
        before = self.model.copy()
        changes = described(commands, before)
        refused = await self._runner.settle(commands)
        if refused:
            await self._runner.settle(diff(self.model, before))
            more = f", and {len(refused) - FIRST} more" if len(refused) > FIRST else ""
            raise Refused(f"the switch refused it, and all is as before: {'; '.join(refused[:FIRST])}{more}")
        if self._kept is not None and commands:
            await self._kept()
        return changes


def _tell(form: str, lines: Sequence[str]) -> None:
    for line in lines[:TOLD]:
        _LOGGER.info(form, line)
    if len(lines) > TOLD:
        _LOGGER.info("and %d more", len(lines) - TOLD)
