"""The controller process: core, switch, API, metrics and signals in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from fullnat.api.handlers import Handlers
from fullnat.api.identity import Grants
from fullnat.api.listener import Listener, Tcp, Where
from fullnat.api.server import Dispatcher
from fullnat.app import upgrade
from fullnat.app.changes import Changes, Refused
from fullnat.app.group.owner import GroupOwner
from fullnat.app.group.remembered import Remembered
from fullnat.app.here import is_here
from fullnat.app.memory import Keeper, MemoryFile
from fullnat.app.metrics import serve_metrics
from fullnat.app.notify import Notifier as Manager
from fullnat.app.runner import CoreRunner
from fullnat.app.service import Service
from fullnat.app.session_log import SessionLog, target
from fullnat.app.snapshot import Snapshots
from fullnat.app.state import StateError, load_secret
from fullnat.app.switch import Switches, SwitchOwner
from fullnat.app.tracing import Tracing
from fullnat.compiled import CPU_PORTS, V1MODEL
from fullnat.config import file
from fullnat.config.advice import advice
from fullnat.config.errors import ConfigError
from fullnat.config.model import Config
from fullnat.config.servers import GRPC_ADDRESS, SwitchSettings
from fullnat.core.controller import Controller
from fullnat.health.notify import Known, Notifier
from fullnat.health.watch import Watch
from fullnat.p4rt import program
from fullnat.p4rt.client import Client
from fullnat.p4rt.grpc_transport import GrpcTransport
from fullnat.p4rt.schema import Schema
from fullnat.p4rt.tls import Tls
from fullnat.p4rt.transport import Transport

_LOGGER = logging.getLogger(__name__)
GC_THRESHOLDS = 10_000, 1, 100_000
"""Objects made between two looks of the garbage collector at the youngest; of those looks, between two at what is young
as well; of those, between two at everything. 10,000 objects take 1 to 3 ms, for which everything waits, and each is
looked at twice however seldom that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command line of ``fullnat run``."""

    config: Path
    state_dir: Path
    control_socket: Path
    api: Tcp | None = None
    """Where the admin API is beside the control socket."""
    grants: tuple[str, ...] = ()
    """Who else may use it, and as what (:meth:`fullnat.api.identity.Grants.parse`)."""
    keep: bool = False
    """Reading the file again keeps what commands have changed."""
    device_id: int = 1
    grpc_addr: str | None = None
    """None: :data:`GRPC_ADDRESS`."""
    target: str = V1MODEL
    """What the switch is: one of fullnat.compiled.TARGETS."""
    device_config: Path | None = None
    """What to load into the switch instead of the compiled program, with the same P4Info."""
    election_id: int | None = None
    """None: the time of day, so that the controller started last is primary."""
    embedded: bool = False
    cpu_port: int = CPU_PORTS[V1MODEL]
    ports: Mapping[int, str] = field(default_factory=dict)
    """Embedded: switch port to network interface."""
    no_offload: frozenset[str] = frozenset()
    """Embedded: interfaces whose super-segments are not cut."""
    workers: int = 1
    spread: str = "flow"
    """Embedded: packet threads, and whether flows or ports are spread among them."""
    grpc_server_addr: str | None = None
    http_addr: tuple[str, int] | None = None
    metrics_addr: tuple[str, int] | None = None
    tls: Tls | None = None
    """None: plain text."""
    session_log: str | None = None
    """Where it goes (:func:`fullnat.app.session_log.target`)."""


async def run(options: Options) -> None:
    """Run until SIGTERM or SIGINT. Raises ConfigError, StateError, ApiError or P4RuntimeError at the start."""
    # What is made of a configuration has no cycles, and stays: looking for some doubles the time that it takes.
    gc.disable()
    config = file.load(options.config, options.target)
    compiled = program.load(target=options.target, device_config=options.device_config)
    Schema(compiled.p4info, compiled.sizes)
    secret = load_secret(options.state_dir)
    core = Controller(
        compiled.sizes,
        secret,
        random.Random(os.urandom(16)),
        wall_offset=time.time() - asyncio.get_running_loop().time(),
    )
    runner = CoreRunner(core)
    runner.reconfigure(config)
    memory = MemoryFile(options.state_dir)
    core.recall(memory.read(), asyncio.get_running_loop().time())
    keeper = Keeper(core.memory, memory)
    # Sessions are objects without cycles; looking for cycles among hundreds of thousands of them stops everything.
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()
    async with contextlib.AsyncExitStack() as stack:
        owner = await _switches(options, config, compiled, runner, stack)
        log = _session_log(options, core, stack)
        snapshots = Snapshots(runner, owner, _watched(runner, core, stack), log)
        programs = Notifier(Known(core.has_quorum, core.found_well))
        stack.push_async_callback(programs.close)
        about = {"version": upgrade.installed(), "embedded": options.embedded, "cookie": compiled.cookie}
        about["size"] = compiled.sizes.session_ids
        ports = EmbeddedPorts(options)

        def taken(config: Config) -> None:
            _advise(config)
            ports.compare(config)

        taken(config)
        changes = Changes(runner, options.config, taken, options.keep, options.target, config.switches)
        tracing = Tracing(owner, compiled, options.cpu_port if options.embedded else CPU_PORTS[options.target])
        where = Where(options.control_socket, options.api, options.http_addr, Grants.parse(options.grants))
        api = Listener(where, Dispatcher(Handlers(snapshots, changes, about, tracing)))
        stack.push_async_callback(api.stop)
        await api.start()
        if options.metrics_addr is not None:
            stack.push_async_callback(await serve_metrics(options.metrics_addr, snapshots))
        _tell(runner, programs)
        service = Service(Manager(), runner, lambda: ": ".join(filter(None, (owner.state, owner.reason))))
        beside = {"memory": keeper.run(), "estimates": snapshots.estimates.run()}
        await _until_signalled(runner, owner, service, beside, partial(reload, changes), programs.end)


async def _switches(
    options: Options, config: Config, compiled: program.Program, runner: CoreRunner, stack: contextlib.AsyncExitStack
) -> Switches:
    """Raises ConfigError, and P4RuntimeError for what no further attempt would mend."""

    def client(transport: Transport, device_id: int) -> Client:
        return Client(
            transport,
            compiled,
            device_id=device_id,
            election_id=lambda: time.time_ns() if options.election_id is None else options.election_id,
        )

    if not config.switches:
        make = await transports(options, stack)
        return SwitchOwner(runner, lambda: client(make(), options.device_id))
    makers = await group_transports(options, config.switches, stack)
    return GroupOwner(
        runner,
        Remembered(options.state_dir),
        config.switches,
        lambda switch: client(makers[switch.name](), switch.device_id),
    )


def _watched(runner: CoreRunner, core: Controller, stack: contextlib.AsyncExitStack) -> Watch:
    """Have servers checked."""
    watch = Watch(runner.judge, core.found_well)
    stack.push_async_callback(watch.close)
    runner.on_change(watch.follow)
    return watch


def _session_log(options: Options, core: Controller, stack: contextlib.AsyncExitStack) -> SessionLog | None:
    """Have sessions told of where that is asked for. Raises StateError."""
    loop = asyncio.get_running_loop()
    if options.session_log is None:
        loop.add_signal_handler(signal.SIGUSR1, lambda: None)
        return None
    try:
        log = SessionLog(target(options.session_log), time.time() - loop.time())
    except OSError as error:
        raise StateError(f"--session-log {options.session_log}: {error.strerror}") from None
    core.keep_journal(log.put)
    loop.add_signal_handler(signal.SIGUSR1, log.reopen)
    stack.callback(log.close)
    return log


def _tell(runner: CoreRunner, programs: Notifier) -> None:
    """Have programs told of what becomes of servers, while the switch is ours."""
    runner.on_turn(programs.turned)
    runner.on_change(programs.follow)
    runner.on_switch(programs.lead)


class EmbeddedPorts:
    """The ports of a switch that we have made ourselves; what others have, P4Runtime does not tell."""

    def __init__(self, options: Options) -> None:
        self._ports = options.ports if options.embedded else None
        self._told: set[int] = set()

    def compare(self, config: Config) -> None:
        """Say which interfaces of the configuration are of ports that the switch has not, each once."""
        for interface in config.interfaces:
            port = interface.port
            if self._ports is None or port in self._ports or port in self._told:
                continue
            self._told.add(port)
            _LOGGER.warning(
                "[[interface]] %s has port %d, which the embedded switch has not (-i %d@INTERFACE): nothing gets there",
                ", ".join(map(str, interface.addresses)),
                port,
                port,
            )


async def group_transports(
    options: Options, switches: Sequence[SwitchSettings], stack: contextlib.AsyncExitStack
) -> dict[str, Callable[[], Transport]]:
    """What makes connections to the switches of a group, by their names. Raises ConfigError and P4RuntimeError."""
    if options.embedded is not any(each.embedded for each in switches):
        raise ConfigError(["--embedded and a section [[switch]] with embedded = true go together"])
    if options.grpc_addr is not None:
        raise ConfigError(["--grpc-addr is where the only switch is, and there are sections [[switch]]"])
    return {
        each.name: await transports(
            replace(options, embedded=each.embedded, device_id=each.device_id, grpc_addr=each.grpc_addr), stack
        )
        for each in switches
    }


async def transports(options: Options, stack: contextlib.AsyncExitStack) -> Callable[[], Transport]:
    """What makes a connection to the switch. Raises P4RuntimeError for what no further attempt would mend."""
    address = options.grpc_addr or GRPC_ADDRESS
    if not options.embedded:
        if options.tls is not None:
            options.tls.context()
        elif not await is_here(address):
            _LOGGER.warning(
                "P4Runtime to %s goes over the network in plain text: whoever can read or change it there controls the "
                "switch; see --grpc-tls-ca",
                address,
            )
        return lambda: GrpcTransport(address, options.tls)
    from fullnat.p4rt.inprocess import EmbeddedSwitch  # p4soft, only where it is asked for

    switch = EmbeddedSwitch(
        options.device_id,
        options.cpu_port,
        options.ports,
        options.grpc_server_addr,
        no_offload=options.no_offload,
        workers=options.workers,
        spread=options.spread,
    )
    await switch.start()
    stack.push_async_callback(switch.stop)
    return switch.transport


async def _until_signalled(
    runner: CoreRunner,
    owner: Switches,
    service: Service,
    beside: Mapping[str, Coroutine[Any, Any, NoReturn]],
    follow: Callable[[], Awaitable[bool]],
    end: Callable[[], None],
) -> None:
    """``end`` is called while the switch is still ours, if it is."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    reloads: set[asyncio.Task[None]] = set()

    def hang_up() -> None:
        task = asyncio.create_task(service.reload(follow), name="reload")
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, hang_up)
    # One that came while we started has waited (fullnat.cli.run).
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    tasks: list[asyncio.Task[Any]] = [
        asyncio.create_task(runner.run(), name="core"),
        asyncio.create_task(owner.run(), name="switch-owner"),
        asyncio.create_task(stop.wait(), name="stop-signal"),
        asyncio.create_task(service.beat(), name="service-beat"),
        *(asyncio.create_task(work, name=name) for name, work in beside.items()),
    ]
    service.ready()
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        service.stopping()
        end()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
        tasks += reloads
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result


def _advise(config: Config) -> None:
    for line in advice(config):
        _LOGGER.warning("%s", line)


async def reload(changes: Changes) -> bool:
    """Read the configuration again; whether it was taken over. With errors the old one stays."""
    try:
        await changes.reload()
    except (ConfigError, Refused) as error:
        for problem in error.problems if isinstance(error, ConfigError) else [str(error)]:
            _LOGGER.error("%s", problem)
        _LOGGER.error("the configuration was not reloaded; the old one stays")
        return False
    return True
