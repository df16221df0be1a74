"""Configurations in other grammars: what is read again is the same, and what cannot be said is named."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cli.controllerkit import invoke
from fullnat.config import file, keepalived
from fullnat.config.model import Check, Config, RealServer, Timeouts, VirtualServer
from fullnat.config.written import GRAMMARS, document
from fullnat.core.declared.modes import Mode
from hypothesis import given, settings
from hypothesis import strategies as st

from .test_snat import INTERFACES, SNAT

EXAMPLE = Path(__file__).parents[2] / "docs" / "example.toml"
BASE = file.load(EXAMPLE)
WEB, _, DNS, *_HOSTS = BASE.virtual_servers
PLAIN = replace(BASE, virtual_servers=(WEB, DNS))
"""Without the service by match, of which ipvsadm and keepalived know the mark alone."""

SECONDS = st.integers(1, 9).map(float) | st.sampled_from([0.5, 12.25])
PROGRAMS = st.sampled_from(["", "/bin/told", "/bin/told 'a b' up", '/bin/told "a b\\" c" up'])
REALS = st.builds(
    RealServer,
    address=st.sampled_from([real.address for real in WEB.real_servers]),
    port=st.integers(1, 65535),
    weight=st.integers(0, 9),
    mode=st.none() | st.sampled_from([Mode.FULLNAT, Mode.NAT]),
    upper_threshold=st.integers(0, 9),
    lower_threshold=st.integers(0, 9),
    sorry=st.booleans(),
    notify_down=PROGRAMS,
    notify_user=st.sampled_from(["", "nobody"]),
)
VIRTUALS = st.builds(
    replace,
    st.sampled_from([WEB, DNS]),
    scheduler=st.sampled_from(["wrr", "wlc"]),
    established_timeout=SECONDS,
    max_sessions=st.integers(0, 9),
    slow_start=st.just(0.0) | SECONDS,
    persistence_timeout=st.just(0.0) | SECONDS,
    persistence_prefix=st.integers(1, 32),
    quorum=st.integers(4, 9),
    hysteresis=st.integers(0, 3),
    omega=st.booleans(),
    quorum_up=PROGRAMS,
    notify_user=st.sampled_from(["", "nobody"]),
    passive_failures=st.integers(0, 3),
    timeouts=st.none() | st.builds(Timeouts, close=SECONDS),
    real_servers=st.lists(REALS, max_size=3, unique_by=lambda real: (real.address, real.port)).map(tuple),
)
TCP_FLAGS = st.fixed_dictionaries(dict.fromkeys(("toa", "keep_mss", "keep_timestamps", "reset_on_miss"), st.booleans()))


@st.composite
def configs(draw: st.DrawFn) -> Config:
    virtuals = draw(st.lists(VIRTUALS, max_size=2, unique_by=lambda virtual: virtual.protocol))
    flagged = [replace(each, **draw(TCP_FLAGS)) if each.protocol == "tcp" else each for each in virtuals]
    return replace(BASE, punt_rate=draw(st.integers(1, 9)), virtual_servers=tuple(map(_plausible, flagged)))


def _plausible(virtual: VirtualServer) -> VirtualServer:
    """Without thresholds that the file refuses."""
    reals = (
        replace(real, lower_threshold=min(real.lower_threshold, real.upper_threshold)) for real in virtual.real_servers
    )
    return replace(virtual, real_servers=tuple(reals))


@pytest.mark.parametrize("regex", [r"hello\s+from", r"a\.b", r"\$", r"it's \d", r'"up"\s', "up$", "a{2}", r"\\x41"])
def test_a_regular_expression_keeps_its_backslashes(regex: str) -> None:
    """What was read as ``hellos+from`` matched nothing, and every server was down."""
    virtual = replace(WEB, checks=(Check(type="http", port=80, regex=regex),))
    text, _ = GRAMMARS["keepalived"](document(replace(PLAIN, virtual_servers=(virtual,))))
    values, problems, _ = keepalived.parse(text)
    assert file.of_document(values, problems).virtual_servers[0].checks[0].regex == regex


@settings(max_examples=200, deadline=None)
@given(configs())
def test_what_is_written_reads_back_the_same(config: Config) -> None:
    toml, unsaid = GRAMMARS["toml"](document(config))
    assert (file.parse(toml), unsaid) == (config, [])
    text, _ = GRAMMARS["keepalived"](document(config))
    values, problems, vain = keepalived.parse(text)
    assert (problems.sorted(), vain) == ([], ())
    assert file.of_document(values, problems) == config


def test_a_keepalived_conf_is_what_keepalived_would_read() -> None:
    text, _ = GRAMMARS["keepalived"](document(PLAIN))
    assert [line for line in text.splitlines() if line and not line.startswith("@")] == [
        "local_address_group local1 {",
        "    10.0.1.1-4",
        "    10.0.1.9",
        "}",
        "local_address_group local2 {",
        "    10.0.1.1-4",
        "}",
        "virtual_server 203.0.113.80 80 {",
        "    lb_algo wrr",
        "    lb_kind FNAT",
        "    protocol TCP",
        "    persistence_timeout 300",
        "    persistence_granularity 255.255.255.0",
        '    quorum_up "/usr/local/lib/announce --vip 203.0.113.80" nobody',
        '    quorum_down "/usr/local/lib/withdraw --vip 203.0.113.80" nobody',
        "    laddr_group_name local1",
        "    real_server 10.0.0.11 8080 {",
        "        weight 2",
        "        uthreshold 5000",
        "        lthreshold 4000",
        '        notify_up "/usr/local/lib/told up" nobody',
        '        notify_down "/usr/local/lib/told down" nobody',
        "    }",
        "    real_server 10.0.0.12 8080 {",
        "        lvs_method FNAT",
        "    }",
        "    sorry_server 10.0.0.19 8080",
        "}",
        "virtual_server 203.0.113.80 53 {",
        "    lb_algo rr",
        "    lb_kind FNAT",
        "    protocol UDP",
        "    establish_timeout 30",
        "    laddr_group_name local2",
        "    real_server 10.0.0.11 53 {",
        "    }",
        "}",
    ]


def test_lines_of_ipvsadm_and_what_it_has_no_word_for() -> None:
    virtual = replace(WEB, local_addresses=WEB.local_addresses[:2])
    text, unsaid = GRAMMARS["ipvsadm"](
        document(replace(BASE, virtual_servers=(virtual, replace(DNS, local_addresses=()))))
    )
    assert text.splitlines() == [
        "-A -t 203.0.113.80:80 -s wrr -p 300 -M 255.255.255.0",
        "-a -t 203.0.113.80:80 -r 10.0.0.11:8080 -b -w 2 -x 5000 -y 4000",
        "-a -t 203.0.113.80:80 -r 10.0.0.12:8080 -b -w 1",
        "-A -u 203.0.113.80:53 -s rr -V 30",
        "-a -u 203.0.113.80:53 -r 10.0.0.11:53 -b -w 1",
        "-P -t 203.0.113.80:80 -z 10.0.1.1",
        "-P -t 203.0.113.80:80 -z 10.0.1.2",
    ]
    assert unsaid == [
        "ipvsadm knows nothing of deny",
        "ipvsadm knows nothing of interface",
        "ipvsadm knows nothing of route",
        *(
            f"-t 203.0.113.80:80: ipvsadm has no word for {key}"
            for key in (
                *("slow_start", "persistence_group", "drain_timeout", "timeouts"),
                *("quorum_up", "quorum_down", "notify_user", "deny", "allow"),
            )
        ),
        *(
            f"-t 203.0.113.80:80 -r 10.0.0.11:8080: ipvsadm has no word for {key}"
            for key in ("notify_up", "notify_down", "notify_user", "checks")
        ),
        "-t 203.0.113.80:80 -r 10.0.0.19:8080: ipvsadm has no word for sorry",
        *(f"-u 203.0.113.80:53: ipvsadm has no word for {key}" for key in ("max_sessions", "new_rate")),
        "-u 203.0.113.80:53 -r 10.0.0.11:53: ipvsadm has no word for quic_id",
    ]


def test_the_command(tmp_path: Path) -> None:
    result = invoke("convert", EXAMPLE, "--to", "keepalived")
    assert result.exit_code == 0
    passes_over, refuses = result.stderr.splitlines()
    assert passes_over.startswith(
        "warning: keepalived itself passes over lines that begin with @fullnat, and does with"
    )
    assert {"check", "new_rate"} <= set(re.split(r"[ ,]+", passes_over))
    assert refuses == (
        "warning: keepalived itself refuses what only its forks with FULLNAT know: "
        "lb_kind FNAT, laddr_group_name, lvs_method FNAT, establish_timeout"
    )
    path = tmp_path / "k.conf"
    path.write_text(result.stdout)
    again = invoke("convert", path, "--to", "toml")
    assert (again.exit_code, file.parse(again.stdout)) == (0, BASE)
    path.write_text("virtual_server {\n")
    wrong = invoke("convert", path, "--to", "toml")
    assert (wrong.exit_code, wrong.output) == (
        1,
        f"{path}:1: the block of virtual_server is not closed ({path}:1 is its last line)\n",
    )


def test_a_rule_of_snat_has_no_lines_of_ipvsadm() -> None:
    """Its addresses were servers of a mode that their service had not."""
    rules = file.parse(f"{INTERFACES}{SNAT}").virtual_servers
    text, unsaid = GRAMMARS["ipvsadm"](document(replace(BASE, virtual_servers=(WEB, *rules))))
    plain, of_others = GRAMMARS["ipvsadm"](document(replace(BASE, virtual_servers=(WEB,))))
    assert text == plain
    assert [line for line in unsaid if line not in of_others] == [
        f"-f 1{protocol}: ipvsadm has no word for snat" for protocol in ("", "/udp", "/icmp")
    ]


def test_lines_of_ipvsadm_are_read(tmp_path: Path) -> None:
    lines = tmp_path / "saved"
    text, _ = GRAMMARS["ipvsadm"](document(PLAIN))
    lines.write_text(text)
    again = invoke("convert", lines, "--from", "ipvsadm", "--to", "ipvsadm")
    assert (again.exit_code, again.stdout) == (0, text)
    toml = invoke("convert", lines, "--from", "ipvsadm", "--to", "toml")
    assert toml.stderr.splitlines() == [
        "warning: ipvsadm's lines say nothing of the switch's interfaces and of routes: add those to what is written"
    ]
    ours, _ = GRAMMARS["toml"](document(replace(BASE, virtual_servers=())))
    web, dns = file.parse(ours + toml.stdout).virtual_servers
    untold: dict[str, Any] = {"checks": (), "notify_up": "", "notify_down": "", "notify_user": ""}
    plain = (replace(real, mode=Mode.FULLNAT, **untold) for real in WEB.real_servers if not real.sorry)
    assert web.real_servers == tuple(plain)
    assert (web.local_addresses, web.scheduler, web.persistence_timeout) == (WEB.local_addresses, "wrr", 300.0)
    assert (dns.protocol, dns.established_timeout, dns.max_sessions) == ("udp", 30.0, 0)


def test_what_is_wrong_with_such_lines_is_told_by_line(tmp_path: Path) -> None:
    lines = tmp_path / "saved"
    wrong = "-a -t 192.0.2.2:80 -r 10.0.0.1\n-C\n-A -t 192.0.2.1:80\n-A -f 7\n-a -f 7 -r 10.0.0.1\n-A -t '\n"
    lines.write_text("# saved\n-A -t 192.0.2.1:80 -s rr\n" + wrong)
    result = invoke("convert", lines, "--from", "ipvsadm", "--to", "toml")
    assert (result.exit_code, result.output.splitlines()) == (
        1,
        [
            f"{lines}:3: there is no service tcp 192.0.2.2:80 in the lines above",
            f"{lines}:4: -C is no line of a saved state, which adds alone",
            f"{lines}:5: the service tcp 192.0.2.1:80 is there already",
            f"{lines}:6: -f 7 does not say what iptables marks so: add -H dst=ADDRESS,dport=PORT",
            f"{lines}:8: No closing quotation",
        ],
    )
