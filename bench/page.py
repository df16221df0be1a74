"""The status page with a thousand services and a hundred thousand sessions: how soon a browser shows it, and whether
the data plane notices that somebody looks.

``python -m bench.page [DIRECTORY]``, as root and with Chromium; pictures of it are put into DIRECTORY.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.client import HTTPConnection
from pathlib import Path

from bench.usage import times
from topo import namespaces, standard
from topo.devtools import Browser, browser
from topo.netns import Network
from topo.process import Process, ProcessFailed
from topo.stack import Stack

SERVICES, PER_SERVICE = 1_000, 3
SESSIONS = 100_000
FIRST_PORT, BULK_PORT, DATAGRAM_PORT, HTTP_PORT = 10_000, 5201, 9000, 8080
LOADS, ROUNDS, SECONDS = 5, 8, 4
RATE, TURNS = 1_500, 6
"""New sessions a second and client; what a busy controller has not taken is sent again."""
READY = """new MutationObserver(() => {
  if (document.body?.dataset.ready) window.readyAt ??= performance.now();
}).observe(document, {subtree: true, attributes: true, childList: true});"""
SEND = """
import socket, sys, time
at = time.monotonic()
for number, port in enumerate(range(1100, 1100 + {count})):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("", port))
        sock.sendto(b"x", ("{vip}", {port}))
    time.sleep(max(0.0, at + number / {rate} - time.monotonic()))
"""
SINK = """
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("", {port}))
while True: sock.sendto(*sock.recvfrom(99))
"""
SHELL = '#!/bin/bash\necho $$ >{pid}\nexec setsid {chromium} "$@"\n'
SOONEST = -20
"""When the machine serves the browser that loads the page (sched(7), autogroup)."""


def config() -> str:
    """A service for bulk, one for datagrams and others."""
    local = ", ".join(f'"{address}"' for address in standard.LOCAL_ADDRESSES)
    plain = standard.config(families=(4,))
    text = [plain[: plain.index("[[virtual_server]]")]]
    servers = [address for address, _ in standard.V4.servers]

    def service(protocol: str, port: int, count: int, own: int) -> None:
        text.append(f'[[virtual_server]]\nprotocol = "{protocol}"\naddress = "{standard.VIP}"\nport = {port}')
        text.append(f"established_timeout = 3600\nlocal_addresses = [{local}]")
        text.extend(f'[[virtual_server.real_server]]\naddress = "{each}"\nport = {own}' for each in servers[:count])

    service("tcp", BULK_PORT, 1, BULK_PORT)
    service("udp", DATAGRAM_PORT, PER_SERVICE, DATAGRAM_PORT)
    for number in range(SERVICES - 2):
        service("tcp", FIRST_PORT + number, PER_SERVICE, 80)
    return "\n".join(text)


def _open_sessions(network: Network, stack: Stack) -> None:
    python = sys.executable
    for server in standard.SERVERS:
        network.start(server, f"sink-{server}", [python, "-c", SINK.format(port=DATAGRAM_PORT)])
    words = SEND.format(count=SESSIONS // 2, vip=standard.VIP, port=DATAGRAM_PORT, rate=RATE)
    for again in range(TURNS):
        names = [f"send{again}-{client}" for client in standard.CLIENTS]
        commands = zip(standard.CLIENTS, names, strict=True)
        for sender in [network.start(client, name, [python, "-c", words]) for client, name in commands]:
            sender.wait(300)
        if (there := _sessions(stack)) >= SESSIONS:
            return
        print(f"{there} sessions", flush=True)
    raise ProcessFailed(f"no {SESSIONS} sessions")


def _sessions(stack: Stack) -> int:
    return int(stack.stats()["controller"]["sessions"])


@asynccontextmanager
async def _browser(network: Network, scratch: Path) -> AsyncIterator[Browser]:
    """On the machine of the controller."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise ProcessFailed("chromium is not installed")
    program = scratch / "chromium"
    program.write_text(SHELL.format(chromium=chromium, pid=scratch / "pid"))
    program.chmod(0o755)
    with network.inside(network.topology.switch):
        async with browser(str(program), scratch / "browser") as found:
            yield found


def _serve_first(scratch: Path) -> None:
    """The browser."""
    Path("/proc", (scratch / "pid").read_text().strip(), "autogroup").write_text(str(SOONEST))


