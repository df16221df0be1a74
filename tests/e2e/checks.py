"""What every end-to-end test asks for at its end."""

from __future__ import annotations

from topo.stack import Json
from topo.world import World

CLOSING = {"time_wait": 1.0, "close": 1.0, "fin_wait": 2.0, "close_wait": 2.0, "last_ack": 2.0}
"""Timeouts of the closing states that let a test see the end of its sessions soon."""


def assert_all_good(report: Json, connections: int) -> None:
    """Every connection of a conn_load came to its good end."""
    assert report["failures"] == {}
    assert report["ok"] == connections


def assert_clean(world: World) -> None:
    """No checksum errors anywhere, no corrupted request, and nothing left over in the controller."""
    world.drained()
    assert world.errors() == {}
    for server in world.servers:
        stats = world.server_stats(server)
        assert stats["corrupted"] == 0
        assert stats["errors"] == 0
