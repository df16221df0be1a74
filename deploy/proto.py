"""Compile the messages of the admin API and those that etcd is spoken to in (``make proto``); ``--check`` only says
whether that has been done.

It needs protoc as grpcio-tools has it, which nothing else does: what it makes is committed, with its source's hash.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from importlib import util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNTIME = ROOT / "runtime"
SOURCES = (RUNTIME / "fullnat/api/v1/admin.proto", RUNTIME / "fullnat/etcd/v3/etcd.proto")


def made_of(source: Path) -> Path:
    """Where what is made of ``source`` stands."""
    return source.with_name(f"{source.stem}_pb2.py")


def mark(source: Path) -> str:
    """The last line of what is made."""
    return f"# sha256 of {source.name}: {hashlib.sha256(source.read_bytes()).hexdigest()}\n"


def is_fresh(source: Path) -> bool:
    return made_of(source).read_text().endswith(mark(source))


def compiled(source: Path, directory: Path) -> str:
    """What protoc makes, by way of ``directory``. Raises CalledProcessError, after it has said why."""
    words = ("-m", "grpc_tools.protoc", f"-I{RUNTIME}", f"--python_out={directory}", str(source))
    subprocess.run([sys.executable, *words], check=True)
    text = (directory / made_of(source).relative_to(RUNTIME)).read_text()
    return re.sub(r"[ \t]+$", "", text, flags=re.M) + mark(source)


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        stale = [source for source in SOURCES if not is_fresh(source)]
        for source in stale:
            print(f"{made_of(source).relative_to(ROOT)} is not of this {source.name}: make proto", file=sys.stderr)
        return bool(stale)
    if util.find_spec("grpc_tools") is None:
        print("make proto needs grpcio-tools: .venv/bin/pip install --no-deps 'grpcio-tools<1.82'", file=sys.stderr)
        return 1
    try:
        for source in SOURCES:
            made_of(source).write_text(compiled(source, RUNTIME))
    except subprocess.CalledProcessError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
