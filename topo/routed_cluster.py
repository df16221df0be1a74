"""Everything there are several of, on BGP: two switches that both forward, each with a speaker, between two routers
that spread flows over them (:mod:`topo.all_active`); two controllers and etcd (:mod:`topo.cluster`)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from topo.all_active import NAMES, Routing, config, topology
from topo.cluster import Cluster, grpc_address
from topo.netns import Network
from topo.stack import Json
from topo.world import World


class RoutedCluster(Cluster):
    """Needs FRR, and what a :class:`Cluster` needs."""

    def __init__(
        self, network: Network, *, timeouts: Mapping[str, float], options: Sequence[str] = (), members: int = 1
    ) -> None:
        """``timeouts``: seconds by TCP state; ``options``: of the service; ``members``: of etcd."""
        self.routing = Routing(network)
        where = {name: grpc_address(name) for name in NAMES}
        text = config(self.routing, where, timeouts=dict(timeouts), options=options)
        super().__init__(network, text, members=members)

    def start(self) -> None:
        self.routing.start()
        super().start()

    def announced(self) -> dict[str, str]:
        """What the leader has speakers say of each switch."""
        return {name: each["announced"] for name, each in self.roles().items()}

    def _lacks_of(self, switches: dict[str, Json]) -> str:
        for name, each in switches.items():
            if (each["role"], each["announced"]) != ("active", "announcing"):
                return f"{name} is {each['role']} and {each['announced']}: {each['reason']}"
            if each["neighbors_up"] != each["neighbors"]:
                return f"the speaker of {name} has {each['neighbors_up']} of {each['neighbors']} neighbors"
        return "" if self.routing.is_spread() else "the routers do not send to both"


@contextlib.contextmanager
def routed_cluster(
    *, timeouts: Mapping[str, float], options: Sequence[str] = (), members: int = 1
) -> Iterator[tuple[World, RoutedCluster]]:
    """With real servers that run; the cluster is not started; everything goes at the end."""
    with Network(topology()) as network:
        stack = RoutedCluster(network, timeouts=timeouts, options=options, members=members)
        world = World(network, stack)
        world.start_servers()
        yield world, stack
