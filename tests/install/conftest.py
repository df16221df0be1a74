"""The packages that ``make deb`` makes."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import deb, toa_deb, wheels
from topo import namespaces


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ours as ``make wheel`` makes it, by one worker for all: most of it is waiting for a compiler."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "wheel"
    place.mkdir(exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return next(place.glob("*.whl"), None) or wheels.own(place)


@pytest.fixture(scope="session")
def package(request: pytest.FixtureRequest) -> Iterator[Path]:
    """The package as ``make deb`` makes it, but for the time that compressing it takes."""
    if os.geteuid() != 0:
        pytest.skip("a Debian in a directory needs root")
    if (reason := namespaces.unavailable()) is not None:
        pytest.skip(reason)
    if shutil.which("debootstrap") is None:
        pytest.skip("debootstrap is not installed")
    with tempfile.TemporaryDirectory(prefix="fullnat-test-") as place:
        try:
            yield deb.build(Path(place), compression="none", ours=request.getfixturevalue("wheel"))
        except subprocess.CalledProcessError as error:
            pytest.skip(f"what goes into the package cannot be had here: {error}")


@pytest.fixture(scope="session")
def for_servers(package: Path) -> Path:
    """The other one that ``make deb`` makes."""
    return toa_deb.build(package.parent)
