"""The options of health checks, of which :mod:`fullnat.config.file` makes the sections ``check``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fullnat.config import addresses, probes, scalars
from fullnat.config.scalars import Convert
from fullnat.core.declared.values import PORTS
from fullnat.health import pcre2

CHECK_TYPES = ("tcp", "http", "script", "smtp", "udp", "ping", "dns", "file")
CHECK: dict[str, tuple[Convert, Any]] = {
    "type": (scalars.one_of(*CHECK_TYPES), scalars.REQUIRED),
    "interval": (scalars.seconds, 5.0),
    "timeout": (scalars.seconds, 5.0),
    "retry_interval": (scalars.seconds, 1.0),
    "fall": (scalars.integer(*probes.TIMES), 2),
    "rise": (scalars.integer(*probes.TIMES), 1),
    "start_down": (scalars.boolean, False),
    "address": (addresses.address, None),
    "port": (scalars.integer(*PORTS), None),
    "source": (addresses.address, None),
    "device": (probes.device, ""),
    "path": (probes.path, "/"),
    "host": (probes.host, ""),
    "status": (probes.status, "200-299"),
    "digest": (probes.digest, ""),
    "regex": (probes.regex, ""),
    "regex_options": (probes.regex_options, ""),
    "regex_no_match": (scalars.boolean, False),
    "regex_min_offset": (scalars.integer(*probes.OFFSETS), 0),
    "regex_max_offset": (scalars.integer(*probes.OFFSETS), None),
    "tls": (scalars.boolean, False),
    "verify": (scalars.boolean, False),
    "ca_file": (probes.absolute, ""),
    "payload": (probes.payload, ""),
    "require_reply": (scalars.boolean, False),
    "command": (probes.command, ""),
    "exit_status": (probes.exit_status, "0"),
    "user": (probes.user, ""),
    "dynamic": (scalars.boolean, False),
    "name": (probes.domain, "."),
    "record": (scalars.one_of(*probes.RECORDS), "SOA"),
    "file": (probes.absolute, ""),
    "factor": (scalars.integer(*probes.FACTORS), 0),
    "reverse": (scalars.boolean, False),
}
REGEX = ("regex_options", "regex_no_match", "regex_min_offset", "regex_max_offset")
"""Of a ``regex``."""
_TO = ("address", "port", "source", "device")
OF_CHECK: dict[str, tuple[str, ...]] = {
    "tcp": _TO,
    "http": (*_TO, "path", "host", "status", "digest", "regex", *REGEX, "tls", "verify", "ca_file"),
    "script": ("command", "exit_status", "user", "dynamic"),
    "smtp": (*_TO, "host"),
    "udp": (*_TO, "payload", "require_reply"),
    "ping": tuple(name for name in _TO if name != "port"),
    "dns": (*_TO, "name", "record"),
    "file": ("file", "factor", "reverse"),
}
"""Options by the type of the check; those in none of these are of all types."""
NEEDED = {"script": ("command",), "file": ("file",)}
"""What a check of a type cannot do without."""


def objections(said: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong between the options of a check, by option; ``said`` are those that are not as by default."""
    kind = found["type"]
    others = {name for names in OF_CHECK.values() for name in names} - {*OF_CHECK[kind]}
    for key in said:
        if key in others:
            yield key, f"is no option of a check of type {kind}"
    for needed in NEEDED.get(kind, ()):
        if not found[needed]:
            yield needed, "is missing"
    if found["verify"] and not (found["tls"] and found["host"]):
        yield "verify", "needs tls = true, and host, which the certificate is for"
    yield from _of_regex(said, found)


def _of_regex(said: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    low, high = found["regex_min_offset"], found["regex_max_offset"]
    if high is not None and low > high:
        yield "regex_min_offset", f"{low} is above regex_max_offset {high}"
    if not found["regex"]:
        for key in REGEX:
            if key in said:
                yield key, "is of a regex, and there is none"
        return
    try:
        pcre2.check(found["regex"], pcre2.options(found["regex_options"]))
    except ValueError as error:
        yield "regex", f"{found['regex']!r}: {error}"
