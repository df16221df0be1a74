"""What commands have in common: the controller that they ask, and how they count."""

from __future__ import annotations

from pathlib import Path

import pytest
from fullnat.app.paths import control_socket

from cli.controllerkit import invoke


@pytest.mark.parametrize(
    ("changes", "told"),
    [([], "0 changes would be made"), (["a"], "1 change would be made"), (["a", "b"], "2 changes would be made")],
)
def test_a_reload_counts_its_changes(monkeypatch: pytest.MonkeyPatch, changes: list[str], told: str) -> None:
    def answer(*_request: object) -> dict[str, object]:
        return {"changes": changes, "by_command": [], "kept": False}

    monkeypatch.setattr("fullnat.cli.reload.tell", answer)
    assert invoke("reload", "--dry-run").output.splitlines() == [*changes, told]
    assert invoke("reload").output.splitlines()[-1] == told.removesuffix(" would be made")


@pytest.mark.parametrize("command", ["stats", "sessions", "reload"])
def test_the_environment_names_the_control_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("FULLNAT_CONTROL_SOCKET", str(tmp_path / "s"))
    result = invoke(command)
    assert (result.exit_code, result.output) == (
        1,
        f"Error: no controller is running: nobody listens at {tmp_path}/s\n",
    )
    assert f"nobody listens at {tmp_path}/other" in invoke(command, "--control-socket", tmp_path / "other").output
    monkeypatch.setenv("FULLNAT_CONTROL_SOCKET", "")
    assert control_socket().name == "fullnat.sock"
