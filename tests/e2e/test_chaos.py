"""A short run of ``make chaos``: the active switch and the leader die in one round."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from chaos.plan import planned
from chaos.run import Options, run
from topo.cluster import why_not

pytestmark = pytest.mark.alone
OPTIONS = Options(seed=0, rounds=1, longest=1.5, members=1, established=6.0)


def test_nothing_is_lost(target: str) -> None:
    if target != "p4soft":
        pytest.skip("the switches are p4soft, whatever the target")
    if reason := why_not(OPTIONS.targets):
        pytest.skip(reason)
    seed = next(seed for seed in range(10_000) if _is_worth_it(seed))
    said = io.StringIO()
    outcome = run(replace(OPTIONS, seed=seed), Console(file=said, width=200))
    assert outcome.lost == [], said.getvalue()
    assert [row.lost for row in outcome.rows] == [[]], said.getvalue()
    assert "kill the active switch" in said.getvalue()
    assert outcome.passed


def _is_worth_it(seed: int) -> bool:
    return {"kill the active switch", "kill the leader"} <= {fault.kind for fault in planned(seed, 1)}
