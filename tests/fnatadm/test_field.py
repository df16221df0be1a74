"""What people reported of ipvsadm, DPVS's ipvsadm and agent, and others' APIs, tried on ours."""

from __future__ import annotations

import json
from typing import Any

from api.apikit import Api
from fullnat.net.flow import Endpoint, address

from fnatadm.conftest import Run


async def listed(fnatadm: Run) -> list[Any]:
    return [json.loads(line) for line in (await fnatadm("-L --json")).out.splitlines()]


async def test_a_service_of_snat_is_listed_and_edited(fnatadm: Run) -> None:
    """iqiyi/dpvs#792, #373: neither could be done."""
    for line in ("-A -f 2 -J -s rr -H src=10.0.3.0/24", "-a -f 2 -J -r 198.51.100.30:0", "-E -f 2 -s sh"):
        assert (await fnatadm(line)).status == 0
    rows = [line.split() for line in (await fnatadm("-Ln -f 2")).out.splitlines()]
    assert rows[-2:] == [["FWM", "2", "sh", "90"], ["->", "198.51.100.30:0", "SNAT", "1", "0", "0"]]


async def test_what_fails_says_so_and_has_a_status(fnatadm: Run) -> None:
    """iqiyi/dpvs#91: an error was followed by the word Success."""
    done = await fnatadm("--del-blklst -k 192.0.2.1 -t 203.0.113.80:80")
    assert done.status == 1
    assert (done.out, done.err.count("\n")) == ("", 1)
    assert "192.0.2.1" in done.err


async def test_a_local_address_is_removed(fnatadm: Run) -> None:
    """iqiyi/dpvs#969, #958: the service was not found."""
    assert (await fnatadm("-P -t 203.0.113.80:80 -z 10.0.1.2")).status == 0
    assert (await fnatadm("-Q -t 203.0.113.80:80 -z 10.0.1.2")).status == 0
    (service,) = await listed(fnatadm)
    assert service["local_addresses"] == ["10.0.1.1"]


async def test_an_address_of_equal_words(fnatadm: Run, api: Api) -> None:
    """iqiyi/dpvs#1052: its words, folded, were taken for no address."""
    assert (await fnatadm("-A -t [1:1:1:1:1:1:1:1]:80 -s rr")).status == 0
    assert (6, Endpoint(address("1:1:1:1:1:1:1:1"), 80)) in api.model.services


async def test_all_services_are_listed_and_weights_as_they_are(fnatadm: Run) -> None:
    """iqiyi/dpvs#1045: the agent told of its own services, not of those of the file; haproxytech/dataplaneapi#408: a
    weight that a call had set was not told."""
    for line in ("-A -t 203.0.113.81:80", "-e -t 203.0.113.80:80 -r 10.0.0.11:8080 -b -w 7"):
        assert (await fnatadm(line)).status == 0
    services = await listed(fnatadm)
    assert [service["virtual"] for service in services] == ["203.0.113.80:80", "203.0.113.81:80"]
    assert [server["weight"] for server in services[0]["servers"]] == [7]
