"""Lists of prefixes in the configuration: said there and in files, in every grammar."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fullnat.config import file
from fullnat.config.describe import described
from fullnat.config.diff import diff, model_of
from fullnat.config.errors import ConfigError
from fullnat.config.model import Access, Config
from fullnat.config.written import GRAMMARS, document
from fullnat.fnatadm import saved
from fullnat.net.prefixes import Prefix, parse

NETWORK = """
[[interface]]
port = 1
mac = "02:00:00:00:00:01"
address = "192.0.2.1/24"
[[interface]]
port = 2
mac = "02:00:00:00:00:02"
address = "10.0.0.1/24"
"""
SERVICE = """
[[virtual_server]]
address = "203.0.113.80"
port = 80
local_addresses = ["10.0.1.1"]
"""


def read(top: str = "", of_service: str = "") -> Config:
    return file.parse(f"{top}\n{NETWORK}{SERVICE}{of_service}\n")


def prefixes(*texts: str) -> frozenset[Prefix]:
    return frozenset(map(parse, texts))


def test_lists_are_said_of_a_service_and_of_all(tmp_path: Path) -> None:
    """Files have a prefix a line, with comments."""
    path = tmp_path / "drop.txt"
    path.write_text("# who has been here\n192.0.2.0/24 ; SBL1\n\n2001:db8::/32\n10.0.0.7\n")
    config = read(f'deny = ["{path}", "10.9.0.0/16"]', 'allow = "0.0.0.0/0"\nrefused = "icmp"')
    deny = prefixes("192.0.2.0/24", "2001:db8::/32", "10.0.0.7/32", "10.9.0.0/16")
    assert config.access == Access(deny=deny)
    assert config.virtual_servers[0].access == Access(allow=prefixes("0.0.0.0/0"), refused="icmp")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("deny = 5", "deny: 5 is neither a prefix in quotes nor the absolute path of a file of some"),
        ('deny = ["drop.txt"]', "deny: 'drop.txt' is not a prefix like 10.0.0.0/8 or 2001:db8::/32"),
        ('deny = "10.0.0.1/8"', "deny: '10.0.0.1/8' has bits of a host; did you mean 10.0.0.0/8?"),
        ('deny = "10.0.0.0/33"', "deny: '10.0.0.0/33' is not a prefix of 0 to 32 bits"),
        ('deny = "/no/such/file"', "deny: /no/such/file: No such file or directory"),
        ('deny = "/dev/zero"', "deny: /dev/zero: is not a regular file"),
        ('refused = "reset"', "refused: 'reset' is not one of drop, rst, icmp"),
        ("source_prefix = 4", "source_prefix: 4 is not a number from 8 to 32"),
    ],
)
def test_what_is_wrong_is_one_line(said: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(said)
    assert [line.partition(": ")[2] for line in caught.value.problems] == [told]


def test_wrong_lines_of_a_file_are_named(tmp_path: Path) -> None:
    """Three of them."""
    path = tmp_path / "drop.txt"
    path.write_text("10.0.0.0/8\nx\ny\nz\nw\n")
    with pytest.raises(ConfigError) as caught:
        read(f'deny = "{path}"')
    (line,) = caught.value.problems
    assert f"{path} line 2: 'x' is not a prefix" in line
    assert line.endswith("; and 1 more lines")


def test_a_hundred_thousand_prefixes_are_read_in_seconds_and_compared_by_counts(tmp_path: Path) -> None:
    path = tmp_path / "drop.txt"
    numbers = [f"{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}.0/24" for number in range(1 << 16, 165536)]
    path.write_text("\n".join(numbers))
    began = time.process_time()
    before = model_of(read(f'deny = "{path}"'))
    path.write_text("\n".join([*numbers[2:], "8.8.8.8", "8.8.4.4", "9.9.9.9"]))
    after = model_of(read(f'deny = "{path}"'))
    commands = diff(before, after)
    assert described(commands, before) == ["who may use any service: changed (deny 100000 -> 100001: 3 new, 2 gone)"]
    assert time.process_time() - began < 10


FULL = read(
    'deny = ["192.0.2.0/24", "2001:db8::/32"]\nrefused = "rst"\nsource_rate = 7',
    'deny = "192.0.2.7"\nallow = ["10.0.0.0/8", "2001:db8:1::/48"]\nrefused = "icmp"\nhalf_open = 5',
)


@pytest.mark.parametrize("grammar", ["toml", "keepalived"])
def test_every_grammar_that_has_words_for_it_says_it_again(grammar: str, tmp_path: Path) -> None:
    text, unsaid = GRAMMARS[grammar](document(FULL))
    assert not unsaid or grammar == "keepalived"
    path = tmp_path / ("fullnat.toml" if grammar == "toml" else "keepalived.conf")
    path.write_text(text)
    assert file.load(path) == FULL


def test_ipvsadm_has_no_word_for_them() -> None:
    _, unsaid = GRAMMARS["ipvsadm"](document(FULL))
    assert "-t 203.0.113.80:80: ipvsadm has no word for deny" in unsaid
    assert "-t 203.0.113.80:80: ipvsadm has no word for allow" in unsaid


def test_groups_of_dpvs_keepalived(tmp_path: Path) -> None:
    path = tmp_path / "keepalived.conf"
    groups = (
        "deny_address_group BAD {\n    192.0.2.7\n    198.51.100.0/24\n    10.9.0.0-3\n}\n"
        "allow_address_group GOOD {\n    2001:db8::/32\n}\n"
    )
    service = (
        "virtual_server 203.0.113.80 80 {\n    protocol TCP\n    lb_kind FNAT\n    laddr_group_name L\n"
        "    daddr_group_name BAD\n    waddr_group_name GOOD\n}\n"
        "local_address_group L {\n    10.0.1.1\n}\n"
    )
    own = GRAMMARS["keepalived"](document(read()))[0].partition("local_address_group")[0]
    path.write_text(own + groups + service)
    config = file.load(path)
    deny = prefixes("192.0.2.7", "198.51.100.0/24", "10.9.0.0/30")
    assert config.virtual_servers[0].access == Access(deny=deny, allow=prefixes("2001:db8::/32"))
    path.write_text(own + groups.replace("192.0.2.7", "ipset:bad") + service)
    with pytest.raises(ConfigError, match="ipset:bad: the switch has no ipset"):
        file.load(path)


def test_lines_of_dpvs_ipvsadm() -> None:
    """And what is of all services stands in the file."""
    lines = [
        "-A -t 203.0.113.80:80 -s rr",
        "-U -t 203.0.113.80:80 -k 192.0.2.7 -k 198.51.100.0/24 --refused rst",
        "-O -t 203.0.113.80:80 -2 10.0.0.0/8",
    ]
    found, problems = saved.document(lines)
    assert not problems
    (service,) = found["virtual_server"]
    assert (service["deny"], service["allow"]) == (["192.0.2.7", "198.51.100.0/24"], ["10.0.0.0/8"])
    assert service["refused"] == "rst"
    _, problems = saved.document(["--add-blklst -k 192.0.2.7"])
    assert problems == ["1: lists of all services stand in the file itself, as deny and allow"]
