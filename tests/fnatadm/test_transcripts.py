"""A transcript of each of ipvsadm's commands: what is typed, what is printed, and what the controller then has."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import pytest
from api.apikit import Api
from cli.samples import TEMPLATES, VIEWS
from fullnat.cli import controlclient
from fullnat.core.views import SessionView
from fullnat.fnatadm import layouts, main
from fullnat.fnatadm.options import COMMANDS
from fullnat.net.flow import marked

from fnatadm.conftest import Done, Run

TYPED = """\
-A -t 203.0.113.80:443 -s wrr -V 90
-A -u 203.0.113.53:53 -s rr -o
-P -t 203.0.113.80:443 -z 10.0.1.5
-P -t 203.0.113.80:443 -z 10.0.1.6
-a -t 203.0.113.80:443 -r 10.0.0.11:8443 -b -w 100 -x 9 -y 5
-a -t 203.0.113.80:443 -r 10.0.0.12 -m -w 50
-a -t 203.0.113.80:443 -r 10.0.0.13:99 -g
"""
PLAIN = """\
IP Virtual Server version 1.2 (size=1024)
Prot LocalAddress:Port Scheduler Established(Sec.) Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  203.0.113.80:443  wrr       90               
  -> 10.0.0.11:8443               FullNat 100    0          0         
  -> 10.0.0.12:443                Masq    50     0          0         
  -> 10.0.0.13:443                Route   1      0          0         
UDP  203.0.113.53:53   rr        300               ops
"""  # noqa: W291 -- as printf pads


async def made(fnatadm: Run, typed: str = TYPED) -> None:
    assert await fnatadm("-C") == Done(0, "", "")
    for line in typed.splitlines():
        assert await fnatadm(line) == Done(0, "", "")


async def test_a_list(fnatadm: Run) -> None:
    await made(fnatadm)
    for line in ("-L -n", "-Ln", "-ln", "--list --numeric", "-n --list", "-Ln --sort"):
        assert await fnatadm(line) == Done(0, PLAIN, "")
    one = "".join(PLAIN.splitlines(keepends=True)[1:3] + PLAIN.splitlines(keepends=True)[-1:])
    assert await fnatadm("-L -n -u 203.0.113.53:53") == Done(0, one, "")


async def test_names_without_n(fnatadm: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    await made(fnatadm, "-A -t 203.0.113.80:https\n-a -t 203.0.113.80:https -r 10.0.0.11:http -m\n")
    monkeypatch.setattr("fullnat.fnatadm.names._host_name", {"203.0.113.80": "www." + "x" * 40, "10.0.0.11": "one"}.get)
    rows = (await fnatadm("-L")).out.splitlines()[3:]
    assert [row.split()[1] for row in rows] == ["www." + "x" * 29, "one:http"]
    no_arguments = await fnatadm("")
    assert no_arguments.out.splitlines()[3:] == rows


async def test_the_order_of_a_list(fnatadm: Run) -> None:
    typed = "-A -t 203.0.113.9:80\n-A -t 203.0.113.10:80\n-A -t 203.0.113.9:9\n-A -u 203.0.113.1:1\n"
    servers = "-a -t 203.0.113.9:80 -r 10.0.0.30:80 -m\n-a -t 203.0.113.9:80 -r 10.0.0.4:80 -m\n"
    await made(fnatadm, typed + servers)

    async def order(line: str) -> list[str]:
        return [row.split()[1] for row in (await fnatadm(line)).out.splitlines()[3:]]

    sorted_ = ["203.0.113.9:9", "203.0.113.9:80", "10.0.0.4:80", "10.0.0.30:80", "203.0.113.10:80", "203.0.113.1:1"]
    assert await order("-Ln") == sorted_
    assert await order("-Ln --nosort") == [
        "203.0.113.9:80",
        "10.0.0.30:80",
        "10.0.0.4:80",
        "203.0.113.10:80",
        "203.0.113.9:9",
        "203.0.113.1:1",
    ]


async def test_what_was_counted(api: Api, fnatadm: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    await made(fnatadm)
    for service in api.core._store.services:
        for server in service.servers.values():
            server.connections = 1500
    counted = """\
IP Virtual Server version 1.2 (size=1024)
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  203.0.113.80:443                 4500        0        0        0        0
  -> 10.0.0.11:8443                   1500        0        0        0        0
  -> 10.0.0.12:443                    1500        0        0        0        0
  -> 10.0.0.13:443                    1500        0        0        0        0
