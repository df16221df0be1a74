"""For WSGI applications, under servers that put the connection's socket into the environment."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fullnat_toa.client import Trusted, client_address
from fullnat_toa.errors import NotTcp, ToaError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SOCKET_KEYS = ("toa.socket", "gunicorn.socket", "werkzeug.socket")
"""Where the socket may be; a server of one's own puts it under the first."""
_log = logging.getLogger(__name__)


class WsgiMiddleware:
    """Sets REMOTE_ADDR and REMOTE_PORT to the client's; ``toa.peer`` keeps the peer's address.

    Where the client is not known the environment stays, and ``toa.error`` has the ToaError; with ``required`` it is
    raised. The listening socket must keep SYNs (:func:`fullnat_toa.keep_syns`; gunicorn: in the ``when_ready`` hook,
    over ``server.LISTENERS``). Under wsgiref and http.server no middleware is needed: use a Listener.
    """

    def __init__(
        self, application: WSGIApplication, trusted: Trusted | str | Iterable[str], *, required: bool = False
    ) -> None:
        self._application = application
        self._trusted = Trusted.of(trusted)
        self._required = required
        self._warned = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            client = client_address(_socket(environ), self._trusted)
        except ToaError as error:
            if self._required:
                raise
            environ["toa.error"] = error.with_traceback(None)
            if isinstance(error, NotTcp) and not self._warned:
                self._warned = True
                _log.warning("%s", error)
        else:
            environ["toa.peer"] = environ.get("REMOTE_ADDR", "")
            environ["REMOTE_ADDR"] = client.host
            environ["REMOTE_PORT"] = str(client.port)
        return self._application(environ, start_response)


def _socket(environ: WSGIEnvironment) -> Any:
    for key in SOCKET_KEYS:
        if environ.get(key) is not None:
            return environ[key]
    raise NotTcp(f"the WSGI server gives no socket: none of {', '.join(SOCKET_KEYS)} is in the environment")
