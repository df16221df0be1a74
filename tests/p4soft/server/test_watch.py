"""What p4soft's log says of ports without anybody asking."""

from __future__ import annotations

import logging

import pytest
from p4soft.api import PortStats
from p4soft.watch import LinkLog, MissingPortLog


class Ports:
    def __init__(self) -> None:
        self.missing: list[int] = []

    def missing_ports(self) -> list[int]:
        return self.missing


def test_a_port_that_the_switch_has_not_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    engine = Ports()
    log = MissingPortLog(engine)
    with caplog.at_level(logging.WARNING):
        log.look()
        assert not caplog.records
        for engine.missing in ([7], [7], [3, 7]):
            log.look()
    said = "packets that leave by it are dropped: the switch has no such port"
    assert [record.getMessage() for record in caplog.records] == [f"port 7: {said}", f"port 3: {said}"]


def test_a_port_that_goes_down_or_up_is_told(caplog: pytest.LogCaptureFixture) -> None:
    links = ["up", "no carrier", "no carrier", "up", "down", "up", "gone", "up"]

    def ports() -> list[PortStats]:
        return [PortStats(1, "eth1", link=links.pop(0)), PortStats(2, "memory"), PortStats(3, "eth3", link="down")]

    log = LinkLog(ports)
    with caplog.at_level(logging.INFO):
        while links:
            log.look()
    off = "the interface is down; ip link set eth{0} up switches it on"
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "port 3 (eth3): " + off.format(3)),
        ("WARNING", "port 1 (eth1): the interface has no carrier"),
        ("INFO", "port 1 (eth1): the interface is up"),
        ("WARNING", "port 1 (eth1): " + off.format(1)),
        ("INFO", "port 1 (eth1): the interface is up"),
    ]
