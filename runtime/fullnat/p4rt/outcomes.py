"""What the codes of P4Runtime say of an update, and what the core is told."""

from __future__ import annotations

from fullnat.core.interface import Op, Outcome
from fullnat.p4rt.errors import Code

_OUTCOMES: dict[tuple[Op, int], Outcome] = {
    (Op.INSERT, Code.ALREADY_EXISTS): Outcome.EXISTS,
    (Op.INSERT, Code.RESOURCE_EXHAUSTED): Outcome.FULL,
    # What switches say that only know that their target refused: BMv2, and Stratum on Tofino.
    (Op.INSERT, Code.UNKNOWN): Outcome.FULL,
    (Op.MODIFY, Code.NOT_FOUND): Outcome.ABSENT,
    (Op.DELETE, Code.NOT_FOUND): Outcome.ABSENT,
}


def outcome(op: Op, code: int) -> Outcome:
    """The outcome of an update that failed with a canonical gRPC code (P4Runtime specification 12.1)."""
    return _OUTCOMES.get((op, code), Outcome.REFUSED)
