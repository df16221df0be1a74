"""Who the client is, for Python programs on a real server: read from the TOA option of the connection's SYN.

The listening socket must ask the kernel to keep SYNs (:func:`keep_syns`, or use a :class:`Listener`), and the
balancer's local addresses must be named (:class:`Trusted`), for anyone may write a TOA option. Then
:func:`client_address` tells the client of an accepted connection, or raises a :class:`ToaError` that says why not.

* plain sockets, socketserver, http.server, wsgiref, asyncio: a :class:`Listener` in place of the listening socket;
* asyncio protocols of your own: :class:`ToaProtocol`;
* WSGI and ASGI applications: :class:`WsgiMiddleware`, :class:`AsgiMiddleware`.

Programs in which nothing can be changed are served by libtoa_preload instead. Do not use both: a SYN can be read only
once.
"""

from fullnat_toa.asgi import AsgiMiddleware, UnknownClient
from fullnat_toa.client import Address, Trusted, client_address, keep_syns, saved_syn
from fullnat_toa.errors import MalformedSyn, NoSavedSyn, NoToaOption, NotTcp, ToaError, UntrustedPeer
from fullnat_toa.listener import Listener, client_of
from fullnat_toa.protocol import ToaProtocol
from fullnat_toa.wsgi import WsgiMiddleware

__all__ = [
    "Address",
    "AsgiMiddleware",
    "Listener",
    "MalformedSyn",
    "NoSavedSyn",
    "NoToaOption",
    "NotTcp",
    "ToaError",
    "ToaProtocol",
    "Trusted",
    "UnknownClient",
    "UntrustedPeer",
    "WsgiMiddleware",
    "client_address",
    "client_of",
    "keep_syns",
    "saved_syn",
]
