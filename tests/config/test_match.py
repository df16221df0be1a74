"""Services of all ports and by match in a configuration file."""

from __future__ import annotations

from typing import Any

import pytest
from fullnat.config import file, written
from fullnat.config.diff import model_of
from fullnat.config.errors import ConfigError
from fullnat.net.flow import Endpoint, address, marked
from fullnat.net.match import parse

NETWORK = """
[[interface]]
port = 1
mac = "02:00:00:00:00:01"
address = "203.0.113.1/24"
[[interface]]
port = 2
mac = "02:00:00:00:00:02"
address = ["10.0.0.1/24", "2001:db8:2::1/64"]
"""
ANY_PORT = """
[[virtual_server]]
address = "203.0.113.80"
port = 0
local_addresses = ["10.0.0.100"]
[[virtual_server.real_server]]
address = "10.0.0.11"
[[virtual_server.real_server]]
address = "10.0.0.12"
port = 0
"""
BY_MATCH = """
[[virtual_server]]
fwmark = 7
match = ["dst=203.0.113.80,dport=80", "dst=203.0.113.80/31,dport=443,src=198.51.100.0/24,iif=1"]
local_addresses = ["10.0.0.100"]
persistence_timeout = 300
[[virtual_server.real_server]]
address = "10.0.0.11"
"""
BY_MATCH6 = """
[[virtual_server]]
fwmark = 7
protocol = "udp"
match = ["dst=2001:db8:9::80"]
mode = "dr"
[[virtual_server.real_server]]
address = "2001:db8:2::11"
"""


def test_what_the_file_says_is_so() -> None:
    config = file.parse(NETWORK + ANY_PORT + BY_MATCH + BY_MATCH6)
    services = model_of(config).services
    assert list(services) == [
        (6, Endpoint(address("203.0.113.80"), 0)),
        (6, marked(7)),
        (17, marked(7, v6=True)),
    ]
    first, second, third = services.values()
    assert list(first.servers) == [Endpoint(address(f"10.0.0.{host}"), 0) for host in (11, 12)]
    rules = "dst=203.0.113.80,dport=80", "dst=203.0.113.80/31,dport=443,src=198.51.100.0/24,iif=1"
    assert second.settings.match == tuple(map(parse, rules))
    assert list(third.servers) == [Endpoint(address("2001:db8:2::11"), 0)]


@pytest.mark.parametrize("grammar", ["toml", "keepalived"])
def test_it_is_written_as_it_was(grammar: str, tmp_path: Any) -> None:
    config = file.parse(NETWORK + ANY_PORT + BY_MATCH + BY_MATCH6)
    text, unsaid = written.GRAMMARS[grammar](written.document(config))
    path = tmp_path / {"toml": "a.toml", "keepalived": "a.conf"}[grammar]
    path.write_text(text)
    assert model_of(file.load(path)) == model_of(config)
    assert [line for line in unsaid if not line.startswith("keepalived itself")] == []


def test_the_lines_of_ipvsadm_have_marks() -> None:
    text, unsaid = written.GRAMMARS["ipvsadm"](written.document(file.parse(NETWORK + ANY_PORT + BY_MATCH + BY_MATCH6)))
    assert text.splitlines() == [
        "-A -t 203.0.113.80:0 -s wrr",
        "-a -t 203.0.113.80:0 -r 10.0.0.11:0 -b -w 1",
        "-a -t 203.0.113.80:0 -r 10.0.0.12:0 -b -w 1",
        "-A -f 7 -s wrr -p 300",
        "-a -f 7 -r 10.0.0.11:0 -b -w 1",
        "-A -f 7/udp -6 -s wrr",
        "-a -f 7/udp -6 -r [2001:db8:2::11]:0 -g -w 1",
        "-P -t 203.0.113.80:0 -z 10.0.0.100",
        "-P -f 7 -z 10.0.0.100",
    ]
    assert [line for line in unsaid if "match" in line] == [
        "-f 7: ipvsadm has no word for match",
        "-f 7/udp -6: ipvsadm has no word for match",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BY_MATCH.replace("fwmark = 7", 'fwmark = 7\naddress = "203.0.113.80"'), "address: is that of another kind"),
        (BY_MATCH.replace("fwmark = 7", "fwmark = 0"), "fwmark: 0 is not a number from 1 to 16777215"),
        (BY_MATCH.replace('"dst=203.0.113.80,dport=80"', '"dport=80"'), "match: 'dport=80': dst is missing"),
        (BY_MATCH.replace("match", "#"), "match: fwmark:7 needs match, 1 to 256 rules: a switch has no netfilter"),
        (BY_MATCH + BY_MATCH, "fwmark: tcp fwmark:7 is already that of virtual_server 1"),
        (
            ANY_PORT.replace("port = 0\nlocal", 'port = 0\nmatch = ["dst=203.0.113.80"]\nlocal'),
            "203.0.113.80:0 is none",
        ),
        (ANY_PORT.replace('12"\nport = 0', '12"\nport = 8080'), "its own has to be 0, not 8080"),
        (ANY_PORT.replace("port = 0\nlocal", "port = 80\nlocal"), "port: is missing"),
        (BY_MATCH + '[[virtual_server.check]]\ntype = "tcp"\n', "port: a check by tcp needs a port: its server has"),
        (
            BY_MATCH.replace("203.0.113.80/31", "10.0.0.10/31"),
            "10.0.0.11 cannot be a real server: it is a virtual",
        ),
    ],
)
def test_what_cannot_be_is_told_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        file.parse(NETWORK + text)
    assert message in str(caught.value)
    assert "<config>:" in str(caught.value)


def test_a_check_with_its_own_port_does() -> None:
    file.parse(NETWORK + BY_MATCH + '[[virtual_server.check]]\ntype = "tcp"\nport = 80\n')
    file.parse(NETWORK + BY_MATCH + '[[virtual_server.check]]\ntype = "ping"\n')
    file.parse(NETWORK + ANY_PORT + '[[virtual_server.check]]\ntype = "file"\nfile = "/run/up"\n')


def test_a_sorry_server_has_no_checks_of_its_service() -> None:
    sorry = '[[virtual_server.real_server]]\naddress = "10.0.0.12"\nsorry = true\n'
    own = '[[virtual_server.real_server.check]]\ntype = "tcp"\n'
    file.parse(NETWORK + BY_MATCH + own + "port = 80\n" + sorry + '[[virtual_server.check]]\ntype = "tcp"\n')
    with pytest.raises(ConfigError, match="port: a check by tcp needs a port"):
        file.parse(NETWORK + BY_MATCH + sorry + own)
