"""The client's end of the control socket (:mod:`fullnat.app.control`)."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from fullnat.app.paths import control_socket

TIMEOUT_SECONDS = 30.0

socket_option = click.option(
    "--control-socket", type=click.Path(path_type=Path), help="Unix socket of the controller to ask."
)


class NobodyListens(click.ClickException):
    """No controller has the control socket."""


def ask(path: Path | None, command: str, filters: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """The objects of the answer. Raises ClickException with one line when nobody answers or the request is refused."""
    path = path or control_socket()
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(TIMEOUT_SECONDS)
    with connection:
        try:
            connection.connect(str(path))
            connection.sendall(json.dumps({"command": command, "filters": dict(filters or {})}).encode() + b"\n")
            with connection.makefile("r", encoding="utf-8") as lines:
                for line in lines:
                    answer = json.loads(line)
                    if not isinstance(answer, dict):
                        raise ValueError
                    if answer.get("end"):
                        return
                    if "error" in answer:
                        raise click.ClickException(answer["error"])
                    yield answer
        except (FileNotFoundError, ConnectionRefusedError):
            raise NobodyListens(f"no controller is running: nobody listens at {path}") from None
        except TimeoutError:
            raise click.ClickException(
                f"{path}: the controller does not answer for {TIMEOUT_SECONDS:.0f} s; it is stopped or overloaded"
            ) from None
        except (ValueError, RecursionError):
            raise click.ClickException(f"{path}: what answers there is no controller") from None
        except OSError as error:
            raise click.ClickException(f"{path}: {error.strerror or error}") from None
    raise click.ClickException("the controller ended in the middle of its answer")
