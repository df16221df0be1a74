"""Histograms count as Prometheus reads them."""

from __future__ import annotations

from fullnat.core.histogram import Histogram

from .builders import config
from .helpers import established, opened
from .switch import Rig


def test_values_up_to_each_bound_and_of_all() -> None:
    found = Histogram((0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 2.0):
        found.observe(value)
    assert (found.cumulative, round(found.sum, 6)) == ([2, 3, 4], 2.65)


def test_every_session_that_is_made_counts_once() -> None:
    rig = Rig(config())
    established(rig, 40000)
    opened(rig, 40001)
    setup = rig.controller.histograms()["setup"]
    assert (setup.cumulative[-1], setup.sum) == (2, 0.0)
