"""What listings of sessions and templates can be asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fullnat.app.selection import is_mark, is_one, selects
from fullnat.app.shown import session_json, template_json
from fullnat.core.protocols.base import PROTOCOLS
from fullnat.core.views import SessionView, TemplateView

FILTERS = ("client", "virtual", "local", "server", "state", "protocol")
"""What sessions can be selected by: an address, address:port or a prefix; state and protocol by name."""
OF_TEMPLATES = ("client", "virtual", "server", "protocol")
"""The same of templates."""
_NAMED = {
    "state": {
        state.name.lower(): state.name for protocol in PROTOCOLS.values() for state in type(protocol.established)
    },
    "protocol": {name: name for name in PROTOCOLS},
}
"""Filters whose values are names, and those, by what they are in small letters."""


class UnknownFilter(ValueError):
    """Not one that there is, or a value that nothing ever has."""


def check(filters: Mapping[str, str], there: Sequence[str]) -> None:
    """Raises UnknownFilter."""
    for name, wanted in filters.items():
        if name not in there:
            raise UnknownFilter(f"unknown filter {name!r}; there are {', '.join(there)}")
        known = _NAMED.get(name)
        if known is not None and wanted.lower() not in known:
            raise UnknownFilter(f"unknown {name} {wanted!r}; there are {', '.join(known.values())}")
        if known is None and not is_one(wanted) and not (name == "virtual" and is_mark(wanted)):
            raise UnknownFilter(f"{name} {wanted!r} is none of ADDRESS, ADDRESS:PORT and PREFIX/LENGTH")


def matches(view: SessionView, filters: Mapping[str, str]) -> bool:
    """Whether a session has every value asked for; an address matches with any port, a prefix with any address, and the
    name of its service beside the virtual address and port."""
    session = session_json(view)
    for name, wanted in filters.items():
        value = str(session[name])
        if name in ("state", "protocol"):
            if value.lower() != wanted.lower():
                return False
        elif not selects(wanted, value) and not (name == "virtual" and selects(wanted, str(view.service))):
            return False
    return True


def is_of(view: TemplateView, filters: Mapping[str, str], virtuals: Iterable[str]) -> bool:
    """The same of a template, whose client may be a prefix that has the one asked for; ``virtuals`` are what its
    service is found by."""
    template = template_json(view)
    for name, wanted in filters.items():
        if name == "protocol":
            found = template[name] == wanted.lower()
        elif name == "server":
            found = selects(wanted, template[name])
        else:
            values = virtuals if name == "virtual" else (template[name],)
            found = any(selects(wanted, value) or selects(value, wanted) for value in values)
        if not found:
            return False
    return True
