"""What TLS to a switch is made with."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from fullnat.p4rt.errors import ChannelError


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """PEM files. ``cert`` and ``key`` are ours, for servers that ask for a client certificate."""

    ca: Path
    cert: Path | None = None
    key: Path | None = None
    server_name: str | None = None
    """What the server's certificate must be for; None: the host that is connected to."""

    def context(self) -> ssl.SSLContext:
        """Raises ChannelError when a file cannot be read or does not hold what it should."""
        for path in (self.ca, self.cert, self.key):
            if path is not None:
                _check_readable(path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_alpn_protocols(["h2"])
        try:
            context.load_verify_locations(self.ca)
        except ssl.SSLError:
            raise ChannelError(f"{self.ca} holds no CA certificate in PEM form (--grpc-tls-ca)") from None
        if self.cert is None or self.key is None:
            return context
        try:
            context.load_cert_chain(self.cert, self.key, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            reason = "the key belongs to another certificate" if "MISMATCH" in str(error) else "not PEM, or encrypted"
            raise ChannelError(
                f"{self.cert} (--grpc-tls-cert) and {self.key} (--grpc-tls-key) are not usable: {reason}"
            ) from None
        return context


def _check_readable(path: Path) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        raise ChannelError(f"cannot read the PEM file {path}: {error.strerror}") from None


def _no_password() -> str:
    """An encrypted key must not make OpenSSL ask on the terminal."""
    raise ValueError("the key is encrypted")
