"""What the tutorial of DPVS configures (iqiyi/dpvs, doc/tutorial.md and doc/containerized), by keepalived.conf and by
lines of its ipvsadm: each has the exact services here, or is refused with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fullnat.config import file
from fullnat.config.errors import ConfigError
from fullnat.config.written import document
from fullnat.fnatadm import saved

OURS = """\
@fullnat fullnat {
@fullnat     interface {
@fullnat         port 1
@fullnat         mac 02:00:00:00:00:01
@fullnat         address 192.168.0.1/16 2001::f/64
@fullnat     }
@fullnat }
"""
LINES = OURS.count("\n")
FULLNAT = """\
global_defs {
    router_id ONE
}
local_address_group inside {
    {local} dpdk0
}
vrrp_instance one {
    interface dpdk0.kni
    dpdk_interface dpdk0
    virtual_ipaddress {
        {vip}
    }
}
virtual_server_group web {
    {vip} 80
}
virtual_server group web {
    delay_loop 3
    lb_algo rr
    lb_kind FNAT
    protocol TCP
    laddr_group_name inside
    real_server {server} 80 {
        weight 100
        inhibit_on_failure
        TCP_CHECK {
            nb_sock_retry 2
            connect_timeout 3
            connect_port 80
        }
    }
}
"""
CHECK = {"type": "tcp", "interval": 3, "timeout": 3, "fall": 3, "port": 80}


def fullnat(vip: str, local: str, server: str) -> str:
    return FULLNAT.replace("{vip}", vip).replace("{local}", local).replace("{server}", server)


def read(directory: Path, text: str) -> Any:
    """The services, and what is said in vain; or what is wrong."""
    path = directory / "k.conf"
    path.write_text(OURS + text)
    try:
        found = file.load(path)
    except ConfigError as error:
        return [line.removeprefix(f"{path}:") for line in error.problems]
    return document(found)["virtual_server"], [
        line.removeprefix(f"{path}:").split(":")[1].strip() for line in found.vain
    ]


@pytest.mark.parametrize(
    ("vip", "local", "server"),
    [
        ("192.168.100.254", "192.168.100.200", "192.168.100.2"),
        ("2001::1", "2001::2", "2001::3"),
        ("2001::1", "192.168.88.240", "192.168.88.30"),
    ],
)
def test_fullnat_by_keepalived(tmp_path: Path, vip: str, local: str, server: str) -> None:
    """Of either family, and from IPv6 to servers of IPv4."""
    services, vain = read(tmp_path, fullnat(vip, local, server))
    assert services == [
        {
            "address": vip,
            "port": 80,
            "scheduler": "rr",
            "local_addresses": [local],
            "real_server": [{"address": server, "port": 80, "weight": 100, "check": [CHECK]}],
        }
    ]
    assert vain == ["global_defs", "vrrp_instance", "inhibit_on_failure"]


NAT = "virtual_server 192.168.0.89 80 {\n    protocol tcp\n    lb_algo rr\n    lb_kind NAT\n"


def test_nat_by_keepalived(tmp_path: Path) -> None:
    """``real server``, as the tutorial has it, is no keyword of keepalived's either."""
    served = NAT + "    real_server 192.168.1.33 80 {\n        weight 100\n    }\n}\n"
    real = {"address": "192.168.1.33", "port": 80, "weight": 100}
    services, _ = read(tmp_path, served)
    assert services == [
        {"address": "192.168.0.89", "port": 80, "scheduler": "rr", "mode": "nat", "real_server": [real]}
    ]
    wrong = read(tmp_path, served.replace("real_server", "real server"))
    assert wrong == [f"{LINES + 5}: real: is no keyword of virtual_server"]


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        (
            "virtual_server match SNAT1 {\n    lb_kind SNAT\n}\n",
            1,
            "virtual_server: DPVS's match is virtual_server fwmark N with @fullnat match src=...,oif=... here "
            "(docs/snat.md)",
        ),
        (NAT.replace("rr", "conhash") + "}\n", 3, "lb_algo: 'conhash' is not rr, wrr, lc, "),
    ],
)
def test_what_is_not_there_is_refused(tmp_path: Path, text: str, line: int, told: str) -> None:
    (problem,) = read(tmp_path, text)
    assert problem.startswith(f"{LINES + line}: {told}")


def lines(vip: str, letter: str, mode: str, *servers: str) -> tuple[list[str], Any]:
    typed = [f"-A -t {vip} -s rr", *(f"-a -t {vip} -r {server} {letter}" for server in servers)]
    address = vip.rpartition(":")[0].strip("[]")
    reals = [{"address": server, "port": 80, "mode": mode, "weight": 1} for server in servers]
    return typed, {"address": address, "port": 80, "protocol": "tcp", "scheduler": "rr", "real_server": reals}


@pytest.mark.parametrize(
    ("typed", "service"),
    [
        lines("10.0.0.100:80", "-b", "fullnat", "192.168.100.2", "192.168.100.3"),
        lines("[2001::1]:80", "-b", "fullnat", "2001::3", "2001::4"),
        lines("192.168.100.254:80", "-g", "dr", "192.168.100.2", "192.168.100.3"),
        lines("10.140.31.48:80", "-i", "tunnel", "10.140.18.33", "10.40.84.170"),
        lines("192.168.0.89:80", "-m", "nat", "10.140.18.33", "10.140.18.34"),
    ],
)
def test_lines_of_ipvsadm(typed: list[str], service: Any) -> None:
    assert saved.document(typed) == ({"virtual_server": [service]}, [])


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--add-laddr -z 192.168.100.200 -t 10.0.0.100:80 -F dpdk0", "--ifname is DPVS's: a local address is of the "),
        ("-A -t 192.168.0.89:80 -r 10.140.18.33 -m", "-r does not go with -A"),
        ("-A -s rr -H proto=tcp,oif=dpdk1", "-A needs -t, -u or -f"),
    ],
)
def test_lines_that_are_refused(line: str, told: str) -> None:
    _, (problem,) = saved.document(["-A -t 10.0.0.100:80 -s rr", line])
    assert problem.startswith(f"2: {told}")
