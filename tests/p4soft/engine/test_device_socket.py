"""The nanomsg socket: PTF's own data plane on one side, p4soft on the other."""

from __future__ import annotations

import asyncio
import re
import signal
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from enginekit import PROGRAMS, Bench
from p4soft.api import EngineError
from p4soft.device_socket import DeviceSocket
from p4soft.engine import NativeEngine

pynng = pytest.importorskip("pynng")
Make = Callable[[str], Bench]
ADD, REMOVE, STATUS, PACKET_IN, PACKET_OUT, INFO_REQUEST, INFO_REPLY = range(7)


def frame(mark: int, size: int = 60) -> bytes:
    """To port 2."""
    return struct.pack("!BBH", 0, 0, mark).ljust(size, b".")


def expected(mark: int, size: int = 60) -> bytes:
    """What leaves by port 2."""
    sent = frame(mark, size)
    return struct.pack("!BBHBBHHH", 0, 0, mark + 1, 0, 0, size, 1, 1) + sent[4:]


def message(kind: int, port: int, more: int, data: bytes = b"") -> bytes:
    return struct.pack("<iii", kind, port, more) + data


def packet(port: int, data: bytes) -> bytes:
    return message(PACKET_IN, port, len(data), data)


class Peer:
    """A plain socket on PTF's side."""

    def __init__(self, address: str) -> None:
        self.socket = pynng.Pair0(recv_timeout=10_000, send_timeout=10_000, recv_buffer_size=8192)
        self.socket.dial(address, block=True)

    async def send(self, data: bytes) -> None:
        await self.socket.asend(data)

    async def recv(self) -> tuple[int, int, int, bytes]:
        data = await self.socket.arecv()
        kind, port, more = struct.unpack_from("<iii", data)
        return kind, port, more, data[12:]


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.002)


@asynccontextmanager
async def served(engine: NativeEngine) -> AsyncIterator[tuple[DeviceSocket, Peer]]:
    async with DeviceSocket(engine, "tcp://127.0.0.1:0") as device:
        peer = Peer(device.address)
        try:
            yield device, peer
        finally:
            peer.socket.close()


@pytest.fixture
def empty(bench: Make) -> Bench:
    engine = bench("paths")
    for port in (1, 2, 3):
        engine.remove_port(port)
    return engine


def ports(engine: NativeEngine) -> list[int]:
    return [stats.port for stats in engine.port_stats()]


@pytest.mark.parametrize("kind", ["tcp", "ipc"])
async def test_ptf_s_own_data_plane(empty: Bench, kind: str, tmp_path: Path) -> None:
    ptf_dataplane = pytest.importorskip("ptf.dataplane")
    address = "tcp://127.0.0.1:0" if kind == "tcp" else f"ipc://{tmp_path}/device"

    def exercise(address: str) -> None:
        dataplane: Any = ptf_dataplane.DataPlane({"platform": "nn"})
        try:
            for port in (1, 2, 3):
                dataplane.port_add(address, 0, port)
            for i in range(200):
                assert dataplane.send(0, 1, frame(i)) == 60
                found = dataplane.poll(device_number=0, port_number=2, timeout=10)
                assert isinstance(found, dataplane.PollSuccess)
                assert (found.device, found.port, found.packet) == (0, 2, expected(i))
            for port, counters in ((1, (200, 0)), (2, (0, 200)), (3, (0, 0))):
                assert dataplane.get_nn_counters(0, port) == counters
            assert dataplane.get_mac(0, 1) is None
            assert dataplane.port_remove(0, 3)
            # PTF tells the switch when its own thread lets go of the port, which closing the socket would outrun.
            asyncio.run_coroutine_threadsafe(until(lambda: ports(empty) == [1, 2]), loop).result(20)
        finally:
            left = list(dataplane.ports.values())
            dataplane.kill()
            dataplane.join(10)
            for source in ptf_dataplane.DataPlanePortNN.packet_injecters.values():
                source.close()
            ptf_dataplane.DataPlanePortNN.packet_injecters.clear()
            for port in left:
                port.packet_inject = None  # else it takes leave on the closed socket

    async with DeviceSocket(empty, address) as device:
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(exercise, device.address)
        assert device.dropped == 0
        assert ports(empty) == [1, 2]


async def test_many_frames_keep_their_order(empty: Bench) -> None:
    async with served(empty) as (device, peer):
        await peer.send(message(ADD, 1, 0))
        await peer.send(message(ADD, 2, 0))
        for i in range(2000):
            await peer.send(packet(1, frame(i, 1000)))
        for i in range(2000):
            assert await peer.recv() == (PACKET_OUT, 2, 1008, expected(i, 1000))
        assert device.dropped == 0


