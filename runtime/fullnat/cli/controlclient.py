"""The client's end of the admin API (:mod:`fullnat.api`): JSON over HTTP on the controller's socket.

It needs neither gRPC nor protobuf, which load slowly.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from fullnat.app.paths import control_socket

TIMEOUT_SECONDS = 30.0

socket_option = click.option(
    "--control-socket",
    type=click.Path(path_type=Path),
    help="Unix socket of the controller to ask (else that of FULLNAT_CONTROL_SOCKET).",
)


class NobodyListens(click.ClickException):
    """No controller has the control socket."""


class Refused(click.ClickException):
    """The controller does not do it; ``problems`` are why, each with the number of the command that it is of."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        super().__init__(str(answer["error"]))
        self.code = str(answer.get("code", ""))
        self.problems: list[dict[str, Any]] = list(answer.get("problems", ()))


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask(path: Path | None, call: str, fields: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """The objects that /v1/``call`` answers. Raises ClickException with one line when nobody answers or the request is
    refused."""
    query = urlencode({name: _word(value) for name, value in (fields or {}).items()})
    return _request(path, "GET", f"/v1/{call}" + (f"?{query}" if query else ""), None)


def tell(path: Path | None, call: str, message: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of a call that changes something. Raises ClickException likewise."""
    return next(tell_all(path, call, message))


def tell_all(path: Path | None, call: str, message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The answers of a call that has much to be told. Raises ClickException likewise."""
    return _request(path, "POST", f"/v1/{call}", json.dumps(message).encode())


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _request(path: Path | None, method: str, target: str, body: bytes | None) -> Iterator[dict[str, Any]]:
    path = path or control_socket()
    connection = _Connection(path)
    try:
        connection.request(method, target, body)
        for line in connection.getresponse():
            answer = json.loads(line)
            if not isinstance(answer, dict):
                raise ValueError
            if "error" in answer:
                raise Refused(answer)
            yield answer
    except (FileNotFoundError, ConnectionRefusedError):
        raise NobodyListens(f"no controller is running: nobody listens at {path}") from None
    except TimeoutError:
        raise click.ClickException(
            f"{path}: the controller does not answer for {TIMEOUT_SECONDS:.0f} s; it is stopped or overloaded"
        ) from None
    except (http.client.IncompleteRead, http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
        raise click.ClickException("the controller ended in the middle of its answer") from None
    except (ValueError, RecursionError, http.client.HTTPException):
        raise click.ClickException(f"{path}: what answers there is no controller") from None
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror or error}") from None
    finally:
        connection.close()