UDP  203.0.113.53:53                     0        0        0        0        0
"""
    assert await fnatadm("-Ln --stats") == Done(0, counted, "")
    assert await fnatadm("-Ln --stats --exact") == Done(0, counted, "")
    monkeypatch.setattr(main, "RATE_SECONDS", 0.01)
    rate = (await fnatadm("-Ln --rate")).out.splitlines()
    assert rate[1] == "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS"
    assert rate[3] == "TCP  203.0.113.80:443                    0        0        0        0        0"
    assert await fnatadm("-Z -u 203.0.113.53:53") == Done(0, "", "")
    assert "4500" in (await fnatadm("-Ln --stats")).out
    assert await fnatadm("-Z") == Done(0, "", "")
    assert "4500" not in (await fnatadm("-Ln --stats")).out


def test_rates_are_changes_per_second() -> None:
    def services(packets: int) -> list[dict[str, Any]]:
        counts = dict.fromkeys(("connections", "out_packets", "in_bytes", "out_bytes"), 0)
        server = {"server": "s", "mode": "nat", "in_packets": packets, **counts}
        return [{"protocol": "tcp", "virtual": "v", "servers": [server]}]

    (found,) = layouts.rates(services(10), services(40), 2.0)
    assert found["servers"][0]["in_packets"] == 15
    (anew,) = layouts.rates(services(40), services(10), 2.0)
    assert anew["servers"][0]["in_packets"] == 0


@pytest.mark.parametrize(
    ("number", "plain", "exact"),
    [
        (0, "        0", "        0"),
        (99_999_999, " 99999999", " 99999999"),
        (100_000_000, "  100000K", " 100000000"),
        (999_999_999, "  999999K", " 999999999"),
        (1_000_000_000, "    1000M", " 1000000000"),
        (99_999_999_999, "   99999M", " 99999999999"),
        (100_000_000_000, "     100G", " 100000000000"),
        (99_999_999_999_999, "   99999G", " 99999999999999"),
        (100_000_000_000_000, "     100T", " 100000000000000"),
    ],
)
def test_large_numbers(number: int, plain: str, exact: str) -> None:
    """print_largenum."""
    assert layouts.largenum(number) == plain
    assert layouts.largenum(number, exact=True) == exact


async def test_thresholds_and_persistence(fnatadm: Run) -> None:
    await made(fnatadm)
    lines = (await fnatadm("-Ln --thresholds")).out.splitlines()
    assert lines[1:5] == [
        "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn ",
        "  -> RemoteAddress:Port",
        "TCP  203.0.113.80:443  wrr       90               ",
        "  -> 10.0.0.11:8443               9          5          0          0         ",
    ]
    assert await fnatadm("-E -t 203.0.113.80:443 -p 300 -M 255.255.255.0") == Done(0, "", "")
    lines = (await fnatadm("-Ln --persistent-conn")).out.splitlines()
    assert lines[1:5] == [
        "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn ",
        "  -> RemoteAddress:Port",
        "TCP  203.0.113.80:443  wrr       90                persistent 300 mask 255.255.255.0",
        "  -> 10.0.0.11:8443               100       0           0          0         ",
    ]


async def test_connections(api: Api, fnatadm: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def views(_core: object, _now: float) -> list[SessionView]:
        return VIEWS

    monkeypatch.setattr(type(api.core), "sessions", views)
    monkeypatch.setattr(type(api.core), "templates", lambda _core, _now: iter(TEMPLATES))
    assert await fnatadm("-Lnc") == Done(
        0,
        """\
IPVS connection entries
pro expire state       source             virtual            destination
TCP 01:30  ESTABLISHED 192.0.2.9:1024     203.0.113.80:80    10.0.0.11:8080
TCP 00:00  SYN_RECV    192.0.2.8:1025     203.0.113.80:80    10.0.0.12:8080
TCP 05:00  NONE        192.0.2.9:0        203.0.113.80:80    10.0.0.11:8080
TCP 01:05  NONE        198.51.100.0:0     203.0.113.80:80    10.0.0.12:8080
""",
        "",
    )
    assert await fnatadm("-Lnc --persistent-conn") == await fnatadm("-Lnc")
    shown = [json.loads(line)["client"] for line in (await fnatadm("-Lnc --json")).out.splitlines()]
    assert shown == ["192.0.2.9:1024", "192.0.2.8:1025", "192.0.2.9", "198.51.100.0/24"]
    states = [json.loads(line)["state"] for line in (await fnatadm("-Lnc --json")).out.splitlines()]
    assert states == ["ESTABLISHED", "SYN_RECV", "NONE", "NONE"]


async def test_timeouts(api: Api, fnatadm: Run) -> None:
    await made(fnatadm)
    assert await fnatadm("-L --timeout") == Done(0, "Timeout (tcp tcpfin udp): 90 130 300\n", "")
    assert await fnatadm("--set 900 0 30") == Done(0, "", "")
    assert await fnatadm("-L --timeout") == Done(0, "Timeout (tcp tcpfin udp): 900 130 30\n", "")
    assert await fnatadm("--set 0 7 0") == Done(0, "", "")
    assert await fnatadm("-L --timeout") == Done(0, "Timeout (tcp tcpfin udp): 900 7 30\n", "")
    assert api.model.settings.timeouts.fin_wait == 7
    assert await fnatadm("-L --daemon") == Done(0, "", "")


async def test_local_addresses(api: Api, fnatadm: Run) -> None:
    await made(fnatadm)
    listed = """\
