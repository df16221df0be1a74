"""Engines that are closed after the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from enginekit import Bench
from wirekit import Wire


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[Callable[..., Bench]]:
    """Makes engines; the parameter, if there is one, is their number of workers."""
    made: list[Bench] = []

    def make(name: str, spread: str = "flow") -> Bench:
        made.append(Bench(name, workers=getattr(request, "param", 1), spread=spread))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


@pytest.fixture
def wires() -> Iterator[list[Wire]]:
    made: list[Wire] = []
    try:
        made.append(Wire(1))
        made.append(Wire(2))
        yield made
    finally:
        for wire in made:
            wire.close()
