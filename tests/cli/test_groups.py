"""``fullnat groups``, and what ``check`` and ``run`` say of a file with groups."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from config.test_spread import BOTH, OF_EAST, OF_WEST, by_match, group, service, snat
from fullnat.fnatadm import layouts

from cli.controllerkit import invoke
from cli.samples import CONFIG_TEXT

TEXT = (
    BOTH + service(OF_EAST) + service(OF_EAST, port=443) + service(OF_WEST, 'group = "west"') + snat('group = "west"')
)


def written(path: Path, text: str = TEXT) -> Path:
    path.write_text(text)
    return path


def test_who_has_which_address(tmp_path: Path) -> None:
    config = written(tmp_path / "c.toml", TEXT + by_match(3, "dst=198.18.7.0/31", more='group = "east"'))
    head, *lines = invoke("groups", config).output.splitlines()
    assert head.split() == ["address", "group", "by", "services"]
    assert [line.split(maxsplit=3) for line in lines] == [
        [OF_EAST, "east", "rule", f"tcp {OF_EAST}:80, tcp {OF_EAST}:443"],
        [OF_WEST, "west", "file", f"tcp {OF_WEST}:80"],
        ["198.18.7.0", "east", "file", "tcp fwmark:3"],
        ["198.18.7.1", "east", "file", "tcp fwmark:3"],
        ["fwmark:9", "west", "file", "tcp fwmark:9, udp fwmark:9, icmp fwmark:9"],
    ]
    told = [json.loads(line) for line in invoke("groups", config, "--json").output.splitlines()]
    assert told[0] == {
        "address": OF_EAST,
        "group": "east",
        "by": "rule",
        "services": [f"tcp {OF_EAST}:80", f"tcp {OF_EAST}:443"],
    }


def test_what_an_edit_moves(tmp_path: Path) -> None:
    old = written(tmp_path / "old.toml")
    text = TEXT.replace(service(OF_WEST, 'group = "west"'), service(OF_WEST, 'group = "east"'))
    text = text.replace(', "10.1.0.101"', "")
    new = written(tmp_path / "new.toml", text.replace('"10.2.0.101"', '"10.2.0.101", "10.1.0.101"'))
    result = invoke("groups", new, "--before", old)
    assert (result.exit_code, result.output.splitlines()) == (
        0,
        [
            f"address {OF_WEST} moves from group west to east",
            "local address 10.1.0.101 moves from group east to west",
            "1 address of services moves, 1 stays: the sessions of what moves are reset",
        ],
    )
    told = [json.loads(line) for line in invoke("groups", new, "--before", old, "--json").output.splitlines()]
    assert told[0] == {"address": OF_WEST, "kind": "address", "before": "west", "group": "east"}
    more = written(tmp_path / "more.toml", TEXT + group("north", 3))
    moved = invoke("groups", more, "--before", old).output.splitlines()
    assert moved[-1].startswith(("0 addresses of services move, 2 stay", "1 address of services moves, 1 stays"))


def test_a_file_without_groups_has_none_to_show(tmp_path: Path) -> None:
    config = written(tmp_path / "c.toml", CONFIG_TEXT)
    result = invoke("groups", config)
    assert (result.exit_code, result.output) == (1, f"{config} has no groups: no [[switch]] is of one\n")
    result = invoke("groups", tmp_path / "none.toml")
    assert (result.exit_code, result.output.count("\n")) == (1, 1)


def test_check_shows_the_spread(tmp_path: Path) -> None:
    config = written(tmp_path / "c.toml", TEXT.replace('controller = "lb-west:50051"\n', ""))
    result = invoke("check", config)
    assert (result.exit_code, result.output.splitlines()) == (
        0,
        [
            f"{config}: 3 virtual servers, 3 real servers, 1 SNAT rule of 1 address, 2 groups",
            "group            switches services addresses  controller",
            "east                    1        2         1  lb-east:50051",
            "west                    1        4         1",
        ],
    )


def test_check_warns_of_the_group_that_lacks_a_route(tmp_path: Path) -> None:
    text = BOTH.replace('prefix = "0.0.0.0/0"\ngateway = "10.2.0.254"', 'prefix = "10.77.0.0/16"\ndrop = true')
    config = written(tmp_path / "c.toml", text + service(OF_EAST) + service(OF_WEST, server="10.2.0.11"))
    warnings = [line for line in invoke("check", config).output.splitlines() if line.startswith("warning")]
    assert [line[: len("warning: group west: no [[route]] of IPv4")] for line in warnings] == [
        "warning: group west: no [[route]] of IPv4"
    ]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ([], 1, "which group is this controller's? there are east, west (fullnat run --group)\n"),
        (["--group", "north"], 1, "there is no group north; there are east, west\n"),
        (
            ["--group", "no\nrth"],
            2,
            "Error: --group: 'no\\nrth' is not a name of up to 32 letters",
        ),
    ],
)
def test_run_asks_for_a_group_that_is_there(tmp_path: Path, words: list[str], status: int, said: str) -> None:
    """Before it asks etcd for anything."""
    config = written(tmp_path / "c.toml")
    result = invoke("run", config, *words, "--etcd", "http://127.0.0.1:9", "--state-dir", tmp_path / "state")
    assert result.exit_code == status
    assert said in result.output
    assert "Traceback" not in result.output


def test_run_takes_no_group_where_there_is_none(tmp_path: Path) -> None:
    config = written(tmp_path / "c.toml", CONFIG_TEXT)
    result = invoke("run", config, "--group", "east", "--state-dir", tmp_path / "state")
    assert (result.exit_code, result.output) == (1, "there is no group east; no [[switch]] has one\n")


def test_a_listing_says_whose_services_it_has() -> None:
    assert layouts.version("1.0", 7, group="east") == "IP Virtual Server version 1.0 (size=7) group east"
    assert layouts.version("1.0", 7) == "IP Virtual Server version 1.0 (size=7)"
