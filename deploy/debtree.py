"""What Debian packages are made of: a tree of files, DEBIAN/control, dpkg-deb."""

from __future__ import annotations

import gzip
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEBIAN = ROOT / "deploy" / "debian"
OUT = ROOT / "build" / "dist"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class DebError(Exception):
    """A package cannot be made here; the message says why."""


def architecture() -> str:
    """Debian's name of this machine's. Raises DebError where it is none of ours, or there is no dpkg-deb."""
    found = ARCHITECTURES.get(platform.machine())
    if found is None or shutil.which("dpkg-deb") is None:
        raise DebError(f"dpkg-deb and one of {', '.join(ARCHITECTURES)} are needed")
    return found


def version_of(project: Path) -> str:
    """The version in a pyproject.toml. Raises DebError."""
    found = re.search(r'^version = "(.+)"$', project.read_text(), flags=re.MULTILINE)
    if found is None:
        raise DebError(f"{project.name} has no version")
    return found[1]


def libc(objects: Iterable[Path]) -> str:
    """The oldest version of the C library that runs all of ``objects``."""
    found = {(2, 17)}
    for path in objects:
        found |= {(int(a), int(b)) for a, b in re.findall(rb"GLIBC_(\d+)\.(\d+)\b", path.read_bytes())}
    return ".".join(map(str, max(found)))


def kilobytes(tree: Path) -> int:
    return sum(path.stat().st_size for path in tree.rglob("*") if path.is_file()) // 1024


def pack(tree: Path, target: Path, control: str, scripts: Iterable[str] = (), compression: str = "xz") -> None:
    """Make the package ``target`` of what is to be installed, in ``tree``. ``scripts`` are maintainer scripts of
    deploy/debian, ``compression`` is one of dpkg-deb's. Raises CalledProcessError."""
    configuration = sorted(path for path in (tree / "etc").rglob("*") if path.is_file())
    write(tree / "DEBIAN/control", control)
    if configuration:
        names = (f"/{path.relative_to(tree)}\n" for path in configuration)
        write(tree / "DEBIAN/conffiles", "".join(names))
    for name in scripts:
        copy(DEBIAN / name, tree / "DEBIAN" / name)
    programs = {*(tree / "usr/bin").glob("*"), *(tree / "DEBIAN" / name for name in scripts)}
    for path in (tree, *tree.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path in programs else 0o644)
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", f"-Z{compression}", "--build", tree, target], check=True, stdout=2
    )


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def zipped(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(text.encode(), mtime=0))
