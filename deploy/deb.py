"""``make deb``: Debian packages in build/dist/, of the balancer and (:mod:`deploy.toa_deb`) for real servers. Needs
dpkg-deb and a C compiler here, and no compiler there."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from deploy import completions, manpages, toa_deb, wheels
from deploy.commands import Command, programs
from deploy.debtree import (
    DEBIAN,
    OUT,
    ROOT,
    DebError,
    architecture,
    copy,
    kilobytes,
    libc,
    pack,
    version_of,
    write,
    zipped,
)

PACKAGE = "fullnat"
PYTHONS = ("3.11", "3.12", "3.13")
"""Of Debian 12, Ubuntu 24.04 and Debian 13."""
LIBRARY = Path("usr/lib/fullnat")
LAUNCHERS = {"fullnat": "fullnat.cli.main", "fnatadm": "fullnat.fnatadm.main", "p4soft": "p4soft.cli"}
SCRIPTS = ("postinst", "prerm", "postrm")
CONTROL = """\
Package: {package}
Version: {version}
Architecture: {architecture}
Maintainer: p4-fullnat <root@localhost>
Installed-Size: {size}
Depends: python3 (>= {oldest}), python3 (<< {beyond}), adduser, libc6 (>= {libc}), libstdc++6, libgcc-s1, libpcre2-8-0
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


def build(out: Path = OUT, version: str | None = None, compression: str = "xz", ours: Path | None = None) -> Path:
    """Make the package, of ``ours`` if that wheel is made already; returns its file. Raises DebError."""
    machine = architecture()
    version = version or project_version()
    target = out / f"{PACKAGE}_{version}_{machine}.deb"
    with tempfile.TemporaryDirectory(prefix="fullnat-deb-") as scratch:
        tree = Path(scratch) / "tree"
        place = Path(scratch) / "wheels"
        _libraries(tree / LIBRARY, place, ours or wheels.own(place))
        _commands(tree)
        _configuration(tree)
        _documentation(tree, version)
        pack(tree, target, _control(tree, version, machine), SCRIPTS, compression)
    return target


def project_version() -> str:
    return version_of(ROOT / "pyproject.toml")


def _libraries(library: Path, scratch: Path, ours: Path) -> None:
    """Our packages and those that they need; which Python there is, the launcher sees."""
    for wheel in (ours, wheels.toa(scratch)):
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
        write(tree / "usr/bin" / name, made)
    for program in programs():
        _completions(tree, program)


def _completions(tree: Path, program: Command) -> None:
    share = tree / "usr/share"
    write(share / "bash-completion/completions" / program.name, completions.bash(program))
    write(share / "zsh/vendor-completions" / f"_{program.name}", completions.zsh(program))
    write(share / "fish/vendor_completions.d" / f"{program.name}.fish", completions.fish(program))


def _configuration(tree: Path) -> None:
    copy(DEBIAN / "fullnat.toml", tree / "etc/fullnat/fullnat.toml")
    copy(DEBIAN / "default.fullnat", tree / "etc/default/fullnat")
    copy(DEBIAN / "default.p4soft", tree / "etc/default/p4soft")
    copy(DEBIAN / "logrotate", tree / "etc/logrotate.d/fullnat")
    for unit in sorted((ROOT / "deploy" / "systemd").glob("*.service")):
        copy(unit, tree / "usr/lib/systemd/system" / unit.name)


def _documentation(tree: Path, version: str) -> None:
    for page in manpages.pages(version):
        zipped(tree / "usr/share/man" / f"man{page.section}" / f"{page.file}.gz", page.text)
    place = tree / "usr/share/doc" / PACKAGE
    copy(DEBIAN / "copyright", place / "copyright")
    zipped(place / "changelog.gz", (ROOT / "CHANGELOG.md").read_text())
    copy(ROOT / "docs" / "example.toml", place / "examples" / "fullnat.toml")
    for source in sorted((ROOT / "docs").glob("*.md")):
        copy(source, place / source.name)


def _control(tree: Path, version: str, machine: str) -> str:
    last = PYTHONS[-1].partition(".")[2]
    return CONTROL.format(
        package=PACKAGE,
        version=version,
        architecture=machine,
        size=kilobytes(tree),
        oldest=PYTHONS[0],
        beyond=f"3.{int(last) + 1}",
        libc=libc(wheels.native_objects(tree / LIBRARY)),
    )


def main() -> int:
    try:
        print(build())
        print(toa_deb.build())
    except (DebError, subprocess.CalledProcessError) as error:
        print(f"make deb: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
