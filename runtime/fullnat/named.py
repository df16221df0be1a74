"""Lines of the log that say which switch of a group they are about."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

_SWITCH = ContextVar("switch", default="")


def about(switch: str) -> None:
    """What the calling task logs from now on, and those that it starts, is about ``switch``."""
    _SWITCH.set(switch)


class _Named(logging.LoggerAdapter[logging.Logger]):
    def process(self, msg: str, kwargs: MutableMapping[str, Any]) -> tuple[str, MutableMapping[str, Any]]:
        if not (name := _SWITCH.get()):
            return msg, kwargs
        return f"switch {name}: {msg}", {**kwargs, "extra": {"fields": {"switch": name}}}


def logger(module: str) -> logging.LoggerAdapter[logging.Logger]:
    """That of ``module``; what it is given begins with the switch's name, if it is one of several."""
    return _Named(logging.getLogger(module))
