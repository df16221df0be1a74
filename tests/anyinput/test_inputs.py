"""A little of what ``make fuzz-inputs`` does for long."""

from __future__ import annotations

import logging
import socket
from itertools import islice

import pytest

from anyinput.inputs import AT_A_TIME, KINDS, rounds


def test_any_input_is_taken_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", socket.getaddrinfo)
    logging.disable(logging.CRITICAL)
    try:
        done = [*islice(rounds(7), 2)]
    finally:
        logging.disable(logging.NOTSET)
    assert sum(each.total() for each in done) == 2 * AT_A_TIME
    assert set(done[0]) == set(KINDS)
