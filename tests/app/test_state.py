"""The secret of the initial sequence numbers is made once and kept to its owner."""

from __future__ import annotations

from pathlib import Path

import pytest
from fullnat.app.state import StateError, load_secret


def test_the_secret_is_made_once(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "state"
    secret = load_secret(directory)
    assert len(secret) == 32
    assert load_secret(directory) == secret
    assert (directory / "secret").stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700
    assert [item.name for item in directory.iterdir()] == ["secret"]
    assert load_secret(tmp_path / "b") != secret


def test_a_damaged_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"short")
    with pytest.raises(StateError, match="is damaged: 5 bytes, not 32"):
        load_secret(tmp_path)


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="state directory"):
        load_secret(tmp_path / "file" / "state")
