"""The demonstration as root: kernel TCP in namespaces, p4soft and the controller as processes of their own."""

from __future__ import annotations

import contextlib
import errno
import shutil
import socket
import time
from collections import Counter

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from demo import tables
from demo.checks import Checks, named
from topo import standard
from topo.process import Process, poll
from topo.stack import Json
from topo.standard import V4
from topo.world import Answer, World, ask, lines, report, world

ESTABLISHED_TIMEOUT = 3.0
TRANSFER = 256 << 20
CONNECTIONS = 1000
PICTURE = """\
  [bold]c1[/] 10.1.0.1 ─┐                                          ┌─ [bold]s1[/] 10.2.0.11
               ├─ 10.1.0.0/24 ─ 1 [bold cyan]switch[/] 2 ─ 10.2.0.0/24 ─┼─ [bold]s2[/] 10.2.0.12
  [bold]c2[/] 10.1.0.2 ─┘              VIP 10.9.0.1:80             └─ [bold]s3[/] 10.2.0.13
                          local addresses 10.2.0.100-103    no default route"""


def run(console: Console, target: str) -> bool:
    """Tell the whole story; whether everything was as promised."""
    checks = Checks(console)
    config = standard.config(
        established_timeout=ESTABLISHED_TIMEOUT, timeouts={"time_wait": 2.0, "close": 1.0, "last_ack": 2.0}
    )
    console.rule("[bold]1. Two clients, a switch, three real servers")
    console.print(PICTURE, highlight=False)
    with contextlib.ExitStack() as alive:
        with console.status("namespaces and real servers ..."):
            everything = alive.enter_context(world(config, target=target, start=False))
        with console.status(f"starting {target} and the controller, compiling the pipeline ..."):
            started = time.monotonic()
            everything.stack.start()
        console.print(f"  {target} runs the pipeline, the controller serves it: {time.monotonic() - started:.1f} s")
        unreachable(everything, checks)
        console.rule("[bold]2. Who answers whom, and what the servers know of their clients")
        http(everything, checks)
        console.rule("[bold]3. The session table")
        states(everything, checks)
        console.rule(f"[bold]4. A large transfer: {TRANSFER >> 20} MiB down, {TRANSFER >> 20} MiB up")
        transfers(everything, checks)
        console.rule(f"[bold]5. {2 * CONNECTIONS} short connections")
        connections(everything, checks)
        console.rule(f"[bold]6. A session expires after {ESTABLISHED_TIMEOUT:g} s without a packet")
        expiry(everything, checks)
        console.rule("[bold]7. Afterwards")
        afterwards(everything, checks)
    console.print(checks.summary())
    return checks.passed


def unreachable(everything: World, checks: Checks) -> None:
    """No server can reach a client by itself."""
    reached = []
    for server in standard.SERVERS:
        with everything.network.inside(server), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for client in standard.CLIENTS:
                code = sock.connect_ex((str(everything.network.address(client)), 9))
                if code != errno.ENETUNREACH:
                    reached.append(f"{server} -> {client}")
    checks.that(not reached, "no server has a route to a client", ", ".join(reached) or "ENETUNREACH from each to each")


def http(everything: World, checks: Checks) -> None:
    console = checks.console
    answers = [everything.get(client) for client in standard.CLIENTS * 3]
    console.print(tables.answers(answers))
    counts = Counter(answer.server for answer in answers)
    checks.that(
        counts == dict.fromkeys(standard.SERVERS, 2),
        "every server answered in turn",
        named(counts),
    )
    checks.that(
        all(answer.toa == answer.client and answer.toa_options == 1 for answer in answers),
        "each server learned the client's own address and port from TOA",
        f"{len(answers)} of {len(answers)} as getsockname says, read with TCP_SAVED_SYN",
    )
    local = {str(address) for address in standard.LOCAL_ADDRESSES}
    checks.that(
        {answer.peer.partition(":")[0] for answer in answers} <= local, "the servers' TCP peers are local addresses"
    )
    if shutil.which("curl"):
        body = everything.network.start("c1", "curl", ["curl", "-sS", "-m", "5", f"http://{V4.target}/"]).result(10)
        console.print(f"  curl http://{V4.target}/  [dim]{body.strip()}[/]", highlight=False, markup=True)
        checks.that('"toa": "10.1.0.1:' in body, "curl is answered too")


def states(everything: World, checks: Checks) -> None:
    """Connections in several states, side by side."""
    with contextlib.ExitStack() as open_connections:
        opened = [open_connections.enter_context(contextlib.closing(everything.http(c))) for c in standard.CLIENTS * 2]
        answers = [ask(connection) for connection in opened]
        half_closed = opened[-1].sock
        assert half_closed is not None
        half_closed.shutdown(socket.SHUT_WR)
        wanted = {answer.client for answer in answers[:-1]}

        def established() -> list[Json]:
            found = everything.stack.sessions()
            now = {session["client"] for session in found if session["state"] == "ESTABLISHED"}
            return found if wanted <= now else []

        found = poll(established, 5, "the open connections are established")
        checks.console.print(tables.sessions(found))
        mine = {session["client"]: session for session in found}
        checks.that(
            all(mine[answer.client]["local"] == answer.peer for answer in answers),
            "sessions pair the client with the local address that its server sees",
        )
        checks.that(wanted <= set(mine), "open connections are ESTABLISHED", f"{len(wanted)} sessions")


