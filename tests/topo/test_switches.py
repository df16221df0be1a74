"""Both switches as processes of their own: PTF's runner on them, and the differences that docs/targets.md lists."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from finsy.proto import p4r, p4r_grpc
from fullnat.core.interface import Op
from fullnat.net.flow import v4
from fullnat.p4rt import program
from fullnat.p4rt.client import Arbitration, Client, Mastership
from fullnat.p4rt.grpc_transport import GrpcTransport
from fullnat.tables.session import SessionEntry

from ptf_tests.harness import Harness
from ptf_tests.sessions import Session
from ptf_tests.targets import PORTS, TARGETS, P4softInProcess, ProcessTarget, TargetUnavailable

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["p4soft-veth", "bmv2"])
def target(request: pytest.FixtureRequest) -> Iterator[ProcessTarget]:
    """A running switch."""
    switch = TARGETS[request.param]()
    assert not isinstance(switch, P4softInProcess)
    try:
        switch.start()
    except TargetUnavailable as reason:
        pytest.skip(str(reason))
    try:
        yield switch
    finally:
        switch.stop()


def test_ptfs_own_runner(target: ProcessTarget, tmp_path: Path) -> None:
    """``ptf --test-dir ptf_tests`` runs them against a switch that it did not start."""
    command = [str(Path(sys.executable).with_name("ptf")), "--test-dir", "ptf_tests", "--pypath", "."]
    for port in PORTS:
        command += ["--interface", f"{port}@pt{os.getpid()}t{port}"]
    command += ["--socket-recv-size", "10240", "--log-dir", str(tmp_path), "--test-params", f"grpc='{target.address}'"]
    done = subprocess.run(
        [*command, "test_toa", "test_tables"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_toa.ToaInFin ... ok" in done.stderr
    assert "OK (skipped=" in done.stderr


def session(number: int) -> SessionEntry:
    return SessionEntry(
        session_id=number,
        server_id=1,
        protocol=6,
        client=v4(0xC0000200 + (number >> 15)),
        client_port=1024 + (number & 0x7FFF),
        vip=v4(0xCB007150),
        vport=80,
        local=v4(0x0A000001 + (number >> 15)),
        local_port=1024 + (number & 0x7FFF),
        server=v4(0x0A00000B),
        server_port=80,
        delta=number,
        client_isn=number,
        idle_timeout=90.0,
    )


async def test_a_read_of_more_than_4_mib(target: ProcessTarget) -> None:
    """The controller reads 40,000 entries back. BMv2 sends them in one message, beyond gRPC's usual limit."""
    client = Client(GrpcTransport(target.address), program.load(), device_id=1, election_id=lambda: 1)
    wanted = [session(number) for number in range(1, 20_001)]
    try:
        await client.open()
        assert await client.receive() == [Arbitration(Mastership.PRIMARY, 1)]
        assert await client.ensure_pipeline()
        updates = [update for entry in wanted for update in client.schema.encode(Op.INSERT, entry)]
        for start in range(0, len(updates), 1000):
            assert await client.write(updates[start : start + 1000]) == {}
        entries, orphans = await client.read_all()
    finally:
        await client.close()
    assert orphans == 0
    assert set(entries) == set(wanted)
    with grpc.insecure_channel(target.address) as channel:
        tables = [p4r.Entity(table_entry=p4r.TableEntry(table_id=i)) for i in client.schema.session_tables]
        answers = p4r_grpc.P4RuntimeStub(channel).Read(p4r.ReadRequest(device_id=1, entities=tables))
        if target.name == "bmv2":
            with pytest.raises(grpc.RpcError) as caught:
                list(answers)
            assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        else:
            assert sum(len(answer.entities) for answer in answers) == 2 * len(wanted)


def test_idle_notifications_repeat(target: ProcessTarget) -> None:
    """An entry that stays idle is reported again and again, so notifications are hints and no more."""
    harness = Harness(target)
    try:
        idle = Session(id=1, idle_ns=200_000_000)
        harness.client.insert(idle.inbound)
        deadline = time.monotonic() + 20
        for _ in range(3):
            notified = harness.client.idle(deadline)
            assert notified is not None
            assert notified.controller_metadata == idle.id
    finally:
        harness.close()


def test_registers_and_long_idle_times(target: ProcessTarget) -> None:
    """BMv2 reads no registers, and its time_since_last_hit is wrong for timeouts above 4.29 s: the capabilities of the
    packet tests say so, and stop being true when it learns to."""
    harness = Harness(target)
    try:
        fresh = Session(id=1, idle_ns=900_000_000_000)
        harness.client.insert(fresh.inbound)
        right = harness.client.since_hit(fresh.inbound) < 60
        assert right == ("long-since-hit" in target.capabilities)
        register = next(iter(harness.client.schema.registers))
        if "register-read" in target.capabilities:
            assert harness.client.register(register, 1) == 0
        else:
            with pytest.raises(grpc.RpcError) as caught:
                harness.client.register(register, 1)
            assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    finally:
        harness.close()
