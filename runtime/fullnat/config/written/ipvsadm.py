"""A document as the lines that ``ipvsadm -S -n`` writes, in the grammar of LVS's ipvsadm with -b, -P, -z and -V:
services with their servers first, then the local addresses."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from fullnat.config.written.document import Section
from fullnat.core.values import PREFIXES
from fullnat.fnatadm import letters, names

_PERSISTENCE = ("persistence_timeout", "persistence_prefix")
_IN_SERVICE = frozenset(
    (
        *("address", "port", "protocol", "scheduler", "mode", "local_addresses", "real_server", "established_timeout"),
        *("ops", *_PERSISTENCE),
    )
)
_IN_SERVER = frozenset(("address", "port", "mode", "weight", *letters.THRESHOLDS))
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
    return f"{letters.PROTOCOLS[service.get('protocol', 'tcp')]} {_endpoint(service)}"


def _endpoint(section: Section) -> str:
    return names.joined(section["address"], str(section["port"]))


def _service(service: Section, unsaid: list[str]) -> Iterator[str]:
    name = _name(service)
    timeout = service.get("established_timeout")
    timeouts = "" if timeout is None else f" -V {round(timeout)}"
    ops = " -o" if service.get("ops") else ""
    yield f"-A {name} -s {service.get('scheduler', 'wrr')}{_persistence(service)}{ops}{timeouts}"
    _name_unsaid(name, service, _IN_SERVICE, unsaid)
    for real in service.get("real_server", ()):
        if real.get("sorry"):
            unsaid.append(f"{name} -r {_endpoint(real)}: ipvsadm has no sorry servers")
            continue
        mode = letters.MODES[real.get("mode", service.get("mode", "fullnat"))]
        yield f"-a {name} -r {_endpoint(real)} {mode} -w {real.get('weight', 1)}{letters.thresholds(real)}"
        _name_unsaid(f"{name} -r {_endpoint(real)}", real, _IN_SERVER, unsaid)


def _persistence(service: Section) -> str:
    if "persistence_timeout" not in service:
        return ""
    mask = names.mask(service.get("persistence_prefix", PREFIXES[1]), _endpoint(service))
    return f" -p {round(service['persistence_timeout'])}{'' if mask is None else f' -M {mask}'}"


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
