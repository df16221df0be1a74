"""The options of ipvsadm that say what services and real servers are, by what the configuration calls it."""

from __future__ import annotations

from collections.abc import Mapping

from fullnat.p4constants import PORT_GUE

PROTOCOLS = {"tcp": "-t", "udp": "-u"}
MODES = {
    "dr": "-g",
    "tunnel": "-i",
    "gue": f"-i --tun-type gue --tun-port {PORT_GUE}",
    "nat": "-m",
    "fullnat": "-b",
    "snat": "-J",
}
PROXIES = {"disable": "off", "v2": "first", "v2-insecure": "clients"}
"""DPVS's words."""
SYN_PROXIES = {"enable": "always", "auto": "auto", "disable": "off"}
"""Those of LVS and DPVS, and one more."""
ONLY_V2 = "PROXY protocol is of version 2 only"
THRESHOLDS = {"upper_threshold": "-x", "lower_threshold": "-y"}


def mark(number: int, protocol: str, *, is_six: bool) -> str:
    """What names a service by match."""
    return f"-f {number}{'' if protocol == 'tcp' else f'/{protocol}'}{' -6' if is_six else ''}"


def thresholds(server: Mapping[str, object]) -> list[str]:
    """Those that ``server`` has."""
    return [f"{letter} {server[key]}" for key, letter in THRESHOLDS.items() if server.get(key)]
