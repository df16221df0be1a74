"""A document as the lines that ``ipvsadm -S -n`` writes, in the grammar of LVS's ipvsadm with -b, -P, -z and -V:
services with their servers first, then the local addresses."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, ip_address

from fullnat.config.written.document import Section
from fullnat.p4constants import PORT_GUE

_PROTOCOLS = {"tcp": "-t", "udp": "-u"}
_MODES = {"fullnat": "-b", "nat": "-m", "dr": "-g", "tunnel": "-i", "gue": f"-i --tun-type gue --tun-port {PORT_GUE}"}
_THRESHOLDS = {"upper_threshold": "-x", "lower_threshold": "-y"}
_PERSISTENCE = ("persistence_timeout", "persistence_prefix")
_IN_SERVICE = frozenset(
    (
        *("address", "port", "protocol", "scheduler", "mode", "local_addresses", "real_server", "established_timeout"),
        *("ops", *_PERSISTENCE),
    )
)
_IN_SERVER = frozenset(("address", "port", "mode", "weight", *_THRESHOLDS))
"""Options that the lines say."""


def text(document: Section) -> tuple[str, list[str]]:
    """The lines, and what they leave unsaid."""
    unsaid = [f"ipvsadm knows nothing of {key}" for key in document if key != "virtual_server"]
    lines: list[str] = []
    locals_: list[str] = []
    for service in document.get("virtual_server", ()):
        lines += _service(service, unsaid)
        locals_ += _locals(service)
    return "".join(f"{line}\n" for line in [*lines, *locals_]), unsaid


def _name(service: Section) -> str:
    return f"{_PROTOCOLS[service.get('protocol', 'tcp')]} {_endpoint(service)}"


def _endpoint(section: Section) -> str:
    address = section["address"]
    return f"[{address}]:{section['port']}" if ":" in address else f"{address}:{section['port']}"


def _service(service: Section, unsaid: list[str]) -> Iterator[str]:
    name = _name(service)
    timeout = service.get("established_timeout")
    timeouts = "" if timeout is None else f" -V {round(timeout)}"
    ops = " -o" if service.get("ops") else ""
    yield f"-A {name} -s {service.get('scheduler', 'wrr')}{_persistence(service)}{ops}{timeouts}"
    _name_unsaid(name, service, _IN_SERVICE, unsaid)
    for real in service.get("real_server", ()):
        mode = _MODES[real.get("mode", service.get("mode", "fullnat"))]
        thresholds = "".join(f" {option} {real[key]}" for key, option in _THRESHOLDS.items() if key in real)
        yield f"-a {name} -r {_endpoint(real)} {mode} -w {real.get('weight', 1)}{thresholds}"
        _name_unsaid(f"{name} -r {_endpoint(real)}", real, _IN_SERVER, unsaid)


def _persistence(service: Section) -> str:
    """The prefix of IPv4 is a mask, that of IPv6 a number."""
    if "persistence_timeout" not in service:
        return ""
    address = ip_address(service["address"])
    bits = min(service.get("persistence_prefix", address.max_prefixlen), address.max_prefixlen)
    mask = IPv4Network((0, bits)).netmask if address.version == 4 else bits
    return f" -p {round(service['persistence_timeout'])}{f' -M {mask}' if bits < address.max_prefixlen else ''}"


def _locals(service: Section) -> Iterator[str]:
    for item in service.get("local_addresses", ()):
        first, _, last = item.partition("-")
        for address in _between(first, last or first):
            yield f"-P {_name(service)} -z {address}"


def _between(first: str, last: str) -> Iterator[str]:
    low, high = ip_address(first), ip_address(last)
    for number in range(int(low), int(high) + 1):
        yield str(type(low)(number))


def _name_unsaid(name: str, section: Section, said: frozenset[str], unsaid: list[str]) -> None:
    unsaid += [f"{name}: ipvsadm has no word for {key}" for key in section if key not in said]
