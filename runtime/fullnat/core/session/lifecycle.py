"""The life cycle of a session in the controller as data: phases, steps, and which step leads where.

A phase is what the controller is doing with a session; the state of its protocol (:mod:`fullnat.core.protocols`) is
another matter. Every change of phase goes through :func:`after`. docs/life-of-a-session.md has the diagram of these
tables, made by docs/lifecycle_diagram.py.
"""

from __future__ import annotations

from enum import IntEnum


class Phase(IntEnum):
    NEW = 0
    """Holds its resources; nothing is asked of the switch."""
    INSTALLING = 1
    """The insert is under way; its SYN is held."""
    INSTALLED = 2
    REUSING = 3
    """A new connection of the same client takes it over; the modify is under way, the SYN is held."""
    EXPIRING = 4
    """To be reset as soon as the rate of resets allows."""
    CLOSING = 5
    """Resets are sent; the entries stay a moment so that the resets are rewritten by them."""
    REMOVING = 6
    """The delete is under way or is repeated."""
    GONE = 7
    """All that it held is given back."""
    RESTORING = 8
    """The switch has lost it; it is to be written again."""


class Step(IntEnum):
    INSERT = 0
    """A SYN asks for it."""
    ADOPT = 1
    """It was found on the switch."""
    WRITTEN = 2
    """The switch has written what was under way."""
    REFUSED = 3
    """The switch has not, and has nothing of it, or what it had before."""
    REUSE = 4
    """Its client begins anew."""
    EXPIRE = 5
    """It is over, and its endpoints are to be told in turn."""
    RESET = 6
    """Its endpoints are told."""
    REMOVE = 7
    """Its entries are to go."""
    INTERRUPT = 8
    """The connection to the switch broke; reading the switch will tell what became of it."""
    DELETED = 9
    """Its entries are gone."""
    LOST = 10
    """The switch has come back without it."""


class IllegalStep(Exception):
    """A step that a phase does not know: an error of this program."""


_P, _S = Phase, Step
STEPS: dict[Phase, dict[Step, Phase]] = {
    _P.NEW: {_S.INSERT: _P.INSTALLING, _S.ADOPT: _P.INSTALLED},
    _P.INSTALLING: {
        _S.WRITTEN: _P.INSTALLED,
        _S.REFUSED: _P.GONE,
        _S.REMOVE: _P.REMOVING,
        _S.INTERRUPT: _P.GONE,
        _S.DELETED: _P.GONE,
    },
    _P.INSTALLED: {
        _S.REUSE: _P.REUSING,
        _S.EXPIRE: _P.EXPIRING,
        _S.RESET: _P.CLOSING,
        _S.REMOVE: _P.REMOVING,
        _S.INTERRUPT: _P.INSTALLED,
        _S.DELETED: _P.GONE,
        _S.LOST: _P.RESTORING,
    },
    _P.REUSING: {
        _S.WRITTEN: _P.INSTALLED,
        _S.REFUSED: _P.INSTALLED,
        _S.EXPIRE: _P.EXPIRING,
        _S.RESET: _P.CLOSING,
        _S.REMOVE: _P.REMOVING,
        _S.INTERRUPT: _P.INSTALLED,
    },
    _P.EXPIRING: {
        _S.REUSE: _P.REUSING,
        _S.RESET: _P.CLOSING,
        _S.REMOVE: _P.REMOVING,
        _S.INTERRUPT: _P.EXPIRING,
        _S.DELETED: _P.GONE,
        _S.LOST: _P.RESTORING,
    },
    _P.CLOSING: {_S.REMOVE: _P.REMOVING, _S.INTERRUPT: _P.CLOSING, _S.DELETED: _P.GONE},
    _P.REMOVING: {_S.REMOVE: _P.REMOVING, _S.INTERRUPT: _P.REMOVING, _S.DELETED: _P.GONE},
    _P.RESTORING: {
        _S.WRITTEN: _P.INSTALLED,
        _S.EXPIRE: _P.EXPIRING,
        _S.RESET: _P.CLOSING,
        _S.REMOVE: _P.REMOVING,
        _S.INTERRUPT: _P.INSTALLED,
    },
    _P.GONE: {},
}
"""By phase and step. What is missing is illegal."""

_NEXT = tuple(tuple(STEPS[phase].get(step) for step in Step) for phase in Phase)


def after(phase: Phase, step: Step) -> Phase:
    """The phase that ``step`` leads to. Raises IllegalStep."""
    found = _NEXT[phase][step]
    if found is None:
        raise IllegalStep(f"{step.name} in phase {phase.name}")
    return found
