"""Why no connection to a switch came about, in words that say what to do about it."""

from __future__ import annotations

import os
import re
import socket
import ssl

from fullnat.p4rt.errors import ConnectionLost
from fullnat.p4rt.http2.frames import Http2Error

_NO_TLS_THERE = "the switch does not speak TLS: leave out --grpc-tls-ca, or start it with --grpc-server-ssl"
_WRONG_CA = "the switch's certificate is not signed by the CA of --grpc-tls-ca"
_WRONG_NAME = "the switch's certificate is for another name: --grpc-tls-server-name says which to expect"
_CLIENT_WANTED = "it wants a client certificate that its CA has signed: see --grpc-tls-cert and --grpc-tls-key"
_TLS_WANTED = "it may speak TLS only: see --grpc-tls-ca"
_ENDS = "whoever listens there ends the connection"

_OTHER_NAME = (62, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_REFUSED = (ConnectionRefusedError, TimeoutError)


def explain(address: str, error: Exception, *, tls: bool) -> str:
    """One line for what :func:`fullnat.p4rt.http2.dial.dial` has raised."""
    nobody = f"no P4Runtime server answers at {address}"
    if isinstance(error, Http2Error):
        return f"{nobody}: who listens there speaks something else"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{nobody}: {_WRONG_NAME if error.verify_code in _OTHER_NAME else _WRONG_CA}"
    if isinstance(error, ssl.SSLError) and "ALERT" not in (error.reason or ""):
        return f"{nobody}: {_NO_TLS_THERE}"
    if isinstance(error, (ssl.SSLError, ConnectionLost, ConnectionError)) and not isinstance(error, _REFUSED):
        # In TLS 1.3 this is also how a client learns that its certificate is missed.
        return f"{nobody}: {_ENDS}; {_CLIENT_WANTED if tls else _TLS_WANTED}"
    if isinstance(error, socket.gaierror):
        return f"{nobody}: there is no such host"
    if isinstance(error, OSError):
        return f"{nobody}: {_system(error)}"
    return nobody


def _system(error: OSError) -> str:
    """What the system says; the first one of several addresses' errors, which come as text."""
    number = error.errno
    if number is None and (found := re.search(r"\[Errno (\d+)\]", str(error))):
        number = int(found[1])
    return os.strerror(number) if number is not None else str(error)
