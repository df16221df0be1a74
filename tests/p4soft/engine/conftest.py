"""Engines that are closed after the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from enginekit import Bench


@pytest.fixture
def bench() -> Iterator[Callable[[str], Bench]]:
    made: list[Bench] = []

    def make(name: str) -> Bench:
        made.append(Bench(name))
        return made[-1]

    yield make
    for engine in made:
        engine.close()
