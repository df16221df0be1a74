"""Build a :class:`topo.model.Topology` from mininet nodes and links.

A :class:`topo.netns.Network` in which every namespace is a mininet node's and every wire a mininet link: what works on
bare namespaces works here too, and mininet's prompt and its API besides. Import :mod:`topo.mininet_find` first.
"""

from __future__ import annotations

import contextlib
from typing import Any

from fullnat.config.model import IpInterface
from mininet.net import Mininet

from topo import namespaces
from topo.mininet_nodes import SWITCHES, P4RuntimeSwitch, SwitchFailed
from topo.model import Topology
from topo.netns import Network
from topo.process import ProcessFailed
from topo.stack import GRPC, Stack, takes_offloads

# Mininet would raise limits of the whole machine for networks of thousands of hosts. Ours has a dozen, and the machine
# may have other work.
Mininet.inited = True


class MininetNetwork(Network):
    """``mininet`` is the net object; ``switch`` one of p4soft and bmv2."""

    def __init__(self, topology: Topology, switch: str) -> None:
        super().__init__(topology, offloads=takes_offloads(switch))
        self._switch_class = SWITCHES[switch]
        self.mininet: Any = Mininet(build=False)
        self._open = True

    @property
    def switch(self) -> P4RuntimeSwitch:
        node: P4RuntimeSwitch = self.mininet.get(self.topology.switch)
        return node

    def close(self) -> None:
        try:
            if self._open:
                self._open = False
                self.mininet.stop()
        finally:
            super().close()

    def _make_namespace(self, name: str) -> str:
        if name == self.topology.switch:
            params = {"device_id": 1, "grpc_addr": GRPC, "log_dir": self.logs}
            node = self.mininet.addSwitch(name, cls=self._switch_class, inNamespace=True, **params)
        else:
            node = self.mininet.addHost(name, ip=None)
        return namespaces.attach(name, node.pid)

    def _wire(self, a: tuple[str, str], b: tuple[str, str], macs: tuple[str, str]) -> None:
        ends = {"intfName1": a[1], "intfName2": b[1], "addr1": macs[0], "addr2": macs[1]}
        one, other = self.mininet.get(a[0]), self.mininet.get(b[0])
        ports = {f"port{end}": self._port(*place) for end, place in ((1, a), (2, b))}
        if one is other:
            # Left to itself, mininet would give both ends one number.
            ports = {"port1": one.newPort(), "port2": one.newPort() + 1}
        self.mininet.addLink(one, other, **ends, **ports)

    def _port(self, node: str, interface: str) -> int | None:
        """The port number that a switch's interface must have; None lets mininet choose."""
        if node != self.topology.switch:
            return None
        return next(subnet.port for subnet in self.topology.subnets if subnet.switch_interface == interface)

    def _set_address(self, name: str, interface: str, address: IpInterface) -> None:
        super()._set_address(name, interface, address)
        # What mininet's prompt puts in the place of a host's name.
        known = self.mininet.get(name).nameToIntf.get(interface)
        if known is not None and address.version == 4:
            known.ip, known.prefixLen = str(address.ip), str(address.network.prefixlen)


class MininetStack(Stack):
    """The switch is mininet's node; the controller a process as ever."""

    network: MininetNetwork

    def start_switch(self) -> None:
        try:
            self.network.switch.start([])
        except SwitchFailed as error:
            raise ProcessFailed(str(error)) from None

    def stop(self) -> None:
        super().stop()
        with contextlib.suppress(ProcessFailed):
            self.network.switch.kill()
