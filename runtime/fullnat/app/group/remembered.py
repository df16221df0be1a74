"""Which switches of the group hold everything, kept in the state directory: what the next controller may believe."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable
from pathlib import Path

from fullnat.app.replacing import replace

_LOGGER = logging.getLogger(__name__)


class Remembered:
    """``active`` was so last, and ``full`` are those that held what it did; both by name. Nothing, if there is no
    file, or none that can be read."""

    def __init__(self, directory: Path) -> None:
        self.active: str | None = None
        self.full: frozenset[str] = frozenset()
        self.drained: frozenset[str] = frozenset()
        """Those that are out of service by command."""
        self._path = directory / "switches"
        self._failing = False
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            active, full = found["active"], found["full"]
            if not isinstance(active, str | None) or not all(isinstance(name, str) for name in full):
                raise ValueError
            self.active, self.full = active, frozenset(full)
            self.drained = frozenset(str(name) for name in found.get("drained", ()))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            _LOGGER.warning("%s cannot be read, and no switch is known to be full: %s", self._path, error)

    def write(self, active: str, full: Collection[str]) -> None:
        """Remember these, if they are others."""
        if (active, frozenset(full)) == (self.active, self.full):
            return
        self.active, self.full = active, frozenset(full)
        self._keep()

    def drain(self, names: Iterable[str]) -> None:
        """Remember that these are out of service."""
        self.drained = frozenset(names)
        self._keep()

    def _keep(self) -> None:
        found = {"active": self.active, "full": sorted(self.full), "drained": sorted(self.drained)}
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace(self._path, (json.dumps(found) + "\n").encode())
        except OSError as error:
            if not self._failing:
                _LOGGER.error("%s: %s; the next controller may wait for a switch in vain", self._path, error.strerror)
            self._failing = True
        else:
            self._failing = False
