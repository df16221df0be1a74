"""``make topo-test``: what must work on the network of :mod:`topo.routed`, done without a prompt."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections import Counter

from rich.console import Console

from demo.checks import Checks, named
from topo import routed
from topo.lab import Lab, Page, iperf_end
from topo.process import ProcessFailed, poll

SIZES = {"p4soft": "64M", "bmv2": "2M"}
"""What iperf3 transfers each way."""
RATES = {"p4soft": "40M", "bmv2": "2M"}
"""Bits per second of the transfer during which the controller is killed."""


def run(console: Console, lab: Lab) -> bool:
    """Do all of it; whether everything was as it must be."""
    checks = Checks(console)
    curl(lab, checks)
    iperf(lab, checks)
    servers(lab, checks)
    controller(lab, checks)
    errors = lab.errors()
    checks.that(not errors, "no checksum errors in any network stack", errors or "TcpInCsumErrors 0")
    return checks.passed


def curl(lab: Lab, checks: Checks) -> None:
    for server in routed.SERVERS:
        with lab.network.inside(server), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            code = sock.connect_ex((str(lab.network.address("c1")), 9))
        checks.that(code == errno.ENETUNREACH, f"{server} has no route to the clients", errno.errorcode.get(code, code))
    pages = [lab.curl(client) for client in routed.CLIENTS * len(lab.in_service)]
    counts = Counter(page.server for page in pages)
    checks.that(
        counts == dict.fromkeys(lab.in_service, len(routed.CLIENTS)), "curl is answered by each in turn", named(counts)
    )
    checks.that(
        all(_translated(page) for page in pages), "servers see local addresses, and the client in TOA", pages[0].toa
    )


def _translated(page: Page) -> bool:
    local = page.peer.rpartition(":")[0].startswith(str(routed.LOCAL_NETWORK.network_address)[:-1])
    return local and page.toa == page.client


def iperf(lab: Lab, checks: Checks) -> None:
    size = SIZES[lab.stack.target]
    for client, (port, server) in zip(routed.CLIENTS, routed.IPERF.items(), strict=True):
        for way, option in (("to", ()), ("from", ("--reverse",))):
            received = lab.iperf(client, port, "-n", size, *option)["sum_received"]
            rate = f"{received['bits_per_second'] / 1e6:,.1f} Mbit/s"
            checks.that(received["bytes"] > 0, f"iperf3 {size}B {way} {server} by {client}", rate)


def servers(lab: Lab, checks: Checks) -> None:
    before = lab.in_service
    victim, spare = before[1], next(name for name in routed.SERVERS if name not in before)
    lab.kill_server(victim)
    outcomes = [_outcome(lab) for _ in before]
    checks.that(
        Counter(outcomes) == Counter({"refused": 1, **dict.fromkeys(set(before) - {victim}, 1)}),
        f"{victim} is killed: its connections are refused at once",
        named(Counter(outcomes)),
    )
    lab.serve_with([name for name in before if name != victim])
    answers = Counter(lab.curl("c1").server for _ in range(4))
    checks.that(set(answers) == set(before) - {victim}, f"{victim} is taken out: the others answer", named(answers))
    lab.start_server(spare)
    lab.serve_with([*lab.in_service, spare])
    answers = Counter(lab.curl("c2").server for _ in range(2 * len(lab.in_service)))
    checks.that(set(answers) == set(lab.in_service), f"{spare} is added: it answers too", named(answers))


def _outcome(lab: Lab) -> str:
    """Which server answers, or that none does."""
    try:
        return lab.curl("c1").server
    except ProcessFailed as error:
        # curl's exit status 7: the connection was refused.
        return "refused" if "status 7" in str(error) or "Connection refused" in str(error) else str(error)


def controller(lab: Lab, checks: Checks) -> None:
    transfer = lab.start_iperf("c1", next(iter(routed.IPERF)), "-t", "6", "-b", RATES[lab.stack.target])
    # iperf3's connections: one for control, one for data.
    poll(lambda: len(_established(lab)) >= 2, 20, "the transfer is under way", interval=0.1)
    mine = _established(lab)
    assert lab.stack.controller is not None
    lab.stack.controller.kill()
    status = lab.start_curl("c2", "--max-time", "1").wait(20)
    checks.that(status == 28, "the controller is killed: no new connections", f"curl ended with status {status}")
    checks.that(transfer.running, "the transfer goes on")
    lab.stack.start_controller()
    lab.stack.wait_ready()
    adopted = {session["session_id"] for session in lab.stack.sessions()}
    checks.that(mine <= adopted, "the next controller adopts its sessions", f"{len(mine)} of {len(mine)}")
    page = lab.curl("c2")
    checks.that(_translated(page), "and takes new connections", page.server)
    with contextlib.suppress(ProcessFailed):
        sums = iperf_end(transfer)["sum_received"]
        checks.that(sums["bytes"] > 0, "the transfer ended well", f"{sums['bytes'] / 1e6:,.1f} MB in 6 s")
        return
    checks.that(False, "the transfer ended well", transfer.output[-200:])


def _established(lab: Lab) -> set[int]:
    port = next(iter(routed.IPERF))
    return {
        session["session_id"]
        for session in lab.stack.sessions()
        if session["virtual"].endswith(f":{port}") and session["state"] == "ESTABLISHED"
    }
