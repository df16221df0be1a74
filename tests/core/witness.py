"""A switch that sees to it that nobody is left in ignorance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from fullnat.core.interface import Effect, Inject, Op, Outcome, Reset, Write
from fullnat.core.session.lifecycle import Phase
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import Entry

from .builders import EVENT
from .switch import FakeSwitch


class Witness(FakeSwitch):
    """A switch that knows which connections somebody may hold for open, and objects when one of those goes without a
    word to both its ends."""

    def __init__(self, strict: bool) -> None:
        super().__init__(strict=strict)
        self.phase_of: Callable[[int], Phase | None] = lambda _number: None
        """What the controller is doing with a session."""
        self.is_succeeded: Callable[[int], bool] = lambda _number: False
        """Whether its client goes by a cookie, and has nothing of it; its server's next SYN-ACK finds no session, and
        is answered with a RST."""
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

    def is_asked_by_another(self) -> None:
        """A controller begins that knows nothing but what the switch has. A session whose server has sent nothing since
        the switch got it again looks as if it never had, once its client sends something."""
        for number, (_, out) in self.packets.items():
            if not out:
                self.begins(number)

    def execute(self, effects: list[Effect]) -> None:
        super().execute(effects)
        for effect in effects:
            if isinstance(effect, Reset):
                self.told[effect.session_id] += 1
            elif isinstance(effect, Inject) and effect.new_session:
                self.begins(effect.session_id)
            elif isinstance(effect, Write):
                self._asked(effect)

    def _asked(self, write: Write) -> None:
        """A session that is written again after the switch has lost it goes on; every other one begins."""
        for operation, entry in write.updates:
            if operation is not Op.INSERT or not isinstance(entry, SessionEntry):
                continue
            if self.phase_of(entry.session_id) is not Phase.RESTORING:
                self.begins(entry.session_id)

    def _update(self, operation: Op, entry: Entry, now: float) -> Outcome:
        if isinstance(entry, SessionEntry):
            number = entry.session_id
            if operation is Op.DELETE:
                is_open = self.is_open(number, one_way=entry.flow_out.src == entry.flow_in.dst)
                is_open = is_open and not self._awaits_server(number) and not self.is_succeeded(number)
                assert not is_open or self.told[number] >= 2, "a session went without a word"
            if operation is Op.DELETE or (operation is Op.MODIFY and self._begins_anew(entry)):
                self.begins(number)
        return super()._update(operation, entry, now)

    def _awaits_server(self, number: int) -> bool:
        """A cookie has begun it, and its client knows of no server's numbers: it gets a RST of its own. The server's
        next SYN-ACK finds no session, and is answered with one."""
        entry = self.sessions().get(number)
        return entry is not None and entry.splice is not None and not entry.splice.number

    def _begins_anew(self, entry: SessionEntry) -> bool:
        """Its client has begun another connection."""
        before = self.sessions().get(entry.session_id)
        return before is not None and (before.client_isn, before.delta) != (entry.client_isn, entry.delta)
