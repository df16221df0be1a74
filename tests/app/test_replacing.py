"""Files that are replaced as a whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from fullnat.app import replacing


@pytest.mark.parametrize("lasts", [False, True])
def test_a_file_says_the_new_and_belongs_to_its_owner(tmp_path: Path, lasts: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o644)
    replacing.replace(path, b"new", lasts=lasts)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_has_left_is_in_nobodys_way(tmp_path: Path) -> None:
    """Of the same number: in a container it is that of every run."""
    (tmp_path / f".file.{os.getpid()}").write_bytes(b"half of it")
    replacing.replace(tmp_path / "file", b"whole")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("file", b"whole")]


def test_what_cannot_be_written_leaves_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(_descriptor: int, _octets: memoryview) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        replacing.replace(path, b"new")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("file", b"old")]


def test_a_write_that_is_cut_short_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, octets: real(descriptor, octets[:3]))
    replacing.replace(tmp_path / "file", b"more than three")
    assert (tmp_path / "file").read_bytes() == b"more than three"
