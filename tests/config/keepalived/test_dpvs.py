"""What the tutorial of DPVS configures (iqiyi/dpvs, doc/tutorial.md and doc/containerized), by keepalived.conf and by
lines of its ipvsadm: each has the exact services here, or is refused with its line."""

from __future__ import annotations

from ipaddress import IPv4Address, summarize_address_range
from itertools import product
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
@fullnat         name dpdk0
@fullnat         mac 02:00:00:00:00:01
@fullnat         address 192.168.0.1/16 2001::f/64
@fullnat     }
@fullnat     interface {
@fullnat         port 2
@fullnat         vlan 30
@fullnat         name dpdk1
@fullnat         mac 02:00:00:00:00:02
@fullnat         address 123.1.2.254/24
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


SNAT = """\
virtual_server match SNAT1 {
    protocol UDP
    lb_algo rr
    lb_kind SNAT
    src-range 192.168.100.0-192.168.100.254
    oif dpdk1

    real_server 123.1.2.1  0 {
        weight 4
    }
}
"""
OF_SOURCES = SNAT.replace("    oif dpdk1\n", "").replace("123.1.2.1  0", "123.1.2.1")
ALONE = "is of virtual_server match, without other rules"
ICMP = """\
virtual_server match SNAT2 {
    protocol ICMP
    lb_algo wrr
    lb_kind SNAT
    src-range 192.168.100.1-192.168.100.254
    dst-range 123.1.2.0-123.1.2.254
    oif dpdk1
    iif dpdk0

    real_server 123.1.2.1  0 {
        weight 4
    }
}
"""


def prefixes(first: str, last: str) -> list[str]:
    return [str(each) for each in summarize_address_range(IPv4Address(first), IPv4Address(last))]


def test_snat_by_keepalived(tmp_path: Path) -> None:
    """In the order of the file, behind what the file numbers itself; devices by the names of interfaces, or ports."""
    marked = "virtual_server fwmark 4 {\nprotocol TCP\nlb_kind NAT\nmatch dst=192.168.0.88\n}\n"
    services, vain = read(tmp_path, SNAT + marked + ICMP.replace("iif dpdk0", "iif 1"))
    real = {"address": "123.1.2.1", "weight": 4}
    hosts = prefixes("192.168.100.0", "192.168.100.254")
    udp, _, icmp = services
    assert udp == {
        "protocol": "udp",
        "scheduler": "rr",
        "mode": "snat",
        "fwmark": 5,
        "match": [f"src={each.removesuffix('/32')},oif=2.30" for each in hosts],
        "real_server": [real],
    }
    assert (icmp["fwmark"], icmp["protocol"], icmp["mode"], icmp["real_server"]) == (6, "icmp", "snat", [real])
    pairs = product(prefixes("192.168.100.1", "192.168.100.254"), prefixes("123.1.2.0", "123.1.2.254"))
    short = [(source.removesuffix("/32"), target.removesuffix("/32")) for source, target in pairs]
    assert icmp["match"] == [f"dst={target},src={source},iif=1,oif=2.30" for source, target in short]
    assert vain == []


def test_one_name_for_several_protocols_is_one_number(tmp_path: Path) -> None:
    services, _ = read(tmp_path, SNAT + SNAT.replace("UDP", "TCP").replace(".254\n", ".255:1024-9999\n"))
    assert [(each.get("protocol", "tcp"), each["fwmark"]) for each in services] == [("udp", 1), ("tcp", 1)]
    assert services[1]["match"] == ["sport=1024-9999,src=192.168.100.0/24,oif=2.30"]


@pytest.mark.parametrize(
    ("ranges", "rules"),
    [
        ("", ["dst=::/0,oif=1"]),
        ("dst-range 2001:db8::-2001:db8::ff", ["dst=2001:db8::/120,oif=1"]),
        ("src-range [2001:db8::1]:80", ["sport=80,src=2001:db8::1,oif=1"]),
        ("dst-range [2001:db8::-2001:db8::1]:80-90", ["dst=2001:db8::/127,dport=80-90,oif=1"]),
    ],
)
def test_ranges_of_ipv6(tmp_path: Path, ranges: str, rules: list[str]) -> None:
    said = f"protocol TCP\nlb_kind SNAT\n{ranges}\noif dpdk0\nreal_server 2001::9 0 {{\n}}\n"
    text = f"virtual_server match six {{\n{said}}}\n"
    ((service,), _) = read(tmp_path, text)
    assert service["match"] == rules


def test_a_rule_that_checks_its_public_address_is_refused(tmp_path: Path) -> None:
    """The tutorial's third: its check always succeeds, to make keepalived set the address, which the switch has."""
    check = "    MISC_CHECK {\n        misc_path /bin/true\n    }\n"
    told = read(tmp_path, SNAT.replace("        weight 4\n", check))
    assert told == [f"{LINES + 8}: [real_server 123.1.2.1 0] checks: checks is not for a public address"]


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
        (SNAT.replace("oif dpdk1", "oif eth9"), 6, "oif: eth9 is no port of the switch, and no name of an interface "),
        (SNAT.replace("oif dpdk1", "oif 511"), 6, "oif: 511 is no port of the switch, and no name of an interface "),
        (SNAT.replace("match SNAT1", "match"), 1, "virtual_server: match takes one name"),
        (OF_SOURCES.replace("match SNAT1", "9.0.0.9 80").replace("SNAT\n", "NAT\n"), 5, f"src-range: {ALONE}"),
        (OF_SOURCES.replace("protocol UDP", "match dst=0.0.0.0/0\n    protocol UDP"), 6, f"src-range: {ALONE}"),
        (SNAT.replace("0-192.168.100.254", "x"), 5, "src-range: '192.168.100.x' is not an address"),
        (SNAT.replace("254\n", "254:90-80\n"), 5, "src-range: 'dst=::,sport=90-80': sport: 90-80 ends before it"),
        (
            SNAT.replace("254\n", "254\n    dst-range 1.0.0.1-9.9.9.8\n"),
            1,
            "virtual_server: its ranges are 8 and 33 prefixes, which makes 264 rules of at most 256: end them where",
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
