"""What the ``p4soft`` command does once its command line is understood."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from finsy.proto import p4i
from google.protobuf import text_format

from p4soft.api import EngineError, PortStats
from p4soft.api_optional import Captures, LogsPackets
from p4soft.device_socket import DeviceSocket, PortEngine
from p4soft.embedded import Switch
from p4soft.live import show_rates
from p4soft.notify import Notifier
from p4soft.server.errors import RpcError
from p4soft.server.tls import ServerError, Tls

LEVELS_BY_NAME = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "off": logging.CRITICAL + 1,
}


class StartError(Exception):
    """A correct command line that cannot be carried out here: the message says why."""


def _read_program(config: Path, p4info: Path) -> tuple[p4i.P4Info, bytes]:
    try:
        raw = p4info.read_bytes()
        program = config.read_bytes()
    except OSError as error:
        raise StartError(f"cannot read {error.filename}: {error.strerror}") from None
    info = p4i.P4Info()
    try:
        text_format.Parse(raw.decode(), info)
    except (text_format.ParseError, UnicodeDecodeError):
        try:
            info.ParseFromString(raw)
        except Exception:
            raise StartError(f"{p4info} is not a P4Info file (neither text nor binary)") from None
    # Junk may be unknown fields of a binary message.
    if not info.ListFields():
        raise StartError(f"{p4info} is not a P4Info file: there is nothing in it")
    return info, program


def _start_logging(options: argparse.Namespace) -> int:
    """Returns the descriptor that the log goes to."""
    chosen = options.log_level or ("debug" if options.log_console else "info")
    handler: logging.StreamHandler[Any] = logging.StreamHandler(sys.stdout if options.log_console else sys.stderr)
    if options.log_file is not None:
        try:
            handler = logging.FileHandler(options.log_file)
        except OSError as error:
            raise StartError(f"cannot write the log file {options.log_file}: {error.strerror}") from None
    logging.basicConfig(
        level=LEVELS_BY_NAME[chosen], handlers=[handler], format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.raiseExceptions = False  # a log that is full would be told by a traceback each line
    number: int = handler.stream.fileno()
    return number


def _start_trace(switch: Switch, log: int, flush: bool) -> None:
    """Let the engine log what happens to every packet. To be called before a program is loaded."""
    if not isinstance(switch.engine, LogsPackets):
        switch.engine.close()
        raise StartError("--log-level trace: this engine does not log packets")
    switch.engine.start_trace(log, flush=flush)


def statistics(stats: Sequence[PortStats]) -> str:
    """The per-port table printed at the end."""
    counted = [f"{way} {what}" for way in ("rx", "tx") for what in ("packets", "bytes", "dropped", "large")]
    counted.insert(4, "rx oversize")
    rows = [("port", "interface", *counted, "offloads", "link")] + [
        (str(s.port), s.name, *(str(getattr(s, name.replace(" ", "_"))) for name in counted), s.offload.value, s.link)
        for s in sorted(stats, key=lambda s: s.port)
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.rjust(size) for cell, size in zip(row, widths, strict=True)) for row in rows)


async def _start_device_socket(switch: Switch, address: str | None) -> list[DeviceSocket]:
    """None or one."""
    if address is None:
        return []
    if not isinstance(switch.engine, PortEngine):
        raise StartError("--packet-in: this engine cannot serve its ports on a socket")
    socket = DeviceSocket(switch.engine, address)
    await socket.start()
    return [socket]


async def _run(options: argparse.Namespace, log: int) -> None:
    tls = None
    if options.grpc_server_ssl:
        tls = Tls(
            options.grpc_server_cert,
            options.grpc_server_key,
            options.grpc_server_cacert,
            options.grpc_server_with_client_auth,
        )
    program = _read_program(options.config, options.p4info) if options.config is not None else None
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    ports = dict(options.interface) if options.packet_in is None else {}
    switch = Switch(
        options.device_id,
        options.cpu_port,
        options.grpc_server_addr,
        ports,
        tls=tls,
        workers=options.workers,
        spread=options.spread,
        no_offload=options.no_offload,
    )
    if options.log_level == "trace":
        _start_trace(switch, log, options.log_flush)
    if options.pcap is not None:
        if not isinstance(switch.engine, Captures):
            switch.engine.close()
            raise StartError("--pcap: this engine does not write pcap files")
        try:
            switch.engine.start_pcap(os.fspath(options.pcap))
        except EngineError:
            switch.engine.close()
            raise
    if program is not None:
        try:
            switch.load(*program)
        except RpcError as error:
            switch.engine.close()
            raise StartError(f"cannot load {options.config}: {error.message}") from None
    await switch.start()
    try:
        stats = await _serve(switch, options, stopped)
    finally:
        await switch.stop()
    print(statistics(stats), flush=True)


async def _serve(switch: Switch, options: argparse.Namespace, stopped: asyncio.Event) -> list[PortStats]:
    """Until stopped; the ports' statistics then."""
    sockets = await _start_device_socket(switch, options.packet_in)
    try:
        print(f"p4soft: listening on {switch.address}", flush=True)
        for socket in sockets:
            print(f"p4soft: ports on {socket.address}", flush=True)
        notifier = Notifier()
        status = f"listening on {switch.address}"
        notifier.ready(status)
        tasks = [asyncio.create_task(_beat(notifier, switch, status))]
        if options.stats:
            tasks.append(asyncio.create_task(show_rates(switch.engine.port_stats, options.stats)))
        await stopped.wait()
        notifier.stopping()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # nobody may be reading the rates any more
    finally:
        for socket in sockets:
            socket.stop()
    return switch.engine.port_stats()


async def _beat(notifier: Notifier, switch: Switch, status: str) -> None:
    """Tell that this loop has its turns, and that every packet thread makes room between its batches."""
    while notifier.period is not None:
        switch.engine.port_stats()
        notifier.beat(status)
        await asyncio.sleep(notifier.period)


def run(options: argparse.Namespace) -> None:
    """Run the switch until SIGINT or SIGTERM. Raises StartError when it cannot start."""
    log = _start_logging(options)
    try:
        asyncio.run(_run(options, log))
    except (ServerError, EngineError) as error:
        raise StartError(str(error)) from None
