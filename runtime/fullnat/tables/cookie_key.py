"""Table ``cookie_key``: what SYN cookies are made and checked by, and what the SYN-ACKs say that have them."""

from __future__ import annotations

from typing import NamedTuple

from fullnat.tables.table import Action, Owner, Table, register


class CookieKeyEntry(NamedTuple):
    wanted: int
    """A CookieKey."""
    key: int
    """64 bits, of HalfSipHash."""
    generation: int
    """The bit that cookies have of it."""
    mss: int
    """Of IPv4,"""
    mss6: int
    """and of IPv6."""
    scale: int
    """By which clients are to shift windows."""


class CookieKeyTable(Table[CookieKeyEntry]):
    name = "cookie_key"
    entry = CookieKeyEntry
    key = ("wanted",)
    actions = (Action("cookie_key_set", ("key", "generation", "mss", "mss6", "scale")),)
    owner = Owner.COOKIES
    of_cookies = True


register(CookieKeyTable)
