"""``fullnat trace``: where a packet would go, and why."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from fullnat.cli.controlclient import socket_option, tell_all
from fullnat.cli.pcap import BadCapture, packets
from fullnat.cli.types import PortType
from fullnat.net.vlan import interface_number, interface_text, interface_word, port_and_vlan
from fullnat.words import counted

Json = dict[str, Any]
Row = tuple[str, ...]
MOST = 1000
"""Packets of a capture that the controller follows at once."""
_OFFSETS = re.compile(r"^\s*0x[0-9a-fA-F]+:", re.MULTILINE)
"""In front of each line of what tcpdump -xx writes."""


@click.command()
@click.argument("packet", nargs=-1)
@click.option("--hex", "dump", metavar="BYTES", help="A frame in hexadecimal, or as tcpdump -xx writes it; - reads it.")
@click.option("--pcap", type=click.Path(path_type=Path), help="The packets of a capture, a line each.")
@click.option("--port", type=PortType(), help="PORT or PORT.VLAN that they come by (else by their source).")
@click.option("--to-us", is_flag=True, help="They are sent to the switch, whatever MAC address they have.")
@click.option("--limit", default=MOST, show_default=True, type=click.IntRange(1, MOST), help="Packets of a capture.")
@click.option("-v", "--verbose", is_flag=True, help="Each packet of a capture in full.")
@click.option("--log", "with_log", is_flag=True, help="Every step of the program, in the words of BMv2's log.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per packet and line.")
@socket_option
def trace(
    packet: Sequence[str],
    dump: str | None,
    pcap: Path | None,
    port: int | None,
    to_us: bool,
    limit: int,
    verbose: bool,
    with_log: bool,
    as_json: bool,
    control_socket: Path | None,
) -> None:
    """Say where a packet would go, and why; it is sent nowhere, and nothing of the switch is changed.

    PACKET is a description in quotes, like 'tcp 198.51.100.7:1234 > 203.0.113.10:80 SYN'; docs/trace.md has its words.
    """
    if sum((bool(packet), dump is not None, pcap is not None)) != 1:
        raise click.UsageError("one of PACKET, --hex and --pcap says which packet")
    request: Json = {"log": with_log, "to_us": to_us}
    notes: list[str] = []
    if packet:
        request["packets"] = [" ".join(packet)]
    elif dump is not None:
        request["frames"] = [_hex(sys.stdin.read() if dump == "-" else dump)]
    elif pcap is not None:
        request |= _capture(pcap, limit, request, notes)
    if port is not None:
        request["port"] = _port(port, request)
    found = tell_all(control_socket, "trace", request)
    if as_json:
        for told in found:
            click.echo(json.dumps(told))
    elif pcap is not None and not verbose and not with_log:
        _lines(found, notes)
    else:
        _in_full(found, notes)


def _hex(text: str) -> str:
    digits = "".join(_OFFSETS.sub("", text).split()).removeprefix("0x")
    if not digits or len(digits) % 2 or set(digits.lower()) - set("0123456789abcdef"):
        raise click.UsageError("--hex takes whole bytes in hexadecimal, a frame from its MAC addresses on")
    return digits


def _capture(path: Path, limit: int, request: Json, notes: list[str]) -> Json:
    """What the request says of a capture; ``notes`` gets what there is to say of each packet."""
    frames = []
    to_us = request["to_us"]
    try:
        for captured in packets(path, limit):
            frames.append(captured.frame.hex())
            to_us = to_us or not captured.addressed
            notes.append(f"{counted(captured.missing, 'byte')} not captured" if captured.missing else "")
    except BadCapture as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror or error}") from None
    if not frames:
        raise click.ClickException(f"{path} has no packets")
    return {"frames": frames, "to_us": to_us}


# ---------------------------------------------------------------------------------------------- a line each


def _lines(found: Iterator[Json], notes: Sequence[str]) -> None:
    rows: list[Row] = [("", "port", "packet", "verdict", "")]
    verdicts: Counter[str] = Counter()
    for number, told in enumerate(found):
        verdicts[" ".join(filter(None, (told["verdict"], told["reason"])))] += 1
        port = interface_word(interface_number(told["port"], told["vlan"]))
        rows.append((str(number + 1), port, told["packet"], *_verdict(told, notes[number])))
    _print(rows)
    click.echo(", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common()))


def _verdict(told: Json, note: str = "") -> tuple[str, str]:
    if told["verdict"] == "forwarded":
        words = f"by port {interface_text(interface_number(told['out_port'], told['out_vlan']))}"
    else:
        words = " ".join(filter(None, (told["reason"], told["why"] and f"({told['why']})")))
    return told["verdict"], f"{words} [{note}]" if note else words


# ---------------------------------------------------------------------------------------------- in full


def _in_full(found: Iterator[Json], notes: Sequence[str]) -> None:
    for number, told in enumerate(found):
        if number:
            click.echo()
        note = notes[number] if notes else ""
        port = interface_text(interface_number(told["port"], told["vlan"]))
        click.echo(f"{told['packet']}, into port {port}" + (f" [{note}]" if note else ""))
        for line in told.get("log", ()):
            click.echo(f"  {line}")
        steps = [(step["table"], _values(step["key"]), step["result"], _action(step)) for step in told["steps"]]
        _print([("table", "key", "", "action"), *steps], indent="  ")
        _end(told)


def _end(told: Json) -> None:
    verdict, words = _verdict(told)
    click.echo(f"{'to the controller' if verdict == 'controller' else verdict}: {words}".removesuffix(": "))
    if told["because"]:
        click.echo(f"  decided by {told['because']}")
    if told["changes"]:
        rows = [(each["field"], each["before"] or "-", each["after"] or "-") for each in told["changes"]]
        _print([("field", "came as", "leaves as"), *rows], indent="  ")
    for title in ("counters", "digests", "unknown"):
        for line in told[title]:
            click.echo(f"  {'not known' if title == 'unknown' else title.removesuffix('s')}: {line}")


def _values(values: Sequence[Json]) -> str:
    return " ".join(f"{value['name']}={value['value']}" for value in values)


def _action(step: Json) -> str:
    return " ".join(filter(None, (step["action"], _values(step["params"]))))


def _port(number: int, request: Json) -> int:
    """The port of an interface; a description without a tag gets that of its VLAN. Raises UsageError."""
    port, vlan = port_and_vlan(number)
    if vlan and "packets" not in request:
        raise click.UsageError(f"--port {interface_word(number)}: a frame has its tag itself; say --port {port}")
    if vlan:
        described = (
            f"{packet} vlan {vlan}" if "vlan" not in packet.split() else packet for packet in request["packets"]
        )
        request["packets"] = list(described)
    return port


def _print(rows: Sequence[Row], indent: str = "") -> None:
    """Columns as wide as they have to be."""
    if len(rows) < 2:
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo(indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
