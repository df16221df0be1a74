"""A little of what ``make fuzz-inputs`` does for long."""

from __future__ import annotations

import contextlib
import logging
import socket

import pytest

from anyinput.inputs import rounds
from anyinput.surfaces import BETWEEN, SOCKETS, SURFACES


async def test_any_input_is_taken_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", socket.getaddrinfo)
    logging.disable(logging.CRITICAL)
    try:
        async with contextlib.aclosing(rounds(7, 3 * BETWEEN)) as tried:
            done = [await anext(tried), await anext(tried)]
    finally:
        logging.disable(logging.NOTSET)
    assert sum(each.total() for each in done) >= 6 * BETWEEN
    assert set(done[0]) == {*SURFACES, *SOCKETS}
