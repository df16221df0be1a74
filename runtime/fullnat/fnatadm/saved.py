"""The lines that ``ipvsadm -S`` or ``fnatadm -S`` has written, as the document that the TOML file has."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Any

from fullnat.fnatadm import commands, names
from fullnat.fnatadm.parse import UsageError, parse

Section = dict[str, Any]


def document(lines: Iterable[str]) -> tuple[Section, list[str]]:
    """The services of these lines, and what is wrong with lines, each with its number."""
    services: dict[tuple[str, str], Section] = {}
    problems = []
    for number, line in enumerate(lines, 1):
        try:
            _take(line, services)
        except (UsageError, ValueError) as error:
            problems.append(f"{number}: {error}")
    return {"virtual_server": list(services.values())} if services else {}, problems


def _take(line: str, services: dict[tuple[str, str], Section]) -> None:
    """Raises UsageError, or ValueError for quotes that are not closed."""
    words = shlex.split(line, comments=True)
    if not words:
        return
    parsed = parse(words)
    if not parsed.command.name.startswith("add_"):
        raise UsageError(f"{parsed.command.option.names[0]} is no line of a saved state, which adds alone")
    for message in commands.messages(parsed):
        ((name, said),) = message.items()
        key = said.get("protocol", ""), said.get("virtual", "")
        if name == "add_service":
            if key in services:
                raise UsageError(f"the service {key[0]} {key[1]} is there already")
            services[key] = {**_endpoint(said["virtual"]), "protocol": said["protocol"], **_checks(said["settings"])}
            if "fwmark" in services[key] and "match" not in services[key]:
                mark = services[key]["fwmark"]
                raise UsageError(f"-f {mark} does not say what iptables marks so: add -H dst=ADDRESS,dport=PORT")
            continue
        if key not in services:
            if not key[1]:
                raise UsageError("lists of all services stand in the file itself, as deny and allow")
            raise UsageError(f"there is no service {key[0]} {key[1]} in the lines above")
        if name == "add_prefixes":
            for word in ("deny", "allow"):
                if word in said:
                    services[key].setdefault(word, []).extend(said[word])
            services[key] |= {"refused": said["refused"]} if "refused" in said else {}
            continue
        if name == "add_server":
            server = {**_endpoint(said["server"]), **_said(said["settings"])}
            services[key].setdefault("real_server", []).append(server)
        else:
            services[key].setdefault("local_addresses", []).append(said["local"])


def _endpoint(text: str) -> Section:
    if (number := names.mark(text)) is not None:
        return {"fwmark": number}
    address, _, port = text.rpartition(":")
    return {"address": address.strip("[]"), "port": int(port)}


def _said(settings: Section) -> Section:
    """Without thresholds that are none."""
    return {name: value for name, value in _checks(settings).items() if value != 0 or name == "weight"}


def _checks(settings: Section) -> Section:
    """As the file has them, section by section."""
    found = settings.get("checks", {}).get("check", [])
    return {name: value for name, value in settings.items() if name != "checks"} | ({"check": found} if found else {})
