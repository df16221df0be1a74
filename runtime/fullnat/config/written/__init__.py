"""Configurations written out: as TOML, as keepalived.conf, as the lines of ``ipvsadm -S``. What one of them cannot say
is named, never left out in silence."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fullnat.config.written import ipvsadm, keepalived, toml
from fullnat.config.written.document import Section, document

__all__ = ["GRAMMARS", "document"]

GRAMMARS: Mapping[str, Callable[[Section], tuple[str, list[str]]]] = {
    "toml": lambda section: (toml.text(section), []),
    "keepalived": keepalived.text,
    "ipvsadm": ipvsadm.text,
}
"""The text, and what it leaves unsaid, by the name of the grammar."""
