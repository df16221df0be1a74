"""gRPC channels to P4Runtime servers: one place for their options, and for TLS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from fullnat.p4rt.errors import ChannelError

OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.max_receive_message_length", -1),  # BMv2 answers a read of a whole table in one message
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", 16 << 20),  # the details of a failed batch travel in a trailer
    ("grpc.absolute_max_metadata_size", 16 << 20),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
)
"""No HTTP/2 keepalive (grpc.keepalive_time_ms): servers made with gRPC's C++ library, BMv2's and Stratum's among them,
take more than two pings within five minutes without data of theirs for abuse and end the connection
(too_many_pings; gRPC proposal A8). Whether the switch is there is asked for by an RPC instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """PEM files. ``cert`` and ``key`` are ours, for servers that ask for a client certificate."""

    ca: Path
    cert: Path | None = None
    key: Path | None = None
    server_name: str | None = None
    """What the server's certificate must be for; None: the host that is connected to."""

    def credentials(self) -> grpc.ChannelCredentials:
        """Raises ChannelError when a file cannot be read or does not hold what it should."""
        read = {path: _read(path) for path in (self.ca, self.cert, self.key) if path is not None}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(self.ca)
        except ssl.SSLError:
            raise ChannelError(f"{self.ca} holds no CA certificate in PEM form (--grpc-tls-ca)") from None
        if self.cert is None or self.key is None:
            return grpc.ssl_channel_credentials(read[self.ca])
        try:
            context.load_cert_chain(self.cert, self.key, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            reason = "the key belongs to another certificate" if "MISMATCH" in str(error) else "not PEM, or encrypted"
            raise ChannelError(
                f"{self.cert} (--grpc-tls-cert) and {self.key} (--grpc-tls-key) are not usable: {reason}"
            ) from None
        return grpc.ssl_channel_credentials(read[self.ca], read[self.key], read[self.cert])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ChannelError(f"cannot read the PEM file {path}: {error.strerror}") from None


def _no_password() -> str:
    """An encrypted key must not make OpenSSL ask on the terminal."""
    raise ValueError("the key is encrypted")


def _arguments(tls: Tls | None) -> tuple[grpc.ChannelCredentials | None, list[tuple[str, Any]]]:
    options = list(OPTIONS)
    if tls is None:
        return None, options
    if tls.server_name is not None:
        options += [("grpc.ssl_target_name_override", tls.server_name), ("grpc.default_authority", tls.server_name)]
    return tls.credentials(), options


def connect(address: str, tls: Tls | None = None) -> grpc.aio.Channel:
    """A channel for asyncio to ``address`` (host:port or unix:path). Raises ChannelError."""
    credentials, options = _arguments(tls)
    if credentials is None:
        return grpc.aio.insecure_channel(address, options=options)
    return grpc.aio.secure_channel(address, credentials, options=options)


def connect_blocking(address: str, tls: Tls | None = None) -> grpc.Channel:
    """As :func:`connect`, for programs without an event loop."""
    credentials, options = _arguments(tls)
    if credentials is None:
        return grpc.insecure_channel(address, options=options)
    return grpc.secure_channel(address, credentials, options=options)
