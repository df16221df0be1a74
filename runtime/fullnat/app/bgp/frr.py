"""FRR's configuration: what there is to be, what there is, and the commands from the one to the other.

A configuration is lines, each with those that it stands below. Of what FRR has, ours are the networks that its process
of our AS announces, and whether it shuts down gracefully; all other lines are added if they are missing, and otherwise
left alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from fullnat.app.bgp.plan import Plan
from fullnat.config.bgp import Bgp, next_hop
from fullnat.config.model import Interface, IpNetwork

Line = tuple[str, ...]
"""From the outermost section in."""
GRACEFUL = "bgp graceful-shutdown"
SPARE = "FULLNAT-SPARE"
_FAMILIES = {4: "address-family ipv4 unicast", 6: "address-family ipv6 unicast"}
_NEXT_HOP = {4: "set ip next-hop", 6: "set ipv6 next-hop global"}


def wanted(bgp: Bgp, interfaces: tuple[Interface, ...], plan: Plan) -> list[Line]:
    """In an order in which nothing is announced with another next hop than the switch."""
    router = f"router bgp {bgp.local_as}"
    lines: list[Line] = []
    if bgp.prepend:
        words = " ".join([str(bgp.local_as)] * bgp.prepend)
        lines.append((f"route-map {SPARE} permit 10", f"set as-path prepend {words}"))
    for number, neighbor in enumerate(bgp.neighbors, 1):
        hop = next_hop(interfaces, neighbor.address)
        lines.append((f"route-map FULLNAT-{number} permit 10", f"{_NEXT_HOP[neighbor.address.version]} {hop}"))
    if bgp.router_id is not None:
        lines.append((router, f"bgp router-id {bgp.router_id}"))
    lines += [(router, "no bgp ebgp-requires-policy"), (router, "no bgp network import-check")]
    if plan.graceful:
        lines.append((router, GRACEFUL))
    for number, neighbor in enumerate(bgp.neighbors, 1):
        name = f"neighbor {neighbor.address}"
        family = _FAMILIES[neighbor.address.version]
        lines.append((router, f"{name} remote-as {neighbor.remote_as}"))
        lines += [(router, f"{name} bfd")] if neighbor.bfd else []
        lines += [(router, family, f"{name} activate")] if neighbor.address.version == 6 else []
        lines.append((router, family, f"{name} route-map FULLNAT-{number} out"))
    with_map = f" route-map {SPARE}" if bgp.prepend else ""
    for networks, options in ((plan.first, ""), (plan.spare, with_map)):
        lines += [(router, _FAMILIES[each.version], f"network {each}{options}") for each in sorted(networks, key=_key)]
    return lines


def _key(network: IpNetwork) -> tuple[int, int]:
    return network.version, int(network.network_address)


def found(text: str) -> list[Line]:
    """What ``show running-config`` has shown."""
    lines: list[Line] = []
    above: list[str] = []
    for line in text.splitlines():
        words = line.strip()
        if not words or words.startswith("!") or words in ("exit", "exit-address-family", "end"):
            continue
        depth = len(line) - len(line.lstrip(" "))
        above = [*above[:depth], words]
        lines.append(tuple(above))
    return lines


def changes(bgp: Bgp, want: Sequence[Line], there: Iterable[Line]) -> list[tuple[Line, str]]:
    """The commands that are missing, each with what it stands below."""
    have = frozenset(there)
    router = f"router bgp {bgp.local_as}"
    missing = [(line[:-1], line[-1]) for line in want if line not in have]
    kept = {_what(line) for line in want}
    surplus = sorted(line for line in have if line[0] == router and _is_ours(line) and _what(line) not in kept)
    return [(line[:-1], f"no {line[-1].partition(' route-map ')[0]}") for line in surplus] + missing


def lost(bgp: Bgp, told: Iterable[Line], there: Iterable[Line]) -> str:
    """A line that was told, and is to be shown if it was taken."""
    have = {_what(line) for line in there}
    router = (f"router bgp {bgp.local_as}",)
    if router not in have:
        return router[0]
    return next((line[-1] for line in sorted(told) if _is_ours(line) and _what(line) not in have), "")


def defaults(told: Iterable[Line], there: Iterable[Line]) -> frozenset[Line]:
    """The lines among those that FRR does not show, as it knows them anyway. What is to be announced, or no more, never
    is one."""
    shown = frozenset(there)
    return frozenset(
        line for line in told if line not in shown and not _is_ours((*line[:-1], line[-1].removeprefix("no ")))
    )


def _what(line: Line) -> Line:
    """A network whatever is said of it, because it is said again."""
    return (*line[:-1], line[-1].partition(" route-map ")[0]) if line[-1].startswith("network ") else line


def _is_ours(line: Line) -> bool:
    return line[-1] == GRACEFUL or (len(line) == 3 and line[-1].startswith("network "))


def commands(changes: Iterable[tuple[Line, str]]) -> str:
    """As vtysh takes them."""
    lines = ["configure terminal"]
    at: Line = ()
    for above, command in changes:
        if above != at:
            lines += ["exit"] * len(at) + list(above)
            at = above
        lines.append(command)
    return "\n".join([*lines, "end", ""])


def sessions(text: str, bgp: Bgp) -> dict[str, bool]:
    """By neighbor, whether there is a session, of what ``show bgp summary json`` has shown; vtysh's prompt follows."""
    up: dict[str, bool] = {}
    try:
        families, _ = json.JSONDecoder().raw_decode(text or "{}")
        for family in families.values():
            for address, peer in family.get("peers", {}).items():
                up[address] = peer.get("state") == "Established"
    except (ValueError, AttributeError, RecursionError):
        up = {}
    return {str(each.address): up.get(str(each.address), False) for each in bgp.neighbors}
