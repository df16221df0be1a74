"""A minute of fuzzing in all; ``make fuzz`` goes on for longer."""

from __future__ import annotations

from pathlib import Path

import fuzzkit
import pytest

SECONDS = {fuzzkit.FULLNAT: 24} | dict.fromkeys(sorted(fuzzkit.PROGRAMS.glob("*.json")), 6)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("config", SECONDS, ids=lambda path: path.stem)
def test_no_finding(config: Path) -> None:
    working, missing = fuzzkit.fuzzers()
    if not working:
        pytest.skip("; ".join(missing))
    assert fuzzkit.fuzz(working[0], config, SECONDS[config]) > 1000
