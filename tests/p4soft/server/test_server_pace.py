"""Moderation: how many bytes the server waits for before it reads a client's next Writes (native/http2/pace.c)."""

from __future__ import annotations

import contextlib
import os
import socket
import stat

import pytest
from finsy.proto import p4r
from h2kit import Raw, call, raw
from p4kit import Client, session, write_request
from p4soft.embedded import Switch

TOGETHER = 8
"""Writes that the client has on their way."""


def low_water(port: int) -> int:
    """SO_RCVLOWAT of the server's end of the connection from ``port``: the server is in this process."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError, IndexError, TypeError):  # gone meanwhile, or no TCP connection
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            with socket.socket(fileno=os.dup(int(name))) as end:
                if end.getpeername()[1] == port:
                    return end.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT)
    raise AssertionError("nobody is connected from there")


class Writer:
    """A client that modifies one entry again and again."""

    def __init__(self, client: Raw) -> None:
        self._client = client
        self._stream = 1
        self._request = write_request((p4r.Update.MODIFY, session(1))).SerializeToString()
        self.port = client.writer.get_extra_info("sockname")[1]

    async def write(self, together: int) -> int:
        """Send so many at once and wait for all answers; the bytes that were sent."""
        streams = range(self._stream, self._stream + 2 * together, 2)
        self._stream = streams.stop
        requests = b"".join(call(stream, "Write", self._request) for stream in streams)
        self._client.send(requests)
        for stream in streams:
            status, _ = await self._client.status(stream)
            assert status == 0
        return len(requests)


@pytest.fixture
def native(primary: Client, switch: Switch, request: pytest.FixtureRequest) -> Client:
    if switch.service.wire_writer is None:
        pytest.skip("the fake engine has no native Writes")
    return primary


async def test_who_waits_for_each_answer_is_never_kept_waiting(native: Client, switch: Switch) -> None:
    await native.write((p4r.Update.INSERT, session(1)))
    async with raw(switch) as client:
        writer = Writer(client)
        for _ in range(200):
            await writer.write(1)
            assert low_water(writer.port) == 1


async def test_who_sends_many_at_once_is_read_when_as_many_have_come(native: Client, switch: Switch) -> None:
    await native.write((p4r.Update.INSERT, session(1)))
    async with raw(switch) as client:
        writer = Writer(client)
        seen = set()
        for _ in range(300):
            size = await writer.write(TOGETHER)
            seen.add(low_water(writer.port))
        assert max(seen) > size // TOGETHER, "it is read for every single request"
        # One more than it sends is tried now and then.
        assert max(seen) <= size + size // TOGETHER, "it is kept waiting for more than it sends"


async def test_who_stops_to_send_many_is_answered_and_soon_not_kept_waiting(native: Client, switch: Switch) -> None:
    await native.write((p4r.Update.INSERT, session(1)))
    async with raw(switch) as client:
        writer = Writer(client)
        for _ in range(300):
            await writer.write(TOGETHER)
        for _ in range(100):
            await writer.write(1)
        assert low_water(writer.port) == 1