VIP:VPORT            TOTAL    SNAT_IP              CONFLICTS  CONNS     
203.0.113.80:443     2        
                              10.0.1.5             0          0         
                              10.0.1.6             0          0         
"""  # noqa: W291 -- as printf pads
    assert await fnatadm("-G -n -t 203.0.113.80:443") == Done(0, listed, "")
    assert await fnatadm("-G -n") == Done(0, f"{listed}203.0.113.53:53      0        \n", "")
    assert await fnatadm("-Q -t 203.0.113.80:443 -z 10.0.1.6") == Done(0, "", "")
    shown = [json.loads(line) for line in (await fnatadm("-G --json")).out.splitlines()]
    assert [[local["address"] for local in each["local_addresses"]] for each in shown] == [["10.0.1.5"], []]


async def test_edits_and_removals(fnatadm: Run) -> None:
    await made(fnatadm)
    # What is not given of a service stays, of a server it is as by default.
    assert await fnatadm("-E -t 203.0.113.80:443 -s mh") == Done(0, "", "")
    assert await fnatadm("-e -t 203.0.113.80:443 -r 10.0.0.11:8443 -b") == Done(0, "", "")
    rows = (await fnatadm("-Ln --thresholds -t 203.0.113.80:443")).out.splitlines()[2:]
    assert rows[0] == "TCP  203.0.113.80:443  mh        90               "
    assert rows[1].split() == ["->", "10.0.0.11:8443", "0", "0", "0", "0"]
    assert await fnatadm("-d -t 203.0.113.80:443 -r 10.0.0.12") == Done(0, "", "")
    assert await fnatadm("-D -u 203.0.113.53:53") == Done(0, "", "")
    assert [row.split()[1] for row in (await fnatadm("-Ln")).out.splitlines()[3:]] == [
        "203.0.113.80:443",
        "10.0.0.11:8443",
        "10.0.0.13:443",
    ]


async def test_save_and_restore(api: Api, fnatadm: Run) -> None:
    await made(fnatadm)
    await fnatadm("-E -t 203.0.113.80:443 --option toa=false --option timeouts.close=4 -p 60")
    await fnatadm("--set 0 99 0")
    saved = await fnatadm("-S -n")
    assert saved.out == (
        "-A -t 203.0.113.80:443 -s wrr -p 60 --option toa=false --option timeouts.none=2 --option timeouts.syn_sent=3 "
        "--option timeouts.syn_recv=30 --option timeouts.fin_wait=130 --option timeouts.time_wait=7 "
        "--option timeouts.close=4 --option timeouts.close_wait=130 --option timeouts.last_ack=30 "
        "--option timeouts.listen=120 --option timeouts.synack=30 --option timeouts.udp_oneway=30\n"
        "-a -t 203.0.113.80:443 -r 10.0.0.11:8443 -b -w 100 -x 9 -y 5\n"
        "-a -t 203.0.113.80:443 -r 10.0.0.12:443 -m -w 50\n"
        "-a -t 203.0.113.80:443 -r 10.0.0.13:443 -g -w 1\n"
        "-A -u 203.0.113.53:53 -s rr -o\n"
        "-P -t 203.0.113.80:443 -z 10.0.1.5\n"
        "-P -t 203.0.113.80:443 -z 10.0.1.6\n"
        "--set 0 99 0\n"
    )
    before = dict(api.model.services)
    await fnatadm("-C")
    await fnatadm("--set 0 130 0")
    assert await fnatadm("-R", f"# as it was\n\n{saved.out}") == Done(0, "", "")
    assert api.model.services == before
    assert api.model.settings.timeouts.fin_wait == 99
    assert await fnatadm("-S -n") == saved


async def test_a_restore_is_atomic(api: Api, fnatadm: Run) -> None:
    before = dict(api.model.services)
    good = "-A -t 203.0.113.90:80\n"
    for last, status, message in (
        ("-A -t 203.0.113.90:80", 1, "line 3: virtual server tcp 203.0.113.90:80 is there already"),
        ("-a -t 203.0.113.91:80 -r 10.0.0.9:1 -b", 1, "line 3: there is no virtual server tcp 203.0.113.91:80"),
        ("-A -t 203.0.113.91:80 --pe sip", 2, "line 3: persistence engines are not supported"),
        ("-A -t '203", 2, "line 3: No closing quotation"),
        ("-L", 2, "line 3: -L changes nothing, and a line of -R does"),
    ):
        done = await fnatadm("-R", f"-C\n{good}{last}\n")
        assert done.status == status
        assert done.err.startswith(f"fnatadm: {message}")
        assert done.err.count("\n") == 1
        assert api.model.services == before


async def test_json(fnatadm: Run) -> None:
    await made(fnatadm)
    found = [json.loads(line) for line in (await fnatadm("-Ln --json")).out.splitlines()]
    assert [each["virtual"] for each in found] == ["203.0.113.80:443", "203.0.113.53:53"]
    assert [server["weight"] for server in found[0]["servers"]] == [100, 50, 1]


async def test_help_and_version(fnatadm: Run) -> None:
    shown = (await fnatadm("-h")).out
    assert all(f"--{command.option.long}" in shown for command in COMMANDS)
    assert (await fnatadm("-v")).out.startswith("fnatadm ")


async def test_what_the_controller_refuses(fnatadm: Run) -> None:
    for line, message in (
        ("-A -t 203.0.113.80:80", "virtual server tcp 203.0.113.80:80 is there already"),
        ("-D -t 203.0.113.81:80", "there is no virtual server tcp 203.0.113.81:80"),
        ("-L -t 203.0.113.81:80", "there is no virtual server tcp 203.0.113.81:80"),
        ("-Z -t 203.0.113.81:80", "there is no virtual server tcp 203.0.113.81:80"),
        ("-A -f 3", "fwmark:3 needs match, 1 to 256 rules"),
        ("-A -f 0 -H dst=203.0.113.81", "fwmark 0 is not from 1 to 16777215"),
        ("-A -f 3 -H dport=80", "'dport=80': dst is missing"),
        ("-A -t 203.0.113.81:0 -H dst=203.0.113.81", "match is of services by fwmark, and 203.0.113.81:0 is none"),
        ("-A -t 203.0.113.81:80 -s dance", "'dance' is not one of dh, fo"),
        ("-A -t 203.0.113.81:80 --option colour=red", "colour: no option of a service; there are scheduler, mode, "),
        ("-A -t 203.0.113.81:80 --option max_session=1", "max_session: no option of a service; did you mean max_sess"),
        ("-A -t 203.0.113.81:80 --option max_sessions=abc", "max_sessions: 'abc' is not a number"),
        ("-A -t 203.0.113.81:80 --option timeouts.clos=3", "timeouts.clos: no timeout; did you mean close?"),
        ("-A -t 203.0.113.81:80 --option timeouts=3", "timeouts: 3 is not an object"),
    ):
        done = await fnatadm(line)
        assert (done.status, done.out) == (1, "")
        assert message in done.err
        assert done.err.startswith("fnatadm: ")
        assert done.err.count("\n") == 1


async def test_without_a_controller(
    capsys: pytest.CaptureFixture[str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The option has the last word, the environment the one before it."""
    monkeypatch.setenv("FULLNAT_CONTROL_SOCKET", str(tmp_path / "said"))
    for words, name in ((["-L", "--control-socket", str(tmp_path / "none")], "none"), (["-L"], "said")):
        status = await asyncio.to_thread(main.run, words)
        assert (status, capsys.readouterr().err) == (
            1,
            f"fnatadm: no controller is running: nobody listens at {tmp_path}/{name}\n",
        )


