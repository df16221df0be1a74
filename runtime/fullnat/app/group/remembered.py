"""Which switches of the group hold everything: what the next controller may believe. It is kept in the state directory,
or in etcd by controllers that share it (:mod:`fullnat.app.shared.switches`)."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable
from ipaddress import ip_address
from pathlib import Path

from fullnat.app.replacing import replace

_LOGGER = logging.getLogger(__name__)


class Remembered:
    """``active`` was so last, ``full`` are those that held what it did, and ``held`` those that a controller writes to,
    of its ``group``; all by name. Nothing, at first."""

    shared = False
    """Other controllers go by it."""

    def __init__(self) -> None:
        self.active: str | None = None
        self.full: frozenset[str] = frozenset()
        self.held: frozenset[str] = frozenset()
        self.group: frozenset[str] = frozenset()
        self.drained: frozenset[str] = frozenset()
        """Those that are out of service by command."""
        self.announced: frozenset[str] = frozenset()
        """Addresses that programs may have been told to announce."""

    def write(self, active: str, full: Collection[str]) -> None:
        """Remember these, if they are others."""
        if (active, frozenset(full)) != (self.active, self.full):
            self.active, self.full = active, frozenset(full)
            self.keep(self._text())

    def drain(self, names: Iterable[str]) -> None:
        """Remember that these are out of service."""
        self.drained = frozenset(names)
        self.keep(self._text())

    def announce(self, addresses: Iterable[str]) -> None:
        """Remember these, if they are others."""
        if (announced := frozenset(addresses)) != self.announced:
            self.announced = announced
            self.keep(self._text())

    async def hold(self, held: frozenset[str], group: frozenset[str]) -> None:
        """Until others would know that we write to these of our switches."""

    def release(self, held: frozenset[str]) -> None:
        """We write to these alone."""

    def keep(self, text: str) -> None:
        """Have the next controller know it."""

    def take(self, text: str | bytes) -> None:
        """What :meth:`keep` has kept. Raises ValueError for what never was."""
        try:
            found = json.loads(text)
            active, full = found["active"], found["full"]
            held, group, drained, announced = (
                found.get(each, []) for each in ("held", "group", "drained", "announced")
            )
            names = (*full, *held, *group, *drained)
            if not isinstance(active, str | None) or not all(isinstance(name, str) for name in names):
                raise ValueError
            addresses = frozenset(str(ip_address(each)) for each in announced)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"{type(error).__name__} {error}") from None
        self.active, self.full = active, frozenset(full)
        self.held, self.group, self.drained = frozenset(held), frozenset(group), frozenset(drained)
        self.announced = addresses

    def _text(self) -> str:
        said = {"active": self.active, "full": sorted(self.full), "drained": sorted(self.drained)}
        if self.announced:
            said["announced"] = sorted(self.announced)
        if self.shared:
            said |= {"held": sorted(self.held), "group": sorted(self.group)}
        return json.dumps(said) + "\n"


class OnDisk(Remembered):
    """In the state directory: nothing, if there is no file, or none that can be read."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._path = directory / "switches"
        self._failing = False
        try:
            self.take(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            _LOGGER.warning("%s cannot be read, and no switch is known to be full: %s", self._path, error)

    def keep(self, text: str) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace(self._path, text.encode())
        except OSError as error:
            if not self._failing:
                _LOGGER.error("%s: %s; the next controller may wait for a switch in vain", self._path, error.strerror)
            self._failing = True
        else:
            self._failing = False
