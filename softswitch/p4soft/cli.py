"""The ``p4soft`` command: an embedded P4 switch with the command line of simple_switch_grpc.

Exit status: 0 stopped by a signal, 1 cannot start (one line says why), 2 wrong command line.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from p4soft.api import MAX_WORKERS, SPREADS
from p4soft.defaults import ADDRESS, CPU_PORT, DEVICE_ID
from p4soft.output import guarded

DISTRIBUTION = "p4-fullnat"
"""Which p4soft comes in."""
DROP_PORT = 511
MAX_PORT = 510

_SHORTEST, _LONGEST = 0.1, 86400.0
_LEVELS = ("trace", "debug", "info", "warn", "error", "off")


class UsageError(Exception):
    """A wrong command line."""


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


def _device_id(text: str) -> int:
    if not text.isdigit() or not int(text) < 1 << 64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 64 bits")
    return int(text)


def _workers(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MAX_WORKERS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of packet threads, 1 to {MAX_WORKERS}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not _SHORTEST <= value <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, {_SHORTEST} to {_LONGEST:.0f}")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="p4soft",
        description="An embedded P4 switch: runs a BMv2 JSON program natively and serves P4Runtime.",
        epilog="A lone -- is allowed before any option, as simple_switch_grpc wants it before target options. "
        "'p4soft run PROG.json --p4info FILE ...' is the same spelled out; 'p4soft explain PROG.json' shows what a "
        "program consists of.",
        allow_abbrev=False,
    )
    parser.add_argument("config", nargs="?", metavar="PROG.json", type=Path, help="program to load (needs --p4info)")
    parser.add_argument(
        "-i", "--interface", action="append", default=[], type=_interface, metavar="PORT@IFACE", help="attach a port"
    )
    parser.add_argument("--no-p4", action="store_true", help="start without a program (the default)")
    parser.add_argument("--p4info", type=Path, metavar="FILE", help="P4Info of PROG.json, in text or binary form")
    parser.add_argument(
        "--device-id",
        type=_device_id,
        default=DEVICE_ID,
        metavar="N",
        help=f"P4Runtime device id (default {DEVICE_ID})",
    )
    parser.add_argument(
        "--cpu-port",
        type=_cpu_port,
        default=CPU_PORT,
        metavar="N",
        help=f"port number of packet-ins and packet-outs (default {CPU_PORT})",
    )
    parser.add_argument("--drop-port", type=int, default=DROP_PORT, metavar="N", help="only 511, the default")
    _add_server(parser)
    parser.add_argument("--log-console", action="store_true", help="log to standard output, at level debug")
    parser.add_argument("--log-file", type=Path, metavar="FILE", help="log to a file")
    parser.add_argument("--log-flush", action="store_true", help="write every line of the log file at once")
    parser.add_argument("-L", "--log-level", choices=_LEVELS, metavar="LEVEL", help=", ".join(_LEVELS))
    parser.add_argument(
        "--packet-in", metavar="ADDR", help="ports on a nanomsg socket (tcp://, ipc://) for PTF; -i is ignored then"
    )
    parser.add_argument("--pcap", nargs="?", const=Path("."), type=Path, metavar="DIR", help="capture every port")
    parser.add_argument("--workers", default=1, type=_workers, metavar="N", help="packet threads (default 1)")
    parser.add_argument(
        "--spread",
        choices=SPREADS,
        default=SPREADS[0],
        metavar="HOW",
        help="with several workers: 'flow' spreads every interface's flows among them (the default), 'port' the ports",
    )
    parser.add_argument(
        "--no-offload",
        action="append",
        default=[],
        metavar="IFACE",
        help="drop segments larger than the MTU that this interface (or 'all') brings, instead of cutting them",
    )
    parser.add_argument("--stats", type=_seconds, metavar="SECONDS", help="show the ports' rates this often")
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    return parser


def _add_server(parser: argparse.ArgumentParser) -> None:
    """The options of P4Runtime's server."""
    parser.add_argument("--grpc-server-addr", default=ADDRESS, metavar="ADDR", help=f"default {ADDRESS}")
    parser.add_argument("--grpc-server-ssl", action="store_true", help="serve with TLS")
    parser.add_argument(
        "--grpc-server-cacert", type=Path, metavar="PEM", help="CA that client certificates are checked with"
    )
    parser.add_argument("--grpc-server-cert", type=Path, metavar="PEM", help="server certificate")
    parser.add_argument("--grpc-server-key", type=Path, metavar="PEM", help="server key")
    parser.add_argument("--grpc-server-with-client-auth", action="store_true", help="demand a client certificate")


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
    names = {name for _, name in options.interface}
    if len(names) != len(ports):
        raise UsageError(f"interface {_repeated(options.interface)} is given to two ports")
    if unknown := set(options.no_offload) - names - {"all"}:
        raise UsageError(f"--no-offload {min(unknown)}: no port has this interface")
    options.no_offload = names if "all" in options.no_offload else set(options.no_offload)
    if options.cpu_port in ports:
        raise UsageError(f"port {options.cpu_port} is the CPU port and cannot be an interface too (--cpu-port)")
    if options.drop_port != DROP_PORT:
        raise UsageError(f"--drop-port can only be {DROP_PORT}")
    if options.log_console and options.log_file is not None:
        raise UsageError("--log-console and --log-file exclude each other")
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


