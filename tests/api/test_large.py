"""What is written a little at a time is what would have been written at once."""

from __future__ import annotations

import asyncio
import json

from cli.samples import SERVICES
from fullnat.api import large
from fullnat.api.calls import BY_NAME
from fullnat.app.shown import server_json, service_json
from hypothesis import given
from hypothesis import strategies as st

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)


@given(answer=st.dictionaries(st.text(max_size=3), VALUES, max_size=5))
def test_json(answer: dict[str, object]) -> None:
    assert asyncio.run(large.encoded(answer)) == f"{large.ENCODE(answer)}\n".encode()
    assert json.loads(large.ENCODE(answer)) == answer


def test_messages() -> None:
    (view,) = SERVICES
    checked = {"check_counts": [{"type": "tcp", "succeeded": 3, "failed": 1, "seconds": 0.5}], "checked": 2.0}
    servers = [server_json(server, {3: (5, 500)}, {}) | checked for server in view.servers]
    rates = {"rates": {"connections": 1.5}}
    services = [service_json(view, servers) | rates] * 3
    answer = {"switch": {"state": "serving"}, "services": services, "controller": {"new": 1}}
    kind = BY_NAME["GetStats"].response
    made = asyncio.run(large.message(kind, answer))
    assert made == kind(**answer)
    assert [len(service.servers) for service in made.services] == [2, 2, 2]
