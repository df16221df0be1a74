"""``topo/install-peers``: what it asks apt-get for, and that no daemon starts meanwhile. Nothing is installed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

INSTALL = Path(__file__).resolve().parents[2] / "topo/install-peers"
STUBS = {
    "dpkg-query": 'for last; do :; done\n[ "$last" = there ] && printf installed',
    "apt-get": 'echo "apt-get $*"\nif [ -e /usr/sbin/policy-rc.d ]; then /usr/sbin/policy-rc.d; echo "policy $?"; fi',
    "id": 'echo "$STUB_UID"',
}


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    """A directory for PATH in which nothing installs anything."""
    place = tmp_path / "bin"
    place.mkdir()
    for name, text in STUBS.items():
        (place / name).write_text(f"#!/bin/sh\n{text}\n")
        (place / name).chmod(0o755)
    for name in ("rm", "chmod"):
        (place / name).symlink_to(f"/bin/{name}")
    return place


def install(stubs: Path, *packages: str, uid: int = 1000) -> tuple[int, str]:
    env = {"PATH": str(stubs), "STUB_UID": str(uid)}
    done = subprocess.run([INSTALL, *packages], env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_nothing_is_done_when_all_are_there(stubs: Path) -> None:
    assert install(stubs, "there", "there") == (0, "")


def test_only_root_can_install(stubs: Path) -> None:
    assert install(stubs, "there", "a", "b") == (1, "install-peers: only root can install a b: sudo make peers\n")


def test_other_systems_are_told(stubs: Path) -> None:
    (stubs / "apt-get").unlink()
    assert install(stubs, "a", uid=0) == (1, "install-peers: no apt-get here; install by other means: a\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a /usr/sbin of its own")
@pytest.mark.parametrize("own", [None, 0])
def test_no_service_starts_while_it_installs(stubs: Path, tmp_path: Path, own: int | None) -> None:
    """policy-rc.d answers 101 (forbidden) meanwhile, and is gone afterwards; somebody's own one stays as it is."""
    policy = tmp_path / "policy"
    if own is not None:
        policy.write_text(f"#!/bin/sh\nexit {own}\n")
        policy.chmod(0o755)
    script = f"""
        mount -t tmpfs none /usr/sbin || exit 99
        [ ! -e {policy} ] || cp -p {policy} /usr/sbin/policy-rc.d
        PATH={stubs} STUB_UID=0 {INSTALL} there a b || exit
        ls /usr/sbin
    """
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False)
    if done.returncode == 99 or done.stderr.startswith("unshare"):
        pytest.skip(f"no mount namespaces here: {done.stderr.strip()}")
    status = 101 if own is None else own
    assert done.stdout == (
        f"apt-get update\npolicy {status}\napt-get install --yes --no-install-recommends a b\npolicy {status}\n"
        f"{'' if own is None else 'policy-rc.d' + chr(10)}"
    )
    assert (done.returncode, done.stderr) == (0, "")
