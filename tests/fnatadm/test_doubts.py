"""Lines that are carried out as they are, and warned of: the exit status is that of what is done."""

from __future__ import annotations

import pytest

from fnatadm.conftest import Done, Run

MODE = "fnatadm: warning: -g (direct routing) is the default and takes the service's port; did you mean -b?\n"
LOCAL = "fnatadm: warning: the service has no local address yet: -P gives one\n"
SERVICE = "-t 203.0.113.80:443"
FULLNAT = (f"-A {SERVICE}", f"-a {SERVICE} -r 10.0.0.11:8080 -b")
CASES = [
    # A mode that is not said, where the service's servers are in FULLNAT or it has what only FULLNAT needs.
    (FULLNAT, "-a {} -r 10.0.0.12", MODE),
    ((f"-A {SERVICE}", f"-P {SERVICE} -z 10.0.1.5"), "-a {} -r 10.0.0.12", MODE),
    ((f"-A {SERVICE}", f"-P {SERVICE} -z 10.0.1.5", f"-a {SERVICE} -r 10.0.0.11 -g"), "-a {} -r 10.0.0.12", ""),
    ((f"-A {SERVICE}", f"-a {SERVICE} -r 10.0.0.11 -g"), "-e {} -r 10.0.0.11 -w 3", ""),
    ((f"-A {SERVICE}",), "-a {} -r 10.0.0.12", ""),
    (FULLNAT, "-a {} -r 10.0.0.12 -g", ""),
    (FULLNAT, "-a {} -r 10.0.0.12 -m", ""),
    # FULLNAT without local addresses.
    ((f"-A {SERVICE}",), "-a {} -r 10.0.0.11:8080 -b", LOCAL),
    (FULLNAT, "-e {} -r 10.0.0.11:8080 -b -w 0", LOCAL),
    ((*FULLNAT, f"-P {SERVICE} -z 10.0.1.5"), "-a {} -r 10.0.0.12 -b", ""),
    # Nothing is set but the weight.
    (FULLNAT, "-e {} -r 10.0.0.11:8080 -w 0 --within 5", ""),
]


@pytest.mark.parametrize(("before", "line", "warning"), CASES)
async def test_warnings(fnatadm: Run, before: tuple[str, ...], line: str, warning: str) -> None:
    for each in ("-C", *before):
        assert (await fnatadm(each)).status == 0
    assert await fnatadm(line.format(SERVICE)) == Done(0, "", warning)


async def test_a_server_by_a_port_that_nobody_typed(fnatadm: Run) -> None:
    """The warning says where the port comes from."""
    for each in ("-C", *FULLNAT):
        await fnatadm(each)
    refused = "fnatadm: virtual server tcp 203.0.113.80:443 has no real server 10.0.0.11:443\n"
    assert await fnatadm(f"-e {SERVICE} -r 10.0.0.11:8080 -w 0") == Done(1, "", MODE + refused)


async def test_an_unknown_service_is_told_once(fnatadm: Run) -> None:
    there_is_none = "fnatadm: there is no virtual server tcp 203.0.113.81:443\n"
    assert await fnatadm("-a -t 203.0.113.81:443 -r 10.0.0.11 -b") == Done(1, "", there_is_none)
