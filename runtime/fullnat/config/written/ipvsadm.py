"""A document as the lines that ``ipvsadm -S -n`` writes (:mod:`fullnat.fnatadm.lines`)."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from fullnat.config.file import REAL_SERVER, VIRTUAL_SERVER
from fullnat.config.written.document import Section, address_of
from fullnat.core.protocols.base import PROTOCOLS
from fullnat.fnatadm import lines, names
from fullnat.net.flow import marked


def text(document: Section) -> tuple[str, list[str]]:
    """The lines, and what they leave unsaid."""
    made, unsaid = lines.foreign([_service(section) for section in document.get("virtual_server", ())])
    outside = [f"ipvsadm knows nothing of {key}" for key in document if key != "virtual_server"]
    return "".join(f"{line}\n" for line in made), [*outside, *unsaid]


def _service(section: Section) -> dict[str, Any]:
    """As the API lists it."""
    settings = {key: default for key, (_, default) in VIRTUAL_SERVER.items()} | section
    protocol = settings["protocol"]
    if "established_timeout" not in section:
        settings["established_timeout"] = PROTOCOLS[protocol].established_timeout
    return {
        "protocol": protocol,
        "virtual": _virtual(section),
        "settings": _with_checks(settings),
        "servers": [_server(real, settings["mode"]) for real in section.get("real_server", ())],
        "local_addresses": [each for item in section.get("local_addresses", ()) for each in _range(item)],
    }


def _virtual(section: Section) -> str:
    if "fwmark" in section:
        return str(marked(section["fwmark"], v6=":" in address_of(section)))
    return _endpoint(section)


def _server(section: Section, mode: str) -> dict[str, Any]:
    settings = {key: default for key, (_, default) in REAL_SERVER.items()} | {"mode": mode} | section
    return {**_with_checks(settings), "server": _endpoint(section), "draining": False}


def _with_checks(settings: dict[str, Any]) -> dict[str, Any]:
    return settings | ({"checks": {"check": settings["check"]}} if "check" in settings else {})


def _endpoint(section: Section) -> str:
    return names.joined(section["address"], str(section.get("port", 0)))


def _range(item: str) -> Iterator[str]:
    first, _, last = item.partition("-")
    low, high = ip_address(first), ip_address(last or first)
    for number in range(int(low), int(high) + 1):
        yield str(type(low)(number))
