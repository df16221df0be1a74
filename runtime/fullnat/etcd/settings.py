"""Where etcd is and how it is spoken to: the options ``--etcd...`` of ``fullnat run``."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

PREFIX = "/fullnat/default"
"""Of everything that the controllers of one balancer have in etcd, unless told otherwise."""
SILENCE = 1
"""Seconds, likewise, after which a leader that has not renewed its lease is replaced."""
PORT = 2379
"""Of etcd's clients."""
_PREFIX = re.compile(r"(/[A-Za-z0-9_.:-]+)+")


class SettingError(Exception):
    """A setting is wrong; the message says how."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    endpoints: tuple[Endpoint, ...]
    """The members, in the order in which they are tried."""
    prefix: str = PREFIX
    silence: int = SILENCE
    ca: Path | None = None
    """PEM; None: plain text."""
    cert: Path | None = None
    key: Path | None = None
    user: str | None = None
    password: str = ""
    name: str = ""
    """What this controller calls itself."""
    address: str = ""
    """Where its API or its page is, for operators."""


def endpoints(text: str) -> tuple[tuple[Endpoint, ...], bool]:
    """URLs with commas between them, and whether they ask for TLS. Raises SettingError."""
    found: list[Endpoint] = []
    schemes = set()
    for word in filter(None, (word.strip() for word in text.split(","))):
        try:
            url = urlsplit(word)
            host, port = url.hostname, PORT if url.port is None else url.port
        except ValueError:
            raise SettingError(f"{word!r} is no URL of an etcd member: https://HOST:{PORT}") from None
        if url.scheme not in ("http", "https") or not host or url.path.strip("/") or url.query or url.username:
            raise SettingError(f"{word!r} is no URL of an etcd member: https://HOST:{PORT}")
        schemes.add(url.scheme)
        if Endpoint(host, port) in found:
            raise SettingError(f"{word} is named twice")
        found.append(Endpoint(host, port))
    if not found:
        raise SettingError("no member of etcd is named")
    if len(schemes) > 1:
        raise SettingError("members of etcd are all http or all https")
    return tuple(found), schemes == {"https"}


def prefix(text: str) -> str:
    """Raises SettingError for what is no prefix, or too wide a one."""
    found = text.rstrip("/")
    if not _PREFIX.fullmatch(found):
        raise SettingError(f"{text!r} is no prefix: /NAME or /NAME/NAME, of letters, digits and _ . : -")
    return found


def of_group(prefix: str, group: str | None) -> str:
    """Below which the controllers of one of several groups have what is theirs: who leads, the configuration, the
    secret, memos. No group is below another, nor any below what a controller without groups has there."""
    return f"{prefix}/group/{group}" if group else prefix


def password(path: Path) -> str:
    """The first line of the file. Raises SettingError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingError(f"cannot read the password file {path}: {reason}") from None
    if not lines or not lines[0]:
        raise SettingError(f"the password file {path} has no password in its first line")
    return lines[0]


def require_usable(ca: Path, cert: Path | None, key: Path | None) -> None:
    """Raises SettingError for PEM files that gRPC would begin nothing with, again and again."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(ca)
    except ssl.SSLError:
        raise SettingError(f"{ca} (--etcd-ca) holds no certificate that can be read") from None
    if cert is not None and key is not None:
        try:
            context.load_cert_chain(cert, key, password="")
        except ssl.SSLError:
            raise SettingError(f"{cert} (--etcd-cert) and {key} (--etcd-key) are no certificate and its key") from None


def pem(path: Path | None, option: str) -> bytes | None:
    """Raises SettingError."""
    if path is None:
        return None
    try:
        found = path.read_bytes()
    except OSError as error:
        raise SettingError(f"cannot read the PEM file {path} ({option}): {error.strerror}") from None
    if b"-----BEGIN" not in found:
        raise SettingError(f"{path} ({option}) is not PEM")
    return found
