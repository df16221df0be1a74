"""What is right in a configuration, and hardly meant."""

from __future__ import annotations

from collections.abc import Iterator

from fullnat.config.model import Config


def advice(config: Config) -> Iterator[str]:
    """What the file says in vain, with its place, and each virtual server that refuses all of its clients; one line
    each."""
    yield from config.vain
    for virtual in config.virtual_servers:
        name = f"virtual server {virtual.protocol} {virtual.address}:{virtual.port}"
        if not virtual.real_servers:
            yield f"{name} has no real servers: its clients get no answer"
        elif not any(real.weight for real in virtual.real_servers):
            yield f"{name} has only real servers of weight 0, which take no new sessions: its clients get no answer"
