"""Services by match by command."""

from __future__ import annotations

import json

from fnatadm.conftest import Run


async def test_a_server_of_a_service_by_match_needs_no_port(fnatadm: Run) -> None:
    await fnatadm("-A -f 1 -s rr -H dst=203.0.113.90,dport=80-81")
    for server in ("10.0.0.11", "10.0.0.12:0"):
        assert (await fnatadm(f"-a -f 1 -r {server} -b")).status == 0
    found = [json.loads(line) for line in (await fnatadm("-L -f 1 --json")).out.splitlines()]
    assert [server["server"] for server in found[0]["servers"]] == ["10.0.0.11:0", "10.0.0.12:0"]
