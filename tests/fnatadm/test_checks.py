"""Health checks by command: what is typed, what the controller then has, and that -S and -R keep it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from api.apikit import Api
from cli.controllerkit import invoke
from fullnat.api.identity import Grants, Identity, Role
from fullnat.config import file
from fullnat.config.model import Check

from fnatadm.conftest import Done, Run

WEB = "-t 203.0.113.80:443"
HTTP = Check(type="http", path="/a%20b", status="200-299,301", interval=2.5, fall=3, tls=True)
SCRIPT = Check(type="script", command="/usr/bin/test -e '/tmp/a b'", exit_status="0")
UDP = Check(type="udp", payload="12", address=ip_address("10.0.0.9"), port=53, require_reply=True)
TYPED = (
    "-C",
    f"-A {WEB} -s rr --check 'type=http path=/a%20b status=200-299,301 interval=2.5 fall=3 tls=true'",
    f"-P {WEB} -z 10.0.1.5",
    f"-a {WEB} -r 10.0.0.11 -b",
    f"""-a {WEB} -r 10.0.0.12 -b --check "type=script command=\\"/usr/bin/test -e '/tmp/a b'\\"" """,
    f"-e {WEB} -r 10.0.0.11 -b --check type=tcp "
    "--check 'type=udp payload=12 address=10.0.0.9 port=53 require_reply=true'",
)


def checks(api: Api) -> list[tuple[Check, ...]]:
    """Those of the service, then those of its servers."""
    (service,) = api.model.services.values()
    return [service.settings.checks, *(server.checks for server in service.servers.values())]


async def test_they_are_set_kept_and_taken_away(api: Api, fnatadm: Run, tmp_path: Path) -> None:
    for line in TYPED:
        assert await fnatadm(line) == Done(0, "", "")
    assert checks(api) == [(HTTP,), (Check(type="tcp"), UDP), (SCRIPT,)]
    saved = await fnatadm("-Sn")
    services = dict(api.model.services)
    assert await fnatadm("-R", f"-C\n{saved.out}") == Done(0, "", "")
    assert (api.model.services, await fnatadm("-Sn")) == (services, saved)
    # The same lines are a configuration file.
    path = tmp_path / "saved"
    path.write_text(saved.out)
    toml = invoke("convert", path, "--from", "ipvsadm", "--to", "toml").stdout
    interface = '[[interface]]\nport = 1\nmac = "02:00:00:00:00:01"\naddress = "10.0.0.1/16"\n'
    (virtual,) = file.parse(toml + interface).virtual_servers
    assert [virtual.checks, *(real.checks for real in virtual.real_servers)] == checks(api)
    # What is not said stays; what is said is in place of the others.
    await fnatadm(f"-E {WEB} -s wrr")
    await fnatadm(f"-e {WEB} -r 10.0.0.12 -b -w 3")
    assert checks(api) == [(HTTP,), (Check(type="tcp"), UDP), (SCRIPT,)]
    await fnatadm(f"-E {WEB} --check type=ping")
    await fnatadm(f"-e {WEB} -r 10.0.0.11 -b --check none")
    assert checks(api) == [(Check(type="ping"),), (), (SCRIPT,)]
    await fnatadm(f"-E {WEB} --check none")
    assert checks(api) == [(), (), (SCRIPT,)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path=/", "check 1 type: is missing"),
        ("type=http interval=0", "check 1 interval: 0.0 is not a number of seconds from 0.1 to 2678400"),
        ("type=tcp path=/", "check 1 path: is no option of a check of type tcp"),
        ("type=script", "check 1 command: is missing"),
        ("type=http pahts=/", "pahts: no option of a check; there are type, interval, "),
        ("type=tcp port=x", "port: 'x' is not a number"),
        ("type=tcp port=0 fall=0", "check 1 fall: 0 is not a number from 1 to 100; check 1 port: 0 is not a "),
    ],
)
async def test_what_is_none(api: Api, fnatadm: Run, text: str, message: str) -> None:
    before = dict(api.model.services)
    done = await fnatadm(f"-A {WEB} --check '{text}'")
    assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)
    assert message in done.err
    assert api.model.services == before


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("/no/such/program --quick", "there is no program /no/such/program"),
        ("/etc", "there is no program /etc"),
        ("/etc/passwd", "/etc/passwd is not executable"),
        ("check", "'check' does not begin with the absolute path of a program"),
    ],
)
@pytest.mark.parametrize("line", [f"-A {WEB}", f"-a {WEB} -r 10.0.0.11 -b"])
async def test_a_program_that_is_not_there(api: Api, fnatadm: Run, line: str, command: str, message: str) -> None:
    """It would never say anything of the server, which would count as up."""
    before = dict(api.model.services)
    done = await fnatadm(f"""{line} --check 'type=script command="{command}"'""")
    assert done == Done(2, "", f"fnatadm: --check: {message}\n")
    assert api.model.services == before


@pytest.mark.parametrize(
    "lines",
    [
        ("-A -t 203.0.113.80:0", "-a -t 203.0.113.80:0 -r 10.0.0.11:0 -g --check type=tcp"),
        ("-A -t 203.0.113.80:0 --check type=tcp", "-a -t 203.0.113.80:0 -r 10.0.0.11:0 -g"),
        ("-A -f 3/udp -H dst=203.0.113.80 --check type=tcp", "-a -f 3/udp -r 10.0.0.11:0 -g"),
        (
            "-A -t 203.0.113.80:0 --check type=ping",
            "-a -t 203.0.113.80:0 -r 10.0.0.11:0 -g",
            "-E -t 203.0.113.80:0 --check type=tcp",
        ),
    ],
)
async def test_of_a_server_without_port_they_need_one(api: Api, fnatadm: Run, lines: tuple[str, ...]) -> None:
    """As in the file: they would ask port 0."""
    for line in ("-C", *lines[:-1]):
        assert await fnatadm(line) == Done(0, "", "")
    before = dict(api.model.services)
    said = "a check by tcp needs a port: its server has that which clients ask for"
    assert await fnatadm(lines[-1]) == Done(1, "", f"fnatadm: real server 10.0.0.11:0: {said}\n")
    assert api.model.services == before
    (service,) = before
    for line in ("-C", *lines):
        await fnatadm(line.replace("type=tcp", "'type=tcp port=53'"))
    assert len(api.model.services[service].servers) == 1


async def test_programs_are_the_owners(tmp_path: Path, fnatadm: Run, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may have the controller run a program could do all that it can."""
    who = Identity("somebody", Role.ADMIN)
    monkeypatch.setattr(Grants, "of_socket", lambda _self, _socket: who)
    refused = "fnatadm: a check of type script is set by the owner of the controller, or root, on the control socket\n"
    assert await fnatadm(f"-A {WEB} --check 'type=script command=/bin/true'") == Done(1, "", refused)
    assert await fnatadm(f"-A {WEB} --check type=tcp") == Done(0, "", "")
    assert await fnatadm(f"-a {WEB} -r 10.0.0.11 -m --check 'type=script command=/bin/true'") == Done(1, "", refused)
    who = replace(who, is_owner=True)
    assert await fnatadm(f"-E {WEB} --check 'type=script command=/bin/true'") == Done(0, "", "")
    # Settings beside those of a program stay open to others.
    who = replace(who, is_owner=False)
    assert await fnatadm(f"-E {WEB} -s rr") == Done(0, "", "")


async def test_several_checks_in_one_message(api: Api, fnatadm: Run) -> None:
    """haproxytech/dataplaneapi#263: no way to say more than one."""
    kinds = ("tcp", "http", "smtp", "udp", "ping")
    typed = " ".join(f"--check type={kind}" for kind in kinds)
    assert await fnatadm("-C") == Done(0, "", "")
    assert await fnatadm(f"-A {WEB} {typed}") == Done(0, "", "")
    assert [check.type for check in checks(api)[0]] == [*kinds]


async def test_a_server_by_command_has_the_checks_of_its_service(api: Api, fnatadm: Run) -> None:
    """haproxytech/dataplaneapi#299: a server that is added to what runs is never checked."""
    for line in ("-C", f"-A {WEB} --check type=tcp", f"-a {WEB} -r 10.0.0.11 -m"):
        assert await fnatadm(line) == Done(0, "", "")
    assert checks(api) == [(Check(type="tcp"),), ()]
