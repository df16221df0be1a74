"""What keepalived.conf says of health beyond checks by connections: quorum, sorry server, programs, files, names."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from fullnat.config.keepalived import keywords
from fullnat.config.model import Check, RealServer
from fullnat.core.declared.modes import Mode

from .test_document import OURS, load, problems

GLOBAL = """
global_defs {
    script_user keepalived_script
}
track_file load {
    file /run/load
    weight -2
}
vrrp_track_file maintenance {
    file "/run/maintenance mode"
    weight 0
    init_file 0
}
"""
SERVICE = """
virtual_server 203.0.113.80 80 {
    delay_loop 20
    protocol TCP
    lb_kind NAT
    sorry_server 10.0.0.99 8080
    sorry_server_lvs_method NAT
    sorry_server_inhibit
    quorum 3
    hysteresis 1
    quorum_up "/usr/bin/announce 'the VIP' up"
    quorum_down "/usr/bin/announce 'the VIP' down"
    omega
    real_server 10.0.0.11 80 {
        inhibit_on_failure
        notify_up /usr/bin/told nobody nogroup
        notify_down "/usr/bin/told down" nobody
        DNS_CHECK {
            type a
            name www.example.org
        }
        DNS_CHECK {
            retry 1
            delay_before_retry 2
        }
    }
    real_server 10.0.0.12 80 {
        FILE_CHECK {
            track_file maintenance
        }
        FILE_CHECK {
            track_file load
        }
        FILE_CHECK {
            track_file load
            weight 3 reverse
        }
        MISC_CHECK {
            misc_path /usr/bin/check
        }
    }
}
"""


def test_all_of_it_means_something(tmp_path: Path) -> None:
    config = load(tmp_path, GLOBAL + SERVICE + OURS)
    (virtual,) = config.virtual_servers
    assert (virtual.quorum, virtual.hysteresis, virtual.omega) == (3, 1, True)
    assert (virtual.quorum_up, virtual.quorum_down, virtual.notify_user) == (
        "/usr/bin/announce 'the VIP' up",
        "/usr/bin/announce 'the VIP' down",
        "keepalived_script",
    )
    sorry, first, second = virtual.real_servers
    assert sorry == RealServer(address=ip_address("10.0.0.99"), port=8080, sorry=True, mode=Mode.NAT)
    assert (first.notify_up, first.notify_down, first.notify_user) == ("/usr/bin/told", "/usr/bin/told down", "nobody")
    names = Check(type="dns", interval=20.0, fall=4, retry_interval=20.0, name="www.example.org", record="A")
    assert first.checks == (names, replace(names, name=".", record="SOA", fall=2, retry_interval=2.0))
    file = Check(type="file", interval=1.0, fall=1, file="/run/load", factor=2, reverse=True)
    script = Check(type="script", interval=20.0, timeout=20.0, fall=1, command="/usr/bin/check")
    assert second.checks == (
        replace(file, file="/run/maintenance mode", factor=0, reverse=False),
        file,
        replace(file, factor=3),
        replace(script, user="keepalived_script"),
    )
    assert [line.split(": ", 1)[1] for line in config.vain] == [
        "global_defs: without effect: keepalived's own process; fullnat's is told by options of fullnat run",
        "init_file: without effect: files are only read; one that is missing says 0",
        f"sorry_server_inhibit, inhibit_on_failure: without effect: {keywords.KEPT}",
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("track_file load\n        }", "track_file lead\n        }", "FILE_CHECK: there is no track_file lead"),
        ("track_file maintenance\n", "\n", "FILE_CHECK: track_file is missing"),
        ("weight 3 reverse", "weight 3 revers", "weight: 'revers' is not reverse or noreverse"),
        ("weight 3 reverse", "weight +3", "weight: '+3' is not a whole number"),
        (
            "notify_up /usr/bin/told nobody nogroup",
            "notify_up told nobody",
            "'told' does not begin with the absolute path",
        ),
        (
            "notify_up /usr/bin/told nobody nogroup",
            "notify_up /usr/bin/told root",
            "notify_down: programs of one block have one user, not 'root' and 'nobody'",
        ),
        ("hysteresis 1", "hysteresis 3", "hysteresis: hysteresis 3 is not below quorum 3"),
        ("10.0.0.99 8080", "10.0.0.11 80", "[real_server 10.0.0.11 80] 10.0.0.11:80 is already that of real_server 1"),
        ("type a", "type ptr", "type: 'PTR' is not one of A, NS"),
    ],
)
def test_what_is_wrong_has_its_line(tmp_path: Path, old: str, new: str, problem: str) -> None:
    text = GLOBAL + SERVICE
    assert old in text
    (told,) = problems(tmp_path, text.replace(old, new, 1) + OURS)
    assert problem in told


def test_checks_of_a_service_of_all_ports(tmp_path: Path) -> None:
    """keepalived asks port 0 there; a file it reads whatever the port is."""
    text = GLOBAL + SERVICE.replace(".80 80 {", ".80 0 {").replace(" 8080", " 0")
    text = text.replace("10.0.0.11 80", "10.0.0.11 0").replace("10.0.0.12 80", "10.0.0.12 0")
    (told,) = {line.split(": ", 1)[1] for line in problems(tmp_path, text + OURS)}
    assert told == "[DNS_CHECK] connect_port: a check by dns needs a port: its server has that which clients ask for"
    text = text.replace("DNS_CHECK {", "DNS_CHECK {\nconnect_port 53")
    config = load(tmp_path, text + OURS)
    assert [check.type for check in config.virtual_servers[0].real_servers[2].checks] == ["file"] * 3 + ["script"]


SEARCHED = r"""
virtual_server 203.0.113.80 80 {
    protocol TCP
    lb_kind NAT
    real_server 10.0.0.11 80 {
        HTTP_GET {
            url {
                path /
                regex "^status:\\s*\"up\" #1\x21"
                regex_options caseless multiline
                regex_no_match
                regex_min_offset 10
                regex_max_offset 20
                regex_stack 10240 100000
            }
        }
    }
}
"""


def test_a_body_is_searched_as_there(tmp_path: Path) -> None:
    """A backslash of keepalived.conf is one of C, and two are one of PCRE2."""
    config = load(tmp_path, SEARCHED + OURS)
    (check,) = config.virtual_servers[0].real_servers[0].checks
    assert check.regex == '^status:\\s*"up" #1!'
    assert (check.regex_options, check.regex_no_match) == ("caseless multiline", True)
    assert (check.regex_min_offset, check.regex_max_offset) == (10, 20)
    assert [line.split(": ", 1)[1] for line in config.vain] == [f"regex_stack: without effect: {keywords.STACK}"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a\\d+", r"a\d+"),
        (r"'a\\.b \'c\''", r"a\.b 'c'"),
        (r'"a\tb\101\cA\x41"', "a\tbA\x01A"),
        (r'ab"c d"e', "abc de"),
        (r'"a(b"', None),
    ],
)
def test_how_a_regex_is_written(tmp_path: Path, written: str, meant: str | None) -> None:
    text = SEARCHED.replace(r'"^status:\\s*\"up\" #1\x21"', written) + OURS
    if meant is None:
        (told,) = problems(tmp_path, text)
        assert "regex: 'a(b': missing closing parenthesis, at its character 4" in told
    else:
        (check,) = load(tmp_path, text).virtual_servers[0].real_servers[0].checks
        assert check.regex == meant


def test_a_server_that_bfd_alone_would_check_is_refused(tmp_path: Path) -> None:
    """It would count as up for ever."""
    text = SEARCHED.replace("HTTP_GET {", "BFD_CHECK {\nname one\n}\nHTTP_GET {")
    (told,) = problems(tmp_path, text + OURS)
    assert told.split(": ", 1)[1] == f"BFD_CHECK: {keywords.NO_BFD}"


@pytest.mark.parametrize(("named", "port"), [("203.0.113.80 80", 80), ("203.0.113.80 0", 0), ("fwmark 3", 0)])
def test_a_sorry_server_without_a_port(tmp_path: Path, named: str, port: int) -> None:
    """It has the service's, which is none where that has all ports."""
    match = "@fullnat match dst=203.0.113.80" if named.startswith("fwmark") else ""
    text = f"virtual_server {named} {{\nprotocol TCP\nlb_kind NAT\n{match}\nsorry_server 10.0.0.99\n}}\n"
    ((sorry,),) = (virtual.real_servers for virtual in load(tmp_path, OURS + text).virtual_servers)
    assert sorry == RealServer(address=ip_address("10.0.0.99"), port=port, sorry=True)
