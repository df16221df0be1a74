"""Compile the admin API's admin.proto (``make proto``); ``--check`` only says whether that has been done.

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
SOURCE = RUNTIME / "fullnat" / "api" / "v1" / "admin.proto"
MADE = SOURCE.with_name("admin_pb2.py")


def mark() -> str:
    """The last line of what is made."""
    return f"# sha256 of admin.proto: {hashlib.sha256(SOURCE.read_bytes()).hexdigest()}\n"


def is_fresh() -> bool:
    return MADE.read_text().endswith(mark())


def compiled(directory: Path) -> str:
    """What protoc makes, by way of ``directory``. Raises CalledProcessError, after it has said why."""
    words = ("-m", "grpc_tools.protoc", f"-I{RUNTIME}", f"--python_out={directory}", str(SOURCE))
    subprocess.run([sys.executable, *words], check=True)
    text = (directory / MADE.relative_to(RUNTIME)).read_text()
    return re.sub(r"[ \t]+$", "", text, flags=re.M) + mark()


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        if not is_fresh():
            print(f"{MADE.relative_to(ROOT)} is not of this admin.proto: make proto", file=sys.stderr)
        return not is_fresh()
    if util.find_spec("grpc_tools") is None:
        print("make proto needs grpcio-tools: .venv/bin/pip install --no-deps 'grpcio-tools<1.82'", file=sys.stderr)
        return 1
    try:
        MADE.write_text(compiled(RUNTIME))
    except subprocess.CalledProcessError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