async def test_ipv6(api: Api, fnatadm: Run) -> None:
    """Addresses in brackets, never cut, and what -S writes reads back."""
    interface = {"port": 2, "mac": "02:00:00:00:00:02", "address": "2001:db8:1::1/64"}
    message = {"commands": [{"clear": {}}, {"add_interface": interface}]}
    await asyncio.to_thread(lambda: controlclient.tell(api.path, "apply", message))
    for line in (
        "-A -t [2001:db8::80]:443 -s wlc -p 60 -M 64",
        "-P -t [2001:db8::80]:443 -z 2001:db8:1::5",
        "-a -t [2001:db8::80]:443 -r [2001:db8:1:0:aaaa:bbbb:cccc:dddd]:8443 -m -w 3",
        "-a -t [2001:db8::80]:443 -r 2001:db8:1::7 -b",
    ):
        assert await fnatadm(line) == Done(0, "", "")
    listed = (await fnatadm("-Ln")).out.splitlines()[3:]
    assert listed == [
        "TCP  [2001:db8::80]:443 wlc       90                persistent 60 mask 64",
        "  -> [2001:db8:1::7]:443          FullNat 1      0          0         ",
        "  -> [2001:db8:1:0:aaaa:bbbb:cccc:dddd]:8443 Masq    3      0          0         ",
    ]
    saved = (await fnatadm("-Sn")).out
    assert saved.splitlines() == [
        "-A -t [2001:db8::80]:443 -s wlc -p 60 -M 64",
        "-a -t [2001:db8::80]:443 -r [2001:db8:1:0:aaaa:bbbb:cccc:dddd]:8443 -m -w 3",
        "-a -t [2001:db8::80]:443 -r [2001:db8:1::7]:443 -b -w 1",
        "-P -t [2001:db8::80]:443 -z 2001:db8:1::5",
    ]
    before = dict(api.model.services)
    assert await fnatadm("-R", f"-C\n{saved}") == Done(0, "", "")
    assert api.model.services == before