async def _load(page: Browser) -> float:
    """Milliseconds until everything is shown."""
    await page.call("Page.navigate", url="about:blank")
    await page.call("Page.navigate", url=f"http://127.0.0.1:{HTTP_PORT}/")
    await page.until("window.readyAt")
    return float(await page.value("window.readyAt"))


def _bulk(network: Network, stack: Stack) -> tuple[float, float]:
    """Bits a second of one transfer through the switch, and bits for a second of the switch's processor time, which a
    machine that is busy with others hardly changes."""
    assert stack.switch is not None
    before = times([stack.switch])
    command = ["iperf3", "-c", str(standard.VIP), "-p", str(BULK_PORT), "-t", str(SECONDS), "-J"]
    told = json.loads(network.start("c1", "bulk", command).result(SECONDS + 20))["end"]["sum_received"]
    spent = times([stack.switch]) - before
    return float(told["bits_per_second"]), 8 * float(told["bytes"]) / spent.total


async def _pictures(page: Browser, directory: Path) -> None:
    for theme in ("light", "dark"):
        for device, width, height in (("desk", 1300, 900), ("telephone", 390, 844)):
            await page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
            await page.call(
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=height,
                deviceScaleFactor=1,
                mobile=device == "telephone",
            )
            await _load(page)
            shot = await page.call("Page.captureScreenshot", format="png")
            (directory / f"{theme}-{device}.png").write_bytes(base64.b64decode(shot["data"]))


async def measure(network: Network, scratch: Path, pictures: Path | None) -> None:
    async with _browser(network, scratch) as page:
        await page.open("about:blank")
        await asyncio.to_thread(_serve_first, scratch)
        await page.call("Page.addScriptToEvaluateOnNewDocument", source=READY)
        loads = [await _load(page) for _ in range(LOADS)]
        print(f"loads: {', '.join(f'{took:.0f}' for took in loads)} ms; median {statistics.median(loads):.0f} ms")
        if pictures is not None:
            await _pictures(page, pictures)


def compare(network: Network, stack: Stack) -> None:
    """A transfer alone, and one while somebody looks, in turn."""
    shares, costs = [], []
    for _ in range(ROUNDS):
        alone = _bulk(network, stack)
        ends = threading.Event()
        watching = threading.Thread(target=_watch, args=(network, ends))
        watching.start()
        watched = _bulk(network, stack)
        ends.set()
        watching.join()
        shares.append(watched[0] / alone[0])
        costs.append(watched[1] / alone[1])
        print(
            f"{alone[0] / 1e9:.2f} Gbit/s alone; watched {shares[-1]:.3f}, by processor time {costs[-1]:.3f}",
            flush=True,
        )
    print(f"watched by alone: median {statistics.median(shares):.3f}, by processor time {statistics.median(costs):.3f}")


def _watch(network: Network, ends: threading.Event) -> None:
    """Ask as the page does (page.js): what a browser takes besides, it takes of another machine."""
    with network.inside(network.topology.switch):
        for turn in itertools.count():
            began = time.monotonic()
            for path in ("about", "services", *(("stats?brief=true",) if turn % 3 == 0 else ())):
                connection = HTTPConnection("127.0.0.1", HTTP_PORT, timeout=30)
                connection.request("GET", f"/v1/{path}")
                connection.getresponse().read()
                connection.close()
            if ends.wait(max(2.0, 20 * (time.monotonic() - began))):
                return


def main() -> int:
    if reason := namespaces.unavailable():
        print(f"this cannot run: {reason}", file=sys.stderr)
        return 1
    pictures = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    options = ["--http-addr", f"127.0.0.1:{HTTP_PORT}"]
    with Network(standard.topology()) as network, tempfile.TemporaryDirectory() as scratch:
        stack = Stack(network, config(), "p4soft", options=options)
        bulk: Process = network.start("s1", "iperf3", ["iperf3", "-s", "-p", str(BULK_PORT)])
        try:
            stack.start()
            _open_sessions(network, stack)
            print(f"{len(stack.stats()['services'])} services, {_sessions(stack)} sessions")
            compare(network, stack)
            asyncio.run(measure(network, Path(scratch), pictures))
        except (ProcessFailed, TimeoutError) as error:
            print(error, file=sys.stderr)
            return 1
        finally:
            stack.stop()
            bulk.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
