"""Addresses and ports as people write them, and their names."""

from __future__ import annotations

import socket
from functools import cache
from ipaddress import IPv4Address, ip_address

from fullnat.fnatadm.parse import UsageError
from fullnat.net.flow import MARK, MARK6


def endpoint(text: str, protocol: str, port: str | None = None) -> str:
    """``text`` as ADDRESS:PORT, with ``port`` where it has none. Raises UsageError."""
    host, own = _split(text)
    found = own or port
    if not found:
        raise UsageError(f"{text!r} has no port")
    return joined(address(host), _port(found, protocol))


def port_of(at: str) -> str:
    """Of a service by match 0: each packet's own."""
    return "0" if mark(at) is not None else at.rpartition(":")[2]


def joined(host: str, port: str) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _split(text: str) -> tuple[str, str]:
    """Host and port; an IPv6 address without brackets has none."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        if rest and not rest.startswith(":"):
            raise UsageError(f"{text!r} is not [ADDRESS]:PORT")
        return host, rest[1:]
    if text.count(":") > 1:
        return text, ""
    host, _, port = text.partition(":")
    return host, port


def address(host: str) -> str:
    """``host``, an address or a name that has one. Raises UsageError."""
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UsageError(f"{host!r} is no address, and no host is known by that name") from None
    return str(found[0][4][0])


def _port(text: str, protocol: str) -> str:
    if text.isascii() and text.isdecimal():
        if int(text[:9]) > 65535:
            raise UsageError(f"{text!r} is no port")
        return str(int(text))
    try:
        return str(socket.getservbyname(text, protocol))
    except (OSError, UnicodeError, ValueError):
        raise UsageError(f"{text!r} is no port, and no service is known by that name") from None


def shown(at: str, protocol: str, numeric: bool) -> str:
    """ADDRESS:PORT as a list has it: without ``numeric``, with the names that they have. A service by match is its
    mark, as in ipvsadm."""
    if (number := mark(at)) is not None:
        return f"{number}{'' if protocol == 'tcp' else f'/{protocol}'}{' IPv6' * is_six(at)}"
    if numeric:
        return at
    host, _, port = at.rpartition(":")
    return joined(_host_name(host.strip("[]")), _port_name(int(port), protocol))


def shown_host(host: str, numeric: bool) -> str:
    return host if numeric else _host_name(host)


@cache
def _host_name(host: str) -> str:
    try:
        return socket.gethostbyaddr(host)[0]
    except (OSError, UnicodeError):
        return host


@cache
def _port_name(port: int, protocol: str) -> str:
    try:
        return socket.getservbyport(port, protocol)
    except (OSError, OverflowError):
        return str(port)


def mark(at: str) -> int | None:
    """The number of a service by match, by what the API calls it; None for what is no such name."""
    kind, _, number = at.partition(":")
    return int(number) if kind in (MARK, MARK6) and number.isascii() and number.isdecimal() else None


def is_six(virtual: str) -> bool:
    """Whether a service is of IPv6, by what the API calls it."""
    return virtual.startswith(("[", f"{MARK6}:"))


def netmask(text: str, virtual: str) -> int:
    """The bits of ``text``, a mask of IPv4 or, for a service of IPv6, their number. Raises UsageError."""
    if is_six(virtual):
        if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= 128:
            raise UsageError(f"-M {text!r} is not a number of bits from 1 to 128")
        return int(text)
    try:
        number = int(IPv4Address(text))
    except ValueError:
        raise UsageError(f"-M {text!r} is not a mask like 255.255.255.0") from None
    bits = number.bit_count()
    if not bits or number != (1 << 32) - (1 << 32 - bits):
        raise UsageError(f"-M {text!r} is not a mask like 255.255.255.0")
    return bits


def mask(bits: int, *, is_six: bool) -> str | None:
    """As -M has it; None when all bits count."""
    if is_six:
        return None if bits >= 128 else str(bits)
    return None if bits >= 32 else str(IPv4Address((1 << 32) - (1 << 32 - bits)))
