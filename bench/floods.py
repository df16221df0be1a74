"""Floods of every kind, with connections that are established and others that begin: what is left to them.

A flood comes as fast as one process sends it, beside paced transfers of established connections and new connections
at a steady rate. The same of SYNs at nftables with its SYN proxy.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from bench.churn import resident
from topo import kernel, standard
from topo.flood import KINDS
from topo.process import Process, poll
from topo.world import World, report, world

SECONDS = 60.0
NEW = 100
"""Connections a second that begin."""
PACED = 4_000_000
"""Bytes a second of established connections, all together."""
ESTABLISHED = 4
TIMES = {"syn": 3}
"""Of which kinds several floods follow each other in the same world: the last one may not take any more memory."""
SLACK = 8_000_000
"""Bytes that it may."""
FROM_SERVERS = ("answer",)
"""Kinds that come from where the real servers are, to a local address."""
TO = {"scan": "10.2.0.200", "answer": str(standard.LOCAL_ADDRESSES[0]), "arp": str(standard.CLIENT_GATEWAY.ip)}
"""Whom a flood is sent to, if not the VIP."""
BEHIND = 'local_port_min = 5000\n[[route]]\nprefix = "0.0.0.0/0"\ngateway = "10.1.0.2"\n'
"""Sources that are made up are behind c2, which takes what comes and says nothing."""


@dataclass(frozen=True, slots=True)
class Flooded:
    name: str
    kind: str
    sent: float
    """Packets a second."""
    kept: float
    """Of the rate of established connections."""
    asked: int
    """Connections that were to begin, and of them those that did."""
    good: int
    p50: float
    p99: float
    """Milliseconds to the SYN-ACK."""
    left: int
    """Sessions that are left over afterwards."""
    grown: int
    """Bytes of memory from before to after."""
    is_last: bool = False
    """Others were before it."""

    @property
    def holds(self) -> bool:
        """What a flood may cost at most."""
        enough = self.kept >= 0.95 and self.good == self.asked
        is_flat = not self.is_last or self.grown <= SLACK
        return enough and self.p50 < 50 and self.p99 < 1000 and not self.left and is_flat


def start(everything: World, kind: str, seconds: float, rate: float = 0.0) -> Process:
    """A flood from c2, or from s3, which serves no less for that."""
    host = "s3" if kind in FROM_SERVERS else "c2"
    mac = standard.SWITCH_MACS[2 if kind in FROM_SERVERS else 1]
    command: list[str] = [sys.executable, "-m", "topo.flood", kind, "--interface", "eth0", "--gateway-mac", mac]
    command += ["--to", TO.get(kind, str(standard.VIP)), "--port", str(standard.VPORT), "--via", "10.1.0.1"]
    command += ["--source", "10.2.0.11"] if kind in FROM_SERVERS else []
    process = everything.network.start(
        host, f"flood-{kind}", [*command, "--seconds", str(seconds), "--rate", str(rate)]
    )

    def ready() -> bool:
        process.check_running()
        return "ready" in process.output

    poll(ready, 30, "the flood begins")
    return process


def measure(
    everything: World,
    forwarding: Sequence[Process],
    name: str,
    kind: str,
    seconds: float,
    *,
    rate: float = 0.0,
    new: int = NEW,
    left: Callable[[], int] = lambda: 0,
) -> Flooded:
    """One flood of so many ``seconds``; ``left`` tells how many sessions are there in the end."""
    before = sum(resident(process.pid) for process in forwarding)
    each = int(PACED * (seconds + 1) / ESTABLISHED)
    paced = everything.start_load(
        "c1", n=ESTABLISHED, c=ESTABLISHED, answer=each, throttle=PACED, timeout=seconds * 4 + 30
    )
    time.sleep(0.5)
    flood = start(everything, kind, seconds, rate)
    count = int(new * seconds * 0.9)
    begun = report(everything.start_load("c1", n=count, c=count, rate=new, timeout=10, close="server"), seconds + 30)
    sent = report(flood, seconds + 30)["sent"]
    kept = ESTABLISHED * each / PACED / report(paced, seconds * 4 + 60)["seconds"]
    took = begun["connect_us"]
    return Flooded(
        name,
        kind,
        sent / seconds,
        kept,
        count,
        begun["ok"],
        took["p50"] / 1000,
        took["p99"] / 1000,
        left(),
        sum(resident(process.pid) for process in forwarding) - before,
    )


def settled(everything: World, seconds: float = 45.0) -> int:
    """Sessions that are left when they have had the time of a half-open one."""
    try:
        poll(lambda: not everything.stack.sessions(), seconds, "no session is left over", interval=0.5)
    except TimeoutError:
        return len(everything.stack.sessions())
    return 0


def measured(seconds: float, tell: Callable[[str], object]) -> Iterator[Flooded]:
    """Every kind at ours, each with a world of its own, and SYNs at nftables."""
    for kind in KINDS:
        for proxy in ("auto", "off") if kind == "syn" else ("auto",):
            with _ours(proxy) as (everything, forwarding):
                left = partial(settled, everything)
                times = TIMES.get(kind, 1)
                for number in range(1, times + 1):
                    tell(f"{kind} flood for {seconds:.0f} s ...")
                    name = f"p4soft, syn_proxy = {proxy}{f', time {number}' if number > 1 else ''}"
                    found = measure(everything, forwarding, name, kind, seconds, left=left)
                    yield replace(found, is_last=1 < number == times)
    if kernel.unavailable() is None:
        tell(f"syn flood of nftables for {seconds:.0f} s ...")
        with world(standard.config(), start=False) as everything:
            kernel.translate(everything.network, synproxy=True)
            yield measure(everything, (), "Linux nftables synproxy", "syn", seconds)


@contextmanager
def _ours(proxy: str) -> Iterator[tuple[World, Sequence[Process]]]:
    with world(
        standard.config(extra=BEHIND, options=(f'syn_proxy = "{proxy}"',)), target="embedded", start=False
    ) as everything:
        everything.stack.start()
        forwarding = [each for each in (everything.stack.controller, everything.stack.switch) if each is not None]
        everything.load("c1", n=100, c=20)
        yield everything, forwarding


def line(found: Flooded) -> str:
    """One line, for the terminal."""
    return (
        f"{f'{found.name}, {found.kind}':40}{found.sent:>10,.0f} packets/s: {found.kept:.0%} of established, "
        f"{found.good} of {found.asked} new ones, median {found.p50:.1f} ms, 99 % {found.p99:.0f} ms, "
        f"{found.left} left over, {found.grown / 1e6:+.0f} MB{'' if found.holds else ': too much'}"
    )


def markdown(floods: Sequence[Flooded], seconds: float) -> list[str]:
    lines = [
        "",
        "## Floods",
        "",
        f"From random sources, {seconds:.0f} s each, as fast as one process sends, with {NEW} new connections a second",
        "beside it, on the same two cores.",
        "",
        "| device | flood | packets/s | established keeps | new ones | median | 99 % | left over | memory | holds |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    lines += [
        f"| {each.name} | {each.kind} | {each.sent:,.0f} | {each.kept:.2f} | {each.good} of {each.asked} | "
        f"{each.p50:.1f} ms | {each.p99:.0f} ms | {each.left} | {each.grown / 1e6:+.0f} MB | {_word(each)} |"
        for each in floods
    ]
    return lines


def _word(flood: Flooded) -> str:
    return "yes" if flood.holds else "no"


def as_json(floods: Sequence[Flooded]) -> str:
    return json.dumps([{name: getattr(each, name) for name in Flooded.__slots__} for each in floods])
