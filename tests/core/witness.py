"""A switch that sees to it that nobody is left in ignorance."""

from __future__ import annotations

from collections import Counter

from fullnat.core.interface import Effect, Inject, Op, Outcome, Reset
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import Entry

from .builders import EVENT
from .switch import FakeSwitch


class Witness(FakeSwitch):
    """A switch that knows which connections somebody may hold for open, and objects when one of those goes without a
    word to both its ends."""

    def __init__(self, strict: bool) -> None:
        super().__init__(strict=strict)
        self.stands: dict[int, set[str]] = {}
        self.unjudged: dict[int, set[str]] = {}
        self.told: Counter[int] = Counter()

    def hears(self, number: int, event: str, mark: int) -> None:
        stands, unjudged = self.stands.setdefault(number, set()), self.unjudged.setdefault(number, set())
        is_end = event.startswith(("FIN", "RST"))
        if is_end and mark == EVENT["RESUMED"]:
            stands.discard(event)
            unjudged.discard(event)
            return
        if is_end and mark == EVENT["UNJUDGED"]:
            unjudged |= {event} - stands
        else:
            unjudged.discard(event)
        stands.add(event)

    def is_open(self, number: int, *, one_way: bool) -> bool:
        stands = self.stands.get(number, set())
        judged = stands - self.unjudged.get(number, set())
        is_over = judged >= {"FIN_IN", "FIN_OUT"} or judged >= {"RST_IN", "RST_OUT"}
        is_over = is_over or (one_way and "FIN_IN" in judged)
        return bool(stands & {"SYN_ACK", "FIN_OUT"}) and not is_over

    def begins(self, number: int) -> None:
        for known in (self.stands, self.unjudged, self.told):
            known.pop(number, None)

    def execute(self, effects: list[Effect]) -> None:
        super().execute(effects)
        for effect in effects:
            if isinstance(effect, Reset):
                self.told[effect.session_id] += 1
            elif isinstance(effect, Inject) and effect.new_session:
                self.begins(effect.session_id)

    def _update(self, operation: Op, entry: Entry, now: float) -> Outcome:
        if isinstance(entry, SessionEntry):
            number = entry.session_id
            if operation is Op.DELETE:
                is_open = self.is_open(number, one_way=entry.flow_out.src == entry.flow_in.dst)
                assert not is_open or self.told[number] >= 2, "a session went without a word"
            if operation is not Op.MODIFY:
                self.begins(number)
        return super()._update(operation, entry, now)
