"""Why no connection to a switch came about, in words that say what to do about it."""

from __future__ import annotations

import re

from fullnat.p4rt.channel import Tls

_NO_TLS_THERE = "the switch does not speak TLS: leave out --grpc-tls-ca, or start it with --grpc-server-ssl"
_WRONG_CA = "the switch's certificate is not signed by the CA of --grpc-tls-ca"
_WRONG_NAME = "the switch's certificate is for another name: --grpc-tls-server-name says which to expect"
_CLIENT_WANTED = "it wants a client certificate that its CA has signed: see --grpc-tls-cert and --grpc-tls-key"
_TLS_WANTED = "it may speak TLS only: see --grpc-tls-ca"

_WITH_TLS: tuple[tuple[str, str], ...] = (
    ("WRONG_VERSION_NUMBER", _NO_TLS_THERE),
    ("HTTP_REQUEST", _NO_TLS_THERE),
    ("CERTIFICATE_VERIFY_FAILED", _WRONG_CA),
    ("Hostname Verification Check failed|Peer name .* is not in peer certificate", _WRONG_NAME),
    ("CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|UNKNOWN_CA|BAD_CERTIFICATE", _CLIENT_WANTED),
)
"""What gRPC's message has in it, and what it means."""
_CLOSED = re.compile("Socket closed|Connection reset|Broken pipe|Stream removed|End of TCP stream|FD Shutdown", re.I)
"""A server that ends the connection before it has said anything. In TLS 1.3 that is how a client learns that its
certificate is missed."""
_OTHER_PROTOCOL = re.compile("Failed parsing HTTP/2|http1")
_NOBODY = re.compile(
    "Connection refused|No route to host|Network is unreachable|Domain name not found|No such file or directory|"
    "Permission denied"
)


def explain(address: str, details: str, tls: Tls | None) -> str:
    """One line for ``details`` of gRPC's UNAVAILABLE, when connecting to ``address``."""
    nobody = f"no P4Runtime server answers at {address}"
    for pattern, meaning in _WITH_TLS if tls is not None else ():
        if re.search(pattern, details):
            return f"{nobody}: {meaning}"
    if _CLOSED.search(details):
        return f"{nobody}: whoever listens there ends the connection; {_TLS_WANTED if tls is None else _CLIENT_WANTED}"
    if _OTHER_PROTOCOL.search(details):
        return f"{nobody}: who listens there speaks something else"
    known = _NOBODY.search(details)
    return f"{nobody}: {known[0]}" if known else nobody
