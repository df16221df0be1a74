"""Why a connection's client cannot be told."""

from __future__ import annotations


class ToaError(Exception):
    """The client cannot be told; the message says why and what to do."""


class NotTcp(ToaError):
    """The socket is no connected TCP socket."""


class UntrustedPeer(ToaError):
    """The peer is not one of the balancer's local addresses: a direct connection, whose TOA option could be forged."""


class NoSavedSyn(ToaError):
    """The kernel has not kept the connection's SYN, or it was read before."""


class MalformedSyn(ToaError):
    """The saved SYN is not an IP and a TCP header."""


class NoToaOption(ToaError):
    """The SYN has no TOA option."""
