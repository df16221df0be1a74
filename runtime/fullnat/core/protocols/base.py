"""What all protocols have in common, and the register of them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import ClassVar

from fullnat.config.model import Timeouts
from fullnat.core.interface import ProbeResult
from fullnat.net.parse import Packet


class Protocol:
    """A protocol above IP, as its sessions go. The state of a session is a function of the SessionEvent bits that
    stand, in whatever order they were reported."""

    name: ClassVar[str]
    """The configuration's."""
    number: ClassVar[int]
    """In the IP header (IANA)."""
    is_numbered: ClassVar[bool] = True
    """What its endpoints send has sequence numbers, which are moved, and resets end its sessions."""
    initial: ClassVar[IntEnum]
    """The state of a session of which nothing is known."""
    established: ClassVar[IntEnum]
    """The state in which a session counts as active, and lasts as long as the service says."""
    established_timeout: ClassVar[float]
    """Seconds for that, where the service says nothing."""
    challenging: ClassVar[frozenset[IntEnum]]
    """States in which the endpoints themselves deal with a packet that opens a session."""
    sees_servers: ClassVar[bool] = True
    """False where servers answer past the switch."""
    opened: int
    """The bits of an established session."""
    aborted: int
    """The bits that the controller's own resets stand as."""
    answers: int
    """Bits that prove that the server agreed."""
    words: int
    """Bits that prove that the server has sent anything; 0 where nobody can know."""
    client_ended: int
    """Bits that tell the end of what the client sends."""

    @property
    def one_way(self) -> Protocol:
        """The same where servers answer past the switch."""
        return self

    def opening(self, packet: Packet) -> int | None:
        """The initial sequence number of a packet that opens a session; None for one that does not, or has none."""
        raise NotImplementedError

    def opens(self, packet: Packet) -> bool:
        """Whether a packet of a protocol without numbers opens a session."""
        return True

    def state(self, bits: int) -> IntEnum:
        raise NotImplementedError

    def told(self, bits: int, unjudged: int, report: int) -> tuple[int, int]:
        """``bits``, and those of them that nobody could judge, after a ``report`` of the switch."""
        raise NotImplementedError

    def taken_back(self, bits: int, ends: int) -> int:
        """``bits`` without these ``ends``, which traffic has contradicted."""
        return bits & ~ends

    def is_open(self, bits: int, unjudged: int) -> bool:
        """An endpoint may hold the session for open, and can be told of its end."""
        raise NotImplementedError

    def is_over(self, bits: int, unjudged: int) -> bool:
        """Both endpoints have ended it, for all that was reported: only the time of its state is left, which no packet
        restarts. The switch takes a report back that turns out to be wrong."""
        raise NotImplementedError

    def converses(self, counters: ProbeResult) -> bool:
        """The counters alone tell that the session is established: the reports of it were lost."""
        raise NotImplementedError

    def timeouts(self, configured: Timeouts) -> tuple[float, ...]:
        """Seconds by state. Of the established state it is only the default: every session carries its own
        (SessionEntry.idle_timeout)."""
        raise NotImplementedError

    def unjudged_timeout(self, state: IntEnum, bits: int, timeouts: Sequence[float], established: float) -> float:
        """Seconds that a session in ``state`` may be idle whose end the switch could not judge. ``timeouts`` are its
        service's, ``established`` its own."""
        return timeouts[state]


PROTOCOLS: dict[str, Protocol] = {}
"""By name."""
BY_NUMBER: dict[int, Protocol] = {}


def register(protocol: type[Protocol]) -> None:
    """One instance of ``protocol`` serves all sessions. No class decorator: mypyc compiles no class with one."""
    made = protocol()
    PROTOCOLS[made.name] = BY_NUMBER[made.number] = made


def positive(seconds: float, otherwise: float) -> float:
    """``seconds``, or ``otherwise`` when it is zero or less: a timeout of zero never means at once."""
    return seconds if seconds > 0 else otherwise
