"""The control socket: a Unix socket on which the command line tools ask the running controller.

A request is one line of JSON, ``{"command": "sessions" | "stats" | "about" | "ping", "filters": {...}}``. The answer is
lines of JSON objects, and a last one that is ``{"end": true}`` or ``{"error": "..."}``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fullnat.app.snapshot import Json, Snapshots, UnknownFilter

REQUEST_LIMIT = 65536

_END: Json = {"end": True}
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
_LOGGER = logging.getLogger(__name__)


class ControlError(Exception):
    """The control socket cannot be opened; the message says why."""


class ControlServer:
    def __init__(self, path: Path, snapshots: Snapshots, about: Json | None = None) -> None:
        """``about`` is what the controller says of itself."""
        self.path = path
        self._snapshots = snapshots
        self._about = about or {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Replaces the socket of a controller that is gone; raises ControlError for one that runs."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._remove_stale()
            self._server = await asyncio.start_unix_server(self._serve, self.path, limit=REQUEST_LIMIT)
            self.path.chmod(0o600)
        except OSError as error:
            raise ControlError(f"control socket {self.path}: {error.strerror or error}") from None

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self.path.unlink(missing_ok=True)
            self._server = None

    def _remove_stale(self) -> None:
        try:
            mode = self.path.stat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise ControlError(f"{self.path} is there and is no socket")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(str(self.path))
            except OSError:
                self.path.unlink()
            else:
                raise ControlError(f"another controller has the control socket {self.path}")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                async for answers in self._answer(line):
                    writer.write(b"".join([_ENCODE(answer).encode() + b"\n" for answer in answers]))
                    await writer.drain()
                    await asyncio.sleep(0)
        except (ConnectionError, ValueError) as error:
            _LOGGER.debug("control connection: %s", error)
        except Exception:
            _LOGGER.exception("a request on the control socket failed for an unforeseen reason")
            writer.write(b'{"error":"the controller failed on this request: see its log"}\n')
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> AsyncIterator[list[Json]]:
        """The answer's objects, one turn's work at a time."""
        try:
            request: Any = json.loads(line)
            command = request["command"]
            filters = {name: str(value) for name, value in request.get("filters", {}).items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            yield [{"error": "a request is a JSON object with a command"}]
            return
        if command == "ping":
            yield [_END]
        elif command == "about":
            yield [self._about, _END]
        elif command == "stats":
            yield [await self._snapshots.stats(), _END]
        elif command == "sessions":
            try:
                turns = self._snapshots.sessions(filters)
            except UnknownFilter as error:
                yield [{"error": str(error)}]
                return
            found = False
            async for turn in turns:
                found = found or bool(turn)
                yield turn
            missing = None if found else self._snapshots.missing(filters)
            yield [_END if missing is None else {"error": missing}]
        else:
            yield [{"error": f"unknown command {command!r}"}]
