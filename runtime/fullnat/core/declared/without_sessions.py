"""Services without sessions (``sessions = false``): what they cannot have, as it takes a session, or a controller that
sees each flow begin."""

from __future__ import annotations

from collections.abc import Iterator

from fullnat.config.model import ServerSettings, ServiceSettings
from fullnat.core.declared.modes import Mode

SCHEDULER = "mh"
_WITH_SESSIONS = (
    *("max_sessions", "new_rate", "ops", "persistence_timeout", "persistence_group", "quic_config", "slow_start"),
    "drain_timeout",
)
_OF_SERVER = ("upper_threshold", "lower_threshold", "quic_id")


def objections(settings: ServiceSettings) -> Iterator[tuple[str, str]]:
    """Options of a service with what is wrong with each."""
    if settings.sessions:
        return
    if settings.scheduler != SCHEDULER:
        yield "scheduler", f"sessions = false needs scheduler {SCHEDULER}, not {settings.scheduler}"
    yield from ((name, f"{name} needs sessions") for name in _WITH_SESSIONS if getattr(settings, name))


def objections_to_server(settings: ServerSettings, mode: Mode) -> Iterator[tuple[str, str]]:
    """The same of a real server of such a service."""
    if not mode.keeps_destination:
        yield "mode", f"{mode} needs sessions: without, a server is in dr, tunnel or gue"
    yield from ((name, f"{name} needs sessions") for name in _OF_SERVER if getattr(settings, name))
