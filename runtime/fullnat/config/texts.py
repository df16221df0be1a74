"""Which settings are text, even where it looks like a number."""

from __future__ import annotations

from dataclasses import fields

from fullnat.config.model import Check, ServerSettings, ServiceSettings

TEXTS = frozenset(
    each.name
    for kind in (ServiceSettings, ServerSettings, Check)
    for each in fields(kind)
    if str(each.type).startswith(("str", "Mode", "IpAddress"))
)
