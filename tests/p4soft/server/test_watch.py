"""What p4soft's log says of ports without anybody asking."""

from __future__ import annotations

import logging

import pytest
from p4soft.watch import MissingPortLog


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