@pytest.mark.parametrize(
    ("stdin", "told"),
    [
        (io.TextIOWrapper(io.BytesIO(b"-C\n-A -t \xff:80\n"), "utf-8"), "standard input is not UTF-8 text"),
        (None, "-R reads standard input, and there is none"),
    ],
)
async def test_a_restore_of_no_text(api: Api, fnatadm: Run, stdin: io.TextIOWrapper | None, told: str) -> None:
    before = dict(api.model.services)
    assert await fnatadm("-R", stdin) == Done(2, "", f"fnatadm: {told}\n")
    assert api.model.services == before


async def test_services_of_all_ports_and_by_match(api: Api, fnatadm: Run) -> None:
    """Made, listed, saved and made again as in ipvsadm; the server's port is the one that is asked for."""
    for line in (
        "-C",
        "-A -t 203.0.113.90:0 -s rr -p 300",
        "-a -t 203.0.113.90:0 -r 10.0.0.11 -g",
        "-A -f 3 -s rr -p 300 -M 255.255.255.0 -H dst=203.0.113.90,dport=80 -H dst=203.0.113.91/32,dport=443",
        "-a -f 3 -r 10.0.0.12:0 -m -w 2",
        "-A -f 3/udp -6 -s rr -H dst=2001:db8:9::90,src=2001:db8:1::/48,iif=1",
    ):
        assert await fnatadm(line) == Done(0, "", "")
    listed = await fnatadm("-L -n")
    rows = [line.split() for line in listed.out.splitlines()[3:]]
    assert [row[:3] for row in rows] == [
        ["TCP", "203.0.113.90:0", "rr"],
        ["->", "10.0.0.11:0", "Route"],
        ["FWM", "3", "rr"],
        ["->", "10.0.0.12:0", "Masq"],
        ["FWM", "3/udp", "IPv6"],
    ]
    assert "persistent 300 mask 255.255.255.0" in listed.out
    saved = (await fnatadm("-S -n")).out
    assert "-A -f 3 -s rr -p 300 -M 255.255.255.0 -H dst=203.0.113.90,dport=80 -H dst=203.0.113.91,dport=443" in saved
    assert "-a -f 3 -r 10.0.0.12:0 -m -w 2" in saved
    assert "-A -f 3/udp -6 -s rr -H dst=2001:db8:9::90,src=2001:db8:1::/48,iif=1" in saved
    before = {**api.model.services}
    assert await fnatadm("-C") == Done(0, "", "")
    assert await fnatadm("-R", saved) == Done(0, "", "")
    assert api.model.services == before
    assert await fnatadm("-E -f 3 -H dst=203.0.113.92") == Done(0, "", "")
    assert [str(rule) for rule in api.model.services[6, marked(3)].settings.match] == ["dst=203.0.113.92"]
    assert await fnatadm("-D -f 3/udp -6") == Done(0, "", "")
