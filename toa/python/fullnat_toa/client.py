"""The client of an accepted connection, from the SYN that the kernel kept. No dependency but the standard library."""

from __future__ import annotations

import contextlib
import socket
import weakref
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple, Protocol

from fullnat_toa import option
from fullnat_toa.errors import NoSavedSyn, NoToaOption, NotTcp, ToaError, UntrustedPeer
from fullnat_toa.option import Ip

TCP_SAVE_SYN = 27
TCP_SAVED_SYN = 28
_SYN_BYTES = 512


class Address(NamedTuple):
    """Host and port, as the first two items of a socket address. An IPv4 host is written as IPv4, on any socket."""

    host: str
    port: int


class SocketLike(Protocol):
    """What is asked of a socket: socket.socket has it, and asyncio's TransportSocket."""

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes: ...

    def getpeername(self) -> object: ...


class Trusted:
    """The balancer's local addresses: ``Trusted("10.2.0.100/30, fd00::/64")``, or several strings.

    Raises ValueError for what is no address or prefix.
    """

    def __init__(self, *prefixes: str) -> None:
        words = [word for text in prefixes for word in text.replace(",", " ").split()]
        self.networks: tuple[IPv4Network | IPv6Network, ...] = tuple(ip_network(word, strict=False) for word in words)

    @classmethod
    def of(cls, prefixes: Trusted | str | Iterable[str]) -> Trusted:
        """``prefixes`` itself or made one."""
        if isinstance(prefixes, Trusted):
            return prefixes
        return cls(prefixes) if isinstance(prefixes, str) else cls(*prefixes)

    def __contains__(self, address: Ip) -> bool:
        return any(address in network for network in self.networks)

    def __str__(self) -> str:
        return ", ".join(map(str, self.networks)) or "nobody"


def unmapped(address: Ip) -> Ip:
    """An IPv4 address for ::ffff:a.b.c.d, everything else as it is."""
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def peer_address(sock: SocketLike) -> tuple[Ip, int]:
    """The kernel's idea of the peer. Raises NotTcp."""
    try:
        name = sock.getpeername()
    except OSError as error:
        raise NotTcp(f"the socket has no peer: {error}") from error
    if not isinstance(name, tuple) or len(name) < 2:
        raise NotTcp("the socket is not a TCP connection over IP")
    return unmapped(ip_address(str(name[0]).partition("%")[0])), int(name[1])


def keep_syns(*listeners: socket.socket) -> None:
    """Have the kernel keep the SYNs of connections to ``listeners``; call it before listen(). Raises NotTcp."""
    for listener in listeners:
        try:
            listener.setsockopt(socket.IPPROTO_TCP, TCP_SAVE_SYN, 1)
        except OSError as error:
            raise NotTcp(f"the kernel does not keep SYNs for this socket (TCP_SAVE_SYN): {error}") from error


def saved_syn(sock: SocketLike) -> bytes:
    """The SYN of an accepted connection. The kernel tells it once. Raises NoSavedSyn, NotTcp."""
    try:
        syn = sock.getsockopt(socket.IPPROTO_TCP, TCP_SAVED_SYN, _SYN_BYTES)
    except OSError as error:
        raise NotTcp(f"the socket is not a TCP connection (TCP_SAVED_SYN): {error}") from error
    if not syn:
        raise NoSavedSyn(
            "the kernel kept no SYN of this connection: TCP_SAVE_SYN was not set on the listening socket when the SYN "
            "came, or a SYN cookie answered it, or it was read before (libtoa_preload in the same process?)"
        )
    return syn


_known: weakref.WeakKeyDictionary[SocketLike, Address | ToaError] = weakref.WeakKeyDictionary()
"""What was found out about a socket, because the SYN can be read only once."""


def client_address(sock: SocketLike, trusted: Trusted | str | Iterable[str]) -> Address:
    """The client behind an accepted connection, from the first TOA option of its SYN.

    ``trusted`` are the balancer's local addresses; nobody else's option is believed. May be asked again for the same
    socket object. Raises UntrustedPeer, NoSavedSyn, NoToaOption, MalformedSyn and NotTcp, all of them ToaErrors.
    """
    peer, port = peer_address(sock)
    networks = Trusted.of(trusted)
    if peer not in networks:
        raise UntrustedPeer(f"the peer {peer}:{port} is not one of the balancer's local addresses ({networks})")
    try:
        known = _known.get(sock)
    except TypeError:
        known = None
    if known is None:
        try:
            known = _read(sock, peer, port)
        except ToaError as error:
            known = _fresh(error)
        # asyncio's TransportSocket takes no weak reference: its SYN is asked for once.
        with contextlib.suppress(TypeError):
            _known[sock] = known
    if isinstance(known, ToaError):
        raise _fresh(known)
    return known


def _fresh(error: ToaError) -> ToaError:
    """The same error without traceback, whose frames would keep the socket alive."""
    return type(error)(*error.args)


def _read(sock: SocketLike, peer: Ip, port: int) -> Address:
    clients = option.parse(saved_syn(sock)).clients
    if not clients:
        raise NoToaOption(f"the SYN from {peer}:{port} has no TOA option: is `toa` on for the service?")
    return Address(str(unmapped(clients[0].address)), clients[0].port)
