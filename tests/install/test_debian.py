"""The Debian package in a fresh Debian: installed, served by, upgraded, removed, and nothing left."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import deb
from install.debkit import Debian, NoDebian, bootstrap, later, scratch
from topo import standard
from topo.world import ask, world

pytestmark = [pytest.mark.timeout(3000)]
RELEASES = ("bookworm", "trixie")
UNITS = ("fullnat.service", "p4soft.service")


@pytest.fixture(params=RELEASES)
def debian(request: pytest.FixtureRequest, package: Path) -> Iterator[Debian]:
    with scratch() as place:
        root = place / "root"
        try:
            bootstrap(request.param, root)
        except NoDebian as error:
            pytest.skip(str(error))
        made = Debian(root)
        with made.mounted():
            yield made


def check_real_server(debian: Debian, package: Path) -> None:
    """What a real server gets: nothing of the balancer, and found by its name."""
    before = debian.files()
    debian.install(package)
    assert {name for name in debian.ours() if "p4soft" in name or name.endswith("bin/fullnat")} == set()
    for command in ("toa-check", "toa-attach", "toa-detach"):
        assert debian.run(command, "--help").startswith(f"usage: {command} ")
    preloaded = "LD_PRELOAD=libtoa_preload.so TOA_TRUSTED=10.0.0.100/30 TOA_DEBUG=1 ls / 2>&1 >/dev/null"
    (line,) = debian.run("sh", "-c", preloaded).splitlines()
    assert re.fullmatch(r"libtoa_preload\[\d+\]: 1 trusted prefixes, room for \d+ descriptors", line), line
    debian.run("apt-get", "purge", "--yes", "fullnat-toa")
    assert debian.files() - before == set()


def test_install_serve_upgrade_remove_purge(debian: Debian, package: Path, for_servers: Path, tmp_path: Path) -> None:
    assert debian.run("sh", "-c", "command -v cc gcc clang || echo none") == "none\n"
    check_real_server(debian, for_servers)
    before = debian.files()
    accounts = (debian.root / "etc/passwd").read_text()
    debian.install(package)
    assert debian.run("fullnat", "--version") == f"fullnat, version {deb.project_version()}\n"
    assert debian.run("fullnat", "check", "/etc/fullnat/fullnat.toml").endswith(": 0 virtual servers, 0 real servers\n")
    for unit in UNITS:
        assert (debian.root / "etc/systemd/system/multi-user.target.wants" / unit).is_symlink()
    assert debian.run("stat", "-c", "%U %a", "/var/lib/fullnat") == "fullnat 700\n"

    with world(start=False) as everything:
        network = everything.network
        # As it comes, it starts and refuses nothing.
        for name in ("p4soft", "fullnat"):
            debian.start(name, network)
        debian.serving()
        for name in ("fullnat", "p4soft"):
            debian.stop(name)

        ports = " ".join(f"-i {s.port}@{s.switch_interface}" for s in network.topology.subnets)
        (debian.root / "etc/default/p4soft").write_text(f'P4SOFT_OPTIONS="{ports}"\n')
        (debian.root / "etc/fullnat/fullnat.toml").write_text(standard.config())
        for name in ("p4soft", "fullnat"):
            debian.start(name, network)
        debian.serving()
        curl = network.start("c1", "curl", ["curl", "-sS", "-m", "10", f"http://{standard.VIP}/"]).result(20)
        assert '"toa": "10.1.0.1:' in curl

        # An upgrade ends the controller and no session.
        with contextlib.closing(everything.http("c1")) as connection:
            first = ask(connection)
            debian.stop("fullnat")
            debian.install(later(package, "99", tmp_path))
            assert ask(connection).peer == first.peer
            assert (debian.root / "etc/fullnat/fullnat.toml").read_text() == standard.config()
            debian.start("fullnat", network)
            debian.serving()
            assert debian.stats()["controller"]["sessions_adopted"] == 2  # curl's and this one
            assert ask(connection).peer == first.peer
        assert everything.get("c2").toa is not None
        for name in ("fullnat", "p4soft"):
            debian.stop(name)

    debian.run("apt-get", "remove", "--yes", "fullnat")
    assert not (debian.root / "usr/lib/fullnat").exists()
    assert (debian.root / "etc/fullnat/fullnat.toml").read_text() == standard.config()
    debian.run("apt-get", "purge", "--yes", "fullnat")
    assert debian.files() - before == set()
    assert {name for name in debian.ours() if not name.startswith("run/notify-")} == set()
    assert (debian.root / "etc/passwd").read_text() == accounts
