"""What the demonstration promises, and whether it came true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


def named(counts: Mapping[str, int]) -> str:
    """``a: 1, b: 2``, sorted by name."""
    return ", ".join(f"{name}: {count}" for name, count in sorted(counts.items()))


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    passed: bool
    detail: str


@dataclass(slots=True)
class Checks:
    """Collects checks; :attr:`passed` once every one of them passed."""

    console: Console
    done: list[Check] = field(default_factory=list)

    def that(self, passed: bool, name: str, detail: object = "") -> None:
        """Note that ``name`` is true or not; ``detail`` is what was seen."""
        check = Check(name, passed, str(detail))
        self.done.append(check)
        mark = "[green]✓[/]" if passed else "[bold red]✗[/]"
        shown = f" [dim]({check.detail})[/]" if check.detail else ""
        self.console.print(f"  {mark} {name}{shown}", highlight=False)

    @property
    def passed(self) -> bool:
        return bool(self.done) and all(check.passed for check in self.done)

    def summary(self) -> Table:
        table = Table(title="Summary", title_justify="left", show_lines=False)
        table.add_column("", width=2)
        table.add_column("what must hold", overflow="fold")
        table.add_column("seen", overflow="fold")
        for check in self.done:
            mark = "[green]✓[/]" if check.passed else "[bold red]✗[/]"
            table.add_row(mark, check.name, check.detail)
        return table
