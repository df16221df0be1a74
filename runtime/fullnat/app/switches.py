"""What makes the connections to the switches that are served: one, or a group of them."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from fullnat.app.group.owner import GroupOwner
from fullnat.app.group.remembered import OnDisk
from fullnat.app.here import is_here
from fullnat.app.options import Options
from fullnat.app.runner import CoreRunner
from fullnat.app.shared.role import Bids, Role
from fullnat.app.shared.switches import InEtcd
from fullnat.app.switch import Switches, SwitchOwner
from fullnat.compiled import CPU_PORTS
from fullnat.config.errors import ConfigError
from fullnat.config.model import Config
from fullnat.config.servers import GRPC_ADDRESS, SwitchSettings
from fullnat.core.interface import SwitchId
from fullnat.p4rt import program
from fullnat.p4rt.client import Client
from fullnat.p4rt.grpc_transport import GrpcTransport
from fullnat.p4rt.transport import Transport

_LOGGER = logging.getLogger(__name__)


def networks(switches: Sequence[SwitchSettings]) -> dict[SwitchId, Config]:
    """Interfaces and routes of those that have their own."""
    own = (each for each in switches if each.interfaces)
    return {SwitchId(each.name): Config(interfaces=each.interfaces, routes=each.routes) for each in own}


async def switches(
    options: Options,
    config: Config,
    compiled: program.Program,
    runner: CoreRunner,
    stack: contextlib.AsyncExitStack,
    role: Role | None = None,
) -> Switches:
    """Those of ``config``, or the one of ``options``; with a ``role`` they are shared with other controllers. Raises
    ConfigError, and P4RuntimeError for what no further attempt would mend."""

    def client(transport: Transport, device_id: int) -> Client:
        number = options.election_id
        bids = Bids(time.time_ns() if number is None else number) if role is None else role.bids()
        made = Client(transport, compiled, device_id=device_id, election_id=lambda: bids.first)
        made.highest_bid = bids.highest
        return made

    if not config.switches:
        make = await transports(options, stack)
        return SwitchOwner(runner, lambda: client(make(), options.device_id))
    makers = await group_transports(options, config.switches, stack)

    def connection(switch: SwitchSettings) -> Transport:
        """One that has joined later is somewhere else."""
        made = makers.get(switch)
        return GrpcTransport(switch.grpc_addr, options.tls) if made is None else made()

    return GroupOwner(
        runner,
        OnDisk(options.state_dir) if role is None else InEtcd(role),
        config.switches,
        lambda switch: client(connection(switch), switch.device_id),
        options.patience,
        options.cpu_port if options.embedded else CPU_PORTS[options.target],
    )


async def group_transports(
    options: Options, switches: Sequence[SwitchSettings], stack: contextlib.AsyncExitStack
) -> dict[SwitchSettings, Callable[[], Transport]]:
    """What makes connections to the switches of a group. Raises ConfigError and P4RuntimeError."""
    if options.embedded is not any(each.embedded for each in switches):
        raise ConfigError(["--embedded and a section [[switch]] with embedded = true go together"])
    if options.grpc_addr is not None:
        raise ConfigError(["--grpc-addr is where the only switch is, and there are sections [[switch]]"])
    return {
        each: await transports(
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
