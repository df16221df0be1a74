"""The packages that ``make deb`` makes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import deb, toa_deb, wheels
from topo import namespaces


@contextlib.contextmanager
def shared(factory: pytest.TempPathFactory, name: str) -> Iterator[Path]:
    """A directory of this run, which one worker has at a time."""
    base = factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    place.mkdir(exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield place


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ours as ``make wheel`` makes it, by one worker for all: most of it is waiting for a compiler."""
    with shared(tmp_path_factory, "wheel") as place:
        return next(place.glob("*.whl"), None) or wheels.own(place)


@pytest.fixture(scope="session")
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as ``make deb`` makes it, but for the time that compressing it takes; likewise."""
    if os.geteuid() != 0:
        pytest.skip("a Debian in a directory needs root")
    if (reason := namespaces.unavailable()) is not None:
        pytest.skip(reason)
    if shutil.which("debootstrap") is None:
        pytest.skip("debootstrap is not installed")
    ours: Path = request.getfixturevalue("wheel")
    with shared(tmp_path_factory, "package") as place:
        try:
            return next(place.glob("*.deb"), None) or deb.build(place, compression="none", ours=ours)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"what goes into the package cannot be had here: {error}")


@pytest.fixture(scope="session")
def for_servers(tmp_path_factory: pytest.TempPathFactory, package: Path) -> Path:
    """The other one that ``make deb`` makes."""
    return toa_deb.build(tmp_path_factory.mktemp("for-servers"))
