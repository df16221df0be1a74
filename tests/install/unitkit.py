"""Units of systemd as far as ours go: what they would start, without systemd."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

UNITS = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
_VARIABLE = re.compile(r"\$\{(\w+)\}")


class Unit:
    """``settings`` are those of all sections, by name; an option may be given several times."""

    def __init__(self, text: str) -> None:
        self.settings: dict[str, list[str]] = defaultdict(list)
        for line in text.splitlines():
            name, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                self.settings[name].append(value)

    @classmethod
    def read(cls, path: Path) -> Unit:
        return cls(path.read_text())

    def one(self, name: str) -> str:
        """The value of a setting that is given once."""
        (value,) = self.settings[name]
        return value

    def environment(self, root: Path = Path("/")) -> dict[str, str]:
        """What Environment= and EnvironmentFile= below ``root`` say."""
        lines = list(self.settings["Environment"])
        for file in self.settings["EnvironmentFile"]:
            path = root / file.removeprefix("-").lstrip("/")
            if path.exists():
                lines += [line for line in path.read_text().splitlines() if not line.startswith("#")]
        pairs = (line.partition("=") for line in lines if "=" in line)
        return {name: " ".join(shlex.split(value)) for name, _, value in pairs}

    def command(self, environment: Mapping[str, str]) -> list[str]:
        """The words of ExecStart=: ``${X}`` is one word, ``$X`` as many as it has."""
        words: list[str] = []
        for word in shlex.split(self.one("ExecStart")):
            if word.startswith("$") and word[1:].isidentifier():
                words += environment.get(word[1:], "").split()
            else:
                words.append(_VARIABLE.sub(lambda found: environment.get(found[1], ""), word))
        return words
