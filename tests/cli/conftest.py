"""A controller to ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.controllerkit import Running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    controller = Running(tmp_path_factory.mktemp("ctl") / "fullnat.sock")
    yield controller.path
    controller.stop()
