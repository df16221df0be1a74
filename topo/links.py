"""What becomes of a host's packets on their way to others: lost to some of them, slow, or lost now and then. The host
itself is told nothing, as with a cable that is cut."""

from __future__ import annotations

import shutil
import subprocess
from collections import defaultdict

from topo.netns import Network
from topo.process import ProcessFailed

TOOLS = {"nft": "apt-get install nftables", "tc": "apt-get install iproute2"}
SLOW_RATE, SLOW_BURST, SLOW_QUEUE = "400kbit", "4kb", "300ms"
"""What a slow link carries, and how long a packet waits at most. netem, which delays, is in few kernels."""
SLOW_LOSS = 3
"""Per cent of what comes in that a slow link loses."""


def unavailable() -> str | None:
    """Which tool is missing, or None when none is."""
    missing = [install for tool, install in TOOLS.items() if shutil.which(tool) is None]
    return "; ".join(missing) or None


class Links:
    """Of hosts with an interface ``interface``."""

    def __init__(self, network: Network, interface: str) -> None:
        self._network = network
        self._interface = interface
        self._cut: dict[str, set[str]] = defaultdict(set)
        self._slow: set[str] = set()

    def cut(self, host: str, *addresses: str) -> None:
        """Lose every packet from and to these."""
        self._cut[host] |= set(addresses)
        self._apply(host)

    def join(self, host: str, *addresses: str) -> None:
        self._cut[host] -= set(addresses)
        self._apply(host)

    def slow(self, host: str, *, slow: bool) -> None:
        """Have the host send slowly, and lose some of what comes to it."""
        (self._slow.add if slow else self._slow.discard)(host)
        words = f"tc qdisc replace dev {self._interface} root tbf rate {SLOW_RATE} burst {SLOW_BURST}".split()
        self._run(host, [*words, "latency", SLOW_QUEUE] if slow else f"tc qdisc del dev {self._interface} root".split())
        self._apply(host)

    def heal(self) -> None:
        """Everything is as it was at first."""
        for host in list(self._slow):
            self.slow(host, slow=False)
        for host, addresses in self._cut.items():
            self.join(host, *addresses)

    def _apply(self, host: str) -> None:
        cut = ", ".join(sorted(self._cut[host]))
        heard = [f"ip saddr {{ {cut} }} drop"] if cut else []
        said = [f"ip daddr {{ {cut} }} drop"] if cut else []
        if host in self._slow:
            heard.append(f"iifname {self._interface} numgen random mod 100 < {SLOW_LOSS} drop")
        chains = ""
        for hook, rules in (("input", heard), ("output", said)):
            body = [f"type filter hook {hook} priority 0", *rules]
            chains += f"chain {hook} {{\n" + "".join(f"{line}\n" for line in body) + "}\n"
        anew = "table inet links\ndelete table inet links\n"
        self._run(host, ["nft", "-f", "-"], f"{anew}table inet links {{\n{chains}}}\n")

    def _run(self, host: str, command: list[str], text: str = "") -> None:
        with self._network.inside(host):
            done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=30)
        if done.returncode != 0:
            raise ProcessFailed(f"{' '.join(command)} in {host}: {done.stderr.strip()}")
