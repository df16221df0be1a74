"""Linux itself in the switch's place: plain IP forwarding, or DNAT and SNAT by nftables, for comparison."""

from __future__ import annotations

import shutil
import subprocess
from ipaddress import IPv4Address
from pathlib import Path

from pyroute2 import IPRoute

from topo import standard
from topo.netns import Network
from topo.process import ProcessFailed

_RULES = """
table ip fullnat {
  chain in {
    type nat hook prerouting priority dstnat;
    ip daddr %(vip)s tcp dport %(port)d dnat to numgen inc mod %(n)d map { %(servers)s }
  }
  chain out {
    type nat hook postrouting priority srcnat;
    oifname "sw2" snat to %(first)s-%(last)s
  }
}
"""
_PROXY = """
table ip proxy {
  chain untracked {
    type filter hook prerouting priority raw;
    ip daddr %(vip)s tcp dport %(port)d tcp flags syn notrack
  }
  chain proxied {
    type filter hook forward priority filter;
    ip daddr %(vip)s tcp dport %(port)d ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm
    ct state invalid drop
  }
}
"""


def unavailable() -> str | None:
    """Why NAT cannot be used here, or None when it can."""
    return None if shutil.which("nft") else "nft is not on PATH"


def forward(network: Network) -> None:
    """Make the switch's namespace a router with the MAC addresses and interface addresses of the standard topology."""
    gateways = {1: standard.CLIENT_GATEWAY, 2: standard.SERVER_GATEWAY}
    with network.inside(network.topology.switch), IPRoute() as ip:
        for port, gateway in gateways.items():
            index = ip.link_lookup(ifname=f"sw{port}")[0]
            ip.link("set", index=index, address=standard.SWITCH_MACS[port])
            ip.addr("add", index=index, address=str(gateway.ip), prefixlen=gateway.network.prefixlen)
        for name in ("ip_forward", "conf/all/forwarding"):
            Path("/proc/sys/net/ipv4", name).write_text("1")


def add_address(network: Network, port: int, *addresses: IPv4Address) -> None:
    """Of the switch's namespace, on the interface of a port."""
    with network.inside(network.topology.switch), IPRoute() as ip:
        index = ip.link_lookup(ifname=f"sw{port}")[0]
        for address in addresses:
            ip.addr("add", index=index, address=str(address), prefixlen=32)


def translate(network: Network, *, synproxy: bool = False) -> None:
    """As :func:`forward`, and NAT both addresses of connections to the VIP; ``synproxy``: behind the kernel's SYN
    proxy, whose own SYNs are those that are translated."""
    forward(network)
    servers = [network.address(name) for name in standard.SERVERS if name in (h.name for h in network.topology.hosts)]
    targets = [str(server) for server in servers] or ["10.2.0.11", "10.2.0.12", "10.2.0.13"]
    rules = _RULES % {
        "vip": standard.VIP,
        "port": standard.VPORT,
        "n": len(targets),
        "servers": ", ".join(f"{number} : {target}" for number, target in enumerate(targets)),
        "first": standard.LOCAL_ADDRESSES[0],
        "last": standard.LOCAL_ADDRESSES[-1],
    }
    add_address(network, 2, *standard.LOCAL_ADDRESSES)
    if synproxy:
        with network.inside(network.topology.switch), IPRoute() as ip:
            ip.route("add", dst=f"{standard.VIP}/32", oif=ip.link_lookup(ifname="sw2")[0])
    with network.inside(network.topology.switch):
        if synproxy:
            rules = rules.replace("hook prerouting priority dstnat", "hook output priority -100") + _PROXY % {
                "vip": standard.VIP,
                "port": standard.VPORT,
            }
            Path("/proc/sys/net/netfilter/nf_conntrack_tcp_loose").write_text("0")
        done = subprocess.run(["nft", "-f", "-"], input=rules, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ProcessFailed(f"nft refused the rules: {done.stderr.strip()}")
