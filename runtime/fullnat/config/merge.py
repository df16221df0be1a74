"""A new file beside what commands have changed since the old one was read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from fullnat.core.declared.model import Declared, Model

K = TypeVar("K")
V = TypeVar("V")


def merged(old: Model, new: Model, current: Model) -> Model:
    """``current`` with the difference between the files ``old`` and ``new``: what they have alike stays as commands
    have made it, and where they differ the new one has the last word. A service that commands have removed and whose
    settings, servers or local addresses the file changes is as the file has it."""
    services = _merged(old.services, new.services, current.services)
    for key, declared in new.services.items():
        was, now = old.services.get(key), current.services.get(key)
        if was is not None and now is not None and key in services:
            services[key] = _service(was, declared, now)
    return Model(
        new.settings if new.settings != old.settings else current.settings,
        _merged(old.interfaces, new.interfaces, current.interfaces),
        _merged(old.routes, new.routes, current.routes),
        services,
        new.access if new.access != old.access else current.access,
    )


def _service(old: Declared, new: Declared, current: Declared) -> Declared:
    return Declared(
        new.settings if new.settings != old.settings else current.settings,
        _merged(old.servers, new.servers, current.servers),
        _merged(old.locals, new.locals, current.locals),
        new.access if new.access != old.access else current.access,
    )


def _merged(old: Mapping[K, V], new: Mapping[K, V], current: Mapping[K, V]) -> dict[K, V]:
    """In the order of the new file, and what only commands have behind it."""
    found: dict[K, V] = {}
    for key, value in new.items():
        if key not in old or old[key] != value:
            found[key] = value
        elif key in current:
            found[key] = current[key]
    found.update((key, value) for key, value in current.items() if key not in new and key not in old)
    return found
