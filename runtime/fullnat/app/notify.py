"""What a service tells its manager, as sd_notify(3) has it: datagrams to ``$NOTIFY_SOCKET``.

Without a manager that asks for it, everything here does nothing. p4soft has the same module by a link.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping

SEND_SECONDS = 1.0
"""What a manager that is behind may take to read; what it has no room for then is lost."""
STATUS_SECONDS = 10.0
"""Between two beats for a manager that watches nothing, and only shows the status."""

LEAST_SECONDS = 0.05


class Notifier:
    """What ``environment`` asks for."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.period = _period(environment) if address else None
        """Seconds between two beats; None: nobody listens."""

    def ready(self, status: str) -> None:
        """The service works, at the start or again after :meth:`reloading`."""
        self._send(f"READY=1\nSTATUS={_line(status)}")

    def reloading(self) -> None:
        """The configuration is being read again. The time is what Type=notify-reload compares."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def beat(self, status: str) -> None:
        """The service still works. To be called by what must not get stuck, every :attr:`period`."""
        self._send(f"WATCHDOG=1\nSTATUS={_line(status)}")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(SEND_SECONDS)
            sender.sendto(message.encode(), self._address)


def _line(text: str) -> str:
    return " ".join(text.split())


def _period(environment: Mapping[str, str]) -> float:
    """Half of what the manager's watchdog waits (sd_watchdog_enabled(3)), if it is this process that it watches."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    if not microseconds.isdigit() or environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return STATUS_SECONDS
    return min(max(int(microseconds) / 2e6, LEAST_SECONDS), STATUS_SECONDS)
