"""The ``p4soft`` command: an embedded P4 switch with the command line of simple_switch_grpc.

Exit status: 0 stopped by a signal, 1 cannot start (one line says why), 2 wrong command line.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from finsy.proto import p4i
from google.protobuf import text_format

from p4soft.api import EngineError, PortStats
from p4soft.embedded import Switch
from p4soft.server.errors import RpcError
from p4soft.server.rpc import ServerError, Tls

DEFAULT_ADDRESS = "0.0.0.0:9559"
DROP_PORT = 511
MAX_PORT = 510

_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "off": logging.CRITICAL + 1,
}


class UsageError(Exception):
    """A wrong command line."""


class StartError(Exception):
    """A correct command line that cannot be carried out here."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def _interface(text: str) -> tuple[int, str]:
    port, at, name = text.partition("@")
    if not at or not name or not port.isdigit() or int(port) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not PORT@INTERFACE with a port in 0..{MAX_PORT}")
    return int(port), name


def _cpu_port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port in 1..{MAX_PORT}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="p4soft",
        description="An embedded P4 switch: runs a BMv2 JSON program natively and serves P4Runtime.",
        epilog="A lone -- is allowed before any option, as simple_switch_grpc wants it before target options.",
        allow_abbrev=False,
    )
    parser.add_argument("config", nargs="?", metavar="PROG.json", type=Path, help="program to load (needs --p4info)")
    parser.add_argument(
        "-i", "--interface", action="append", default=[], type=_interface, metavar="PORT@IFACE", help="attach a port"
    )
    parser.add_argument("--no-p4", action="store_true", help="start without a program (the default)")
    parser.add_argument("--p4info", type=Path, metavar="FILE", help="P4Info of PROG.json, in text or binary form")
    parser.add_argument("--device-id", type=int, default=0, metavar="N", help="P4Runtime device id (default 0)")
    parser.add_argument("--cpu-port", type=_cpu_port, metavar="N", help="port number of packet-ins and packet-outs")
    parser.add_argument("--drop-port", type=int, default=DROP_PORT, metavar="N", help="only 511, the default")
    parser.add_argument(
        "--grpc-server-addr", default=DEFAULT_ADDRESS, metavar="ADDR", help=f"default {DEFAULT_ADDRESS}"
    )
    parser.add_argument("--grpc-server-ssl", action="store_true", help="serve with TLS")
    parser.add_argument(
        "--grpc-server-cacert", type=Path, metavar="PEM", help="CA that client certificates are checked with"
    )
    parser.add_argument("--grpc-server-cert", type=Path, metavar="PEM", help="server certificate")
    parser.add_argument("--grpc-server-key", type=Path, metavar="PEM", help="server key")
    parser.add_argument("--grpc-server-with-client-auth", action="store_true", help="demand a client certificate")
    parser.add_argument("--log-console", action="store_true", help="log to standard output, at level debug")
    parser.add_argument("--log-file", type=Path, metavar="FILE", help="log to a file")
    parser.add_argument("-L", "--log-level", choices=_LEVELS, metavar="LEVEL", help=", ".join(_LEVELS))
    parser.add_argument("--pcap", nargs="?", const=Path("."), type=Path, metavar="DIR", help="write a pcap per port")
    return parser


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The checked command line; UsageError for anything wrong with it."""
    options = _parser().parse_args([argument for argument in arguments if argument != "--"])
    if options.no_p4 and options.config is not None:
        raise UsageError("--no-p4 and a program file exclude each other")
    if (options.config is None) != (options.p4info is None):
        raise UsageError("a program file and --p4info FILE go together")
    ports = [port for port, _ in options.interface]
    if len(set(ports)) != len(ports):
        raise UsageError("a port number is given to two interfaces")
    if options.cpu_port in ports:
        raise UsageError(f"port {options.cpu_port} is the CPU port and cannot be an interface too")
    if options.drop_port != DROP_PORT:
        raise UsageError(f"--drop-port can only be {DROP_PORT}")
    if options.grpc_server_ssl and not (options.grpc_server_cert and options.grpc_server_key):
        raise UsageError("--grpc-server-ssl needs --grpc-server-cert and --grpc-server-key")
    if not options.grpc_server_ssl and (
        options.grpc_server_cacert
        or options.grpc_server_cert
        or options.grpc_server_key
        or options.grpc_server_with_client_auth
    ):
        raise UsageError("certificates, keys and client authentication need --grpc-server-ssl")
    return options


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
    return info, program


def _start_logging(options: argparse.Namespace) -> None:
    chosen = options.log_level or ("debug" if options.log_console else "info")
    handler: logging.Handler = logging.StreamHandler(sys.stdout if options.log_console else sys.stderr)
    if options.log_file is not None:
        try:
            handler = logging.FileHandler(options.log_file)
        except OSError as error:
            raise StartError(f"cannot write the log file {options.log_file}: {error.strerror}") from None
    logging.basicConfig(
        level=_LEVELS[chosen], handlers=[handler], format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )


def statistics(stats: Sequence[PortStats]) -> str:
    """The per-port table printed at the end."""
    columns = ("port", "interface", "rx packets", "rx bytes", "rx dropped", "tx packets", "tx bytes", "tx dropped")
    rows = [columns] + [
        (
            str(s.port),
            s.name,
            *(str(n) for n in (s.rx_packets, s.rx_bytes, s.rx_dropped, s.tx_packets, s.tx_bytes, s.tx_dropped)),
        )
        for s in sorted(stats, key=lambda s: s.port)
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(columns))]
    return "\n".join("  ".join(cell.rjust(size) for cell, size in zip(row, widths, strict=True)) for row in rows)


async def _run(options: argparse.Namespace) -> None:
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
    switch = Switch(options.device_id, options.cpu_port, options.grpc_server_addr, dict(options.interface), tls=tls)
    if options.pcap is not None:
        start_pcap = getattr(switch.engine, "start_pcap", None)
        if start_pcap is None:
            switch.engine.close()
            raise StartError("--pcap: this engine does not write pcap files")
        start_pcap(os.fspath(options.pcap))
    if program is not None:
        try:
            switch.load(*program)
        except RpcError as error:
            switch.engine.close()
            raise StartError(f"cannot load {options.config}: {error.message}") from None
    await switch.start()
    print(f"p4soft: listening on {switch.address}", flush=True)
    await stopped.wait()
    stats = switch.engine.port_stats()
    await switch.stop()
    print(statistics(stats), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the ``p4soft`` command."""
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        _start_logging(options)
        asyncio.run(_run(options))
    except UsageError as error:
        print(f"p4soft: {error} (see p4soft --help)", file=sys.stderr)
        return 2
    except (StartError, ServerError, EngineError) as error:
        print(f"p4soft: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
