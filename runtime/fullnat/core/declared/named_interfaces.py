"""Interfaces that rules name: one that there is not fits no packet, and hosts inside would leave untranslated."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from fullnat.net.match import Match
from fullnat.net.vlan import interface_word, port_and_vlan


def unknown(matches: Collection[Match], there: Collection[int], what: str = "interface") -> Iterator[tuple[str, str]]:
    """``iif`` or ``oif``, with what is wrong with it, for each interface that is named and not ``there``; ``what``
    messages call one."""
    for key in ("iif", "oif"):
        named = {number for each in matches if (number := getattr(each, key)) is not None}
        for number in sorted(named.difference(there)):
            yield key, f"{interface_word(number)}: {_absent(number, there, what)}"


def _absent(number: int, there: Collection[int], what: str) -> str:
    port, vlan = port_and_vlan(number)
    said = f"no {what} is " + (f"VLAN {vlan} of port {port}" if vlan else f"port {port} without a tag")
    near = [each for each in there if port_and_vlan(each)[0] == port] or list(there)
    words = [interface_word(each) for each in sorted(near, key=port_and_vlan)]
    if not words:
        return said
    *others, last = words
    return f"{said}; there are {', '.join(others)} and {last}" if others else f"{said}; there is {last}"
