"""How many packets of each reason a switch may bring, at most, as it is worth the time of those that handle them."""

from __future__ import annotations

from fullnat.core.access import refused
from fullnat.core.network import discovery, icmp_errors, neighbors, senders
from fullnat.core.session import misses
from fullnat.p4constants import PuntReason

WORTH_BRINGING: dict[int, int] = {
    PuntReason.NO_SESSION: misses.WORTH_BRINGING,
    PuntReason.LATE_ANSWER: misses.WORTH_BRINGING,
    PuntReason.ARP: discovery.WORTH_HEARING,
    PuntReason.ND: discovery.WORTH_HEARING,
    PuntReason.NEIGHBOR: discovery.WORTH_HEARING,
    PuntReason.NEIGHBOR6: discovery.WORTH_HEARING,
    PuntReason.ICMP_ERROR: icmp_errors.WORTH_BRINGING,
    PuntReason.NO_NEIGHBOR: neighbors.WORTH_BRINGING,
    PuntReason.TOO_BIG: senders.WORTH_BRINGING,
    PuntReason.TTL_EXPIRED: senders.WORTH_BRINGING,
    PuntReason.REFUSED: refused.WORTH_BRINGING,
}
"""Packets a second, and at once. Each reason has its meter: a flood of the one kind takes nothing of another's."""
