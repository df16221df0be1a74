"""Lists show who is down."""

from __future__ import annotations

import json

from api.apikit import Api
from fullnat.core.balancing.health import Verdict

from fnatadm.conftest import Run
from fnatadm.test_transcripts import made


async def test_who_is_down_has_no_weight(fnatadm: Run, api: Api) -> None:
    """As with keepalived's inhibit_on_failure; what is saved is as configured."""
    await made(fnatadm)
    key = next(key for key in api.model.services if key[1].port == 443)
    first, second, third = api.model.services[key].servers
    api.runner.judge(Verdict(key, first, False, "connection refused"))
    api.runner.judge(Verdict(key, second, True, "", 7))
    rows = (await fnatadm("-L -n -t 203.0.113.80:443")).out.splitlines()[3:]
    assert [row.split()[3] for row in rows] == ["0", "7", "1"]
    saved = (await fnatadm("-S -n")).out
    assert all(f"-w {weight}" in saved for weight in (100, 50, 1))
    service = json.loads((await fnatadm("-L --json -t 203.0.113.80:443")).out)
    assert [(server["healthy"], server["checked_weight"]) for server in service["servers"]] == [
        (False, 0),
        (True, 7),
        (True, 1),
    ]
    assert str(third) == "10.0.0.13:443"
