"""Interfaces by VLAN in a file, and what a file changes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from fullnat.config import file
from fullnat.config.describe import described
from fullnat.config.diff import diff, model_of
from fullnat.config.errors import ConfigError
from fullnat.config.written import keepalived, toml
from fullnat.config.written.document import document

UNTAGGED = """\
[[interface]]
port = 1
mac = "02:00:00:00:00:01"
address = "192.0.2.1/24"
"""
TAGGED = """
[[interface]]
port = 1
vlan = 12
mac = "02:00:00:00:00:01"
address = "10.0.0.1/24"
"""


def test_a_port_has_several_interfaces_by_vlan_and_they_are_written_as_they_were(tmp_path: Path) -> None:
    config = file.parse(UNTAGGED + TAGGED)
    assert [(each.port, each.vlan, each.number) for each in config.interfaces] == [(1, 0, 1), (1, 12, 0xC0001)]
    text = toml.text(document(config))
    assert text.count("vlan = ") == 1
    assert file.parse(text) == config
    path = tmp_path / "lb.conf"
    path.write_text(keepalived.text(document(config))[0])
    assert file.load(path).interfaces == config.interfaces


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "vlan = 12",
            "",
            "7: [interface 2] port: port 1 is already that of interface 1 (line 2), unless each has its vlan",
        ),
        (
            "port = 1\nmac",
            "port = 1\nvlan = 12\nmac",
            "8: [interface 2] port: port 1 VLAN 12 is already that of interface 1 (line 2)",
        ),
        ("vlan = 12", "vlan = 4095", "8: [interface 2] vlan: 4095 is not a number from 0 to 4094"),
        ("vlan = 12", "vlan = -1", "8: [interface 2] vlan: -1 is not a number from 0 to 4094"),
        ("vlan = 12", 'vlan = "12"', "8: [interface 2] vlan: '12' is not a number from 0 to 4094"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        file.parse((UNTAGGED + TAGGED).replace(old, new, 1))
    assert [line.removeprefix("<config>:") for line in caught.value.problems] == [problem]


def test_changes_name_the_vlan() -> None:
    one, both = (model_of(file.parse(text)) for text in (UNTAGGED, UNTAGGED + TAGGED))
    other = model_of(file.parse(UNTAGGED + TAGGED.replace("mac", "mtu = 1400\nmac")))
    assert described(diff(one, both), one) == ["[[interface]] of port 1 VLAN 12: added"]
    assert described(diff(both, other), both) == ["[[interface]] of port 1 VLAN 12: changed (mtu 1500 -> 1400)"]
    assert described(diff(both, one), both) == ["[[interface]] of port 1 VLAN 12: removed"]
