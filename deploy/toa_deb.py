"""The Debian package fullnat-toa, for real servers: libtoa_preload and the commands toa-*, nothing of the balancer."""

from __future__ import annotations

import platform
import subprocess
import tempfile
import tomllib
from pathlib import Path

from deploy import wheels
from deploy.debtree import DEBIAN, OUT, ROOT, DebError, architecture, copy, kilobytes, libc, pack, version_of, write

SOURCES = ROOT / "toa"
PACKAGE = "fullnat-toa"
LIBRARY = Path("usr/lib/fullnat-toa")
"""Of Python."""
PRELOAD = "libtoa_preload.so"
CONTROL = """\
Package: {package}
Version: {version}
Architecture: {architecture}
Maintainer: p4-fullnat <root@localhost>
Installed-Size: {size}
Depends: libc6 (>= {libc})
Recommends: python3 (>= 3.11)
Section: net
Priority: optional
Description: real servers behind FULLNAT see their clients
 A library for LD_PRELOAD that makes accept() and getpeername() of unmodified
 servers tell the client's address, which the load balancer sends in a TCP
 option (TOA); toa-check, which says whether it arrives; and toa-attach, which
 does the same by eBPF.
"""


def build(out: Path = OUT) -> Path:
    """Make the package; returns its file. Raises DebError."""
    machine = architecture()
    version = version_of(SOURCES / "pyproject.toml")
    target = out / f"{PACKAGE}_{version}_{machine}.deb"
    with tempfile.TemporaryDirectory(prefix="fullnat-deb-") as scratch:
        tree = Path(scratch) / "tree"
        # Where the loader looks for a name without a directory.
        library = tree / "usr/lib" / f"{platform.machine()}-linux-gnu" / PRELOAD
        _compile(library)
        wheels.unpack(wheels.toa(Path(scratch)), tree / LIBRARY)
        _commands(tree)
        _documentation(tree)
        control = CONTROL.format(
            package=PACKAGE, version=version, architecture=machine, size=kilobytes(tree), libc=libc([library])
        )
        pack(tree, target, control)
    return target


def _compile(target: Path) -> None:
    done = subprocess.run(["make", "-s", "-C", str(ROOT), "toa"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DebError(f"cannot build {PRELOAD}: {done.stderr.strip()}")
    copy(ROOT / "build" / "toa" / PRELOAD, target)


def _commands(tree: Path) -> None:
    """By the entry points of the Python package."""
    text = (DEBIAN / "toa-launcher").read_text()
    scripts = tomllib.loads((SOURCES / "pyproject.toml").read_text())["project"]["scripts"]
    for name, entry in scripts.items():
        module, _, function = entry.partition(":")
        made = text.replace("@LIBRARY@", f"/{LIBRARY}").replace("@MODULE@", module).replace("@FUNCTION@", function)
        write(tree / "usr/bin" / name, made)


def _documentation(tree: Path) -> None:
    place = tree / "usr/share/doc" / PACKAGE
    # What follows there is of the libraries that come with the balancer.
    write(place / "copyright", (DEBIAN / "copyright").read_text().partition("\nFiles: usr/lib")[0])
    copy(SOURCES / "README.md", place / "README.md")
    copy(DEBIAN / "toa.conf", place / "examples" / "toa.conf")
    for name in ("toa-ebpf.md", "real-servers.md"):
        copy(ROOT / "docs" / name, place / name)
