"""What the controller's process says at its start and when it reloads."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from core import builders
from fullnat.app.daemon import Adviser, EmbeddedPorts
from fullnat.app.options import Options

from app.conftest import CONFIG


def options(*, embedded: bool, ports: dict[int, str]) -> Options:
    none = Path("none")
    return Options(config=none, state_dir=none, control_socket=none, embedded=embedded, ports=ports)


def test_interfaces_of_ports_that_the_embedded_switch_has_not_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    (first, *_) = CONFIG.interfaces
    config = replace(CONFIG, interfaces=(replace(first, port=1), replace(first, port=7)))
    with caplog.at_level(logging.WARNING):
        ports = EmbeddedPorts(options(embedded=True, ports={1: "veth1"}))
        ports.compare(config)
        ports.compare(config)
        ports.compare(replace(config, interfaces=(replace(first, port=9),)))
        EmbeddedPorts(options(embedded=False, ports={})).compare(config)
    assert [record.getMessage() for record in caplog.records] == [
        f"[[interface]] {first.address} has port {port}, which the embedded switch has not (-i {port}@INTERFACE): "
        "nothing gets there"
        for port in (7, 9)
    ]


def test_advice_is_given_once(caplog: pytest.LogCaptureFixture) -> None:
    """Of the same again, as etcd has it, nothing is said; of what comes back, it is."""
    without, with_route = builders.config(routes=()), builders.config()
    advise = Adviser()
    for config in (without, without, with_route, without):
        advise(config)
    assert [record.getMessage()[:20] for record in caplog.records] == ["no [[route]] of IPv4"] * 2
