"""What a service cannot have where several switches forward, each on a network of its own."""

from __future__ import annotations

from collections.abc import Iterator

from fullnat.config.model import ServiceSettings


def of_several(settings: ServiceSettings) -> Iterator[tuple[str, str]]:
    """The options in the way, and why."""
    if settings.ops:
        yield "ops", "one-packet scheduling has the controller send datagrams on, which knows one network alone"
    if settings.mode.is_outward:
        yield "mode", f"{settings.mode} is for one network: what leaves by an interface is another one's elsewhere"
    if any(each.iif is not None or each.oif is not None for each in settings.match):
        yield "match", "an interface that a rule names is another one's elsewhere"
