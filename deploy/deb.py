"""``make deb``: a Debian package in build/dist/. Needs dpkg-deb and a C compiler here, and no compiler there."""

from __future__ import annotations

import gzip
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from deploy import completions, manpages, wheels
from deploy.commands import Command, programs

ROOT = Path(__file__).resolve().parents[1]
DEBIAN = ROOT / "deploy" / "debian"
OUT = ROOT / "build" / "dist"
PACKAGE = "fullnat"
PYTHONS = ("3.11", "3.12", "3.13")
"""Of Debian 12, Ubuntu 24.04 and Debian 13."""
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
LIBRARY = Path("usr/lib/fullnat")
LAUNCHERS = {"fullnat": "fullnat.cli.main", "p4soft": "p4soft.cli"}
SCRIPTS = ("postinst", "prerm", "postrm")
CONTROL = """\
Package: {package}
Version: {version}
Architecture: {architecture}
Maintainer: p4-fullnat <root@localhost>
Installed-Size: {size}
Depends: python3 (>= {oldest}), python3 (<< {beyond}), adduser, libc6 (>= {libc}), libstdc++6, libgcc-s1
Recommends: iproute2
Suggests: prometheus
Section: net
Priority: optional
Description: FULLNAT layer-4 load balancer
 LVS's FULLNAT on a P4 switch: a controller that installs sessions by
 P4Runtime, and p4soft, an embedded switch that runs the program on ordinary
 network interfaces. Real servers need no route to clients, and learn their
 addresses from a TCP option.
"""


class DebError(Exception):
    """The package cannot be made here; the message says why."""


def build(out: Path = OUT, version: str | None = None) -> Path:
    """Make the package; returns its file. Raises DebError."""
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is None or shutil.which("dpkg-deb") is None:
        raise DebError(f"dpkg-deb and one of {', '.join(ARCHITECTURES)} are needed")
    version = version or project_version()
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{PACKAGE}_{version}_{architecture}.deb"
    with tempfile.TemporaryDirectory(prefix="fullnat-deb-") as scratch:
        tree = Path(scratch) / "tree"
        _libraries(tree / LIBRARY, Path(scratch) / "wheels")
        _commands(tree)
        _configuration(tree)
        _documentation(tree, version)
        _control(tree, version, architecture)
        _modes(tree)
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "--build", tree, target], check=True, stdout=2)
    return target


def project_version() -> str:
    found = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    if found is None:
        raise DebError("pyproject.toml has no version")
    return found[1]


def _libraries(library: Path, scratch: Path) -> None:
    """Our packages and those that they need; which Python there is, the launcher sees."""
    for wheel in (wheels.own(scratch), wheels.toa(scratch)):
        wheels.unpack(wheel, library / "python3")
    for version in PYTHONS:
        for wheel in wheels.fetch(version, scratch / version):
            place = "python3" if wheels.for_every_python(wheel) else f"python{version}"
            wheels.unpack(wheel, library / place)
    for licence in library.glob("*/LICENSE"):
        licence.unlink()


def _commands(tree: Path) -> None:
    text = (DEBIAN / "launcher").read_text()
    pythons = repr(tuple(f"python{version}" for version in PYTHONS))
    for name, module in LAUNCHERS.items():
        made = text.replace("@NAME@", name).replace("@MODULE@", module).replace("@PYTHONS@", pythons)
        _write(tree / "usr/bin" / name, made)
    for program in programs():
        _completions(tree, program)


def _completions(tree: Path, program: Command) -> None:
    share = tree / "usr/share"
    _write(share / "bash-completion/completions" / program.name, completions.bash(program))
    _write(share / "zsh/vendor-completions" / f"_{program.name}", completions.zsh(program))
    _write(share / "fish/vendor_completions.d" / f"{program.name}.fish", completions.fish(program))


def _configuration(tree: Path) -> None:
    _copy(DEBIAN / "fullnat.toml", tree / "etc/fullnat/fullnat.toml")
    _copy(DEBIAN / "default.fullnat", tree / "etc/default/fullnat")
    _copy(DEBIAN / "default.p4soft", tree / "etc/default/p4soft")
    _copy(DEBIAN / "logrotate", tree / "etc/logrotate.d/fullnat")
    for unit in sorted((ROOT / "deploy" / "systemd").glob("*.service")):
        _copy(unit, tree / "usr/lib/systemd/system" / unit.name)


def _documentation(tree: Path, version: str) -> None:
    for page in manpages.pages(version):
        _zipped(tree / "usr/share/man" / f"man{page.section}" / f"{page.file}.gz", page.text)
    place = tree / "usr/share/doc" / PACKAGE
    _copy(DEBIAN / "copyright", place / "copyright")
    _zipped(place / "changelog.gz", (ROOT / "CHANGELOG.md").read_text())
    _copy(ROOT / "docs" / "example.toml", place / "examples" / "fullnat.toml")
    for source in sorted((ROOT / "docs").glob("*.md")):
        _copy(source, place / source.name)


def _control(tree: Path, version: str, architecture: str) -> None:
    files = [path for path in tree.rglob("*") if path.is_file()]
    last = PYTHONS[-1].partition(".")[2]
    control = CONTROL.format(
        package=PACKAGE,
        version=version,
        architecture=architecture,
        size=sum(path.stat().st_size for path in files) // 1024,
        oldest=PYTHONS[0],
        beyond=f"3.{int(last) + 1}",
        libc=libc(wheels.native_objects(tree / LIBRARY)),
    )
    _write(tree / "DEBIAN/control", control)
    conffiles = sorted(f"/{path.relative_to(tree)}" for path in files if path.is_relative_to(tree / "etc"))
    _write(tree / "DEBIAN/conffiles", "".join(f"{name}\n" for name in conffiles))
    for name in SCRIPTS:
        _copy(DEBIAN / name, tree / "DEBIAN" / name)


def libc(objects: Iterable[Path]) -> str:
    """The oldest version of the C library that runs all of ``objects``."""
    found = {(2, 17)}
    for path in objects:
        found |= {(int(a), int(b)) for a, b in re.findall(rb"GLIBC_(\d+)\.(\d+)\b", path.read_bytes())}
    return ".".join(map(str, max(found)))


def _modes(tree: Path) -> None:
    programs_ = {tree / "usr/bin" / name for name in LAUNCHERS} | {tree / "DEBIAN" / name for name in SCRIPTS}
    for path in tree.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path in programs_ else 0o644)
    tree.chmod(0o755)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def _zipped(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(text.encode(), mtime=0))


def main() -> int:
    try:
        print(build())
    except (DebError, subprocess.CalledProcessError) as error:
        print(f"make deb: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
