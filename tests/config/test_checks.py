"""Health checks in the TOML file: what they are without words, and what is wrong with one."""

from __future__ import annotations

import pytest
from fullnat.config import check_options, file
from fullnat.config.describe import described
from fullnat.config.diff import diff, model_of
from fullnat.config.errors import ConfigError
from fullnat.config.model import Check, Config
from fullnat.config.written import GRAMMARS, document

BASE = """
[[interface]]
port = 1
mac = "02:00:00:00:00:01"
address = "10.0.0.1/16"
[[virtual_server]]
address = "203.0.113.80"
port = 80
local_addresses = ["10.0.1.1"]
"""
SERVER = """
[[virtual_server.real_server]]
address = "10.0.0.11"
port = 80
"""


def of_service(*lines: str) -> Config:
    return file.parse("\n".join((BASE, "[[virtual_server.check]]", *lines, SERVER)))


def of_server(*lines: str) -> Config:
    return file.parse("\n".join((BASE, SERVER, "[[virtual_server.real_server.check]]", *lines)))


def test_of_services_and_of_servers() -> None:
    assert of_service('type = "tcp"').virtual_servers[0].checks == (Check(type="tcp"),)
    (server,) = of_server('type = "http"', 'path = "/well"').virtual_servers[0].real_servers
    assert server.checks == (Check(type="http", path="/well"),)


def test_the_defaults_of_the_parser_are_those_of_the_model() -> None:
    found = {name: default for name, (_, default) in check_options.CHECK.items() if name != "type"}
    assert Check(type="tcp", **found) == Check(type="tcp")


@pytest.mark.parametrize("grammar", ["toml", "keepalived"])
def test_what_is_written_is_read_again(grammar: str) -> None:
    config = of_service('type = "script"', "command = \"/bin/check '5 6' 7\"", 'exit_status = "0,3-4"')
    text, unsaid = GRAMMARS[grammar](document(config))
    assert [line for line in unsaid if not line.startswith("keepalived itself")] == []
    if grammar == "toml":
        assert file.parse(text) == config


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (("type = 'icmp'",), "'icmp' is not one of tcp, http, script, smtp, udp, ping, dns, file"),
        (("interval = 5",), "type: is missing"),
        (("type = 'tcp'", "path = '/'"), "path: is no option of a check of type tcp"),
        (("type = 'http'", "command = '/bin/true'"), "command: is no option of a check of type http"),
        (("type = 'http'", "path = 'well'"), "'well' is not a path that begins with / and has no spaces"),
        (("type = 'http'", "path = '/a\\r\\nX: y'".replace("'", '"')), "is not a path that begins with /"),
        (("type = 'http'", "host = 'a b'"), "'a b' is not the name of a host"),
        (("type = 'http'", "status = '99'"), "'99' has more than numbers from 100 to 599"),
        (("type = 'http'", "status = 'ok'"), "'ok' is not a list like 200-299,301"),
        (("type = 'http'", "digest = 'ab'"), "'ab' is not an MD5 of 32 hexadecimal digits"),
        (("type = 'http'", "tls = true", "verify = true"), "verify: needs tls = true, and host"),
        (("type = 'http'", "regex = 'a(b'"), "regex: 'a(b': missing closing parenthesis, at its character 4"),
        (("type = 'http'", "regex = 'a'", "regex_options = 'caseles'"), "'caseles' is not one of allow_empty_class, "),
        (("type = 'http'", "regex_no_match = true"), "regex_no_match: is of a regex, and there is none"),
        (
            ("type = 'http'", "regex = 'a'", "regex_min_offset = 5", "regex_max_offset = 4"),
            "regex_min_offset: 5 is above regex_max_offset 4",
        ),
        (("type = 'tcp'", "regex = 'a'"), "regex: is no option of a check of type tcp"),
        (("type = 'script'",), "command: is missing"),
        (("type = 'script'", "command = 'check'"), "'check' does not begin with the absolute path of a program"),
        (("type = 'script'", 'command = "/a \'b"'), "is no command: No closing quotation"),
        (("type = 'tcp'", "device = 'a/b'"), "'a/b' is not the name of a network interface"),
        (("type = 'udp'", "payload = 'xy'"), "'xy' is not bytes in hexadecimal, like 0d0a"),
        (("type = 'ping'", "port = 7"), "port: is no option of a check of type ping"),
        (("type = 'dns'", "name = 'a..b'"), "'a..b' is not the name of a domain"),
        (("type = 'dns'", f"name = '{'a' * 64}'"), "is not the name of a domain"),
        (("type = 'dns'", f"name = '{'.'.join(['a' * 60] * 5)}'"), "is longer than the name of a domain may be"),
        (("type = 'dns'", "record = 'soa'"), "'soa' is not one of A, NS, CNAME, SOA, MX, TXT, AAAA, RRSIG, DNSKEY"),
        (("type = 'file'",), "file: is missing"),
        (("type = 'file'", "file = 'run/x'"), "'run/x' is not an absolute path"),
        (("type = 'file'", "file = '/run/x'", "factor = 65536"), "65536 is not a number from 0 to 65535"),
        (("type = 'tcp'", "fall = 0"), "0 is not a number from 1 to 100"),
        (("type = 'tcp'", "timeout = 0"), "0 is not a number of seconds from 0.1"),
        (("type = 'tcp'", "intervall = 5"), "intervall: unknown option; did you mean interval"),
    ],
)
def test_what_is_wrong_with_one(lines: tuple[str, ...], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        of_server(*lines)
    (told,) = caught.value.problems
    assert problem in told


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("quorum = 2\nhysteresis = 2", "hysteresis: hysteresis 2 is not below quorum 2"),
        ("quorum_up = 'told'", "quorum_up: 'told' does not begin with the absolute path of a program"),
        ("notify_user = 'a b'", "notify_user: 'a b' is not the name of a user"),
        ("passive_time = 0", "passive_time: 0 is not a number of seconds from 0.1"),
        ("sorry = true", "sorry: unknown option; it is one of [[virtual_server.real_server]]"),
    ],
)
def test_what_is_wrong_with_a_quorum(lines: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        file.parse(BASE + lines + SERVER)
    (told,) = caught.value.problems
    assert problem in told


def test_a_change_is_told_in_words() -> None:
    one, other = model_of(of_server('type = "tcp"')), model_of(of_server('type = "tcp"', "fall = 3"))
    none = model_of(file.parse(BASE + SERVER))
    name = "virtual server tcp 203.0.113.80:80, real server 10.0.0.11:80: changed"
    assert described(diff(one, other), one) == [f"{name} (checks are others)"]
    assert described(diff(none, one), none) == [f"{name} (checked)"]
    assert described(diff(one, none), one) == [f"{name} (checked no more)"]