async def test_what_makes_no_sense_is_ignored(empty: Bench, caplog: pytest.LogCaptureFixture) -> None:
    async with served(empty) as (_, peer):
        for data in (
            b"",
            b"short",
            message(99, 1, 0),
            message(-1, -1, -1),
            message(PACKET_OUT, 1, 0),
            message(ADD, 511, 0),
            message(ADD, -1, 0),
            message(ADD, 255, 0),
            message(REMOVE, 7, 0),
            message(STATUS, 1, 0),
            message(PACKET_IN, 1, 61, frame(1)),
            message(PACKET_IN, 512, 60, frame(1)),
            message(PACKET_IN, 1, 70_000, bytes(70_000)),
            message(ADD, 1, 0),
            message(ADD, 1, 0),
            message(ADD, 2, 0),
        ):
            await peer.send(data)
        await peer.send(message(INFO_REQUEST, 1, 1))
        assert await peer.recv() == (INFO_REPLY, 1, 1, struct.pack("<iii", 0, 0, 0))
        await peer.send(message(INFO_REQUEST, 9, 1))
        assert await peer.recv() == (INFO_REPLY, 9, 1, struct.pack("<i", 1))
        await peer.send(packet(1, frame(5)))
        assert await peer.recv() == (PACKET_OUT, 2, 68, expected(5))
        assert ports(empty) == [1, 2]
    assert len([r for r in caplog.records if r.name == "p4soft.device_socket"]) == 11


async def test_one_peer_after_another(empty: Bench) -> None:
    async with DeviceSocket(empty, "tcp://127.0.0.1:0") as device:
        for i in range(3):
            peer = Peer(device.address)
            await peer.send(message(ADD, 1, 0))
            await peer.send(message(ADD, 2, 0))
            await peer.send(packet(1, frame(i)))
            assert await peer.recv() == (PACKET_OUT, 2, 68, expected(i))
            peer.socket.close()
            await until(lambda: not device._socket.pipes)
            empty.inject(1, frame(77))
            await until(lambda: device.dropped > 0)
            device.dropped = 0


async def test_what_cannot_be_served_is_said(empty: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match=r"'udp://x' is not tcp://HOST:PORT or ipc://FILE"):
        await DeviceSocket(empty, "udp://x").start()
    with pytest.raises(EngineError, match=r"cannot listen on tcp://nonsense:x"):
        await DeviceSocket(empty, "tcp://nonsense:x").start()
    async with DeviceSocket(empty, "tcp://127.0.0.1:0") as device:
        with pytest.raises(EngineError, match="Address in use"):
            await DeviceSocket(empty, device.address).start()
    device.stop()
    monkeypatch.setitem(sys.modules, "pynng", None)
    with pytest.raises(EngineError, match="needs pynng: pip install pynng"):
        await DeviceSocket(empty, "tcp://127.0.0.1:0").start()


async def test_the_command_serves_ptf_and_traces_packets(tmp_path: Path) -> None:
    info, log = tmp_path / "p4info", tmp_path / "log"
    info.write_text('pkg_info { arch: "v1model" }')
    command = [sys.executable, "-m", "p4soft.cli", str(PROGRAMS / "paths.json"), "--p4info", str(info)]
    command += ["-i", "1@ignored0", "--packet-in", "tcp://127.0.0.1:0", "--grpc-server-addr", "127.0.0.1:0"]
    command += ["--log-level", "trace", "--log-file", str(log), "--log-flush"]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            lines = [(await process.stdout.readline()).decode() for _ in range(2)]
        assert lines[0].startswith("p4soft: listening on 127.0.0.1:")
        found = re.fullmatch(r"p4soft: ports on (tcp://127\.0\.0\.1:\d+)\n", lines[1])
        assert found
        peer = Peer(found[1])
        await peer.send(message(ADD, 1, 0))
        await peer.send(message(ADD, 2, 0))
        await peer.send(packet(1, frame(9)))
        assert await peer.recv() == (PACKET_OUT, 2, 68, expected(9))
        peer.socket.close()
        # The line was written before the packet left.
        assert re.search(r"\[0\.0\] \[cxt 0\] Transmitting packet of size \d+ out of port 2\n", log.read_text())
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            output, errors = await process.communicate()
    assert process.returncode == 0
    assert b"Traceback" not in errors
    assert [line.split()[0] for line in output.decode().splitlines()] == ["port", "1", "2"]
