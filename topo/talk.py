"""Established connections that ask and are answered, and for how long they were not."""

from __future__ import annotations

import http.client
import threading
import time
from types import TracebackType

from topo.world import World


class Talk:
    """Each asks when it has been answered, one after the other, until the end of the context. ``timeout``: seconds for
    an answer; ``pause``: seconds between an answer and the next question."""

    def __init__(
        self, world: World, count: int = 5, *, client: str = "c1", timeout: float = 10.0, pause: float = 0.0
    ) -> None:
        self.answers = 0
        self.broken: list[Exception] = []
        """What ended a connection."""
        self._longest = 0.0
        self._asked: float | None = None
        self._pause = pause
        self._connections = [world.http(client, timeout) for _ in range(count)]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="talk", daemon=True)

    def __enter__(self) -> Talk:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        for connection in self._connections:
            connection.close()
        if kind is None:
            assert self.broken == []

    @property
    def gap(self) -> float:
        """Seconds that an answer has taken at most, or that one is being waited for."""
        asked = self._asked
        return max(self._longest, time.monotonic() - asked if asked is not None else 0.0)

    def take_gap(self) -> float:
        """The same, since the last time that it was taken."""
        gap, self._longest = self.gap, 0.0
        return gap

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                for connection in self._connections:
                    self._ask(connection)
        except (OSError, http.client.HTTPException) as error:
            self.broken.append(error)
        finally:
            self._asked = None

    def _ask(self, connection: http.client.HTTPConnection) -> None:
        self._asked = began = time.monotonic()
        connection.request("GET", "/")
        connection.getresponse().read()
        self._longest = max(self._longest, time.monotonic() - began)
        self._asked = None
        self.answers += 1
        if self._pause:
            time.sleep(self._pause)