def transfers(everything: World, checks: Checks) -> None:
    for name, option in (("down", "answer"), ("up", "request")):
        sizes = {"request": 0, "answer": 0, option: TRANSFER}
        before = switch_packets(everything)
        load = everything.start_load("c1", progress=True, toa=True, timeout=60, **sizes)
        show_progress(checks.console, name, load, "received" if option == "answer" else "sent")
        outcome = report(load, 60)
        seconds = outcome["seconds"]
        packets = switch_packets(everything) - before
        rates = f"{TRANSFER * 8 / seconds / 1e9:.2f} Gbit/s, {packets / seconds / 1e3:.0f} thousand packets/s"
        checks.that(outcome["ok"] == 1, f"{TRANSFER >> 20} MiB {name}, every byte verified", rates)


def show_progress(console: Console, name: str, load: Process, counter: str) -> None:
    columns = (TextColumn("  {task.description}"), BarColumn(), DownloadColumn(), TextColumn("{task.fields[rate]}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task(name, total=TRANSFER, rate="")
        while load.running:
            if seen := lines(load, "progress"):
                last, first = seen[-1], seen[max(0, len(seen) - 6)]
                if last["seconds"] > first["seconds"]:
                    rate = (last[counter] - first[counter]) / (last["seconds"] - first["seconds"])
                    progress.update(task, completed=last[counter], rate=f"{rate * 8 / 1e9:.2f} Gbit/s")
            time.sleep(0.1)
        progress.update(task, completed=TRANSFER)


def switch_packets(everything: World) -> int:
    """Packets that the switch has forwarded to and from the real servers."""
    return sum(service["in_packets"] + service["out_packets"] for service in everything.stack.stats()["services"])


def connections(everything: World, checks: Checks) -> None:
    with checks.console.status("connecting ..."):
        loads = [
            everything.start_load(client, n=CONNECTIONS, c=50, request=100, answer=1000, toa=True)
            for client in standard.CLIENTS
        ]
        outcomes = [report(load, 60) for load in loads]
    good = sum(outcome["ok"] for outcome in outcomes)
    failures = {cause: count for outcome in outcomes for cause, count in outcome["failures"].items()}
    rate = sum(outcome["per_second"] for outcome in outcomes)
    latency = max(outcome["connect_us"]["p99"] for outcome in outcomes) / 1000
    checks.that(
        good == 2 * CONNECTIONS,
        f"{2 * CONNECTIONS} connections, each with its own session and TOA, none failed",
        failures or f"{rate:,.0f} new sessions/s, 99 % of the handshakes within {latency:.1f} ms",
    )
    checks.console.print(tables.services(everything.stack.stats()))


def expiry(everything: World, checks: Checks) -> None:
    console = checks.console
    with contextlib.closing(everything.http("c2")) as connection:
        answer = ask(connection)
        assert isinstance(connection.sock, socket.socket)
        console.print(f"  {answer.client} is connected to {answer.server} and now says nothing", highlight=False)
        outcome, waited = wait_for_reset(console, connection.sock)
    checks.that(outcome == "ECONNRESET", "the client's socket was reset", f"{outcome} after {waited:.1f} s")
    seen = server_reset(everything, answer)
    checks.that(seen, f"{answer.server}'s socket was reset", "ECONNRESET" if seen else "no RST came")
    stats = everything.stack.stats()["controller"]
    checks.that(
        stats["rst_in_established"] >= 1 and stats["rst_out_established"] >= 1, "the controller had a RST sent each way"
    )


def wait_for_reset(console: Console, sock: socket.socket) -> tuple[str, float]:
    """What ended an idle connection, and when."""
    started = time.monotonic()
    sock.settimeout(0.2)
    with console.status("waiting ...") as status:
        while (waited := time.monotonic() - started) < 8 * ESTABLISHED_TIMEOUT:
            status.update(f"idle for {waited:.1f} s")
            try:
                return ("closed" if sock.recv(1) == b"" else "data"), waited
            except TimeoutError:
                continue
            except OSError as error:
                return errno.errorcode.get(error.errno or 0, str(error)), waited
    return "nothing", waited


def server_reset(everything: World, answer: Answer) -> bool:
    """Whether the real server's socket of this connection ended by a RST."""

    def found() -> bool:
        return any(line["toa"] == answer.client for line in lines(everything.servers[answer.server], "reset"))

    with contextlib.suppress(TimeoutError):
        return poll(found, 5, "the server was reset")
    return False


def afterwards(everything: World, checks: Checks) -> None:
    errors = everything.errors()
    hosts = len(everything.network.topology.hosts)
    checks.that(not errors, "no checksum errors in any network stack", errors or f"{hosts} stacks, TcpInCsumErrors 0")
    servers = {server: everything.server_stats(server) for server in standard.SERVERS}
    totals = {name: sum(stats[name] for stats in servers.values()) for name in ("accepted", "with_toa", "corrupted")}
    # Each server_stats request itself is a connection without TOA, from inside the server's own namespace.
    checks.that(
        totals["with_toa"] == totals["accepted"] - len(servers),
        "every connection through the VIP carried TOA",
        f"{totals['with_toa']:,}",
    )
    checks.that(totals["corrupted"] == 0, "no corrupted byte at any server")
    with checks.console.status("waiting for the last sessions to end ..."):
        left = ""
        try:
            everything.drained(20)
        except TimeoutError as error:
            left = str(error)
    checks.that(not left, "no session, local port or count is left over", left)
