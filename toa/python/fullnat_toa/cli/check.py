"""``toa-check``: whether TOA arrives at a real server, and what is wrong if it does not."""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import sys
import time
from collections.abc import Sequence

from fullnat_toa.cli.command import Failure, Parser, prefixes, run
from fullnat_toa.cli.output import guarded
from fullnat_toa.client import Trusted, keep_syns
from fullnat_toa.diagnose import Finding, Kernel, diagnose
from fullnat_toa.errors import NotTcp

DESCRIPTION = (
    "Stand in for the real server, be called through the VIP, and tell for each connection whether TOA arrived. Run it "
    "on the real server on the service's port, then call the VIP from a client: `curl http://VIP/` shows the answer "
    "too. Health checks of the balancer are connections like any other. Ends with status 0 if every connection had its "
    "TOA."
)
GRACE = 1.0
"""Seconds for the caller to close after it has its answer."""
_REQUEST_BYTES = 65536
_LONGEST = 1e6
"""Seconds that can be waited for: poll(2), by which Python waits, counts milliseconds in an int."""


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or len(port) > 5 or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 9 or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of connections, 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0, up to {_LONGEST:.0f}")
    return value


def _parser(prog: str) -> Parser:
    parser = Parser(prog, DESCRIPTION)
    parser.add_argument(
        "--listen", required=True, type=_address, metavar="HOST:PORT", help="where the balancer expects the server"
    )
    parser.add_argument(
        "--trusted",
        action="append",
        type=prefixes,
        metavar="PREFIX",
        help="the balancer's local addresses, as in TOA_TRUSTED; may be repeated; without it every TOA is shown",
    )
    ends = parser.add_mutually_exclusive_group()
    ends.add_argument("--once", action="store_const", const=1, dest="count", help="end after one connection")
    ends.add_argument("--count", type=_count, metavar="N", help="end after so many connections")
    parser.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="end after so many seconds")
    parser.add_argument("--json", action="store_true", help="one JSON object per connection and line")
    return parser


def main(arguments: Sequence[str] | None = None, prog: str = "toa-check") -> int:
    """The command; its exit status."""
    with guarded("Error"):
        given = _parser(prog).parse_args(arguments)
        trusted = Trusted(*given.trusted) if given.trusted else None
        return run(lambda: _check(given.listen, trusted, given.count, given.timeout, given.json))


def _check(
    address: tuple[str, int], trusted: Trusted | None, wanted: int | None, timeout: float | None, as_json: bool
) -> int:
    with _listen(*address) as listener:
        where = _written(*listener.getsockname()[:2])
        print(f"listening on {where}: call the service through the balancer now", file=sys.stderr, flush=True)
        findings = _serve(listener, trusted, wanted, timeout, as_json)
    good = sum(finding.good for finding in findings)
    print(f"{len(findings)} connections, {good} with a usable TOA", file=sys.stderr)
    if not findings:
        raise Failure(
            "nobody connected: is the VIP's service on this address and port, and does the client reach the VIP?"
        )
    return 0 if good == len(findings) else 1


def _written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _listen(host: str, port: int) -> socket.socket:
    """Raises Failure."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keep_syns(listener)
        listener.bind((host, port))
        listener.listen(128)
    except NotTcp as error:
        listener.close()
        raise Failure(str(error)) from None
    except (OSError, UnicodeError, ValueError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise Failure(f"cannot listen on {_written(host, port)}: {reason}") from None
    return listener


def _serve(
    listener: socket.socket, trusted: Trusted | None, wanted: int | None, timeout: float | None, as_json: bool
) -> list[Finding]:
    """Until ``wanted`` connections came, ``timeout`` seconds passed, or the user interrupts."""
    findings: list[Finding] = []
    end = None if timeout is None else time.monotonic() + timeout
    with contextlib.suppress(KeyboardInterrupt, TimeoutError):
        while wanted is None or len(findings) < wanted:
            listener.settimeout(None if end is None else max(end - time.monotonic(), 1e-6))
            before = Kernel.read()
            connection, _ = listener.accept()
            with connection, contextlib.suppress(NotTcp):
                finding = diagnose(connection, trusted, before)
                findings.append(finding)
                _show(finding, as_json)
                _answer(connection, finding)
    return findings


def _show(finding: Finding, as_json: bool) -> None:
    client = f"client {finding.client}" if finding.client else "client unknown"
    good = "good" if finding.good else "BAD "
    text = f"{good}  {client}  peer {finding.peer}  {finding.verdict}: {finding.advice}"
    print(json.dumps(finding.as_json()) if as_json else text, flush=True)


def _answer(connection: socket.socket, finding: Finding) -> None:
    """An HTTP answer for whoever called, however little they asked."""
    body = json.dumps(finding.as_json()).encode() + b"\n"
    head = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
    connection.settimeout(GRACE)
    with contextlib.suppress(OSError):
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        connection.shutdown(socket.SHUT_WR)
        # A request left unread would turn our close into a reset, and the answer would be lost.
        end = time.monotonic() + GRACE
        while connection.recv(_REQUEST_BYTES) and time.monotonic() < end:
            pass
