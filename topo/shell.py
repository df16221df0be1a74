"""``make shell``: p4runtime-shell against the running switch, in the environment that was made for it.

Without ``--write`` it asks for the lowest election id, so that it only reads beside a controller. A switch of ``make
topo`` listens inside its network namespace; it is found and the shell started there.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path

from topo import namespaces

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv-shell" / "bin" / "python"
COMPILED = ROOT / "p4src" / "compiled"
GRPC = "127.0.0.1:9559"
READ_ELECTION_ID, WRITE_ELECTION_ID = "0,1", "1,0"
"""High and low half. The controller takes the time in nanoseconds, which has a high half of zero."""
ENVIRONMENT = {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}
"""The messages of p4runtime-shell were generated for protobuf before its present wire runtime."""


def unavailable() -> str | None:
    """Why the shell cannot be used here, or None when it can."""
    return None if PYTHON.exists() else "p4runtime-shell is not installed: make .venv-shell/.installed"


def command(grpc_addr: str = GRPC, *, write: bool = False, push: bool = False, device_id: int = 1) -> list[str]:
    """The command that opens the shell. ``write``: as primary; ``push``: load the compiled program first."""
    words = [str(PYTHON), "-m", "p4runtime_sh", "--grpc-addr", grpc_addr, "--device-id", str(device_id)]
    words += ["--election-id", WRITE_ELECTION_ID if write else READ_ELECTION_ID]
    if push:
        words += ["--config", f"{COMPILED / 'fullnat.p4info.txtpb'},{COMPILED / 'fullnat.json'}"]
    return words


def running_topologies(grpc_addr: str = GRPC) -> list[str]:
    """Namespaces of networks of this project in which something listens at the address."""
    if os.geteuid() != 0:
        return []
    found = []
    for full in namespaces.in_use():
        with namespaces.inside(full):
            if listens(grpc_addr):
                found.append(full)
    return found


def listens(grpc_addr: str) -> bool:
    """Whether somebody takes connections at the address, in the network of the calling thread."""
    host, _, port = grpc_addr.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2):
            return True
    except OSError:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m topo.shell", description=__doc__)
    parser.add_argument("--grpc-addr", default=GRPC, help=f"P4Runtime server of the switch (default: {GRPC})")
    parser.add_argument("--device-id", type=int, default=1, help="default: 1")
    parser.add_argument("--write", action="store_true", help="become primary; a controller stands by meanwhile")
    parser.add_argument("--push", action="store_true", help="load the compiled program first; needs --write")
    options = parser.parse_args()
    if options.push and not options.write:
        parser.error("--push needs --write: only the primary may load a program")
    if reason := unavailable():
        print(reason, file=sys.stderr)
        return 1
    words = command(options.grpc_addr, write=options.write, push=options.push, device_id=options.device_id)
    environment = {**os.environ, **ENVIRONMENT}
    if listens(options.grpc_addr):
        os.execve(words[0], words, environment)
    found = running_topologies(options.grpc_addr)
    if len(found) != 1:
        several = f"several networks are running: {', '.join(found)}. `ip netns exec NAME` runs a command in one"
        nobody = f"no switch listens at {options.grpc_addr}: start one, or `make topo` (as root) in another terminal"
        print(several if found else nobody, file=sys.stderr)
        return 1
    print(f"the switch is in the network namespace {found[0]}")
    with namespaces.inside(found[0]):
        os.execve(words[0], words, environment)
    raise AssertionError("execve returned")


if __name__ == "__main__":
    sys.exit(main())
