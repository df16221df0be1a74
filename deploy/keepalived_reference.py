"""The keywords of keepalived.conf and what becomes of each, from their table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fullnat.config.keepalived import keywords, matching
from fullnat.config.keepalived.keywords import Keyword

_BLOCKS: Mapping[str, Mapping[str, Keyword]] = {
    "Blocks": keywords.BLOCKS,
    "virtual_server": keywords.VIRTUAL_SERVER,
    "real_server": keywords.REAL_SERVER,
    **{name: keyword.below or {} for name, keyword in keywords.CHECKERS.items()},
    "track_file": keywords.TRACK_FILE,
}
_BY_NAME = {
    "local_address_group": "addresses and ranges, for `laddr_group_name`",
    "virtual_server_group": "addresses, ranges and ports, for `virtual_server group`",
    "virtual_server": "a `[[virtual_server]]` for each of its addresses",
    "fullnat": "options and sections by their names in the [TOML file](configuration.md)",
    "laddr_group_name": "`local_addresses`, of this group",
    "ip_family": "nothing: addresses know their family",
    "weight": "`weight` of the real servers that have none",
    "deny_address_group": "prefixes of a `deny`, by its name",
    "allow_address_group": "prefixes of an `allow`, by its name",
    "daddr_group_name": "`deny`, by a `deny_address_group`",
    "waddr_group_name": "`allow`, by an `allow_address_group`",
    "real_server": "a `[[virtual_server.real_server]]`; without a port it has the service's",
    **{name: f"`{keyword.option}` of the checks inside" for name, keyword in keywords.DEFAULTS.items()},
    "url": "a check of its own for each",
    "check": "a `check` by the names of the [TOML file](configuration.md)",
    **dict.fromkeys(keywords.CHECKERS, "a `[[virtual_server.real_server.check]]`"),
    "timeouts": "`[virtual_server.timeouts]`",
    **dict.fromkeys(matching.RANGES, "rules of `match`, of a `virtual_server match`"),
    **dict.fromkeys(
        matching.DEVICES, "the same: a port of the switch, or the `name` that its interface has in `fullnat`"
    ),
    "sorry_server": "a `[[virtual_server.real_server]]` with `sorry = true`",
    "sorry_server_lvs_method": "`mode` of the sorry server",
    **dict.fromkeys(keywords.TRACK_FILES, "the `file` of a FILE_CHECK, by its name"),
}
"""What those that set no single option do."""


def sections() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Of each block, its keywords with what they set, or why they have no effect."""
    for title, known in _BLOCKS.items():
        yield title, [(f"`{name}`", _becomes(name, keyword)) for name, keyword in known.items()]


def _becomes(name: str, keyword: Keyword) -> str:
    if keyword.option:
        return f"`{keyword.option}`"
    return f"no effect: {keyword.without}" if keyword.without else _BY_NAME[name]
