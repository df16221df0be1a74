"""What may have been meant by what a configuration file says and nobody knows: the ends of messages, or nothing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping

INTERFACE = """\
[[interface]]
port = 1
mac = "02:00:00:00:00:01"
address = "192.0.2.1/24"

[[route]]
prefix = "0.0.0.0/0"
gateway = "192.0.2.254"
"""
INTERFACE_BESIDE_KEEPALIVED = """\
@fullnat fullnat {
@fullnat     interface {
@fullnat         port 1
@fullnat         mac 02:00:00:00:00:01
@fullnat         address 192.0.2.1/24
@fullnat     }
@fullnat     route {
@fullnat         prefix 0.0.0.0/0
@fullnat         gateway 192.0.2.254
@fullnat     }
@fullnat }
"""
"""What a file without interfaces might have."""
_ALIKE = 0.82
"""How much two names have in common when one is a slip of the other; real_server is none of virtual_server."""
_ELSEWHERE = {
    "real_server": "[[virtual_server.real_server]]",
    "established": "established_timeout of a [[virtual_server]]",
    "lb_algo": "scheduler",
    "lvs_sched": "scheduler",
    "lb_kind": "mode",
    "lvs_method": "mode",
    "vlan_id": "vlan of an [[interface]]",
    "vid": "vlan of an [[interface]]",
}
"""What other programs call an option (keepalived, ipvsadm, ip-link), or where one is that looks as if it were here."""
_UNQUOTED = re.compile(r"=\s*\[?\s*([^\s\"'\[\]{},#]+)")
_KEEPALIVED = re.compile(r"^\s*(virtual_server|global_defs|local_address_group)\b.*\{", re.MULTILINE)
_NOT_TEXT = re.compile(r"true|false|[+-]?(inf|nan|[\d_]+(\.[\d_]+)?([eE][+-]?\d+)?)")


def close(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of ``known`` that ``word`` may be a slip of. As difflib has it, which is not asked of those that have too
    few letters in common: most, and any file may be full of unknown words."""
    size = len(word)
    near = [
        name
        for name in known
        if 2 * min(size, len(name)) >= cutoff * (size + len(name))
        and 2 * sum(map(name.__contains__, word)) >= cutoff * (size + len(name))
    ]
    found = difflib.get_close_matches(word, near, 1, cutoff) if near else ()
    return found[0] if found else None


def option(key: str, known: Collection[str], places: Mapping[str, Iterable[str]]) -> str:
    """Of an unknown ``key`` where ``known`` ones are; ``places`` are all options, by section."""
    if elsewhere := _ELSEWHERE.get(key.replace("-", "_")):
        return f"; that is {elsewhere}"
    if meant := close(key, known, _ALIKE):
        return f"; did you mean {meant}?"
    sections = [section for section, options in places.items() if key in options]
    return f"; it is one of {' and '.join(sections)}" if sections else ""


def quotes(line: str) -> str:
    """Of a ``line`` that is no TOML."""
    found = _UNQUOTED.search(line)
    return f'; text is written in quotes: "{found[1]}"' if found and not _NOT_TEXT.fullmatch(found[1]) else ""


def grammar(text: str, suffix: str) -> str:
    """Of a ``text`` that is no TOML, where files whose names end in ``suffix`` are keepalived's."""
    return f"; read as TOML, as its name does not end in {suffix}" if _KEEPALIVED.search(text) else ""


def end_of_range(first: str, last: str) -> str:
    """Of a range of addresses whose ``last`` is no address."""
    end = f"{first.rpartition('.')[0]}.{last}"
    return f"; both ends of a range are whole addresses: {first}-{end}" if last.isdecimal() else ""
