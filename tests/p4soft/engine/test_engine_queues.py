"""Interfaces with several queues, whatever the number of packet threads: each sends by the queue of its own number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from edgebench import Edge, assert_streams_are_what_they_were
from enginekit import Bench
from wirekit import Wire, needs_root

pytestmark = needs_root
QUEUES = 4


@pytest.fixture
def wide_wires() -> Iterator[list[Wire]]:
    made: list[Wire] = []
    try:
        made += [Wire(1, QUEUES)]
        made += [Wire(2, QUEUES)]
        yield made
    finally:
        for wire in made:
            wire.close()


@pytest.mark.parametrize("bench", [1, 2, QUEUES, QUEUES + 1], indirect=True, ids=lambda workers: f"{workers} workers")
@pytest.mark.parametrize("spread", ["flow", "port"])
@pytest.mark.parametrize("seed", range(3))
def test_random_streams(bench: Callable[[str, str], Bench], wide_wires: list[Wire], spread: str, seed: int) -> None:
    for wire in wide_wires:
        assert len(list(Path(f"/sys/class/net/{wire.near}/queues").glob("tx-*"))) == QUEUES
    assert_streams_are_what_they_were(Edge(bench("selector", spread), wide_wires), seed)
