"""What operators see of the switches."""

from __future__ import annotations

from fullnat.app.shown import Json, seconds

ALONE = "switch"
"""What the only one is called."""
ELSEWHERE = "elsewhere"
"""What a switch does that is another controller's, while ours stands by."""


class NotNow(Exception):
    """A switch cannot be made the active one; the message says why."""


def switch_json(
    name: str,
    role: str,
    state: str,
    reason: str,
    connects: int,
    sessions: int,
    *,
    behind: int = 0,
    filled: float = 1.0,
    fills: int = 0,
    takeovers: int = 0,
    why: str = "",
    ago: float | None = None,
    took: float | None = None,
    announced: str = "",
    neighbors: int = 0,
    neighbors_up: int = 0,
    bgp_trouble: str = "",
    bgp_changes: int = 0,
    bgp_failures: int = 0,
    program: int = 0,
    other_program: bool = False,
    packets: int = 0,
    packet_rate: float = 0.0,
) -> Json:
    """A Switch of admin.proto."""
    return {
        "name": name,
        "role": ELSEWHERE if (role, state) == ("away", "standby") else role,
        "state": state,
        "reason": reason,
        "behind": behind,
        "sessions": sessions,
        "filled": round(filled, 3),
        "fills": fills,
        "connects": connects,
        "takeovers": takeovers,
        "why": why,
        "ago": seconds(ago),
        "took": seconds(took),
        "announced": announced,
        "neighbors": neighbors,
        "neighbors_up": neighbors_up,
        "bgp_trouble": bgp_trouble,
        "bgp_changes": bgp_changes,
        "bgp_failures": bgp_failures,
        "program": program,
        "other_program": other_program,
        "packets": packets,
        "packet_rate": round(packet_rate, 1),
    }
