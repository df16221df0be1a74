"""Lists as ipvsadm prints them: its format strings (ipvsadm.c print_title, print_service_entry, print_largenum), of LVS
with the FULLNAT patches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from fullnat.core.protocols.base import PROTOCOLS
from fullnat.fnatadm import names

Json = dict[str, Any]
MODE_NAMES = {
    "fullnat": "FullNat",
    "nat": "Masq",
    "dr": "Route",
    "tunnel": "Tunnel",
    "gue": "Tunnel",
    "snat": "SNAT",
}
"""ipvsadm's fwd_name, of every mode; DPVS's for SNAT."""
SERVICE_WIDTH, SERVER_WIDTH = 33, 28
"""Names longer than these are cut, but for IPv6."""
_COUNTED = ("connections", "in_packets", "out_packets", "in_bytes", "out_bytes")
_SCALES = ((10**8, 1, ""), (10**9, 10**3, "K"), (10**11, 10**6, "M"), (10**14, 10**9, "G"))
"""Below each, how a number is told; beyond, in T."""


@dataclass(frozen=True, slots=True)
class Wishes:
    numeric: bool = False
    exact: bool = False
    sort: bool = True


def largenum(number: int, exact: bool = False) -> str:
    """Nine wide, scaled unless ``exact``."""
    if exact:
        digits = str(number)
        return digits.rjust(9 if len(digits) <= 8 else len(digits) + 1)
    for limit, unit, letter in _SCALES:
        if number < limit:
            return f"{number // unit}{letter}".rjust(9)
    return f"{number // 10**12}T".rjust(9)


def version(text: str, size: int, stands_by: bool = False, group: str = "") -> str:
    """The first line, which says as well that these are not the services that the switch has, or not those of all
    groups."""
    first = f"IP Virtual Server version {text} (size={size})" + (f" group {group}" if group else "")
    return first + " standby: another controller is primary" * stands_by


# ---------------------------------------------------------------------------------------------- services

_PLAIN_TITLE = """\
Prot LocalAddress:Port Scheduler Established(Sec.) Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn"""
_STATS_TITLE = """\
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port"""
_RATE_TITLE = """\
Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS
  -> RemoteAddress:Port"""
_THRESHOLDS_TITLE = (
    "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n  -> RemoteAddress:Port"
)
_PERSISTENT_TITLE = (
    "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn \n  -> RemoteAddress:Port"
)


def _plain_service(found: Json, name: str, _wishes: Wishes) -> str:
    settings = found["settings"]
    established = settings["established_timeout"]
    shown = f"{established:.15g}" if established else "UnK. or DFLT. 0"
    return f"{name:<22} {settings['scheduler']:<9} {shown:<17}{_flags(found)}"


def _flags(found: Json) -> str:
    settings = found["settings"]
    flags = ""
    if settings.get("persistence_timeout"):
        flags += f" persistent {settings['persistence_timeout']:.15g}"
        mask = names.mask(settings["persistence_prefix"], is_six=names.is_six(found["virtual"]))
        flags += f" mask {mask}" if mask is not None else ""
    flags += " ops" if settings.get("ops") else ""
    flags += {"always": " synproxy", "off": " synproxy off"}.get(settings.get("syn_proxy", "auto"), "")
    return flags + ("" if settings.get("proxy_protocol", "off") == "off" else " ppv2")


def _counted_service(found: Json, name: str, wishes: Wishes) -> str:
    """The sum of the servers, those that drain as well."""
    return f"{name:<33}" + "".join(
        largenum(sum(server[key] for server in found["servers"]), wishes.exact) for key in _COUNTED
    )


# The kernel knows of no checks: who watches servers sets their weight, and 0 of those that are down (keepalived:
# inhibit_on_failure). So do these lists; what is saved is as configured.


def _plain(server: Json, name: str, _wishes: Wishes) -> str:
    mode = MODE_NAMES[server["mode"]]
    held = f"{server['active']:<10} {server['inactive']:<10}"
    return f"  -> {name:<28} {mode:<7} {server['checked_weight']:<6} {held}"


def _counted(server: Json, name: str, wishes: Wishes) -> str:
    return f"  -> {name:<28}" + "".join(largenum(server[key], wishes.exact) for key in _COUNTED)


def _thresholds(server: Json, name: str, _wishes: Wishes) -> str:
    limits = f"{server['upper_threshold']:<10} {server['lower_threshold']:<10}"
    return f"  -> {name:<28} {limits} {server['active']:<10} {server['inactive']:<10}"


def _persistent(server: Json, name: str, _wishes: Wishes) -> str:
    held = f"{server['checked_weight']:<9} {server['templates']:<11}"
    return f"  -> {name:<28} {held} {server['active']:<10} {server['inactive']:<10}"


Row = Callable[[Json, str, Wishes], str]


@dataclass(frozen=True, slots=True)
class Layout:
    title: str
    service: Row
    server: Row
    counters: bool = False
    """It needs what the switch has counted."""


PLAIN = Layout(_PLAIN_TITLE, _plain_service, _plain)
LAYOUTS = {
    "stats": Layout(_STATS_TITLE, _counted_service, _counted, counters=True),
    "rate": Layout(_RATE_TITLE, _counted_service, _counted, counters=True),
    "thresholds": Layout(_THRESHOLDS_TITLE, _plain_service, _thresholds),
    "persistent_conn": Layout(_PERSISTENT_TITLE, _plain_service, _persistent),
}
"""By the option that asks for them."""


def services(found: Iterable[Json], layout: Layout, wishes: Wishes) -> Iterator[str]:
    """A line for each service and server, without the title."""
    for each in _in_order(found, "virtual", wishes.sort):
        protocol = each["protocol"]
        name = _cut(names.shown(each["virtual"], protocol, wishes.numeric), SERVICE_WIDTH)
        kind = "FWM" if names.mark(each["virtual"]) is not None else protocol.upper()
        yield layout.service(each, f"{kind:<4} {name}", wishes)
        for server in _in_order(each["servers"], "server", wishes.sort):
            shown = _cut(names.shown(server["server"], protocol, wishes.numeric), SERVER_WIDTH)
            yield layout.server(server, shown, wishes)


def _cut(name: str, width: int) -> str:
    return name if name.startswith("[") else name[:width]


def _in_order(found: Iterable[Json], key: str, sort: bool) -> list[Json]:
    """By family, protocol, address and port; services by match behind all others."""

    def rank(each: Json) -> tuple[int, str, bytes, int]:
        if (number := names.mark(each[key])) is not None:
            return 7, each["protocol"], bytes((names.is_six(each[key]),)), number
        host, _, port = each[key].rpartition(":")
        where = ip_address(host.strip("[]"))
        return where.version, each.get("protocol", ""), where.packed, int(port)

    return sorted(found, key=rank) if sort else list(found)


def rates(before: Iterable[Json], after: Iterable[Json], seconds: float) -> list[Json]:
    """``after`` with what changed per second since ``before`` in the place of what was counted."""
    old = {
        (each["protocol"], each["virtual"], server["server"], server["mode"]): server
        for each in before
        for server in each["servers"]
    }

    def changed(each: Json, server: Json) -> Json:
        was = old.get((each["protocol"], each["virtual"], server["server"], server["mode"]), {})
        return server | {key: round(max(0, server[key] - was.get(key, 0)) / seconds) for key in _COUNTED}

    return [each | {"servers": [changed(each, server) for server in each["servers"]]} for each in after]


# ---------------------------------------------------------------------------------------------- the other lists

CONNECTIONS_TITLE = """\
IPVS connection entries
pro expire state       source             virtual            destination"""


def connection(session: Json, numeric: bool) -> str:
    left = int(session["expires"] or 0)
    protocol = session["protocol"]
    ends = [names.shown(session[key], protocol, numeric) for key in ("client", "virtual", "server")]
    expire = f"{left // 60:02}:{left % 60:02}"
    return f"{protocol.upper():<3} {expire:<6} {session['state']:<11} {ends[0]:<18} {ends[1]:<18} {ends[2]}"


NO_STATE = "NONE"
"""Of templates."""


def as_connection(template: Json) -> Json:
    """A template as ipvsadm lists it: without state, of any port of the client, or of the first address of the prefix
    that is one client."""
    host = template["client"].partition("/")[0]
    return {**template, "client": names.joined(host, "0"), "state": NO_STATE}


LOCALS_TITLE = f"{'VIP:VPORT':<20} {'TOTAL':<8} {'SNAT_IP':<20} {'CONFLICTS':<10} {'CONNS':<10}"


def locals_of(found: Json, used: dict[str, Json], numeric: bool) -> Iterator[str]:
    """A service's local addresses. Conflicts and connections are those of the address, whichever service's."""
    name = names.shown(found["virtual"], found["protocol"], numeric)
    yield f"{name:<20} {len(found['local_addresses']):<8} "
    for local in found["local_addresses"]:
        counts = used.get(local, {"conflicts": 0, "used": 0})
        shown = names.shown_host(local, numeric)
        yield f"{'':<20} {'':<8} {shown:<20} {counts['conflicts']:<10} {counts['used']:<10}"


def timeouts(found: Iterable[Json], fin_wait: float) -> str:
    """What the services of a protocol have alike, or most of them have."""
    of: dict[str, list[float]] = {protocol: [] for protocol in PROTOCOLS}
    for each in found:
        timeout = each["settings"]["established_timeout"] or PROTOCOLS[each["protocol"]].established_timeout
        of[each["protocol"]].append(timeout)
    tcp, udp = (
        max(of[name], key=of[name].count, default=PROTOCOLS[name].established_timeout) for name in ("tcp", "udp")
    )
    return f"Timeout (tcp tcpfin udp): {tcp:.15g} {fin_wait:.15g} {udp:.15g}"
