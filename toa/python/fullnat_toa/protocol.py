"""For asyncio protocols of one's own."""

from __future__ import annotations

import asyncio
from typing import Any

from fullnat_toa.client import Address, Trusted, client_address, peer_address
from fullnat_toa.errors import ToaError


class ToaProtocol(asyncio.BaseProtocol):
    """Mixin: ``class Mine(ToaProtocol, asyncio.Protocol)``; ``super().connection_made(transport)`` sets ``client``.

    The listening socket must keep SYNs: bind it, :func:`fullnat_toa.keep_syns` it, then ``create_server(sock=...)``.
    """

    toa_trusted: Trusted = Trusted()
    """The balancer's local addresses: set it in the subclass."""
    client: Address
    """The client, or the kernel's peer where ``toa_error`` says why it is not known."""
    toa_error: ToaError | None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Find the client, then go on with the next class. Raises NotTcp for a transport without a TCP socket."""
        sock: Any = transport.get_extra_info("socket")
        peer, port = peer_address(sock)
        try:
            self.client = client_address(sock, self.toa_trusted)
            self.toa_error = None
        except ToaError as error:
            self.client = Address(str(peer), port)
            self.toa_error = error.with_traceback(None)
        super().connection_made(transport)
