"""Interfaces that are deleted under a running switch, and made again: the log tells, and the ports work again."""

from __future__ import annotations

import logging

from p4soft import links
from p4soft.api import EngineError
from p4soft.api_optional import Reattaches

log = logging.getLogger(__name__)


class Reattacher:
    """:meth:`look` is to be called whenever interfaces have changed (:class:`p4soft.links.LinkMonitor`)."""

    def __init__(self, engine: Reattaches) -> None:
        self._engine = engine
        self._told: dict[int, str] = {}
        """What the log says of ports that have no interface, last."""

    def look(self) -> None:
        """Attach every port whose interface has come back and was switched on: by then it has its MTU."""
        gone = self._engine.gone_interfaces()
        for port in self._told.keys() - gone.keys():
            del self._told[port]
        for port, name in gone.items():
            self._tell(port, name, "was deleted; the port is attached again when there is one of this name", new=True)
            if links.is_on(name):
                self._attach(port, name)

    def _attach(self, port: int, name: str) -> None:
        try:
            self._engine.reattach(port)
        except EngineError as error:
            self._tell(port, name, f"is back, and cannot be attached: {error}")
            return
        del self._told[port]
        log.info("port %d (%s): the interface is back and attached again", port, name)

    def _tell(self, port: int, name: str, what: str, *, new: bool = False) -> None:
        """Once; ``new``: only of a port of which nothing was told."""
        if self._told.get(port) == what or (new and port in self._told):
            return
        self._told[port] = what
        log.warning("port %d (%s): the interface %s", port, name, what)
