"""A whole switch as one object: engine, P4Runtime service, event pump and, if wanted, a gRPC server.

::

    async with Switch(device_id=1, cpu_port=255, grpc_addr="127.0.0.1:0", ports={1: "veth1", 2: None}) as switch:
        stub = switch.stub()        # in-process client
        print(switch.address)       # gRPC clients

A port whose interface is None is an in-process port (``engine.inject`` / ``engine.collect``) and needs no privileges.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self

from finsy.proto import p4r

from p4soft.addresses import AddressLog
from p4soft.api import Engine, EngineFactory
from p4soft.api_optional import Reattaches
from p4soft.defaults import DEVICE_ID
from p4soft.inprocess import InProcessStub
from p4soft.links import LinkMonitor
from p4soft.reattach import Reattacher
from p4soft.server.events import EventPump
from p4soft.server.rpc import GrpcServer, start_server
from p4soft.server.service import P4RuntimeService
from p4soft.server.tls import Tls
from p4soft.watch import LinkLog, watch


def native_engine(device_id: int, cpu_port: int | None, *, workers: int = 1, spread: str = "flow") -> Engine:
    """The engine that compiles and runs pipelines natively (:mod:`p4soft.engine`), on so many packet threads."""
    from p4soft.engine import NativeEngine  # loads the C runtime, so only when it is wanted

    engine: Engine = NativeEngine(device_id, cpu_port, workers=workers, spread=spread)
    return engine


class Switch:
    """One P4 switch. Start and stop it once, in one event loop; ``service`` and ``engine`` are there from the start."""

    def __init__(
        self,
        device_id: int = DEVICE_ID,
        cpu_port: int | None = None,
        grpc_addr: str | None = None,
        ports: Mapping[int, str | None] | None = None,
        *,
        tls: Tls | None = None,
        workers: int = 1,
        spread: str = "flow",
        no_offload: Collection[str] = (),
        engine_factory: EngineFactory | None = None,
    ) -> None:
        """``workers`` packet threads, among which flows or ports are ``spread``, as NativeEngine has it; another engine
        knows neither. Super-segments are neither cut nor made on the interfaces in ``no_offload``. Raises
        EngineError."""
        make = engine_factory or partial(native_engine, workers=workers, spread=spread)
        self.engine: Engine = make(device_id, cpu_port)
        self.service = P4RuntimeService(self.engine, device_id, cpu_port)
        self.address: str | None = None
        """Where the gRPC server listens (with its real port), once started."""
        self._grpc_addr = grpc_addr
        self._tls = tls
        self._ports = dict(ports or {})
        self._no_offload = frozenset(no_offload)
        self._watch: asyncio.Task[None] | None = None
        self._server: GrpcServer | None = None
        self._pump: EventPump | None = None
        self._monitor: LinkMonitor | None = None
        self._looks: list[Callable[[], None]] = [LinkLog(self.engine.port_stats).look]
        if isinstance(self.engine, Reattaches):
            self._looks.append(Reattacher(self.engine).look)
        self._looks.append(AddressLog(self.engine.port_stats).look)

    async def start(self) -> None:
        """Attach the ports, then serve. Raises EngineError for a port, ServerError for the address; stops then."""
        try:
            for port, interface in self._ports.items():
                if interface is None:
                    self.engine.add_memory_port(port)
                else:
                    self.engine.add_interface(port, interface, offload=interface not in self._no_offload)
            self._watch = asyncio.create_task(watch(self.engine))
            self._monitor = LinkMonitor(self._links_changed, asyncio.get_running_loop())
            self._look()
            self._pump = EventPump(self.service.events, time.monotonic_ns, asyncio.get_running_loop())
            if self._grpc_addr is not None:
                self._server, number = await start_server(self.service, self._grpc_addr, self._tls)
                host, _, tail = self._grpc_addr.rpartition(":")
                self.address = f"{host}:{number}" if tail.isdigit() and host != "unix" else self._grpc_addr
        except BaseException:
            await self.stop()
            raise

    def _links_changed(self) -> None:
        self._look()
        self.service.ports_changed()

    def _look(self) -> None:
        """Log what there is to say of interfaces, and take those that are back."""
        for look in self._looks:
            look()

    async def stop(self) -> None:
        """End all RPCs, detach the ports and free the engine. Idempotent."""
        self.service.shutdown()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._server is not None:
            self._server.stop()
            self._server = None
        if self._pump is not None:
            self._pump.stop()
            self._pump = None
        if self._monitor is not None:
            self._monitor.stop()
            self._monitor = None
        self.engine.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def stub(self) -> InProcessStub:
        """An in-process P4Runtime client, with the methods of a grpc.aio stub."""
        return InProcessStub(self.service)

    def load(self, p4info: Any, device_config: bytes) -> None:
        """Load a pipeline without a client; raises RpcError when it cannot be run."""
        self.service.load(p4r.ForwardingPipelineConfig(p4info=p4info, p4_device_config=device_config))
