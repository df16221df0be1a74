"""Writes what fullnat.core.session.lifecycle and fullnat.core.protocols.tcp say into docs/life-of-a-session.md.

python docs/lifecycle_diagram.py
"""

from __future__ import annotations

from pathlib import Path

from fullnat.core.protocols.tcp import RULES
from fullnat.core.session.lifecycle import STEPS, Phase, Step

PAGE = Path(__file__).with_name("life-of-a-session.md")


def phases() -> str:
    """The phases as a Mermaid state diagram."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {Phase.NEW.name}"]
    for phase, steps in STEPS.items():
        leads: dict[Phase, list[Step]] = {}
        for step, after in steps.items():
            leads.setdefault(after, []).append(step)
        for after, by in leads.items():
            names = ", ".join(step.name.lower() for step in by)
            lines.append(f"    {phase.name} --> {after.name}: {names}")
    return "\n".join([*lines, f"    {Phase.GONE.name} --> [*]", "```"])


def states() -> str:
    """The rules of the TCP states as a table."""
    lines = ["| reported, and not withdrawn | state |", "|---|---|"]
    for state, events in RULES:
        lines.append(f"| {', '.join(event.name for event in events) or 'anything else'} | {state.name} |")
    return "\n".join(lines)


PARTS = {"phases": phases, "states": states}


def page(text: str) -> str:
    """``text`` with every part as it should be. Raises ValueError when a marker is missing."""
    for name, part in PARTS.items():
        begin, end = f"<!-- {name}: made by docs/lifecycle_diagram.py -->\n", f"<!-- end of {name} -->"
        start = text.index(begin) + len(begin)
        text = text[:start] + part() + "\n" + text[text.index(end, start) :]
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
