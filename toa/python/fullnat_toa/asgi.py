"""For ASGI applications, under servers that run on a :class:`fullnat_toa.Listener`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fullnat_toa.errors import ToaError
from fullnat_toa.listener import client_of

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class UnknownClient(ToaError):
    """No Listener of this process has learned the connection's client from TOA."""


class AsgiMiddleware:
    """Sets ``scope["client"]`` to the client's address; ``scope["extensions"]["toa"]["peer"]`` keeps the peer's.

    ASGI shows no socket, so the server must accept on a Listener: ``uvicorn.Server(config).run(sockets=[listener])``.
    Servers that take the peer from accept() show the client even without this; uvicorn asks getpeername() and needs it.
    Where the client is not known the scope stays; with ``required`` UnknownClient is raised.
    """

    def __init__(self, application: Application, *, required: bool = False) -> None:
        self._application = application
        self._required = required

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            peer, own = scope.get("client"), scope.get("server")
            client = client_of(peer, own)
            if client is not None:
                extensions = {**(scope.get("extensions") or {}), "toa": {"peer": peer}}
                scope = {**scope, "client": tuple(client), "extensions": extensions}
            elif self._required:
                raise UnknownClient(f"no TOA is known of the connection from {peer} to {own}")
        await self._application(scope, receive, send)
