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
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn

from fullnat.api.handlers import Handlers
from fullnat.api.identity import Grants
from fullnat.api.listener import Listener, Where
from fullnat.api.server import Dispatcher
from fullnat.app import upgrade
from fullnat.app.changes import Changes, Refused
from fullnat.app.group.owner import GroupOwner
from fullnat.app.metrics import serve_metrics
from fullnat.app.notify import Notifier as Manager
from fullnat.app.options import Options
from fullnat.app.runner import CoreRunner
from fullnat.app.service import Service
from fullnat.app.session_log import SessionLog, target
from fullnat.app.shared.role import Role
from fullnat.app.shared.store import SharedStore
from fullnat.app.snapshot import Snapshots
from fullnat.app.state import StateError
from fullnat.app.storage import Directory, Storage
from fullnat.app.switches import networks, switches
from fullnat.app.tracing import Tracing
from fullnat.compiled import CPU_PORTS
from fullnat.config import file
from fullnat.config.advice import advice
from fullnat.config.errors import ConfigError
from fullnat.config.model import Config
from fullnat.config.parts import part
from fullnat.core.controller import Controller
from fullnat.etcd.channel import Members
from fullnat.etcd.client import Etcd
from fullnat.etcd.settings import SettingError
from fullnat.health.notify import Known, Notifier
from fullnat.health.watch import Watch
from fullnat.p4rt import program
from fullnat.p4rt.schema import Schema

_LOGGER = logging.getLogger(__name__)
GC_THRESHOLDS = 10_000, 1, 2_000_000
"""Objects made between two looks of the garbage collector at the youngest; of those looks, between two at what is young
as well; of those, between two at everything. 10,000 objects take 1 to 3 ms, for which everything waits, and each is
looked at twice however seldom that is. The runner looks at a tenth as many where nothing waits, which counts too."""


async def run(options: Options) -> None:
    """Run until SIGTERM or SIGINT. Raises ConfigError, StateError, ApiError or P4RuntimeError at the start."""
    # What is made of a configuration has no cycles, and stays: looking for some doubles the time that it takes.
    gc.disable()
    own, share, _ = part(file.load(options.config, options.target), options.group)
    storage = await opened(options)
    config = configured(own, options, storage)
    compiled = program.load(options.program, options.target, options.device_config)
    Schema(compiled.p4info, compiled.sizes)
    core = Controller(
        compiled.sizes,
        await storage.secret(),
        random.Random(os.urandom(16)),
        wall_offset=time.time() - asyncio.get_running_loop().time(),
        networks=networks(config.switches),
    )
    runner = CoreRunner(core)
    runner.reconfigure(config)
    core.recall(await storage.memos(), asyncio.get_running_loop().time())
    role = Role(storage, options.etcd, runner, core) if isinstance(storage, SharedStore) and options.etcd else None
    # Sessions are objects without cycles; looking for cycles among hundreds of thousands of them stops everything.
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(storage.close)
        owner = await switches(options, config, compiled, runner, stack, role)
        group = owner if isinstance(owner, GroupOwner) else None
        log = _session_log(options, core, stack)
        ports = EmbeddedPorts(options)

        advise = Adviser()

        def taken(config: Config) -> None:
            advise(config)
            ports.compare(config)

        taken(config)
        changes = Changes(runner, options.config, taken, options.keep, options.target, config.switches, group, share)
        snapshots = Snapshots(runner, owner, _watched(runner, core, stack), log, role, changes)
        programs = Notifier(Known(core.has_quorum, core.found_well))
        stack.push_async_callback(programs.close)
        about = {"version": upgrade.installed(), "embedded": options.embedded, "cookie": compiled.cookie}
        about["group"] = options.group
        cpu_port = options.cpu_port if options.embedded else CPU_PORTS[options.target]
        tracing = Tracing(owner, compiled, cpu_port, networks(config.switches))
        where = Where(options.control_socket, options.api, options.http_addr, Grants.parse(options.grants))
        api = Listener(where, Dispatcher(Handlers(snapshots, changes, about, tracing)))
        stack.push_async_callback(api.stop)
        await api.start()
        if options.metrics_addr is not None:
            stack.push_async_callback(await serve_metrics(options.metrics_addr, snapshots))
        _tell(runner, programs)
        service = Service(Manager(), runner, lambda: ": ".join(filter(None, (owner.state, owner.reason))))
        beside = {"estimates": snapshots.estimates.run()}
        beside["switch-owner"] = owner.run() if role is None else role.run(owner, changes)
        if isinstance(storage, Directory):
            beside["memory"] = storage.keep(core.memory)
        await _until_signalled(runner, service, beside, partial(reload, changes), programs.end)


async def opened(options: Options) -> Storage:
    """Where things are kept, once it can be read. Raises StateError."""
    if options.etcd is None:
        return Directory(options.state_dir)
    try:
        members = Members(options.etcd)
    except SettingError as error:
        raise StateError(str(error)) from None
    store = SharedStore(Etcd(members), options.etcd.prefix, options.state_dir)
    try:
        await store.open()
    except StateError:
        await store.close()
        raise
    return store


def configured(own: Config, options: Options, storage: Storage) -> Config:
    """What other controllers run, or else what our file says, as it always does of switches: they are told to each
    controller, as ``--grpc-addr`` is. Raises ConfigError or StateError."""
    shared = storage.config_text()
    if shared is None:
        return own
    running = file.parse(shared, storage.config_name, options.target, own.switches, runs=True)
    return replace(running, switches=own.switches)


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


async def _until_signalled(
    runner: CoreRunner,
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


class Adviser:
    """Says of a configuration in the log what it has not said of the one before: a controller that has read its file
    takes over what another one made of the same."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, config: Config) -> None:
        lines = list(advice(config))
        for line in lines:
            if line not in self._said:
                _LOGGER.warning("%s", line)
        self._said = set(lines)


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
