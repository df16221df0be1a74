"""Half a minute of fuzzing in all; ``make fuzz`` goes on for longer."""

from __future__ import annotations

import fuzzkit
import pytest
from fuzzkit import Target

SECONDS: dict[Target, int] = {fuzzkit.program(fuzzkit.FULLNAT): 12, fuzzkit.TRANSPORT: 3, fuzzkit.EDGE: 5}
SECONDS |= {fuzzkit.program(config): 1 for config in sorted(fuzzkit.PROGRAMS.glob("*.json"))}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("target", SECONDS, ids=lambda target: target.name)
def test_no_finding(target: Target) -> None:
    working, missing = fuzzkit.fuzzers()
    if not working:
        pytest.skip("; ".join(missing))
    assert fuzzkit.fuzz(working[0], target, SECONDS[target]) > 1000
