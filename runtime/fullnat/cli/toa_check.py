"""``fullnat toa-check``: whether TOA arrives at a real server, and what is wrong if it does not."""

from __future__ import annotations

import contextlib
import json
import socket
import time

import click

from fullnat.cli.run import AddressType
from fullnat.toa.client import Trusted, keep_syns
from fullnat.toa.diagnose import Finding, Kernel, diagnose
from fullnat.toa.errors import NotTcp

GRACE = 1.0
"""Seconds for the caller to close after it has its answer."""
_REQUEST_BYTES = 65536


def _trusted(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> Trusted | None:
    try:
        return Trusted(*values) if values else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("toa-check")
@click.option("--listen", "address", required=True, type=AddressType(), help="Where the balancer expects the server.")
@click.option(
    "--trusted",
    multiple=True,
    callback=_trusted,
    metavar="PREFIX",
    help="The balancer's local addresses, as in TOA_TRUSTED. Without it every TOA is shown.",
)
@click.option("--once", is_flag=True, help="End after one connection, as --count 1.")
@click.option("--count", type=click.IntRange(1), help="End after so many connections.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="End after so many seconds.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per connection and line.")
def toa_check(
    address: tuple[str, int],
    trusted: Trusted | None,
    once: bool,
    count: int | None,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Stand in for the real server, be called through the VIP, and tell for each connection whether TOA arrived.

    Run it on the real server on the service's port, then call the VIP from a client: `curl http://VIP/` shows the
    answer too. Health checks of the balancer are connections like any other. Ends with status 0 if every connection had
    its TOA.
    """
    if once and count not in (None, 1):
        raise click.UsageError("--once and --count contradict each other")
    wanted = 1 if once else count
    try:
        listener = _listen(*address)
    except NotTcp as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"cannot listen on {address[0]}:{address[1]}: {error.strerror or error}") from None
    with listener:
        where = "{}:{}".format(*listener.getsockname()[:2])
        click.echo(f"listening on {where}: call the service through the balancer now", err=True)
        findings = _serve(listener, trusted, wanted, timeout, as_json)
    good = sum(finding.good for finding in findings)
    click.echo(f"{len(findings)} connections, {good} with a usable TOA", err=True)
    if not findings:
        raise click.ClickException(
            "nobody connected: is the VIP's service on this address and port, and does the client reach the VIP?"
        )
    if good < len(findings):
        raise SystemExit(1)


def _listen(host: str, port: int) -> socket.socket:
    """Raises OSError, NotTcp."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keep_syns(listener)
        listener.bind((host, port))
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
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
    if as_json:
        click.echo(json.dumps(finding.as_json()))
        return
    client = f"client {finding.client}" if finding.client else "client unknown"
    click.echo(
        f"{'good' if finding.good else 'BAD '}  {client}  peer {finding.peer}  {finding.verdict}: {finding.advice}"
    )


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