def _repeated(interfaces: Sequence[tuple[int, str]]) -> str:
    """The first name that has been there before."""
    names = [name for _, name in interfaces]
    return next(name for at, name in enumerate(names) if name in names[:at])


def _explain_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="p4soft explain",
        description="Show what a program consists of: tables, parser, headers, registers and the rest.",
        allow_abbrev=False,
    )
    parser.add_argument("config", metavar="PROG.json", help="what p4c-bm2-ss made")
    parser.add_argument("--c", action="store_true", help="print the C that p4soft makes of it")
    return parser


def _entries_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="p4soft entries",
        description="Print a program with what p4c leaves out of it about initial entries: const, and priorities.",
        allow_abbrev=False,
    )
    parser.add_argument("config", metavar="PROG.json", type=Path, help="what p4c-bm2-ss made")
    parser.add_argument("p4info", metavar="P4INFO", type=Path, help="its P4Info, in text or binary form")
    parser.add_argument("entries", metavar="ENTRIES", type=Path, help="of its --p4runtime-entries-files")
    return parser


def parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of ``p4soft`` itself, and those of its commands: what manual pages are made of."""
    return {"p4soft": _parser(), "p4soft explain": _explain_parser(), "p4soft entries": _entries_parser()}


def _explain(arguments: Sequence[str]) -> int:
    options = _explain_parser().parse_args(arguments)
    from p4soft import explain
    from p4soft.api import PipelineError

    try:
        explain.run(options.config, options.c)
    except BrokenPipeError:  # the reader has seen enough
        return 0
    except OSError as error:
        return _unreadable(error)
    except PipelineError as error:
        print(f"p4soft: {error}", file=sys.stderr)
        return 1
    return 0


def _unreadable(error: OSError) -> int:
    """Without a file's name, it is not about reading one, but about standard output."""
    if error.filename is None:
        raise error
    print(f"p4soft: cannot read {error.filename}: {error.strerror}", file=sys.stderr)
    return 1


def _entries(arguments: Sequence[str]) -> int:
    options = _entries_parser().parse_args(arguments)
    from finsy.proto import p4i, p4r

    from p4soft.api import PipelineError
    from p4soft.entries import marked, read_message

    try:
        info = read_message(p4i.P4Info, options.p4info)
        entries = read_message(p4r.WriteRequest, options.entries)
        print(marked(options.config.read_bytes(), info, entries).decode(), end="")
    except OSError as error:
        return _unreadable(error)
    except PipelineError as error:
        print(f"p4soft: {error}", file=sys.stderr)
        return 1
    return 0


_COMMANDS = {"explain": _explain, "entries": _entries}


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the ``p4soft`` command."""
    with guarded("p4soft"):
        return _main(list(sys.argv[1:] if arguments is None else arguments))


def _main(words: list[str]) -> int:
    command = words.pop(0) if words and words[0] in ("run", *_COMMANDS) else ""
    try:
        if command in _COMMANDS:
            return _COMMANDS[command](words)
        options = parse(words)
        if options.version:
            print(f"p4soft, version {version(DISTRIBUTION)}")
            return 0
        if command == "run" and options.config is None:
            raise UsageError("run needs PROG.json --p4info FILE")
    except UsageError as error:
        help_ = f"p4soft {command} --help" if command in _COMMANDS else "p4soft --help"
        print(f"p4soft: {error} (see {help_})", file=sys.stderr)
        return 2
    # Read when gRPC is imported: it would write its own lines beside ours.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from p4soft.launch import StartError, run

    try:
        run(options)
    except StartError as error:
        print(f"p4soft: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
