"""The controller process: core, switch, control socket, metrics and signals in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fullnat.app.control import ControlServer
from fullnat.app.metrics import serve_metrics
from fullnat.app.snapshot import Snapshots
from fullnat.app.state import load_secret
from fullnat.app.switch import SwitchOwner
from fullnat.compiled import V1MODEL
from fullnat.config import file
from fullnat.config.errors import ConfigError
from fullnat.core.controller import Controller
from fullnat.p4rt import program
from fullnat.p4rt.client import Client
from fullnat.p4rt.grpc_transport import GrpcTransport
from fullnat.p4rt.schema import Schema
from fullnat.p4rt.transport import Transport

_LOGGER = logging.getLogger(__name__)
GC_ALLOCATIONS = 20_000
"""Objects made between two looks of the garbage collector at the youngest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command line of ``fullnat run``."""

    config: Path
    state_dir: Path
    control_socket: Path
    device_id: int = 1
    grpc_addr: str = "127.0.0.1:9559"
    target: str = V1MODEL
    """What the switch is: one of fullnat.compiled.TARGETS."""
    device_config: Path | None = None
    """What to load into the switch instead of the compiled program, with the same P4Info."""
    election_id: int | None = None
    """None: the time of day, so that the controller started last is primary."""
    embedded: bool = False
    cpu_port: int = 255
    ports: Mapping[int, str] = field(default_factory=dict)
    """Embedded: switch port to network interface."""
    no_offload: frozenset[str] = frozenset()
    """Embedded: interfaces whose super-segments are not cut."""
    grpc_server_addr: str | None = None
    metrics_addr: tuple[str, int] | None = None


async def run(options: Options, ready: Callable[[], None] = lambda: None) -> None:
    """Run until SIGTERM or SIGINT. Raises ConfigError, StateError, ControlError or P4RuntimeError at the start."""
    config = file.load(options.config)
    compiled = program.load(target=options.target, device_config=options.device_config)
    Schema(compiled.p4info, compiled.constants)
    secret = load_secret(options.state_dir)
    core = Controller(
        config,
        compiled.constants,
        secret,
        random.Random(os.urandom(16)),
        wall_offset=time.time() - asyncio.get_running_loop().time(),
    )
    # Sessions are objects without cycles; looking for cycles among hundreds of thousands of them stops everything.
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, 50, 1000)
    async with contextlib.AsyncExitStack() as stack:
        make_transport = await _transport(options, stack)
        owner = SwitchOwner(
            core,
            config,
            lambda: Client(
                make_transport(),
                compiled,
                device_id=options.device_id,
                election_id=lambda: time.time_ns() if options.election_id is None else options.election_id,
            ),
        )
        snapshots = Snapshots(core, owner, compiled.constants)
        control = ControlServer(options.control_socket, snapshots)
        await control.start()
        stack.push_async_callback(control.stop)
        if options.metrics_addr is not None:
            stack.push_async_callback(await serve_metrics(options.metrics_addr, snapshots))
        await _until_signalled(owner, options.config, ready)


async def _transport(options: Options, stack: contextlib.AsyncExitStack) -> Callable[[], Transport]:
    if not options.embedded:
        return lambda: GrpcTransport(options.grpc_addr)
    from fullnat.p4rt.inprocess import EmbeddedSwitch  # p4soft, only where it is asked for

    switch = EmbeddedSwitch(
        options.device_id, options.cpu_port, options.ports, options.grpc_server_addr, no_offload=options.no_offload
    )
    await switch.start()
    stack.push_async_callback(switch.stop)
    return switch.transport


async def _until_signalled(owner: SwitchOwner, config_path: Path, ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: reload(owner, config_path))
    serving = asyncio.create_task(owner.run(), name="switch-owner")
    stopping = asyncio.create_task(stop.wait(), name="stop-signal")
    ready()
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
        for task in (serving, stopping):
            task.cancel()
        results = await asyncio.gather(serving, stopping, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result


def reload(owner: SwitchOwner, path: Path) -> bool:
    """Read the configuration again; with errors the old one stays. True if it was taken over."""
    try:
        config = file.load(path)
    except ConfigError as error:
        for problem in error.problems:
            _LOGGER.error("%s", problem)
        _LOGGER.error("the configuration was not reloaded; the old one stays")
        return False
    owner.reconfigure(config)
    _LOGGER.info("configuration reloaded from %s", path)
    return True
